/**
 * A load over time, in slices of a second. When there are too many of them, two become one.
 *
 * @module
 */
import { SmallHistogram } from "./live_histogram.ts";
import type { LiveCourse } from "./live_state.ts";

/** Most slices. */
const MOST_SLICES = 600;
const SLICE_MS = 1000;

/** Values of a slice; their percentiles are absent until they are asked for. */
interface Values {
  readonly histogram: SmallHistogram;
  known: { readonly p50: number | null; readonly p99: number | null } | undefined;
}

interface Slice {
  /** Sum of rates × how long each held, in ms. */
  rateMs: number;
  /** How long they held. */
  ratedMs: number;
  inFlight: number | undefined;
  completed: number;
  failed: number;
  readonly ttft: Values;
  readonly itl: Values;
}

/** What is known at an instant of the load. */
export interface CoursePoint {
  /** Since the load began, in ms. */
  readonly atMs: number;
  /** Since the point before it. */
  readonly tokensPerSec: number | undefined;
  /** Sent and not ended. */
  readonly inFlight: number;
}

/** Collects the course of one load. */
export class Course {
  #sliceMs = SLICE_MS;
  #slices: Slice[] = [];
  #lastMs = 0;
  /** Latest instant of anything. */
  #endMs = 0;

  /** Adds how it is at an instant. */
  see({ atMs, tokensPerSec, inFlight }: CoursePoint): void {
    const slice = this.#at(atMs);
    slice.inFlight = inFlight;
    if (tokensPerSec !== undefined) {
      const forMs = atMs - this.#lastMs;
      slice.rateMs += tokensPerSec * forMs;
      slice.ratedMs += forMs;
    }
    this.#lastMs = atMs;
  }

  /** Adds a request that completed, with its latencies in ms. */
  completed(endMs: number, ttftMs: readonly number[], itlMs: readonly number[]): void {
    const slice = this.#at(endMs);
    slice.completed++;
    add(slice.ttft, ttftMs);
    add(slice.itl, itlMs);
  }

  /** Adds what others have counted at about an instant; latencies as pairs of bucket and count. */
  absorb(
    atMs: number,
    { completed, failed, ttft, itl }: {
      readonly completed: number;
      readonly failed: number;
      readonly ttft: readonly number[];
      readonly itl: readonly number[];
    },
  ): void {
    const slice = this.#at(atMs);
    slice.completed += completed;
    slice.failed += failed;
    for (const [values, pairs] of [[slice.ttft, ttft], [slice.itl, itl]] as const) {
      values.histogram.absorb(pairs);
      values.known = undefined;
    }
  }

  /** Adds a request that failed. */
  failed(endMs: number): void {
    this.#at(endMs).failed++;
  }

  /** All so far, of the load with that name. */
  course(label: string): LiveCourse {
    const elapsedMs = this.#endMs;
    const sliceMs = this.#sliceMs;
    const slices = this.#slices;
    const lengthMs = (i: number) => Math.max(1, Math.min(sliceMs, elapsedMs - i * sliceMs));
    const of = <T>(value: (slice: Slice, i: number) => T): readonly T[] => slices.map(value);
    return {
      label,
      sliceMs,
      tokensPerSec: of(({ rateMs, ratedMs }) => ratedMs > 0 ? rateMs / ratedMs : null),
      completedPerSec: of(({ completed }, i) => completed * 1000 / lengthMs(i)),
      inFlight: of(({ inFlight }) => inFlight ?? null),
      ttftP50Ms: of(({ ttft }) => known(ttft).p50),
      ttftP99Ms: of(({ ttft }) => known(ttft).p99),
      itlP50Ms: of(({ itl }) => known(itl).p50),
      itlP99Ms: of(({ itl }) => known(itl).p99),
      failed: of(({ failed }) => failed),
    };
  }

  #at(ms: number): Slice {
    const atMs = Number.isFinite(ms) ? Math.max(0, ms) : 0;
    this.#endMs = Math.max(this.#endMs, atMs);
    while (atMs >= this.#sliceMs * MOST_SLICES) this.#halve();
    const index = Math.floor(atMs / this.#sliceMs);
    while (this.#slices.length <= index) this.#slices.push(emptySlice());
    return this.#slices[index]!;
  }

  #halve(): void {
    this.#sliceMs *= 2;
    const halves = this.#slices;
    this.#slices = halves.filter((_, i) => i % 2 === 0);
    for (const [i, slice] of this.#slices.entries()) {
      const other = halves[2 * i + 1];
      if (other !== undefined) join(slice, other);
    }
  }
}

function emptySlice(): Slice {
  return {
    ...{ rateMs: 0, ratedMs: 0, inFlight: undefined, completed: 0, failed: 0 },
    ttft: { histogram: new SmallHistogram(), known: undefined },
    itl: { histogram: new SmallHistogram(), known: undefined },
  };
}

/** The first takes up the second. */
function join(one: Slice, other: Slice): void {
  one.rateMs += other.rateMs;
  one.ratedMs += other.ratedMs;
  one.inFlight = other.inFlight ?? one.inFlight;
  one.completed += other.completed;
  one.failed += other.failed;
  for (const name of ["ttft", "itl"] as const) {
    one[name].histogram.merge(other[name].histogram);
    one[name].known = undefined;
  }
}

function add(values: Values, ms: readonly number[]): void {
  for (const value of ms) values.histogram.add(value);
  values.known = undefined;
}

function known(values: Values): NonNullable<Values["known"]> {
  const { histogram } = values;
  return values.known ??= {
    p50: histogram.percentile(50) ?? null,
    p99: histogram.percentile(99) ?? null,
  };
}
