/**
 * Where the warm-up of a course ends.
 *
 * @module
 */
import { quantile, sortValues } from "./stat_quantile.ts";

/** Values beyond so many quartile distances are drawn in: one spike is no warm-up. */
const FENCES = 3;

/**
 * A distance of the quartiles is at least this share of the median: a course may have no noise at all. The
 * average of three values of which one was drawn in is then within what is negligible.
 */
const LEAST_SPREAD = 0.04;

/** The rule does not look at fewer values at the end: their variance is small by chance. */
const LEAST_VALUES = 5;

/** So much of the course is averaged to compare its front with the steady part. */
const AVERAGED_SHARE = 0.08;
const LEAST_AVERAGED = 3;

/** The front belongs to the warm-up where it is so many standard deviations away, or more than chance. */
const AWAY = 2;

/** What a warm-up is cut by. */
export interface WarmupOptions {
  /** The front is steady where it differs by less, as a share of the level. */
  readonly negligibleShare: number;
  /** Or by less than this, in the unit of the values. */
  readonly negligible: number;
}

/** Values at the front, at most half of all. */
export interface Warmup {
  /** How many are warm-up. */
  readonly length: number;
  /** How many the marginal standard error rule cut, of which some were given back. */
  readonly cut: number;
}

/**
 * How many values at the front are warm-up.
 *
 * First by the marginal standard error rule: leaving out that many gives the smallest sum of squared
 * deviations from the mean ÷ n², i.e. the best known mean (White, 1997; with batches of five, MSER-5:
 * White, Cobb and Spratt, 2000; automated by Hoad, Robinson and Davies, 2010). The rule is known to fail at
 * single outliers, as it would rather cut up to them: values outside the outer fences (Tukey, 1977) are
 * drawn in to these before.
 *
 * By chance the rule also cuts into steady courses. So the values that it cut are given back from the last
 * one on, as long as their moving average is no farther from the steady mean than the moving averages of the
 * steady part are from each other, or than is negligible.
 */
export function warmupLength(values: readonly number[], options: WarmupOptions): Warmup {
  const drawn = drawnIn(values);
  const cut = leastErrorLength(drawn);
  return { length: cut - givenBack(drawn, cut, options), cut };
}

function leastErrorLength(values: readonly number[]): number {
  const last = Math.max(0, Math.min(Math.floor(values.length / 2), values.length - LEAST_VALUES));
  let [sum, squares] = [0, 0];
  let [best, least] = [0, Infinity];
  // From the end, so that each step adds one value. Taken from the first, no digits are lost.
  const base = values[0] ?? 0;
  for (let from = values.length - 1; from >= 0; from--) {
    const value = values[from]! - base;
    sum += value;
    squares += value * value;
    if (from > last) continue;
    const count = values.length - from;
    const error = Math.max(0, squares - sum * sum / count) / count ** 2;
    if (error <= least) [best, least] = [from, error];
  }
  return best;
}

function givenBack(
  values: readonly number[],
  cut: number,
  { negligibleShare, negligible }: WarmupOptions,
): number {
  const steady = values.slice(cut);
  const mean = meanOf(steady);
  const long = Math.max(LEAST_AVERAGED, Math.round(values.length * AVERAGED_SHARE));
  const bands = [LEAST_AVERAGED, long].map((width) => {
    const averages = movingAverages(values, width);
    const seen = averages.slice(cut);
    const spread = Math.sqrt(meanOf(seen.map((value) => (value - mean) ** 2)));
    // Averages of a short steady part are alike by chance.
    const away = AWAY * (1 + 2 * width / steady.length) + (width === LEAST_AVERAGED ? 0.5 : 0);
    return {
      averages,
      most: Math.max(away * spread, negligibleShare * Math.abs(mean), negligible),
    };
  });
  let from = cut;
  while (
    from > 0 &&
    bands.every(({ averages, most }) => Math.abs(averages[from - 1]! - mean) <= most)
  ) from--;
  return cut - from;
}

/** Of `width` values from each one on; those that would need values behind the end are left out. */
function movingAverages(values: readonly number[], width: number): number[] {
  return Array.from(
    { length: Math.max(0, values.length - width + 1) },
    (_, i) => meanOf(values.slice(i, i + width)),
  );
}

function meanOf(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}

/** The same with values beyond the fences on them. */
function drawnIn(values: readonly number[]): number[] {
  const sorted = sortValues(values);
  const at = (p: number) => quantile(sorted, p) ?? 0;
  const reach = FENCES * Math.max(at(75) - at(25), LEAST_SPREAD * Math.abs(at(50)));
  const [low, high] = [at(25) - reach, at(75) + reach];
  return values.map((value) => Math.min(Math.max(value, low), high));
}
