/**
 * Sessions of a load on the page: how they went, and their requests as lanes.
 *
 * @module
 */
import { LANE_MARKS, marksOf } from "./chart_lane_marks.ts";
import { drawnLanes, lanesChart, LATE_MS, slotsText } from "./chart_lanes.ts";
import {
  capitalize,
  formatCount,
  formatMs,
  formatNumber,
  formatPercentile,
  formatShare,
  plural,
} from "./format.ts";
import { factTable } from "./html_table.ts";
import type { LoadSummary } from "./load_summary.ts";
import { type HtmlValue, type Markup, markup } from "./markup.ts";
import type { RunHeader } from "./run.ts";

/** A page with many loads stays small. */
const COARSE_FROM = 4;
const COARSE_REQUESTS = 1500;

/** Lanes of a load; nothing where it has no sessions. */
export function lanesSection(
  { lanes, durationMs, sessions }: LoadSummary,
  { id, loads }: { readonly id: string; readonly loads: number },
): Markup {
  if (lanes === undefined) return markup``;
  const requests = loads > COARSE_FROM ? { requests: COARSE_REQUESTS } : {};
  const shown = drawnLanes(lanes, requests.requests);
  const found = marksOf(shown);
  const early = shown.flatMap(({ sessions }) => sessions)
    .filter(({ end }) => end === "failed" || end === "context").length;
  const { failed = 0, context = 0 } = sessions?.ends ?? {};
  // What a reader looks for first.
  const hidden = failed + context - early;
  const swatch = (kind: string, width: number) =>
    markup`<svg width="22" height="10" aria-hidden="true"><path class="${kind}" stroke-width="${width}" d="M0 5H22"/></svg>`;
  const marks = LANE_MARKS.filter(({ kind }) => found.has(kind)).map(({ kind, mark, name }) =>
    markup`<span><b class="${kind}">${mark}</b> ${name}</span>`
  );
  return markup`<h3>Sessions in their slots</h3>
<p class="legend"><span>${swatch("delay", 1)} pause</span>
<span>${swatch("late", 7)} left more than ${LATE_MS} ms late</span>
<span>${swatch("prefill", 3)} sent, no token yet</span>
<span>${swatch("decode", 7)} first to last token</span>
<span><svg width="10" height="12" aria-hidden="true"><path class="session" d="M5 0V12"/></svg> a session begins</span>${marks}</p>
<figure>${lanesChart({ id: `${id}-lanes`, lanes, durationMs, ...requests })}</figure>
<p class="note">${
    capitalize(slotsText(lanes, shown.length))
  }; sub-agents and helpers below their agent.${
    hidden > 0 &&
    ` ${plural(hidden, "session")} that ended early ${
      hidden === 1 ? "is" : "are"
    } in slots that are not drawn.`
  }</p>
`;
}

/** How the sessions of a load went, and what of their prompts was cached. */
export function sessionTable(load: LoadSummary, header: RunHeader): Markup {
  const { sessions, contextTooLong, prefix, cache } = load;
  const { replay, askedCachedShare } = header;
  const rows: [string, HtmlValue][] = [];
  if (sessions !== undefined) {
    const { ends, time } = sessions;
    rows.push(
      ["Sessions done", formatCount(ends.done)],
      ["Ended by a failed request", formatCount(ends.failed)],
      ["Ended by a context too long", formatCount(ends.context)],
      ["Cut by the end of the load", formatCount(ends.cut)],
      ["Sessions/h", formatNumber(sessions.perHour)],
      ["Turns/s", formatNumber(sessions.turnsPerSec)],
      ["Session time, mean", formatMs(time.mean)],
      ...time.percentiles.map(({ p, value }): [string, string] => [
        `Session time, ${formatPercentile(p)}`,
        formatMs(value),
      ]),
      ["Turns not sent", formatCount(sessions.turnsNotSent)],
    );
    if (sessions.turnsLeftOut > 0) {
      rows.push(["Turns before the drawn start", formatCount(sessions.turnsLeftOut)]);
    }
  }
  if (contextTooLong !== undefined) {
    rows.push([
      "Requests too long for the context",
      `${formatCount(contextTooLong.requests)} (${formatShare(contextTooLong.share)})`,
    ]);
  }
  if (askedCachedShare !== undefined) {
    rows.push(["Cached share, asked", formatShare(askedCachedShare)]);
  }
  if (prefix !== undefined) {
    const { expected } = prefix;
    rows.push(
      ["Cached share, perfect cache", formatShare(expected.share)],
      ["Prompt tokens without the template", formatCount(expected.contentTokens)],
      ["Of these, new", formatCount(expected.newTokens)],
    );
  }
  if (prefix !== undefined || askedCachedShare !== undefined) {
    const share = prefix === undefined ? cache.share : prefix.measured.share;
    rows.push([
      "Cached share, by the server",
      share === undefined ? "not reported by the engine" : formatShare(share),
    ]);
  }
  if (replay?.expectedShare !== undefined) {
    rows.push(["Cached share in the file's order", formatShare(replay.expectedShare)]);
  }
  return rows.length === 0 ? markup`` : factTable("Sessions and prefixes", rows);
}
