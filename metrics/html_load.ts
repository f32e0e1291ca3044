/**
 * One load in detail: charts, metrics, failures, facts, checks.
 *
 * @module
 */
import { itlPerToken } from "./metric_itl_per_token.ts";
import { hasJoinedTicks } from "./summary_joined_ticks.ts";
import { approximationText } from "./summary_text.ts";
import { warnings } from "./check.ts";
import {
  formatCount,
  formatDoubted,
  formatMs,
  formatPercentile,
  formatValue,
  plural,
} from "./format.ts";
import { doubtedCell } from "./html_bracket.ts";
import { groupSections } from "./html_groups.ts";
import { lanesSection } from "./html_sessions.ts";
import { clientSection } from "./html_client.ts";
import { fleetSection } from "./html_fleet.ts";
import { stallSection } from "./html_course.ts";
import { loadState } from "./html_contents.ts";
import { type HtmlValue, type Markup, markup } from "./markup.ts";
import { badge, checkTitle, keyPercentiles, loadId } from "./html_overview.ts";
import { serverSection } from "./html_server.ts";
import { htmlTable, left, right } from "./html_table.ts";
import { percentileDoubt } from "./load_figures.ts";
import type { LoadSummary } from "./load_summary.ts";
import type { Summary } from "./summary.ts";
import { requestQuotas, requestSection } from "./html_requests.ts";
import { distributions, noteUnder, overTime, type Place, timeline } from "./html_load_charts.ts";
import { facts } from "./html_load_facts.ts";

/** More loads than this are folded. */
const LOADS_OPEN = 4;

/** With more loads than this, paper has the line of each load and no more. */
const LOADS_PRINTED = 16;

/** More loads than this have tables and no charts, so that the page stays small and opens fast. */
const LOADS_DRAWN = 40;

/** More loads than this have failures and warnings only. */
const LOADS_LISTED = 200;

/** Sections of all loads. */
export function loadSections(summary: Summary): Markup {
  const { loads } = summary;
  if (loads.length === 0) return markup``;
  const quotas = requestQuotas(loads);
  const sections = loads.map((load, i) => {
    const place = { summary, position: i };
    return loadSection(load, place, [
      loads.length <= LOADS_DRAWN && charts(load, place),
      loads.length <= LOADS_LISTED
        ? tables(load, place, quotas[i]!)
        : load.failures.length > 0 && failureTable(load),
    ]);
  });
  const missing = loads.length > LOADS_LISTED
    ? "Charts and tables"
    : loads.length > LOADS_DRAWN
    ? "Charts"
    : undefined;
  const note = missing !== undefined &&
    markup`<p class="note">${missing} of each load are left out, since a page with ${
      plural(loads.length, "load")
    } would not open in a browser; the JSON report has their numbers.</p>
`;
  const kind = loads.length === 1 ? "single" : loads.length > LOADS_PRINTED ? "crowd" : "several";
  return markup`${note}<div class="${kind}">${sections}</div>
`;
}

function loadSection(load: LoadSummary, { summary, position }: Place, parts: HtmlValue): Markup {
  const { loads } = summary;
  const found = warnings(load.checks);
  const badges = [
    load.interrupted && badge("interrupted"),
    load.serverLost !== undefined && badge("server lost"),
    load.fleet?.asAsked === false && badge("not as asked"),
    !load.complete && badge("incomplete record"),
    found.length > 0 && badge(plural(found.length, "warning")),
  ];
  const open = loads.length <= LOADS_OPEN && markup` open`;
  const names = [...new Set(found.map(({ name }) => checkTitle(name)))].join(", ");
  const named = names !== "" && loads.length > 1 &&
    markup`<p class="note"><a href="#warnings">${
      found.length === 1 ? "Warning" : "Warnings"
    }</a>: ${names}</p>
`;
  const { tone, sign, text } = loadState(load);
  return markup`<details class="load" id="${loadId(position)}"${open}>
<summary><b class="state ${tone}" role="img" aria-label="${text}">${sign}</b> <h2>${load.label}</h2>${badges} <span class="sum">${
    outcomeText(load)
  }</span></summary>
${named}${parts}</details>
`;
}

function charts(load: LoadSummary, place: Place): HtmlValue {
  const id = loadId(place.position);
  return [
    block("distributions", distributions(load, place)),
    block(
      "screen",
      load.lanes === undefined
        ? timeline(load, place)
        : lanesSection(load, { id, loads: place.summary.loads.length }),
    ),
    block("course", overTime(load, place)),
    block("screen", serverSection(load, { id })),
    block("screen", stallSection(load)),
  ];
}

