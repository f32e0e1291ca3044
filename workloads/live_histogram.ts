/**
 * A small histogram for views: percentiles within 0.8 %, in memory that does not grow with the number
 * of its values. Reports have finer ones.
 *
 * @module
 */
import { minimumSamples } from "../metrics/stat_quantile.ts";
import type { LiveLatency } from "./live_state.ts";

/** Parts of a doubling, as bits. */
const PART_BITS = 6;
/** Smallest value told apart: 2⁻¹⁰ ms, about a µs. */
const LOWEST_OCTAVE = -10;
/** The largest is 2²² ms, more than an hour. */
const OCTAVES = 32;
/** Number of the buckets. */
export const BUCKETS: number = OCTAVES << PART_BITS;

/** Width of a bucket as a share of its values, at most. */
export const BUCKET_SHARE: number = 1 / (1 << PART_BITS);

/** Exponent and leading bits of a float of 2⁻¹⁰. */
const FIRST = (1023 + LOWEST_OCTAVE) << PART_BITS;
/** Bits of a float's upper word below those. */
const DROPPED = 20 - PART_BITS;

const float = new Float64Array(1);
const words = new Uint32Array(float.buffer);
/** Which of the words has the exponent. */
const UPPER = new Uint8Array(new Uint32Array([1]).buffer)[0] === 1 ? 1 : 0;

/** Number of the bucket that a value in ms falls into; those beyond either end fall into the last. */
export function bucketOf(ms: number): number {
  float[0] = ms;
  const bucket = (words[UPPER]! >>> DROPPED) - FIRST;
  // Below zero the sign bit makes it large.
  return ms > 0 ? Math.min(BUCKETS - 1, Math.max(0, bucket)) : 0;
}

/** The middle of a bucket, in ms. */
export function valueOf(bucket: number): number {
  const octave = (bucket >>> PART_BITS) + LOWEST_OCTAVE;
  const part = bucket & ((1 << PART_BITS) - 1);
  return 2 ** octave * (1 + (part + 0.5) / (1 << PART_BITS));
}

const NONE = new Uint32Array(0);

/** Counts of values. */
export class SmallHistogram {
  /** Empty until there is a value: most seconds of most loads have none. */
  #counts = NONE;
  #count = 0;

  /** How many values there are. */
  get count(): number {
    return this.#count;
  }

  /** Counts a value in ms. */
  add(ms: number): void {
    if (this.#counts === NONE) this.#counts = new Uint32Array(BUCKETS);
    this.#counts[bucketOf(ms)]!++;
    this.#count++;
  }

  /**
   * Counts what was counted elsewhere.
   *
   * @param pairs number of a bucket, and how many values it has; others are left out.
   */
  absorb(pairs: readonly number[]): void {
    for (let i = 0; i + 1 < pairs.length; i += 2) {
      const [bucket, count] = [pairs[i]!, pairs[i + 1]!];
      if (!(Number.isInteger(bucket) && bucket >= 0 && bucket < BUCKETS && count > 0)) continue;
      if (this.#counts === NONE) this.#counts = new Uint32Array(BUCKETS);
      this.#counts[bucket]! += count;
      this.#count += count;
    }
  }

  /** Counts all that another has counted. */
  merge(other: SmallHistogram): void {
    if (other.#count === 0) return;
    if (this.#counts === NONE) this.#counts = new Uint32Array(BUCKETS);
    for (let i = 0; i < BUCKETS; i++) this.#counts[i]! += other.#counts[i]!;
    this.#count += other.#count;
  }

  /** Takes back what another has counted, whose values this one had counted, too. */
  subtract(other: SmallHistogram): void {
    if (other.#count === 0) return;
    for (let i = 0; i < BUCKETS; i++) this.#counts[i]! -= other.#counts[i]!;
    this.#count -= other.#count;
  }

  /** Forgets all. */
  clear(): void {
    if (this.#count === 0) return;
    this.#counts.fill(0);
    this.#count = 0;
  }

  /** A percentile in ms, from 0 to 100; absent where values are too few to have it. */
  percentile(p: number): number | undefined {
    if (this.#count < minimumSamples(p)) return undefined;
    const rank = (this.#count - 1) * p / 100;
    const below = Math.floor(rank);
    let bucket = 0;
    let passed = this.#counts[0]!;
    while (passed <= below) passed += this.#counts[++bucket]!;
    const low = valueOf(bucket);
    if (rank === below) return low;
    while (passed <= below + 1) passed += this.#counts[++bucket]!;
    return low + (valueOf(bucket) - low) * (rank - below);
  }

  /** Median and p99. */
  latency(): LiveLatency {
    return { count: this.#count, p50Ms: this.percentile(50), p99Ms: this.percentile(99) };
  }
}
