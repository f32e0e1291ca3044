/**
 * A distribution in bounded memory: every value counted under itself rounded to ten significant
 * bits.
 *
 * With ten bits, neighbors are 1/512 to 1/1024 apart, so a value is counted under a number that
 * differs from it by at most 1/1024. Percentiles are read with three digits, and engines differ from
 * run to run by ten times as much. Rounding bits is exact and the same on every machine, unlike a
 * logarithm, and keeps whole numbers up to 1024 (tokens). An octave takes 4 KiB; there are 32 from
 * 1 µs to an hour.
 *
 * Everything is a sum of whole numbers, so two histograms merge into exactly the one of all values, in
 * any order. Values count in millionths of their unit: nanoseconds for milliseconds, whose stamps
 * are whole microseconds.
 *
 * @module
 */
import type { Mergeable } from "./load_state.ts";
import { createExactSum } from "./stat_exact_sum.ts";
import type { ValueSet } from "./stat_quantile.ts";
import { packNumbers, unpackNumbers } from "./state_numbers.ts";
import { readCount, readFields, reading, readNumber } from "./state_read.ts";

/** Largest error of a value, as a share of it. */
export const RELATIVE_ERROR = 0.001;

/** A {@linkcode ValueHistogram} as JSON. */
export interface ValueHistogramData {
  /** Significant bits of its values; only histograms with equal bits can merge. */
  readonly bits: number;
  /** Sum of the values in millionths, in decimal. */
  readonly sum: string;
  /** Sum of the squares of the values in millionths, in decimal. */
  readonly squares: string;
  /** Smallest value; absent without values. */
  readonly min?: number;
  /** Largest value; absent without values. */
  readonly max?: number;
  /** Values below zero by size, as pairs of the distance to the previous used bucket and a count. */
  readonly negative: readonly number[];
  /** How many values are zero. */
  readonly zero: number;
  /** Values above zero, in the same form. */
  readonly positive: readonly number[];
}

/** Values added one at a time. Count, mean, deviation and both ends are exact. */
export interface ValueHistogram extends ValueSet, Mergeable {
  /** Counts one more. @throws {RangeError} when the value is not finite. */
  add(value: number): void;
  /** Adds all values of another histogram. @throws {RangeError} when its buckets differ. */
  merge(other: ValueHistogram | ValueHistogramData): void;
  /** The whole histogram, for `JSON.stringify`. */
  toJSON(): ValueHistogramData;
}

const BITS = 10;

/** How many of the 20 mantissa bits in the upper word of a float are rounded away. */
const DROPPED = 20 - (BITS - 1);
const HALF = 1 << (DROPPED - 1);

/** Buckets between a power of two and the next. */
const OCTAVE_BITS = BITS - 1;
const OCTAVE = 1 << OCTAVE_BITS;
/** Exponents of a float. */
const OCTAVES = 2048;

const UNITS = 1e6;

const word = new DataView(new ArrayBuffer(8));

/**
 * An empty histogram, or the one in `data`.
 *
 * Percentiles are interpolated between ranks as for raw values (type 7), between counted values that
 * are each within {@linkcode RELATIVE_ERROR}, and so are percentiles of values of one sign. Values
 * nearer to zero than half a millionth are zero.
 *
 * @throws {RangeError} when the buckets of `data` differ.
 *
 * @example
 * ```ts
 * import { createValueHistogram } from "@tokometer/tokometer/metrics";
 *
 * const [one, two, all] = [1, 2, 3].map(() => createValueHistogram());
 * for (let ms = 1; ms <= 5000; ms++) {
 *   (ms % 3 === 0 ? one! : two!).add(ms);
 *   all!.add(ms);
 * }
 * one!.merge(JSON.parse(JSON.stringify(two!)));
 * if (JSON.stringify(one!) !== JSON.stringify(all!)) throw new Error("a merge loses nothing");
 * if (Math.abs(one!.quantile(99)! - 4950.01) > 4.95) throw new Error("p99 within 0.1 %");
 * ```
 */
