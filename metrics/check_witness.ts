/**
 * What the witness streams of a load showed: each of the client's stamps beside the engine's log of
 * the same request.
 *
 * @module
 */
import { defined } from "../backends/defined.ts";
import type { RequestRecord } from "../backends/record.ts";
import type { EngineTimes } from "./check_client_error.ts";
import type { LatenessSpread, Witness } from "./run_client.ts";
import { minimumSamples } from "./stat_quantile.ts";
import { createValueHistogram, type ValueHistogram } from "./stat_value_histogram.ts";

/** A request of a witness stream as its engine saw it. */
export interface WitnessTimes extends EngineTimes {
  /**
   * When the system had taken each of the writes; absent = within {@linkcode UNKNOWN_WRITE_MS}. The
   * bytes left between `writeMs` and here, however long the engine waited for a core in between.
   */
  readonly writtenMs?: readonly number[];
  /** When the engine had planned each of them; absent = unknown. */
  readonly plannedMs?: readonly number[];
}

/** What a comparison is made of. */
export interface WitnessOptions {
  /** `arrivalMs` is the arrival itself (the kernel's stamp), not when the engine noticed it. */
  readonly exactArrivals: boolean;
}

/** What the comparison itself does not know. */
export interface WitnessFacts {
  /** Concurrent streams. */
  readonly streams: number;
  /** CPU time of the engine during the load, in ms. */
  readonly cpuMs?: number | undefined;
}

/** Compares requests one at a time, in memory that does not grow with their number. */
export interface WitnessComparison {
  /**
   * Compares a request.
   *
   * @param record times from the start of the load; the request may have been cancelled.
   * @param engine the same request, in ms of the engine's clock.
   * @param shiftMs this clock's times + `shiftMs` = times from the start of the load.
   */
  add(record: RequestRecord, engine: WitnessTimes, shiftMs: number): void;
  /** All requests so far. */
  result(facts: WitnessFacts): Witness;
}

/**
 * An engine that was longer held up than this was not alone in it: it lives in the client's process,
 * and what was stopped may have been all of that (a signal, a frozen group). Its plan says since when.
 */
export const HELD_UP_MS = 5;
/** A write of an engine that does not say when it returned took at most this long. */
export const UNKNOWN_WRITE_MS = 1;
/** The clocks of two threads are compared, and the kernel's stamps converted, this exactly. */
export const CLOCK_SLACK_MS = 0.05;
/** Windows are this wide, unless a load has more than {@linkcode MOST_WINDOWS} of them. */
const WINDOW_MS = 100;
const MOST_WINDOWS = 3000;

/**
 * Starts a comparison.
 *
 * @example
 * ```ts
 * import { compareWitness } from "@tokometer/tokometer/metrics";
 *
 * const { readLate } = compareWitness({ exactArrivals: true }).result({ streams: 2 });
 * if (readLate.maxMs !== undefined) throw new Error("there was nothing to compare");
 * ```
 */
