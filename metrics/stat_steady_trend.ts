/**
 * Whether a course rises or falls.
 *
 * @module
 */
import { normalTail } from "./stat_student.ts";
import { quantile, sortValues } from "./stat_quantile.ts";

/** What a course does over its length. */
export interface Trend {
  /**
   * Middle of all slopes between two values (Theil, 1950; Sen, 1968) × the length of the course, or the
   * height of its largest step, whichever describes it better.
   */
  readonly change: number;
  /** How often chance alone makes a trend as clear, in either direction. */
  readonly pValue: number;
}

/** A step has at least this share of the values on either side. */
const STEP_SHARE = 0.1;

/** Correlations at longer lags are hardly more than noise. */
const LAGS_SHARE = 1 / 4;

/** More correlation than this would leave no course with a trend. */
const MOST_CORRELATION = 0.9;

/**
 * Tests a course for a trend in one direction (Mann, 1945; Kendall, 1975), with the variance that values
 * have which follow each other: by the correlation of the ranks without the trend at the lags where it is
 * significant (Hamed and Rao, 1998), or by the first lag alone, corrected for what short courses hide of it
 * (Hamed, 2009), whichever is larger. A correlation that would make the test sharper is not used.
 */
export function findTrend(values: readonly number[]): Trend {
  const count = values.length;
  if (count < 3) return { change: 0, pValue: 1 };
  const slopes: number[] = [];
  let score = 0;
  for (let i = 0; i < count; i++) {
    for (let j = i + 1; j < count; j++) {
      const difference = values[j]! - values[i]!;
      score += Math.sign(difference);
      slopes.push(difference / (j - i));
    }
  }
  const slope = quantile(sortValues(slopes), 50)!;
  const line = { left: values.map((value, i) => value - slope * i), change: slope * (count - 1) };
  const step = largestStep(values);
  // What a step leaves beside a line would look as if the values followed each other.
  const better = squares(step.left) < squares(line.left) ? step : line;
  const variance = scoreVariance(values) * repetition(ranksOf(better.left));
  // One step towards zero, as scores are whole numbers.
  const z = variance <= 0 ? 0 : Math.max(0, Math.abs(score) - 1) / Math.sqrt(variance);
  return { change: better.change, pValue: Math.min(1, 2 * normalTail(z)) };
}

/** The step that explains most of the values, and what is left of them without it. */
function largestStep(
  values: readonly number[],
): { readonly left: readonly number[]; readonly change: number } {
  const count = values.length;
  const least = Math.max(1, Math.ceil(count * STEP_SHARE));
  const mean = meanOf(values);
  let [at, most, before] = [least, -1, 0];
  for (let i = 1; i <= count - least; i++) {
    before += values[i - 1]! - mean;
    const explained = before ** 2 / (i * (count - i));
    if (i >= least && explained > most) [at, most] = [i, explained];
  }
  const [low, high] = [meanOf(values.slice(0, at)), meanOf(values.slice(at))];
  return { left: values.map((value, i) => value - (i < at ? low : high)), change: high - low };
}

function meanOf(values: readonly number[]): number {
  return values.length === 0 ? 0 : values.reduce((sum, value) => sum + value, 0) / values.length;
}

function squares(values: readonly number[]): number {
  const mean = meanOf(values);
  return values.reduce((sum, value) => sum + (value - mean) ** 2, 0);
}

/** Variance of the score of independent values; equal ones say nothing. */
function scoreVariance(values: readonly number[]): number {
  const term = (n: number) => n * (n - 1) * (2 * n + 5);
  const equal = new Map<number, number>();
  for (const value of values) equal.set(value, (equal.get(value) ?? 0) + 1);
  let ties = 0;
  for (const n of equal.values()) ties += term(n);
  return (term(values.length) - ties) / 18;
}

/** Ranks from 1 on; equal values share the mean of theirs. */
function ranksOf(values: readonly number[]): number[] {
  const order = values.map((_, i) => i).sort((a, b) => values[a]! - values[b]!);
  const ranks = new Array<number>(values.length);
  for (let from = 0; from < order.length;) {
    let to = from + 1;
    while (to < order.length && values[order[to]!] === values[order[from]!]) to++;
    for (let i = from; i < to; i++) ranks[order[i]!] = (from + 1 + to) / 2;
    from = to;
  }
  return ranks;
}

/** How many times over the values tell the same: 1 = they are independent. */
function repetition(ranks: readonly number[]): number {
  const count = ranks.length;
  const mean = (count + 1) / 2;
  let power = 0;
  for (const rank of ranks) power += (rank - mean) ** 2;
  if (power === 0) return 1;
  const correlation = (lag: number) => {
    let product = 0;
    for (let i = lag; i < count; i++) product += (ranks[i]! - mean) * (ranks[i - lag]! - mean);
    return product / power;
  };
  const significant = 1.96 / Math.sqrt(count);
  let sum = 0;
  for (let lag = 1; lag <= count * LAGS_SHARE; lag++) {
    const found = correlation(lag);
    if (Math.abs(found) < significant) continue;
    const left = count - lag;
    sum += left * (left - 1) * (left - 2) * found;
  }
  const byLags = 1 + 2 * sum / (count * (count - 1) * (count - 2));
  const first = correlation(1);
  const whole = Math.min(MOST_CORRELATION, (count * first + 2) / Math.max(1, count - 4));
  const byFirst = (1 + whole) / (1 - whole);
  return Math.max(1, byLags, byFirst);
}
