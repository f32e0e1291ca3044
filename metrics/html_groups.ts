/**
 * Groups of a load on the page: a table for each way to tell requests apart, and charts of those that
 * have an order.
 *
 * @module
 */
import { groupChart, type GroupSeries } from "./chart_groups.ts";
import { formatCount, formatNumber, formatPercentile, formatShare } from "./format.ts";
import { doubtOf, percentileCell } from "./html_bracket.ts";
import { type HtmlColumn, htmlTable, left, right } from "./html_table.ts";
import { metricOf } from "./load_figures.ts";
import type { Grouping, GroupSummary } from "./load_groups.ts";
import type { LoadSummary } from "./load_summary.ts";
import { type HtmlValue, type Markup, markup } from "./markup.ts";

/** What a section of groups needs besides the load. */
export interface GroupPlace {
  /** HTML id of the load's section. */
  readonly id: string;
  /** Percentiles that the page shows first. */
  readonly percentiles: readonly number[];
}

/** Latencies with charts, those of a table besides. */
const CHARTED = ["ttft", "e2e"] as const;
const TABLED = ["ttft", "tpot", "e2e"] as const;

/** Headings, charts and tables of all groupings; nothing for a load without groups. */
export function groupSections({ groups }: LoadSummary, place: GroupPlace): Markup {
  return markup`${groups.map((grouping) => groupSection(grouping, place))}`;
}

function groupSection(grouping: Grouping, place: GroupPlace): Markup {
  const { by, title } = grouping;
  const charts = by === "turn" || by === "prompt"
    ? CHARTED.map((name) => latencyChart(grouping, name, place))
    : by === "stage"
    ? [rateChart(grouping, place), latencyChart(grouping, "ttft", place)]
    : [];
  return markup`<h3>By ${title.toLowerCase()}</h3>
${
    charts.length > 0 && markup`<div class="charts two">${charts}</div>
`
  }${groupTable(grouping, place)}`;
}

function latencyChart(
  { by, title, groups }: Grouping,
  metric: (typeof CHARTED)[number],
  { id, percentiles }: GroupPlace,
): Markup {
  const own = groups.map((group) => metricOf(group, metric));
  const name = own.find((one) => one !== undefined)?.title;
  if (name === undefined) return markup``;
  const shown = percentiles.length < 2 ? percentiles : [percentiles[0]!, tailOf(own, percentiles)];
  const series = shown.map((p): GroupSeries => ({
    name: formatPercentile(p),
    values: own.map((one) => one?.distribution.percentiles.find((it) => it.p === p)?.value),
    brackets: own.map((one) => doubtOf(one, p).client),
  }));
  const drawn = groupChart({
    id: `${id}-${by}-${metric}`,
    title: `${name} by ${title.toLowerCase()}`,
    name: title,
    figure: name,
    unit: "ms",
    groups: groups.map((group) => shortName(by, group, groups)),
    series,
  });
  return markup`<figure><figcaption><strong>${name}</strong>${
    swatches(shown.map(formatPercentile))
  }</figcaption>
${drawn}</figure>
`;
}

/** The highest that some group has enough requests for. */
function tailOf(
  metrics: readonly (ReturnType<typeof metricOf>)[],
  percentiles: readonly number[],
): number {
  const known = percentiles.slice(1).filter((p) =>
    metrics.some((one) =>
      one?.distribution.percentiles.some((it) => it.p === p && it.value !== undefined)
    )
  );
  return known.length === 0 ? percentiles[1]! : Math.max(...known);
}

