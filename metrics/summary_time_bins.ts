/**
 * Counters over time in bounded memory, in bins that double in width when a load outlasts them.
 *
 * Times and amounts are whole (microseconds, tokens), so sums are exact in any order, and so is the
 * result for a stretch of whole bins. There are two approximations: a stretch begins and ends with a
 * bin, and the most in flight is a lower bound (the averages of the bins, rounded up, and the numbers
 * at their edges).
 *
 * @module
 */
import type { Window } from "./load_series.ts";
import type { Mergeable } from "./load_state.ts";
import { packSparse, unpackSparse } from "./state_numbers.ts";
import { readCount, readFields, reading, readWidth } from "./state_read.ts";

/** What is counted by time. */
export type BinCounter =
  | ("completed" | "good" | "failed" | "outputTokens" | "promptTokens")
  /** By the earliest time at which it can have been. */
  | ("completedEarliest" | "outputTokensEarliest" | "promptTokensEarliest")
  /** Only where they are asked for. */
  | ("due" | "sent");

/** Counters by time. */
export interface TimeBins extends Mergeable {
  /** Width of all bins, the first × 2ⁿ. */
  readonly widthMs: number;
  /** Counts `amount` (default 1) at a time; before 0 counts at 0, a time that is none nowhere. */
  count(counter: BinCounter, ms: number, amount?: number): void;
  /** One request is in flight from one time to the other; absent = to the end. */
  busy(fromMs: number, toMs: number | undefined): void;
  /** The whole bins inside a window; absent when there is none. */
  inside(window: Window): Window | undefined;
  /** What was counted in whole bins. */
  total(counter: BinCounter, window: Window): number;
  /** Average in flight; the window ends with a bin, or after everything counted. */
  meanBusy(window: Window): number | undefined;
  /** About how many are in flight at a time: the average of its bin. */
  busyAt(): (ms: number) => number;
  /** Lower bound of the most in flight. */
  maxBusy(): number | undefined;
}

/** Number of bins; those of an hour of load are half a second wide. */
const MOST_BINS = 8192;

/** How time is cut. */
export interface TimeBinOptions {
  /** Number of bins, even. Default 8192. */
  readonly bins?: number;
  /** Width of the first bins, in whole microseconds. Default 1 ms. */
  readonly widthMs?: number;
}

const COUNTERS: readonly BinCounter[] = [
  "completed",
  "good",
  "failed",
  "outputTokens",
  "promptTokens",
  "completedEarliest",
  "outputTokensEarliest",
  "promptTokensEarliest",
];

