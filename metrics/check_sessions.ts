/**
 * Checks of sessions and recorded traffic: whether the run measured what the recording holds.
 *
 * @module
 */
import type { Finding } from "./check.ts";
import { formatCount, formatShare, plural } from "./format.ts";
import type { LoadSummary } from "./load_summary.ts";
import type { RunHeader } from "./run.ts";

/** With more requests than this left out, the rest is another workload. */
export const OVERFLOW_SHARE = 0.01;

/** Shares of cached tokens that differ by more than this are not the same: templates and block sizes differ. */
const SHARE_POINTS = 0.05 + 1e-9;

/** Requests that did not fit into the server's context. */
export function checkContext(
  { contextTooLong, sessions }: Pick<LoadSummary, "contextTooLong" | "sessions">,
): Finding | undefined {
  if (contextTooLong === undefined) return undefined;
  const { requests, share = 0 } = contextTooLong;
  const kept = sessions === undefined || sessions.turnsNotSent === 0
    ? ""
    : `; with failures and the end of the load they kept ${
      plural(sessions.turnsNotSent, "request")
    } from being sent`;
  const found = `${plural(requests, "request")} (${
    formatShare(share)
  } of those sent) did not fit into the server's context${kept}`;
  if (share <= OVERFLOW_SHARE) return found;
  return [
    `${found}: the run did not measure what the trace holds`,
    "leave long sessions out with --max-context TOKENS, or start the server with a longer context",
  ];
}

/** How sessions ended. */
export function checkSessions({ sessions }: Pick<LoadSummary, "sessions">): Finding | undefined {
  if (sessions === undefined) return undefined;
  const { ends: { done, failed, context, cut }, turnsNotSent } = sessions;
  const all = done + failed + context + cut;
  if (all === 0) return undefined;
  const found = `${formatCount(done)} of ${plural(all, "session")} ran to their end`;
  const early = failed + context;
  if (early > 0) {
    return [
      `${found}; ${formatCount(failed)} ended with a failed request and ${
        formatCount(context)
      } with one too long for the context, ${plural(turnsNotSent, "request")} ${
        turnsNotSent === 1 ? "was" : "were"
      } not sent`,
      "find out why before comparing: what was not sent is in no number, so the load was lighter than planned",
    ];
  }
  if (done > 0) return found;
  return [
    `No session ran to its end before the load did: there is no session time, and late turns are missing`,
    "use a longer --duration",
  ];
}

/** The share of cached tokens that was asked for, or is to be expected, beside that of the server. */
export function checkCachedShare(
  { prefix, cache }: Pick<LoadSummary, "prefix" | "cache">,
  { askedCachedShare, replay, saltScope }: RunHeader,
): Finding | undefined {
  const expected = askedCachedShare ?? prefix?.expected.share;
  if (expected === undefined) return undefined;
  const measured = askedCachedShare === undefined
    ? prefix?.measured.share
    : prefix?.measured.share ?? cache.share;
  const wanted = askedCachedShare === undefined
    ? `a perfect cache has ${formatShare(expected)} of the prompt tokens`
    : `${formatShare(expected)} of the prompt tokens were asked to be cached`;
  if (measured === undefined) return `The server does not say what it cached; ${wanted}`;
  const found = `The server took ${formatShare(measured)} from its prefix cache; ${wanted}`;
  const apart = measured - expected;
  if (Math.abs(apart) <= SHARE_POINTS) return found;
  return [
    found,
    apart > 0
      ? `the server knew prompts of before${
        saltScope === "session" ? ", such as system messages, which stand before the salt" : ""
      }: restart it, or empty its cache before the load (--reset-cache)`
      : replay?.mode === "sessions" || askedCachedShare !== undefined
      ? "its cache is too small, is off, was asked elsewhere (several replicas), or shares whole blocks, of which short prefixes have few: look at its settings and at its router"
      : "its cache is too small or off, or requests came before what they share was computed",
  ];
}

/** The prefix cache was to be emptied before the load. */
export function checkCacheReset(
  { cacheNotReset }: Pick<LoadSummary, "cacheNotReset">,
  { resetCache }: RunHeader,
): Finding | undefined {
  if (cacheNotReset !== undefined) {
    return [
      `The prefix cache was not emptied before this load: ${cacheNotReset}`,
      "its TTFT may be that of a warm cache: restart the engine, or give the right --reset-cache",
    ];
  }
  return resetCache === undefined ? undefined : "The prefix cache was emptied before the load";
}
