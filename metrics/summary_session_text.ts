/**
 * Sessions, shared prefixes, and a replay in words, the same in the terminal and on the page.
 *
 * @module
 */
import {
  formatCount,
  formatMs,
  formatNumber,
  formatPercentile,
  formatShare,
  plural,
} from "./format.ts";
import type { LoadSummary } from "./load_summary.ts";
import type { RunHeader } from "./run.ts";
import type { RunReplay } from "./run_replay.ts";

/** How sessions went; absent for a load without sessions. */
export function sessionsText({ sessions }: Pick<LoadSummary, "sessions">): string | undefined {
  if (sessions === undefined) return undefined;
  const { ends, perHour, turnsPerSec, time, turnsNotSent, turnsLeftOut } = sessions;
  const all = ends.done + ends.failed + ends.context + ends.cut;
  const some = (count: number, text: string) =>
    count === 0 ? [] : [`${formatCount(count)} ${text}`];
  const tail = time.percentiles.findLast(({ value }) => value !== undefined);
  const times = time.count === 0 ? [] : [
    `time ${formatMs(time.median)} at p50${
      tail === undefined || tail.p === 50
        ? ""
        : `, ${formatMs(tail.value)} at ${formatPercentile(tail.p)}`
    }`,
  ];
  return [
    [
      `${formatCount(ends.done)} of ${formatCount(all)} done`,
      ...some(ends.failed, "failed"),
      ...some(ends.context, "too long for the context"),
      ...some(ends.cut, "cut by the end of the load"),
    ].join(", "),
    `${formatNumber(perHour)} sessions/h, ${formatNumber(turnsPerSec)} turns/s`,
    ...times,
    ...(turnsNotSent === 0 ? [] : [`${plural(turnsNotSent, "turn")} not sent`]),
    ...(turnsLeftOut === 0 ? [] : [`${plural(turnsLeftOut, "turn")} before the drawn start`]),
  ].join("; ");
}

/** What a prefix cache was expected to have, and what the server says; absent where nothing is expected. */
export function prefixText(
  { prefix, cache }: Pick<LoadSummary, "prefix" | "cache">,
  { replay, askedCachedShare }: Pick<RunHeader, "replay" | "askedCachedShare">,
): string | undefined {
  if (prefix === undefined && askedCachedShare === undefined) return undefined;
  const share = prefix?.measured.share ?? (prefix === undefined ? cache.share : undefined);
  return [
    ...(askedCachedShare === undefined ? [] : [`${formatShare(askedCachedShare)} asked`]),
    ...(prefix === undefined ? [] : [
      `a perfect cache has ${formatShare(prefix.expected.share)} of ${
        plural(prefix.expected.contentTokens ?? 0, "token")
      } (${formatCount(prefix.expected.newTokens)} new)`,
    ]),
    share === undefined
      ? "the server does not say what it had"
      : `the server had ${formatShare(share)}`,
    ...(replay?.expectedShare === undefined
      ? []
      : [`in the order of the file ${formatShare(replay.expectedShare)}`]),
  ].join(", ");
}

/** How recorded traffic is sent: `weka sessions: 11 with 470 turns, recorded history, …`. */
export function replayText(
  { format, mode, sessions, turns, speedup, idleCapMs, history, ...rest }: RunReplay,
): string {
  const { blockTokens, sessionStart } = rest;
  return [
    mode === "sessions"
      ? `${format}: ${plural(sessions, "session")} with ${plural(turns, "turn")}`
      : `${format}: ${plural(turns, "request")} as recorded${
        speedup === undefined || speedup === 1 ? "" : `, ${formatNumber(speedup)} times as fast`
      }`,
    `${history} history`,
    ...(mode === "sessions"
      ? [idleCapMs === undefined ? "no idle cap" : `idle at most ${formatMs(idleCapMs)}`]
      : []),
    ...(blockTokens === undefined || blockTokens === 0
      ? []
      : [`blocks of ${plural(blockTokens, "token")}`]),
    ...(sessionStart === undefined || sessionStart === 0
      ? []
      : [`starts drawn from the first ${formatShare(sessionStart)} of each record`]),
  ].join(", ");
}

/** What the salt is renewed for: `a salt per session`. */
export function saltText({ saltScope }: Pick<RunHeader, "saltScope">): string {
  if (saltScope === undefined) return "salt unknown";
  return saltScope === "none" ? "no salt" : `a salt per ${saltScope}`;
}