function tables(load: LoadSummary, { summary, position }: Place, requests: number): HtmlValue {
  const failures = failureTable(load);
  const none = load.failures.length === 0;
  const groups = groupSections(load, {
    id: loadId(position),
    percentiles: keyPercentiles(summary),
  });
  return [
    block("screen", [
      metricTable(load),
      groups,
      fleetSection(load, { id: loadId(position), loads: summary.loads.length }),
      clientSection(load),
    ]),
    !none && block("failures", failures),
    block("screen", [
      none && failures,
      requestSection(load, requests),
      facts(load, summary.header),
      checkList(load),
    ]),
  ];
}

/** Parts that print alike: `screen` is left out on paper where a run has several loads. */
function block(
  name: "distributions" | "course" | "failures" | "screen",
  content: HtmlValue,
): Markup {
  return markup`<div class="${name}">${content}</div>
`;
}

function outcomeText({ counts, durationMs }: LoadSummary): string {
  return [
    `${formatCount(counts.completed)} of ${plural(counts.offered, "request")} completed`,
    ...(counts.failed > 0 ? [`${formatCount(counts.failed)} failed`] : []),
    ...(counts.empty > 0 ? [`of these ${plural(counts.empty, "empty answer")}`] : []),
    ...(counts.cancelled > 0 ? [`${formatCount(counts.cancelled)} cancelled`] : []),
    ...(counts.cancelledAsPlanned > 0
      ? [`${formatCount(counts.cancelledAsPlanned)} cancelled as planned`]
      : []),
    ...(counts.dropped > 0 ? [`${formatCount(counts.dropped)} dropped`] : []),
    `in ${formatMs(durationMs)}`,
  ].join(", ");
}

function metricTable(load: LoadSummary): Markup {
  const metrics = load.metrics.filter(({ name }) =>
    name !== itlPerToken.name || hasJoinedTicks(load)
  );
  const percentiles = metrics[0]?.distribution.percentiles ?? [];
  const table = htmlTable({
    caption: "Every metric over the completed requests",
    hideCaption: true,
    columns: [
      left("Metric"),
      ...["mean", "std", "min"].map((name) => right(name)),
      ...percentiles.map(({ p }) => right(formatPercentile(p))),
      right("max"),
      right("values"),
    ],
    rows: metrics.map(({ title, unit, distribution, brackets, intervals }) => [
      title,
      doubtedCell(
        formatDoubted(
          distribution.mean,
          { client: brackets?.mean, sampling: intervals?.mean },
          unit,
        ),
      ),
      ...[distribution.std, distribution.min].map((value) => formatValue(value, unit)),
      ...distribution.percentiles.map(({ value }, i) =>
        doubtedCell(formatDoubted(value, percentileDoubt({ brackets, intervals }, i), unit))
      ),
      formatValue(distribution.max, unit),
      formatCount(distribution.count),
    ]),
  });
  const near = approximationText(load);
  return markup`<h3>All metrics</h3>
${table}${
    near && markup`<p class="note">Accuracy: ${near}</p>
`
  }`;
}

function failureTable({ failures, counts }: LoadSummary): Markup {
  if (failures.length === 0) return noteUnder("Failures", "No request failed");
  const table = htmlTable({
    caption: `${plural(counts.failed, "request")} failed`,
    hideCaption: true,
    columns: [
      left("Cause"),
      right("requests"),
      left("most frequent messages"),
    ],
    rows: failures.map(({ kind, count, messages }) => [
      markup`<b class="bad">${kind}</b>`,
      formatCount(count),
      messages.map(({ message, count }) =>
        markup`<p class="message"><bdi>${message}</bdi> <span>(${formatCount(count)})</span></p>`
      ),
    ]),
  });
  return markup`<h3>Failures</h3>
${table}`;
}

function checkList({ checks }: LoadSummary): Markup {
  const items = checks.map(({ name, ok, message }) =>
    markup`<li class="${ok ? "passed" : "found"}"><b>${ok ? "✓" : "!"} ${
      checkTitle(name)
    }</b> ${message}</li>
`
  );
  return markup`<details class="checks">
<summary>${plural(checks.length, "check")} of this load</summary>
<ul>${items}</ul>
</details>
`;
}