/** By default starts with bins of 1 ms, enough for eight seconds. */
export function createTimeBins(
  more: readonly BinCounter[] = [],
  { bins = MOST_BINS, widthMs = 1 }: TimeBinOptions = {},
): TimeBins {
  const counts = Object.fromEntries(
    [...COUNTERS, ...more].map((counter) => [counter, new Float64Array(bins)]),
  ) as Record<BinCounter, Float64Array>;
  // Starts and ends of requests: how many in each bin, and the sum of their distances to its start.
  const begins = { count: new Float64Array(bins), offsetUs: new Float64Array(bins) };
  const ends = { count: new Float64Array(bins), offsetUs: new Float64Array(bins) };
  const firstUs = Math.round(widthMs * 1000);
  let widthUs = firstUs;
  let used = 0;
  const lists: Readonly<Record<string, Float64Array>> = {
    ...counts,
    ...{ begins: begins.count, ends: ends.count },
    ...{ beginsUs: begins.offsetUs, endsUs: ends.offsetUs },
  };

  const double = () => {
    for (const { count, offsetUs } of [begins, ends]) {
      for (let i = 0; i < bins / 2; i++) {
        offsetUs[i] = offsetUs[2 * i]! + offsetUs[2 * i + 1]! + widthUs * count[2 * i + 1]!;
      }
      offsetUs.fill(0, bins / 2);
    }
    for (const values of [...Object.values(counts), begins.count, ends.count]) {
      for (let i = 0; i < bins / 2; i++) values[i] = values[2 * i]! + values[2 * i + 1]!;
      values.fill(0, bins / 2);
    }
    widthUs *= 2;
    used = Math.ceil(used / 2);
  };
  /** A time in microseconds; makes sure that there is a bin for it. */
  const fit = (ms: number): number => {
    const us = Math.max(0, Math.round(ms * 1000));
    while (us >= bins * widthUs) double();
    used = Math.max(used, Math.floor(us / widthUs) + 1);
    return us;
  };
  const note = (event: typeof begins, ms: number) => {
    if (!Number.isFinite(ms)) return;
    const us = fit(ms);
    const bin = Math.floor(us / widthUs);
    event.count[bin]!++;
    event.offsetUs[bin]! += us - bin * widthUs;
  };
  /** Bins that begin in a window, by number. */
  const range = ({ fromMs, toMs }: Window) => ({
    from: Math.min(used, Math.ceil(Math.round(fromMs * 1000) / widthUs)),
    to: Math.min(used, Math.ceil(Math.round(toMs * 1000) / widthUs)),
  });

  return {
    state: () => ({
      ...{ firstUs, widthUs, used },
      ...Object.fromEntries(Object.entries(lists).map(([name, own]) => [name, packSparse(own)])),
    }),
    merger(state) {
      const more = readFields(state);
      if (more.firstUs !== firstUs) throw new TypeError("its first bins are of another width");
      const otherUs = readWidth(more.widthUs, firstUs);
      const usedThere = readCount(more.used);
      if (!(usedThere <= bins)) throw new TypeError("it has too many bins");
      const found = Object.entries(lists).map(([name, own]) => ({
        own,
        pairs: reading(name, () => unpackSparse(more[name], bins)),
        // Sums of distances to the start of a bin, which may not be that of the wider one.
        of: name === "beginsUs" ? more.begins : name === "endsUs" ? more.ends : undefined,
      }));
      return () => {
        while (widthUs < otherUs) double();
        const ratio = widthUs / otherUs;
        const binOf = (bin: number) => Math.floor(bin / ratio);
        for (const { own, pairs, of } of found) {
          for (let i = 0; i < pairs.length; i += 2) own[binOf(pairs[i]!)]! += pairs[i + 1]!;
          if (of === undefined) continue;
          const starts = unpackSparse(of, bins);
          for (let i = 0; i < starts.length; i += 2) {
            const bin = starts[i]!;
            own[binOf(bin)]! += bin % ratio * otherUs * starts[i + 1]!;
          }
        }
        used = Math.max(used, Math.ceil(usedThere / ratio));
      };
    },
    get widthMs() {
      return widthUs / 1000;
    },
    count(counter, ms, amount = 1) {
      if (!Number.isFinite(ms)) return;
      const us = fit(ms);
      counts[counter][Math.floor(us / widthUs)]! += amount;
    },
    busy(fromMs, toMs) {
      note(begins, fromMs);
      if (toMs !== undefined) note(ends, toMs);
    },
    inside({ fromMs, toMs }) {
      const from = Math.ceil(Math.round(fromMs * 1000) / widthUs);
      const to = Math.floor(Math.round(toMs * 1000) / widthUs);
      return to > from ? { fromMs: from * widthUs / 1000, toMs: to * widthUs / 1000 } : undefined;
    },
    total(counter, window) {
      const { from, to } = range(window);
      let total = 0;
      for (let i = from; i < to; i++) total += counts[counter][i]!;
      return total;
    },
    meanBusy(window) {
      if (!(window.toMs > window.fromMs)) return undefined;
      const toUs = Math.round(window.toMs * 1000);
      const { from, to } = range(window);
      let now = 0;
      for (let i = 0; i < from; i++) now += begins.count[i]! - ends.count[i]!;
      let busyUs = 0;
      for (let i = from; i < to; i++) {
        const lengthUs = Math.min(widthUs, toUs - i * widthUs);
        busyUs += (now + begins.count[i]! - ends.count[i]!) * lengthUs -
          begins.offsetUs[i]! + ends.offsetUs[i]!;
        now += begins.count[i]! - ends.count[i]!;
      }
      // Requests that never ended are in flight beyond the last used bin.
      const fromUs = Math.round(window.fromMs * 1000);
      busyUs += now * Math.max(0, toUs - Math.max(to * widthUs, fromUs));
      return busyUs / (toUs - fromUs);
    },
    busyAt() {
      let now = 0;
      const means = Float64Array.from({ length: used }, (_, i) => {
        const [began, ended] = [begins.count[i]!, ends.count[i]!];
        const mean = now + began - ended - (begins.offsetUs[i]! - ends.offsetUs[i]!) / widthUs;
        now += began - ended;
        return mean;
      });
      return (ms) => Math.round(means[Math.floor(Math.max(0, ms) * 1000 / widthUs)] ?? now);
    },
    maxBusy() {
      let now = 0;
      let max = 0;
      let any = false;
      for (let i = 0; i < used; i++) {
        const [began, ended] = [begins.count[i]!, ends.count[i]!];
        any ||= began > 0;
        const meanUs = (now + began - ended) * widthUs - begins.offsetUs[i]! + ends.offsetUs[i]!;
        // Without an end in this bin, the last to start finds all others in flight.
        max = Math.max(max, now + (ended === 0 ? began : 0), Math.ceil(meanUs / widthUs));
        now += began - ended;
      }
      return any ? Math.max(1, max) : undefined;
    },
  };
}
