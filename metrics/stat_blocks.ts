/**
 * How far a ratio of sums over time may be from that of an endless series, though neighbors in time are
 * alike: the series is cut into 20 stretches, and those are compared with each other.
 *
 * Batch means with Student's t (Schmeiser, 1982, "Batch size effects in the analysis of simulation
 * output": 10 to 30 batches are enough, more gain nothing), the correlation that is left between
 * neighboring stretches taken into account as in N-Skart (Tafazzoli, Steiger and Wilson, 2011). Stretches
 * are long enough where values are alike for less than half of one: the autocorrelation has then fallen
 * to 1/e. Nothing is drawn at random.
 *
 * @module
 */

/** Sums by cell of equal width; their ratio is what is estimated. */
export interface CellRatio {
  /** Sum of values, or how many have a property. */
  readonly amount: Float64Array;
  /** How many values there are, or how long the cell is. */
  readonly size: Float64Array;
}

/** What the stretches of a series say. */
export interface BlockSpread {
  /** Sum of amounts ÷ sum of sizes. */
  readonly ratio: number;
  /** Standard error of the ratio. */
  readonly error: number;
  /** Skewness of the amounts of the stretches; 0 = symmetric. */
  readonly skewness: number;
  /** Cells of a stretch. */
  readonly blockCells: number;
  /** Cells over which values stay alike; 0 = no further than chance makes them. */
  readonly alikeCells: number;
}

/** Why there is no spread: too little in too many stretches, or values alike for too long. */
export type NoSpread = { readonly absent: "few" } | {
  readonly absent: "alike";
  readonly alikeCells: number;
};

/** Stretches that a series is cut into. */
export const BLOCKS = 20;

/** Quantile of Student's t for a two-sided interval of 95 %, with one degree of freedom less than blocks. */
export const STUDENT = 2.0930240544;

/** Share of intervals that are to hold the truth. */
export const LEVEL = 0.95;

/** A stretch is at least so many times as long as values stay alike. */
const BLOCK_OF_ALIKE = 2;

/** Most that neighboring stretches may seem correlated. */
const MOST_CORRELATED = 0.9;

/**
 * Compares the stretches of a series that begins and ends with its first and last used cell.
 *
 * @param anyway also where values are alike for too long: the error is then too small.
 */
export function blockSpread(
  cells: CellRatio,
  { anyway = false }: { readonly anyway?: boolean } = {},
): BlockSpread | NoSpread {
  const { amount, size } = trimmed(cells);
  const count = size.length;
  if (count < 2 * BLOCKS) return { absent: "few" };
  let [amounts, sizes] = [0, 0];
  for (let i = 0; i < count; i++) {
    amounts += amount[i]!;
    sizes += size[i]!;
  }
  const ratio = amounts / sizes;
  // What each cell has too much; of a ratio, the error is linear in these (Cochran, 1977).
  const excess = new Float64Array(count);
  for (let i = 0; i < count; i++) excess[i] = amount[i]! - ratio * size[i]!;
  const blocks = new Float64Array(BLOCKS);
  for (let block = 0; block < BLOCKS; block++) {
    let own = 0;
    for (let i = border(block, count); i < border(block + 1, count); i++) {
      blocks[block]! += excess[i]!;
      own += size[i]!;
    }
    if (own === 0) return { absent: "few" };
  }
  const blockCells = count / BLOCKS;
  const alikeCells = alike(excess);
  if (!anyway && alikeCells * BLOCK_OF_ALIKE > blockCells) return { absent: "alike", alikeCells };
  let [squares, cubes, neighbors] = [0, 0, 0];
  for (let block = 0; block < BLOCKS; block++) {
    squares += blocks[block]! ** 2;
    cubes += blocks[block]! ** 3;
    if (block > 0) neighbors += blocks[block]! * blocks[block - 1]!;
  }
  if (!(squares > 0)) return { ratio, error: 0, skewness: 0, blockCells, alikeCells };
  // A correlation that is estimated from so few is too small by one part of them.
  const correlated = Math.min(MOST_CORRELATED, Math.max(0, neighbors / squares + 1 / BLOCKS));
  const variance = squares * BLOCKS / (BLOCKS - 1) * (1 + correlated) / (1 - correlated);
  return {
    ratio,
    error: Math.sqrt(variance) / sizes,
    skewness: cubes / BLOCKS / (squares / BLOCKS) ** 1.5,
    blockCells,
    alikeCells,
  };
}

