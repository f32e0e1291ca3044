/**
 * One load in detail: charts, metrics, failures, facts, checks.
 *
 * @module
 */
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

/** More loads than this are folded: the page stays small. */
const LOADS_OPEN = 4;

/** Sections of all loads. */
export function loadSections(summary: Summary): Markup {
  const quotas = requestQuotas(summary.loads);
  if (summary.loads.length === 0) return markup``;
  const sections = summary.loads.map((load, i) =>
    loadSection(load, { summary, position: i }, quotas[i]!)
  );
  return markup`<div class="${sections.length > 1 ? "several" : "single"}">${sections}</div>
`;
}

function loadSection(load: LoadSummary, place: Place, requests: number): Markup {
  const { loads } = place.summary;
  const found = warnings(load.checks);
  const badges = [
    load.interrupted && badge("interrupted"),
    load.serverLost !== undefined && badge("server lost"),
    !load.complete && badge("incomplete record"),
    found.length > 0 && badge(plural(found.length, "warning")),
  ];
  const open = loads.length <= LOADS_OPEN && markup` open`;
  const names = [...new Set(found.map(({ name }) => checkTitle(name)))].join(", ");
  const parts = [
    names !== "" && loads.length > 1 &&
    markup`<p class="note"><a href="#warnings">${
      found.length === 1 ? "Warning" : "Warnings"
    }</a>: ${names}</p>
`,
    block("distributions", distributions(load, place)),
    block(
      "screen",
      load.lanes === undefined
        ? timeline(load, place)
        : lanesSection(load, { id: loadId(place.position), loads: loads.length }),
    ),
    block("course", overTime(load, place)),
    serverSection(load, { id: loadId(place.position) }),
    block(
      "screen",
      [
        stallSection(load),
        metricTable(load),
        groupSections(load, {
          id: loadId(place.position),
          percentiles: keyPercentiles(place.summary),
        }),
        clientSection(load),
      ],
    ),
    load.failures.length > 0 && failureTable(load),
    block(
      "screen",
      [
        load.failures.length === 0 && failureTable(load),
        requestSection(load, requests),
        facts(load, place.summary.header),
        checkList(load),
      ],
    ),
  ];
  const { tone, sign, text } = loadState(load);
  return markup`<details class="load" id="${loadId(place.position)}"${open}>
<summary><b class="state ${tone}" role="img" aria-label="${text}">${sign}</b> <h2>${load.label}</h2>${badges} <span class="sum">${
    outcomeText(load)
  }</span></summary>
${parts}</details>
`;
}

/** Parts that print alike: `screen` is left out on paper where a run has several loads. */
function block(name: "distributions" | "course" | "screen", content: HtmlValue): Markup {
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
  const { metrics } = load;
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