function rateChart({ title, groups }: Grouping, { id }: GroupPlace): Markup {
  const series: readonly GroupSeries[] = [
    { name: "due", values: groups.map(({ rate }) => rate?.offeredPerSec) },
    { name: "sent", values: groups.map(({ rate }) => rate?.sentPerSec) },
    { name: "completed", values: groups.map(({ rate }) => rate?.completedPerSec) },
  ];
  const drawn = groupChart({
    id: `${id}-stage-rate`,
    title: "Requests per second, due, sent and completed, by stage",
    name: title,
    figure: "Requests/s",
    unit: "1",
    groups: groups.map((group) => shortName("stage", group, groups)),
    series,
  });
  return markup`<figure><figcaption><strong>Requests/s</strong>${
    swatches(series.map(({ name }) => name))
  }</figcaption>
${drawn}</figure>
`;
}

function swatches(names: readonly string[]): readonly Markup[] {
  return names.map((name, rank) =>
    markup` <span><svg width="30" height="10" aria-hidden="true">
<path class="curve rank${rank}" d="M0 5H30"/><circle class="dot rank${rank}" cx="15" cy="5" r="3"/>
</svg> ${name}</span>`
  );
}

/** Below a chart there is no room for what a stage is. */
function shortName(
  by: Grouping["by"],
  group: GroupSummary,
  groups: readonly GroupSummary[],
): string {
  return by === "stage" ? String(groups.indexOf(group) + 1) : group.name;
}

function groupTable({ title, groups }: Grouping, { percentiles }: GroupPlace): Markup {
  const some = (has: (group: GroupSummary) => unknown) => groups.some(has);
  const columns: HtmlColumn[] = [left(title)];
  const cells: ((group: GroupSummary) => HtmlValue)[] = [({ name }) => name];
  const add = (column: HtmlColumn, cell: (group: GroupSummary) => HtmlValue) => {
    columns.push(column);
    cells.push(cell);
  };
  add(right("ok", "Requests"), ({ counts }) => formatCount(counts.completed));
  add(
    right("failed", "Requests"),
    ({ counts }) =>
      counts.failed > 0 ? markup`<b class="bad">${formatCount(counts.failed)}</b>` : "0",
  );
  if (some(({ counts }) => counts.cancelledAsPlanned > 0)) {
    add(right("left", "Requests"), ({ counts }) => formatCount(counts.cancelledAsPlanned));
  }
  if (some(({ counts }) => counts.dropped > 0)) {
    add(right("never sent", "Requests"), ({ counts }) => formatCount(counts.dropped));
  }
  if (some(({ rate }) => rate)) {
    add(right("planned", "Requests/s"), ({ rate }) => formatNumber(rate?.plannedPerSec));
    add(right("due", "Requests/s"), ({ rate }) => formatNumber(rate?.offeredPerSec));
    add(right("sent", "Requests/s"), ({ rate }) => formatNumber(rate?.sentPerSec));
    add(right("completed", "Requests/s"), ({ rate }) => formatNumber(rate?.completedPerSec));
  }
  for (const name of TABLED) {
    const metric = groups.map((group) => metricOf(group, name)).find((one) => one !== undefined);
    if (metric === undefined) continue;
    for (const p of percentiles) {
      add(
        right(formatPercentile(p), metric.title),
        (group) => percentileCell(metricOf(group, name), p),
      );
    }
  }
  add(right("out", "Tokens/s"), ({ throughput }) => formatNumber(throughput.outputTokensPerSec));
  add(
    right("in + out", "Tokens/s"),
    ({ throughput }) => formatNumber(throughput.totalTokensPerSec),
  );
  if (some(({ slo }) => slo)) {
    add(right("req/s", "Goodput"), ({ slo }) => formatNumber(slo?.goodput));
    add(right("met", "Goodput"), ({ slo }) => formatShare(slo?.attainment));
  }
  if (some(({ prefix }) => prefix)) {
    add(right("expected", "Cached"), ({ prefix }) => formatShare(prefix?.expected.share));
    add(right("measured", "Cached"), ({ prefix }) => formatShare(prefix?.measured.share));
  }
  return htmlTable({
    caption: `Figures by ${title.toLowerCase()}`,
    hideCaption: true,
    dense: true,
    columns,
    rows: groups.map((group) => cells.map((cell) => cell(group))),
  });
}
