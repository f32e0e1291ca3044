/**
 * Gaps that are far longer than the load's median gap. What the median is, is known at the end: until then the
 * longest gaps are kept, so that memory is bounded and a short gap costs one comparison. The order of the
 * records does not matter.
 *
 * @module
 */
import type { RequestRecord } from "../backends/record.ts";
import type { Stall, StallCauses, Stalls } from "./load_stalls.ts";
import type { Mergeable } from "./load_state.ts";
import { ownBounds } from "./record_bounds.ts";
import type { Witness } from "./run_client.ts";
import { type ColumnsOf, packColumns, unpackColumns } from "./state_columns.ts";
import { readCount, readFields } from "./state_read.ts";
import { countUpTo, type ValueSet } from "./stat_quantile.ts";

/** A stall is longer than so many medians. */
export const STALL_FACTOR = 10;

/** Shorter gaps are none: an engine that sends every few µs waits for its machine now and then. */
export const LEAST_STALL_MS = 1;

/** Stalls in the list. */
const MOST_LISTED = 100;

/** Gaps kept until the end. */
const MOST_KEPT = 16_384;

/** Most of the requests stopped: it was not the streams' own doing. */
const SERVER_SHARE = 0.5;

/** Collects records. */
export interface StallFold extends Mergeable {
  /** Adds a measured record; only completed ones have gaps that count. */
  add(record: RequestRecord): void;
  /** The stalls of all so far. */
  result(options: StallOptions): Stalls;
}

/** What stalls are judged by. */
export interface StallOptions {
  /** All gaps. */
  readonly itl: ValueSet;
  /** Requests in flight at a time. */
  readonly inFlightAt: (ms: number) => number;
  /** What streams of known timing showed of the client. */
  readonly witness: Witness | undefined;
}

/** A gap as another machine tells of it. */
interface Gap {
  readonly fromMs: number;
  readonly lengthMs: number;
  readonly index: number;
  readonly user: number;
  readonly widthMs: number | undefined;
}

const COLUMNS: ColumnsOf<Gap> = {
  fromMs: "ms",
  lengthMs: "ms",
  index: "count",
  user: "count",
  widthMs: "ms?",
};

