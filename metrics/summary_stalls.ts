/**
 * Gaps that are far longer than the load's median gap. What the median is, is known at the end: until then the
 * longest gaps are kept, so that memory is bounded and a short gap costs one comparison. The order of the
 * records does not matter.
 *
 * @module
 */
import type { RequestRecord } from "../backends/record.ts";
import type { Stall, StallCauses, Stalls } from "./load_stalls.ts";
import { ownBounds } from "./record_bounds.ts";
import type { Witness } from "./run_client.ts";
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
export interface StallFold {
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

/** Has no record yet. */
export function createStalls(): StallFold {
  const room = 2 * MOST_KEPT;
  const from = new Float64Array(room);
  const to = new Float64Array(room);
  const index = new Float64Array(room);
  const user = new Float64Array(room);
  // What the stamp itself leaves open of the end of the gap; NaN = unknown.
  const width = new Float64Array(room);
  let kept = 0;
  let floorMs = LEAST_STALL_MS;

  const prune = () => {
    const lengths = to.subarray(0, kept).map((ms, i) => ms - from[i]!);
    floorMs = lengths.toSorted()[kept - MOST_KEPT]!;
    let left = 0;
    for (let i = 0; i < kept; i++) {
      if (!(lengths[i]! > floorMs)) continue;
      for (const list of [from, to, index, user, width]) list[left] = list[i]!;
      left++;
    }
    kept = left;
  };
  return {
    add(record) {
      if (record.outcome.kind !== "ok") return;
      const { tickMs, tickTokens } = record;
      let last = 0;
      for (let i = 1; i < tickMs.length; i++) {
        if (tickTokens[i] === tickTokens[last]) continue;
        const gapMs = tickMs[i]! - tickMs[last]!;
        if (gapMs > floorMs && Number.isFinite(gapMs)) {
          if (kept === room) prune();
          from[kept] = tickMs[last]!;
          to[kept] = tickMs[i]!;
          index[kept] = record.index;
          user[kept] = record.user;
          const lowMs = ownBounds(record)?.tickLowMs(i);
          width[kept] = lowMs === undefined ? NaN : tickMs[i]! - lowMs;
          kept++;
        }
        last = i;
      }
    },
    result({ itl, inFlightAt, witness }) {
      const median = itl.quantile(50);
      if (median === undefined) return NO_STALLS;
      const thresholdMs = Math.max(LEAST_STALL_MS, STALL_FACTOR * median);
      const found: number[] = [];
      for (let i = 0; i < kept; i++) if (to[i]! - from[i]! > thresholdMs) found.push(i);
      found.sort((a, b) => to[b]! - from[b]! - (to[a]! - from[a]!) || from[a]! - from[b]!);
      const starts = Float64Array.from(found, (i) => from[i]!).sort();
      const ends = Float64Array.from(found, (i) => to[i]!).sort();
      const lateAt = witnessLateness(witness);
      const causes = { client: 0, server: 0, several: 0, single: 0 };
      const worst: Stall[] = [];
      for (const i of found) {
        const [fromMs, toMs] = [from[i]!, to[i]!];
        const middleMs = (fromMs + toMs) / 2;
        const together = countUpTo(starts, middleMs) - countUpTo(ends, middleMs);
        const inFlight = Math.max(together, inFlightAt(middleMs));
        const clientLateMs = Number.isNaN(width[i]!) ? lateAt?.(fromMs, toMs) : width[i]!;
        const cause = toMs - fromMs - (clientLateMs ?? 0) <= thresholdMs
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
      const all = floorMs <= thresholdMs
        ? { count: found.length, totalMs: sumOf(found.map((i) => to[i]! - from[i]!)) }
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
