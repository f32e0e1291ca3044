/**
 * Other ways to make intervals, to compare ours with.
 *
 * @module
 */
import { integerBelow } from "../../backends/random.ts";
import type { Interval } from "../../metrics/load_interval.ts";
import { BLOCKS } from "../../metrics/stat_blocks.ts";
import { exactValues, type SortedValues, sortValues } from "../../metrics/stat_quantile.ts";
import type { Method } from "./coverage_series.ts";

/** As if no value knew of any other: 1.96 standard errors, and the ranks of a binomial law. */
export const alone: Method = (_, sorted) => {
  const set = exactValues(sorted);
  const reach = 1.96 * set.std! / Math.sqrt(set.count);
  const at = (share: number): Interval => {
    const off = 1.96 * Math.sqrt(share * (1 - share) / set.count);
    const end = (level: number) => set.quantile(100 * Math.min(1, Math.max(0, level)))!;
    return { low: end(share - off), high: end(share + off) };
  };
  return {
    mean: { low: set.mean! - reach, high: set.mean! + reach },
    p50: at(0.5),
    p90: at(0.9),
    p99: at(0.99),
  };
};

/** Resamples of one bootstrap. */
const RESAMPLES = 400;

/** Blocks drawn again and again, ends at the 2.5th and 97.5th percentile of what they show (Künsch, 1989). */
export const percentileBootstrap: Method = (values, sorted, random) => {
  const blocks = cut(values);
  const found: Record<"mean" | "p50" | "p99", number[]> = { mean: [], p50: [], p99: [] };
  const rankOf = ranks(values);
  for (let i = 0; i < RESAMPLES; i++) {
    const weight = new Float64Array(BLOCKS);
    for (let block = 0; block < BLOCKS; block++) weight[integerBelow(random, BLOCKS)]!++;
    found.mean.push(weightedMean(blocks, weight));
    const [p50, p99] = weightedQuantiles(sorted, { rankOf, weight, shares: [0.5, 0.99] });
    found.p50.push(p50!);
    found.p99.push(p99!);
  }
  return { mean: middle(found.mean), p50: middle(found.p50), p99: middle(found.p99) };
};

/** The same of the mean, each divided by its own standard error (Götze and Künsch, 1996). */
export const studentizedBootstrap: Method = (values, _, random) => {
  const means = cut(values).map((block) => block.sum / block.count);
  const of = (list: readonly number[]) => {
    const mean = list.reduce((sum, one) => sum + one, 0) / list.length;
    const squares = list.reduce((sum, one) => sum + (one - mean) ** 2, 0);
    return { mean, error: Math.sqrt(squares / (list.length - 1) / list.length) };
  };
  const own = of(means);
  const ratios = Array.from({ length: RESAMPLES }, () => {
    const { mean, error } = of(means.map(() => means[integerBelow(random, BLOCKS)]!));
    return (mean - own.mean) / error;
  });
  const { low, high } = middle(ratios);
  return { mean: { low: own.mean - high * own.error, high: own.mean - low * own.error } };
};

function cut(values: Float64Array): { readonly sum: number; readonly count: number }[] {
  return Array.from({ length: BLOCKS }, (_, block) => {
    const from = Math.floor(block * values.length / BLOCKS);
    const own = values.subarray(from, Math.floor((block + 1) * values.length / BLOCKS));
    return { sum: own.reduce((sum, value) => sum + value, 0), count: own.length };
  });
}

/** Blocks of the values in ascending order. */
function ranks(values: Float64Array): Uint8Array {
  const order = Uint32Array.from(values, (_, i) => i).sort((a, b) => values[a]! - values[b]!);
  return Uint8Array.from(order, (i) => Math.floor(i * BLOCKS / values.length));
}

function weightedMean(
  blocks: readonly { readonly sum: number; readonly count: number }[],
  weight: Float64Array,
): number {
  let [sum, count] = [0, 0];
  blocks.forEach((block, i) => {
    sum += weight[i]! * block.sum;
    count += weight[i]! * block.count;
  });
  return sum / count;
}

function weightedQuantiles(
  sorted: SortedValues,
  { rankOf, weight, shares }: {
    readonly rankOf: Uint8Array;
    readonly weight: Float64Array;
    readonly shares: readonly number[];
  },
): readonly number[] {
  let all = 0;
  for (let i = 0; i < rankOf.length; i++) all += weight[rankOf[i]!]!;
  const found: number[] = [];
  let passed = 0;
  for (let i = 0; i < rankOf.length && found.length < shares.length; i++) {
    passed += weight[rankOf[i]!]!;
    while (found.length < shares.length && passed >= shares[found.length]! * all) {
      found.push(sorted[i]!);
    }
  }
  return found;
}

function middle(values: readonly number[]): Interval {
  const set = exactValues(sortValues(values));
  return { low: set.quantile(2.5)!, high: set.quantile(97.5)! };
}