export function createValueHistogram(data?: ValueHistogramData): ValueHistogram {
  const positive = createBuckets();
  const negative = createBuckets();
  const sum = createExactSum();
  const squares = createExactSum();
  let zero = 0;
  let count = 0;
  let min = Infinity;
  let max = -Infinity;

  function* ascending(): Generator<readonly [value: number, count: number]> {
    const within = (value: number) => Math.min(Math.max(value, min), max);
    for (const [bucket, n] of negative.descending()) yield [within(-valueOf(bucket)), n];
    if (zero > 0) yield [0, zero];
    for (const [bucket, n] of positive.ascending()) yield [within(valueOf(bucket)), n];
  }
  const atRank = (rank: number): number => {
    if (rank === 0) return min;
    if (rank === count - 1) return max;
    let passed = 0;
    for (const [value, n] of ascending()) {
      passed += n;
      if (passed > rank) return value;
    }
    return max;
  };
  const meanOf = () => Math.min(Math.max(Number(sum.total()) / count / UNITS, min), max);

  const histogram: ValueHistogram = {
    add(value) {
      const units = Math.round(value * UNITS);
      if (!Number.isFinite(units)) {
        throw new RangeError(`Cannot count ${value}: values must be finite`);
      }
      // Differences of stamps differ in their last bits; whole units do not.
      const exact = units === 0 ? 0 : units / UNITS;
      if (exact > 0) positive.add(bucketOf(exact), 1);
      else if (exact < 0) negative.add(bucketOf(-exact), 1);
      else zero++;
      count++;
      sum.add(units);
      squares.addSquare(units);
      if (exact < min) min = exact;
      if (exact > max) max = exact;
    },
    merge(other) {
      const more = "toJSON" in other ? other.toJSON() : other;
      if (more.bits !== BITS) {
        throw new RangeError(
          `Cannot merge a histogram of ${more.bits} significant bits into one of ${BITS}`,
        );
      }
      count += more.zero + negative.unpack(more.negative) + positive.unpack(more.positive);
      zero += more.zero;
      sum.addTotal(BigInt(more.sum));
      squares.addTotal(BigInt(more.squares));
      min = Math.min(min, more.min ?? Infinity);
      max = Math.max(max, more.max ?? -Infinity);
    },
    state: () =>
      count === 0 ? null : {
        ...{ bits: BITS, sum: sum.state(), squares: squares.state(), min, max, zero },
        negative: packNumbers(negative.pack()),
        positive: packNumbers(positive.pack()),
      },
    merger(state) {
      if (state === null) return () => {};
      const more = readFields(state);
      if (more.bits !== BITS) throw new TypeError(`its values do not have ${BITS} bits`);
      const [below, above] = [readBuckets(more.negative), readBuckets(more.positive)];
      const addSums = [
        reading("sum", () => sum.merger(more.sum)),
        reading("squares", () => squares.merger(more.squares)),
      ];
      const zeros = readCount(more.zero);
      const [least, most] = [readNumber(more.min), readNumber(more.max)];
      return () => {
        count += zeros + negative.unpack(below) + positive.unpack(above);
        zero += zeros;
        for (const add of addSums) add();
        min = Math.min(min, least);
        max = Math.max(max, most);
      };
    },
    toJSON: () => ({
      bits: BITS,
      sum: String(sum.total()),
      squares: String(squares.total()),
      ...(count === 0 ? {} : { min, max }),
      negative: negative.pack(),
      zero,
      positive: positive.pack(),
    }),
    get count() {
      return count;
    },
    get min() {
      return count === 0 ? undefined : min;
    },
    get max() {
      return count === 0 ? undefined : max;
    },
    get mean() {
      return count === 0 ? undefined : meanOf();
    },
    get std() {
      if (count === 0) return undefined;
      // n Σx² − (Σx)² of whole numbers: no digit is lost between two nearly equal sums.
      const spread = BigInt(count) * squares.total() - sum.total() ** 2n;
      return Math.sqrt(Number(spread)) / count / UNITS;
    },
    quantile(p) {
      if (!(p >= 0 && p <= 100)) {
        throw new RangeError(`Cannot compute percentile ${p}: give a number from 0 to 100`);
      }
      if (count === 0) return undefined;
      const position = (count - 1) * p / 100;
      const below = Math.floor(position);
      const low = atRank(below);
      if (position === below) return low;
      return low + (atRank(below + 1) - low) * (position - below);
    },
    each(visit) {
      for (const [value, n] of ascending()) visit(value, n);
    },
  };
  if (data !== undefined) histogram.merge(data);
  return histogram;
}

/** Buckets of a millionth and of a billion: each octave takes memory, and figures have no other sizes. */
const [LEAST_BUCKET, MOST_BUCKET] = [bucketOf(2 ** -21), bucketOf(2 ** 50)];

/** What a state packs. @throws {TypeError} for buckets that no figure has, or that do not ascend. */
function readBuckets(packed: unknown): ArrayLike<number> {
  const pairs = unpackNumbers(packed, 2 * (MOST_BUCKET - LEAST_BUCKET));
  if (pairs.length % 2 !== 0) throw new TypeError("a count of it is missing");
  let bucket = 0;
  for (let i = 0; i < pairs.length; i += 2) {
    bucket += pairs[i]!;
    const isNext = i === 0 || pairs[i]! > 0;
    if (!isNext || bucket < LEAST_BUCKET || bucket > MOST_BUCKET) {
      throw new TypeError("a bucket of it is none");
    }
    if (!(pairs[i + 1]! > 0)) throw new TypeError("a count of it is not above 0");
  }
  return pairs;
}