/** Has no record yet. */
export function createStalls(most: number = MOST_KEPT): StallFold {
  const room = 2 * most;
  // Whole µs, as stamps have them: lengths do not differ in their last bits.
  const fromUs = new Float64Array(room);
  const toUs = new Float64Array(room);
  const index = new Float64Array(room);
  const user = new Float64Array(room);
  // What the stamp itself leaves open of the end of the gap; NaN = unknown.
  const widthUs = new Float64Array(room);
  const lists = [fromUs, toUs, index, user, widthUs];
  let kept = 0;
  let floorUs = 1000 * LEAST_STALL_MS;
  // No gap that is longer than the floor in whole µs is shorter.
  let quickMs = floorUs / 1000 - 0.001;

  const dropUpTo = (us: number) => {
    floorUs = us;
    quickMs = us / 1000 - 0.001;
    let left = 0;
    for (let i = 0; i < kept; i++) {
      if (!(toUs[i]! - fromUs[i]! > floorUs)) continue;
      for (const list of lists) list[left] = list[i]!;
      left++;
    }
    kept = left;
  };
  // The longest of all, whatever their order, and whichever were dropped before.
  const prune = () => {
    if (kept < most) return;
    const lengths = toUs.subarray(0, kept).map((us, i) => us - fromUs[i]!);
    dropUpTo(lengths.sort()[kept - most]!);
  };
  const keep = (gap: readonly number[]) => {
    if (!(gap[1]! - gap[0]! > floorUs)) return;
    if (kept === room) prune();
    for (let i = 0; i < lists.length; i++) lists[i]![kept] = gap[i]!;
    kept++;
  };
  return {
    state() {
      prune();
      const gaps = Array.from({ length: kept }, (_, i): Gap => ({
        fromMs: fromUs[i]! / 1000,
        lengthMs: (toUs[i]! - fromUs[i]!) / 1000,
        index: index[i]!,
        user: user[i]!,
        widthMs: Number.isNaN(widthUs[i]) ? undefined : widthUs[i]! / 1000,
      }));
      return { floorUs, gaps: packColumns(COLUMNS, gaps.sort((a, b) => a.fromMs - b.fromMs)) };
    },
    merger(state) {
      const more = readFields(state);
      const floorThereUs = readCount(more.floorUs);
      const gaps = unpackColumns(COLUMNS, more.gaps, most);
      return () => {
        if (floorThereUs > floorUs) dropUpTo(floorThereUs);
        for (const { fromMs, lengthMs, index, user, widthMs } of gaps) {
          const us = Math.round(1000 * fromMs);
          const width = widthMs === undefined ? NaN : Math.round(1000 * widthMs);
          keep([us, us + Math.round(1000 * lengthMs), index, user, width]);
        }
      };
    },
    add(record) {
      if (record.outcome.kind !== "ok") return;
      const { tickMs, tickTokens } = record;
      let last = 0;
      for (let i = 1; i < tickMs.length; i++) {
        if (tickTokens[i] === tickTokens[last]) continue;
        const gapMs = tickMs[i]! - tickMs[last]!;
        if (gapMs > quickMs && Number.isFinite(gapMs)) {
          const lowMs = ownBounds(record)?.tickLowMs(i);
          keep([
            Math.round(1000 * tickMs[last]!),
            Math.round(1000 * tickMs[i]!),
            record.index,
            record.user,
            lowMs === undefined ? NaN : Math.round(1000 * (tickMs[i]! - lowMs)),
          ]);
        }
        last = i;
      }
    },
    result({ itl, inFlightAt, witness }) {
      const median = itl.quantile(50);
      if (median === undefined) return NO_STALLS;
      prune();
      const thresholdMs = Math.max(LEAST_STALL_MS, STALL_FACTOR * median);
      const lengthMs = (i: number) => (toUs[i]! - fromUs[i]!) / 1000;
      const found: number[] = [];
      for (let i = 0; i < kept; i++) if (lengthMs(i) > thresholdMs) found.push(i);
      found.sort((a, b) =>
        lengthMs(b) - lengthMs(a) || fromUs[a]! - fromUs[b]! || index[a]! - index[b]! ||
        user[a]! - user[b]!
      );
      const starts = Float64Array.from(found, (i) => fromUs[i]! / 1000).sort();
      const ends = Float64Array.from(found, (i) => toUs[i]! / 1000).sort();
      const lateAt = witnessLateness(witness);
      const causes = { client: 0, server: 0, several: 0, single: 0 };
      const worst: Stall[] = [];
      for (const i of found) {
        const [fromMs, toMs] = [fromUs[i]! / 1000, toUs[i]! / 1000];
        const middleMs = (fromMs + toMs) / 2;
        const together = countUpTo(starts, middleMs) - countUpTo(ends, middleMs);
        const inFlight = Math.max(together, inFlightAt(middleMs));
        const clientLateMs = Number.isNaN(widthUs[i]!)
          ? lateAt?.(fromMs, toMs)
          : widthUs[i]! / 1000;
        const cause = lengthMs(i) - (clientLateMs ?? 0) <= thresholdMs
          ? "client"
          : together > 1 && together >= SERVER_SHARE * inFlight
          ? "server"
          : together > 1
          ? "several"
          : "single";
        causes[cause]++;
        if (worst.length === MOST_LISTED) continue;
        worst.push({
          ...{ fromMs, toMs, index: index[i]!, user: user[i]!, together, inFlight },
          ...{ clientLateMs, cause },
        });
      }
      const all = floorUs <= 1000 * thresholdMs
        ? { count: found.length, totalMs: sumOf(found.map((i) => toUs[i]! - fromUs[i]!)) / 1000 }
        : above(itl, thresholdMs);
      const gapsMs = (itl.mean ?? 0) * itl.count;
      return {
        ...{ factor: STALL_FACTOR, thresholdMs, ...all, worst, causes },
        share: gapsMs > 0 ? all.totalMs / gapsMs : undefined,
        counted: found.length,
      };
    },
  };
}

const NO_CAUSES: StallCauses = { client: 0, server: 0, several: 0, single: 0 };

const NO_STALLS: Stalls = {
  ...{ factor: STALL_FACTOR, thresholdMs: undefined, count: 0, totalMs: 0, share: undefined },
  ...{ worst: [], causes: NO_CAUSES, counted: 0 },
};

function sumOf(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0);
}

function above(
  values: ValueSet,
  limit: number,
): { readonly count: number; readonly totalMs: number } {
  let [count, totalMs] = [0, 0];
  values.each((value, n) => {
    if (value <= limit) return;
    count += n;
    totalMs += n * value;
  });
  return { count, totalMs };
}

/** How late the latest stream of known timing was in the windows of a stretch; absent without a witness. */
function witnessLateness(
  witness: Witness | undefined,
): ((fromMs: number, toMs: number) => number | undefined) | undefined {
  if (witness === undefined || !(witness.windowMs > 0)) return undefined;
  const { windowMs, readLateMaxMs } = witness;
  return (fromMs, toMs) => {
    let most: number | undefined;
    const last = Math.min(readLateMaxMs.length - 1, Math.floor(toMs / windowMs));
    for (let i = Math.max(0, Math.floor(fromMs / windowMs)); i <= last; i++) {
      const lateMs = readLateMaxMs[i] ?? undefined;
      if (lateMs !== undefined) most = Math.max(most ?? 0, lateMs);
    }
    return most;
  };
}