export function compareWitness({ exactArrivals }: WitnessOptions): WitnessComparison {
  const windows = new LatenessWindows();
  const readLate = createValueHistogram();
  const departLate = createValueHistogram();
  let requests = 0;
  let ticks = 0;
  let ticksInside = 0;
  let departuresInside = 0;
  // Once a request leaves something open, those that leave everything open are inside.
  let someWidths = false;
  let someDeparted = false;

  function compareDeparture({ sentMs, departedMs }: RequestRecord, arrivedMs: number): void {
    if (sentMs === undefined) return;
    requests++;
    const lateMs = Math.max(0, arrivedMs - sentMs);
    departLate.add(lateMs);
    windows.add("depart", { fromMs: sentMs, toMs: arrivedMs, lateMs });
    someDeparted ||= departedMs !== undefined && exactArrivals;
    const byMs = departedMs ?? Infinity;
    if (arrivedMs >= sentMs - CLOCK_SLACK_MS && arrivedMs <= byMs + CLOCK_SLACK_MS) {
      departuresInside++;
    }
  }

  return {
    add(record, { arrivalMs, writeMs, writeTokens, writtenMs, plannedMs }, shiftMs) {
      compareDeparture(record, arrivalMs + shiftMs);
      const { tickMs, tickTokens, tickWidthUs } = record;
      someWidths ||= tickWidthUs !== undefined;
      let write = 0;
      for (let tick = 0; tick < tickMs.length; tick++) {
        // A tick is known by the first of its writes: what came with it came later.
        const before = tick === 0 ? 0 : tickTokens[tick - 1]!;
        while (write < writeMs.length && writeTokens[write]! <= before) write++;
        if (write === writeMs.length) break;
        const atMs = tickMs[tick]!;
        const fromMs = writeMs[write]! + shiftMs;
        const toMs = (writtenMs?.[write] ?? writeMs[write]! + UNKNOWN_WRITE_MS) + shiftMs;
        const dueMs = (plannedMs?.[write] ?? NaN) + shiftMs;
        const sinceMs = fromMs - dueMs > HELD_UP_MS ? dueMs : fromMs;
        const lateMs = Math.max(0, atMs - sinceMs);
        ticks++;
        readLate.add(lateMs);
        windows.add("read", { fromMs: sinceMs, toMs: atMs, lateMs });
        const lowMs = tickWidthUs === undefined ? -Infinity : atMs - tickWidthUs[tick]! / 1000;
        if (atMs >= fromMs - CLOCK_SLACK_MS && lowMs <= toMs + CLOCK_SLACK_MS) ticksInside++;
      }
    },
    result: ({ streams, cpuMs }) => ({
      streams,
      requests,
      ticks,
      ...defined({
        ticksInside: someWidths ? ticksInside : undefined,
        departuresInside: someDeparted ? departuresInside : undefined,
      }),
      readLate: spreadOf(readLate),
      departLate: spreadOf(departLate),
      windowMs: windows.widthMs,
      readLateMaxMs: windows.values("read"),
      departLateMaxMs: windows.values("depart"),
      ...defined({ cpuMs }),
    }),
  };
}

/** Something that happened at `fromMs` and was noticed at `toMs`. */
interface Delay {
  readonly fromMs: number;
  readonly toMs: number;
  readonly lateMs: number;
}

/** The largest lateness in each window of time; wider windows when there would be too many. */
class LatenessWindows {
  widthMs = WINDOW_MS;
  #count = 0;
  readonly #maxMs = {
    read: new Float64Array(MOST_WINDOWS).fill(-1),
    depart: new Float64Array(MOST_WINDOWS).fill(-1),
  };

  /** Counts in every window between the two instants: all of them were late. */
  add(kind: "read" | "depart", { fromMs, toMs, lateMs }: Delay): void {
    const endMs = Math.max(0, fromMs, toMs);
    while (endMs >= this.widthMs * MOST_WINDOWS) this.#widen();
    const maxMs = this.#maxMs[kind];
    const last = Math.floor(endMs / this.widthMs);
    for (let i = Math.floor(Math.max(0, fromMs) / this.widthMs); i <= last; i++) {
      maxMs[i] = Math.max(maxMs[i]!, lateMs);
    }
    this.#count = Math.max(this.#count, last + 1);
  }

  /** In whole µs, rounded up. */
  values(kind: "read" | "depart"): (number | null)[] {
    return Array.from(
      this.#maxMs[kind].subarray(0, this.#count),
      (ms) => ms < 0 ? null : Math.ceil(ms * 1000) / 1000,
    );
  }

  #widen(): void {
    this.widthMs *= 2;
    this.#count = Math.ceil(this.#count / 2);
    for (const maxMs of Object.values(this.#maxMs)) {
      for (let i = 0; i < MOST_WINDOWS / 2; i++) {
        maxMs[i] = Math.max(maxMs[2 * i]!, maxMs[2 * i + 1]!);
      }
      maxMs.fill(-1, MOST_WINDOWS / 2);
    }
  }
}

function spreadOf(late: ValueHistogram): LatenessSpread {
  return defined({
    p50Ms: late.quantile(50),
    p90Ms: late.count >= minimumSamples(90) ? late.quantile(90) : undefined,
    p99Ms: late.count >= minimumSamples(99) ? late.quantile(99) : undefined,
    maxMs: late.max,
  });
}