/** Counts of values by {@linkcode bucketNumber}. */
export type BucketCounts = ReadonlyMap<number, number>;

/** Number of the bucket that counts a value, ascending with it. */
export function bucketNumber(value: number): number {
  const units = Math.round(value * UNITS);
  if (units === 0) return 0;
  return units > 0 ? bucketOf(units / UNITS) : -bucketOf(-units / UNITS);
}

/** How values are counted by bucket. */
export interface BucketCounting {
  /** Number of the bucket of a value. */
  readonly bucketOf: (value: number) => number;
  /** All numbers are multiples of it. */
  readonly step: number;
  /** Largest error of a value, as a share of it. */
  readonly relativeError: number;
}

/** As in a {@linkcode ValueHistogram}. */
export const FINE: BucketCounting = {
  ...{ bucketOf: bucketNumber, step: 1, relativeError: RELATIVE_ERROR },
};

/** Every fourth bucket, for what many machines tell of many cells: a quarter as many. */
export const COARSE: BucketCounting = {
  bucketOf(value) {
    const bucket = bucketNumber(value);
    const size = Math.round(Math.abs(bucket) / 4) * 4;
    return bucket < 0 ? -size : size;
  },
  ...{ step: 4, relativeError: 0.005 },
};

/** The value that a bucket counts under. */
export function bucketValue(bucket: number): number {
  return bucket === 0 ? 0 : bucket < 0 ? -valueOf(-bucket) : valueOf(bucket);
}

/**
 * A histogram of values that were counted by their buckets; the deviation and both ends are those of the
 * buckets.
 *
 * @param sum of the values in millionths, a whole number.
 */
export function histogramOfBuckets(counts: BucketCounts, sum: number): ValueHistogram {
  let squares = 0n;
  let [min, max] = [Infinity, -Infinity];
  const positive = createBuckets();
  const negative = createBuckets();
  for (const [bucket, count] of counts) {
    const value = bucketValue(bucket);
    [min, max] = [Math.min(min, value), Math.max(max, value)];
    squares += BigInt(Math.round(value * UNITS)) ** 2n * BigInt(count);
    if (bucket > 0) positive.add(bucket, count);
    else if (bucket < 0) negative.add(-bucket, count);
  }
  return createValueHistogram({
    ...{ bits: BITS, sum: String(BigInt(sum)), squares: String(squares) },
    ...(counts.size === 0 ? {} : { min, max }),
    ...{ negative: negative.pack(), zero: counts.get(0) ?? 0, positive: positive.pack() },
  });
}

/** The exponent and the first nine bits behind it, rounded: ascending with the (positive) value. */
function bucketOf(value: number): number {
  word.setFloat64(0, value);
  return (word.getUint32(0) + HALF) >>> DROPPED;
}

function valueOf(bucket: number): number {
  word.setUint32(0, bucket << DROPPED);
  word.setUint32(4, 0);
  return word.getFloat64(0);
}

type Bucket = readonly [bucket: number, count: number];

interface Buckets {
  add(bucket: number, count: number): void;
  ascending(): Iterable<Bucket>;
  descending(): Iterable<Bucket>;
  pack(): number[];
  /** Adds what {@linkcode Buckets.pack} gave; returns how many values that are. */
  unpack(packed: ArrayLike<number>): number;
}

/** Counts by bucket; only octaves in use take memory. */
function createBuckets(): Buckets {
  // Most histograms have no value below zero: those take nothing.
  let octaves: (Float64Array | undefined)[] = [];
  const add = (bucket: number, count: number) => {
    if (octaves.length === 0) octaves = new Array(OCTAVES).fill(undefined);
    const octave = octaves[bucket >>> OCTAVE_BITS] ??= new Float64Array(OCTAVE);
    octave[bucket & (OCTAVE - 1)]! += count;
  };
  function* walk(step: 1 | -1): Generator<Bucket> {
    for (let at = 0; at < OCTAVES; at++) {
      const number = step > 0 ? at : OCTAVES - 1 - at;
      const octave = octaves[number];
      if (octave === undefined) continue;
      for (let i = 0; i < OCTAVE; i++) {
        const slot = step > 0 ? i : OCTAVE - 1 - i;
        const count = octave[slot]!;
        if (count > 0) yield [(number << OCTAVE_BITS) + slot, count];
      }
    }
  }
  return {
    add,
    ascending: () => walk(1),
    descending: () => walk(-1),
    pack() {
      let last = 0;
      return [...walk(1)].flatMap(([bucket, count]) => {
        const distance = bucket - last;
        last = bucket;
        return [distance, count];
      });
    },
    unpack(packed) {
      let bucket = 0;
      let total = 0;
      for (let i = 0; i + 1 < packed.length; i += 2) {
        bucket += packed[i]!;
        add(bucket, packed[i + 1]!);
        total += packed[i + 1]!;
      }
      return total;
    },
  };
}
