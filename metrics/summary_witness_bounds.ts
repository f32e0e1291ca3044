/**
 * What the stamps of a client leave open whose transport cannot say it: as much as streams of known
 * timing were late that went the same way at about the same time.
 *
 * @module
 */
import type { Metric } from "./metric.ts";
import { type BoundsOf, ownBounds } from "./record_bounds.ts";
import type { LoadEnd } from "./run.ts";
import type { Witness } from "./run_client.ts";

/**
 * The latest of so many ticks is exceeded by one in a hundred. Fewer would make the brackets of a p99
 * too narrow, and more would let one bad moment widen the whole load.
 */
const NEAREST_TICKS = 100;

/** The head of an answer that takes at most this share of TTFT was sent before the first token. */
const EARLY_HEAD_SHARE = 0.5;

/**
 * As wide as the latest of the nearest ticks of the witness was late; absent where it saw none. The
 * first and the last tokens of many requests come in bursts, which two streams may miss: they are as
 * wide as the latest of all. Where a record knows its own bounds, these hold. A request had left before
 * the head of its answer came: where the server sends that at once, nothing else is needed.
 */
export function witnessBounds(witness: Witness): BoundsOf | undefined {
  const { windowMs, readLateMaxMs, departLateMaxMs, readLate, departLate, ticks } = witness;
  const perWindow = ticks / Math.max(1, readLateMaxMs.length);
  const around = Math.max(1, Math.ceil((NEAREST_TICKS / perWindow - 1) / 2));
  const reads = latenessOver(windowMs, readLateMaxMs, { overallMs: readLate.maxMs, around });
  // There are too few of them to tell one moment from another.
  const departures = latenessOver(windowMs, departLateMaxMs, {
    overallMs: departLate.maxMs,
    around: Infinity,
  });
  if (reads === undefined || departures === undefined) return undefined;
  return (record) => {
    const { sentMs, firstByteMs = Infinity, tickMs } = record;
    if (sentMs === undefined || tickMs.length === 0) return undefined;
    return ownBounds(record) ?? {
      departedMs: firstByteMs - sentMs <= EARLY_HEAD_SHARE * (tickMs[0]! - sentMs)
        ? firstByteMs
        : Math.min(sentMs + departures(sentMs), firstByteMs, tickMs[0]!),
      tickLowMs: (tick) => {
        const atMs = tickMs[tick]!;
        const lateMs = reads(atMs);
        const atEdge = tick === 0 || tick === tickMs.length - 1;
        return atMs - (atEdge ? Math.max(lateMs, readLate.maxMs ?? 0) : lateMs);
      },
    };
  };
}

/**
 * The witness of a load, at least as late as the reading thread's own timers were at p99, beyond what
 * timers always are: its few streams may have missed the moments when that thread was busiest.
 */
export function withStall(
  { witness, client }: Pick<LoadEnd, "witness" | "client">,
): Witness | undefined {
  // Without windows that lateness would count for every token.
  if (witness?.readLate.maxMs === undefined || witness.readLateMaxMs.length === 0) return witness;
  const { loopLagP50Ms = 0, loopLagP99Ms = 0 } = client ?? {};
  const maxMs = Math.max(witness.readLate.maxMs, loopLagP99Ms - loopLagP50Ms);
  return { ...witness, readLate: { ...witness.readLate, maxMs } };
}

/** The share that may be later than a quantile of the witness: two and three times its own. */
const QUANTILES = [
  { name: "p90Ms", outside: 0.2, gapsOnly: false },
  // Of first and last tokens, those that come in bursts may be more.
  { name: "p99Ms", outside: 0.03, gapsOnly: true },
] as const;

/**
 * What holds for most reads: about as many of the load's are later as of the witness' were, and room
 * for chance. The latest of all says much about the tail and nothing about the median.
 */
export function mostBounds(
  { readLate }: Witness,
  per: Metric["per"],
  boundsOf: BoundsOf,
): readonly { readonly outside: number; readonly boundsOf: BoundsOf }[] {
  return QUANTILES.flatMap(({ name, outside, gapsOnly }) => {
    const lateMs = readLate[name];
    if (lateMs === undefined || gapsOnly && per !== "gap") return [];
    const capped: BoundsOf = (record) => {
      const bounds = boundsOf(record);
      return bounds && {
        departedMs: bounds.departedMs,
        tickLowMs: (tick) => Math.max(bounds.tickLowMs(tick), record.tickMs[tick]! - lateMs),
      };
    };
    return [{ outside, boundsOf: capped }];
  });
}

/**
 * The largest lateness in so many windows on either side, and in those before as far back as the
 * lateness itself reaches.
 */
function latenessOver(
  windowMs: number,
  windows: readonly (number | null)[],
  { overallMs, around }: { readonly overallMs: number | undefined; readonly around: number },
): ((atMs: number) => number) | undefined {
  const seen = fillGaps(windows);
  if (seen === undefined || !(windowMs > 0)) {
    return overallMs === undefined ? undefined : () => Math.max(0, overallMs);
  }
  const last = seen.length - 1;
  const nearby = Float64Array.from(seen, (_, window) => {
    let first = Math.max(0, window - around);
    let most = 0;
    for (let i = Math.min(last, window + around); i >= first; i--) {
      most = Math.max(most, seen[i]!);
      const reached = Math.floor((window * windowMs - most) / windowMs);
      first = Math.max(0, Math.min(first, reached));
    }
    return most;
  });
  return (atMs) => nearby[Math.min(last, Math.max(0, Math.floor(atMs / windowMs)))]!;
}

/** Windows without a value get that of the nearest ones; absent where all are. */
function fillGaps(windows: readonly (number | null)[]): Float64Array | undefined {
  const known = windows.flatMap((ms, i) => ms === null ? [] : [i]);
  if (known.length === 0) return undefined;
  let next = 0;
  return Float64Array.from(windows, (ms, i) => {
    if (ms !== null) return ms;
    while (next < known.length && known[next]! < i) next++;
    const [before, after] = [known[next - 1] ?? -Infinity, known[next] ?? Infinity];
    const nearest = Math.min(i - before, after - i);
    return Math.max(
      i - before === nearest ? windows[before]! : -Infinity,
      after - i === nearest ? windows[after]! : -Infinity,
    );
  });
}
