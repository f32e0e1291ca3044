/**
 * What the stamps of a client leave open whose transport cannot say it: as much as streams of known
 * timing were late that went the same way at the same time.
 *
 * @module
 */
import { type BoundsOf, ownBounds } from "./record_bounds.ts";
import type { Witness } from "./run.ts";

/**
 * As wide as the streams of the witness were late around that time; absent where it saw none. Where a
 * record knows its own bounds, these hold.
 */
export function witnessBounds(witness: Witness): BoundsOf | undefined {
  const { windowMs, readLateMaxMs, departLateMaxMs, readLate, departLate } = witness;
  const reads = latenessOver(windowMs, readLateMaxMs, readLate.maxMs);
  const departures = latenessOver(windowMs, departLateMaxMs, departLate.maxMs);
  if (reads === undefined || departures === undefined) return undefined;
  return (record) => {
    const { sentMs, firstByteMs = Infinity, tickMs } = record;
    if (sentMs === undefined || tickMs.length === 0) return undefined;
    return ownBounds(record) ?? {
      departedMs: Math.min(sentMs + departures(sentMs), firstByteMs, tickMs[0]!),
      tickLowMs: (tick) => tickMs[tick]! - reads(tickMs[tick]!),
    };
  };
}

/**
 * The largest lateness in the windows that an event at a time can have waited in: its own, the one
 * behind it, and those before it as far back as the lateness itself reaches.
 */
function latenessOver(
  windowMs: number,
  windows: readonly (number | null)[],
  overallMs: number | undefined,
): ((atMs: number) => number) | undefined {
  const seen = fillGaps(windows);
  if (seen === undefined || !(windowMs > 0)) {
    return overallMs === undefined ? undefined : () => Math.max(0, overallMs);
  }
  const last = seen.length - 1;
  const around = Float64Array.from(seen, (_, window) => {
    let first = Math.max(0, window - 1);
    let most = 0;
    for (let i = Math.min(last, window + 1); i >= first; i--) {
      most = Math.max(most, seen[i]!);
      const reached = Math.floor((window * windowMs - most) / windowMs);
      first = Math.max(0, Math.min(first, reached));
    }
    return most;
  });
  return (atMs) => around[Math.min(last, Math.max(0, Math.floor(atMs / windowMs)))]!;
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