function border(block: number, count: number): number {
  return Math.floor(block * count / BLOCKS);
}

function trimmed({ amount, size }: CellRatio): CellRatio {
  let from = 0;
  let to = size.length;
  while (from < to && !(size[from]! > 0)) from++;
  while (to > from && !(size[to - 1]! > 0)) to--;
  return { amount: amount.subarray(from, to), size: size.subarray(from, to) };
}

/** Cells until the autocorrelation has fallen to 1/e of what it is between neighbors, at most a block. */
function alike(excess: Float64Array): number {
  const count = excess.length;
  const most = Math.max(6, Math.ceil(count / BLOCKS) + 1);
  const product = (lag: number) => {
    let sum = 0;
    for (let i = lag; i < count; i++) sum += excess[i]! * excess[i - lag]!;
    return sum;
  };
  // Three neighbors together are no more alike than chance makes them (twice the error of their mean).
  const chance = 2 * product(0) / Math.sqrt(3 * count);
  let [before, own, after] = [product(1), product(2), product(3)];
  const peak = Math.max(before, own, after);
  if (!(peak > chance)) return 0;
  const fallen = Math.max(chance, peak / Math.E);
  for (let lag = 2; lag < most - 1; lag++) {
    if (before + own + after < 3 * fallen) return lag;
    [before, own, after] = [own, after, product(lag + 2)];
  }
  return most;
}

/**
 * From a standard error to the ends of an interval of 95 %, how far they are below and above: of a skewed
 * sum, the longer side is where its larger terms are (Johnson, 1978; Willink, 2005, "A confidence
 * interval and test for the mean of an asymmetric distribution").
 */
export function meanReach(
  { error, skewness }: Pick<BlockSpread, "error" | "skewness">,
): { readonly below: number; readonly above: number } {
  const skew = skewness / (6 * Math.sqrt(BLOCKS));
  const bent = (t: number) =>
    Math.abs(skew) < 1e-6 ? t : (Math.cbrt(1 + 6 * skew * (t - skew)) - 1) / (2 * skew);
  return { below: bent(STUDENT) * error, above: -bent(-STUDENT) * error };
}

/**
 * Between which shares of `count` values the percentile of an endless series lies, 0 to 1, when the share
 * below it is known with this standard error (Woodruff, 1952, "Confidence intervals for medians and other
 * position measures"). Blocks that happen to agree make it no narrower than independent values would,
 * and the skewness of a share near 0 or 1 is that of as many independent values as have this error (as
 * Korn and Graubard, 1998, count them). Ends may lie beyond 0 and 1.
 */
export function shareReach(
  share: number,
  { error, count }: { readonly error: number; readonly count: number },
): { readonly low: number; readonly high: number; readonly error: number } {
  const alone = share * (1 - share) / count;
  const variance = Math.max(error ** 2, alone);
  const own = Math.sqrt(variance);
  const shift = variance === 0
    ? 0
    : (1 - 2 * share) * (STUDENT ** 2 - 1) / 6 * variance / (share * (1 - share));
  return { low: share - STUDENT * own + shift, high: share + STUDENT * own + shift, error: own };
}

/**
 * Ends of the chance of a property that so many of `count` have, which holds where all or none have it,
 * too (Wilson, 1927, with as many independent values as have this error, and Student's t).
 */
export function chanceReach(
  share: number,
  { error, count }: { readonly error: number; readonly count: number },
): { readonly low: number; readonly high: number } {
  const variance = share * (1 - share);
  const alone = error > 0 ? Math.min(count, variance / error ** 2) : count;
  const spread = STUDENT ** 2 / alone;
  const middle = (share + spread / 2) / (1 + spread);
  const reach = Math.sqrt(spread * variance + spread ** 2 / 4) / (1 + spread);
  return { low: Math.max(0, middle - reach), high: Math.min(1, middle + reach) };
}
