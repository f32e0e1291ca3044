/**
 * Top of the page: what was measured, what the checks found, the key numbers, the load curve.
 *
 * @module
 */
import { curveChart, type CurvePoint } from "./chart_curve.ts";
import { type Check, warnings } from "./check.ts";
import {
  capitalize,
  formatCount,
  formatMs,
  formatNumber,
  formatPercentile,
  formatShare,
  NOT_AVAILABLE,
  plural,
} from "./format.ts";
import {
  barePercentileCell,
  bareRateCell,
  doubtNotes,
  doubtOf,
  goodCells,
  percentileCell,
  rateCell,
} from "./html_bracket.ts";
import { whiskerLegend } from "./chart_whisker.ts";
import { verdictBadge } from "./html_client.ts";
import { numberCard } from "./html_page.ts";
import { type HtmlValue, type Markup, markup } from "./markup.ts";
import { speedCards } from "./html_speed.ts";
import { type HtmlColumn, htmlTable, left, right } from "./html_table.ts";
import { metricOf, type MetricSummary } from "./load_figures.ts";
import type { LoadSummary, SloSummary } from "./load_summary.ts";
import { KEY_METRICS } from "./metrics.ts";
import { mergedText } from "./merged_clients.ts";
import { sidesText } from "./summary_repeats_text.ts";
import type { Summary } from "./summary.ts";
import { calledText, limitResultText } from "./summary_text.ts";

/** Warnings of one kind that are shown; the rest is folded. */
const WARNINGS_SHOWN = 3;

/** Loads that a note names; the rest is counted. */
const LOADS_NAMED = 4;

/** Percentiles for the key numbers: 50, 90 and 99 where requested, else the first three. */
export function keyPercentiles({ percentiles }: Pick<Summary, "percentiles">): readonly number[] {
  const usual = percentiles.filter((p) => [50, 90, 99].includes(p));
  return usual.length > 0 ? usual : percentiles.slice(0, 3);
}

/** HTML id of a load's section. */
export function loadId(load: number): string {
  return `load-${load + 1}`;
}

/** Name of the same metric from the intended time, where there is one. */
function intendedName(name: string): string {
  return `${name}_intended`;
}

/** Value of one percentile; absent also when not requested. */
export function percentileOf(metric: MetricSummary | undefined, p: number): number | undefined {
  return metric?.distribution.percentiles.find((one) => one.p === p)?.value;
}

/** Model, engine, date, dataset, lengths. */
export function titleBlock({ header, loads }: Summary): Markup {
  const { version, scenario, model, url, protocol, startedAt, dataset, length } = header;
  const called = calledText(header);
  const badges = [
    loads.some(({ interrupted }) => interrupted) && badge("interrupted"),
    loads.some(({ serverLost }) => serverLost !== undefined) && badge("server lost"),
    loads.some(({ complete }) => !complete) && badge("incomplete record"),
  ];
  return markup`<header>
<p class="brand">Tokometer ${version} · ${scenario}</p>
<h1><bdi>${model === "" ? "Unnamed model" : model}</bdi>${badges}</h1>
<p class="what"><span>${url}</span><span>${protocol}</span>
<time datetime="${startedAt}">${readableTime(startedAt)}</time>
<span>${dataset.kind}, ${plural(dataset.prompts, "prompt")}</span>
<span>${length === "forced" ? "forced" : "capped"} lengths</span></p>
${
    called !== undefined && markup`<p class="what"><span><bdi>${called}</bdi></span></p>
`
  }${
    header.sides && markup`<p class="what"><span>${sidesText(header)}</span></p>
`
  }${
    header.merged && markup`<p class="what"><span>${mergedText(header.merged)}</span></p>
`
  }</header>
`;
}

/** A remark beside a heading. */
export function badge(text: string): Markup {
  return markup` <span class="badge warn">${text}</span>`;
}

/** What the checks found, grouped by question. */
export function verdictBlock({ loads, checks }: Summary): Markup {
  const groups = new Map<string, { readonly load: number | undefined; readonly check: Check }[]>();
  const collect = (list: readonly Check[], load: number | undefined) => {
    for (const check of warnings(list)) {
      groups.set(check.name, [...(groups.get(check.name) ?? []), { load, check }]);
    }
  };
  for (const [load, { checks }] of loads.entries()) collect(checks, load);
  collect(checks, undefined);
  const asked = loads.reduce((sum, load) => sum + load.checks.length, checks.length);
  const found = [...groups.values()].reduce((sum, group) => sum + group.length, 0);
  if (found === 0) {
    return markup`<section class="verdict clear" aria-label="Verdict">
<h2><span class="sign" aria-hidden="true">✓</span> All ${plural(asked, "check")} passed</h2>
</section>
`;
  }
  const line = ({ load, check: { message } }: { load: number | undefined; check: Check }) =>
    load === undefined || loads.length < 2
      ? markup`<p>${message}</p>`
      : markup`<p><a href="#${loadId(load)}">${loads[load]!.label}</a>: ${message}</p>`;
  const entries = [...groups].map(([name, group]) => {
    const lines = group.map(line);
    const [shown, folded] = [lines.slice(0, WARNINGS_SHOWN), lines.slice(WARNINGS_SHOWN)];
    const more = folded.length > 0 &&
      markup`<details><summary>and ${
        plural(folded.length, "more load")
      }</summary>${folded}</details>`;
    const advice = new Set(group.flatMap(({ check }) => check.advice ?? []));
    const hints = [...advice].map((text) => markup`<p class="advice">${capitalize(text)}</p>`);
    return markup`<dt>${checkTitle(name)}</dt>
<dd>${shown}${more}${hints}</dd>
`;
  });
  const summary = `${plural(found, "warning")} from ${plural(asked, "check")}`;
  return markup`<section class="verdict doubt" aria-label="Verdict">
<h2><span class="sign" aria-hidden="true">!</span> Read before using the numbers: ${summary}</h2>
<dl>${entries}</dl>
</section>
`;
}

/** `offered_rate` as `Offered rate`. */
export function checkTitle(name: string): string {
  return capitalize(name.replaceAll("_", " "));
}

/** Cards for one load, one row per load for several. */
export function keyNumbers(summary: Summary): Markup {
  const { loads } = summary;
  const numbers = loads.length === 0
    ? markup`<p class="note">No load was run</p>`
    : loads.length === 1
    ? loadCards(loads[0]!, summary)
    : loadsTable(summary);
  return markup`<section>
<h2>Key numbers</h2>
${numbers}</section>
`;
}

function loadCards(load: LoadSummary, summary: Summary): Markup {
  const { counts, throughput: { run, steady }, slo } = load;
  const { header } = summary;
  const rate = rateCell;
  const card = numberCard;
  const limitCard = (limits: LoadSummary["limits"]) => {
    const kept = limits.filter((limit) => limit.kept).length;
    const lines = limits.map((limit) =>
      limit.kept ? limitResultText(limit) : markup`<b class="bad">${limitResultText(limit)}</b>`
    );
    return card("Limits", `${formatCount(kept)} of ${formatCount(limits.length)} kept`, lines);
  };
  const goodCard = (slo: SloSummary) => {
    const [goodput, attainment] = goodCells(slo).named;
    return card("Goodput", goodput, [
      markup`${attainment} of offered requests met every limit`,
    ]);
  };
  const [first, ...rest] = keyPercentiles(summary);
  const metricCards = KEY_METRICS.map((name) => {
    const metric = metricOf(load, name);
    if (metric === undefined || first === undefined) return undefined;
    const at = (metric: MetricSummary, p: number) =>
      markup`${formatPercentile(p)} ${percentileCell(metric, p)}`;
    const line = (metric: MetricSummary, list: readonly number[]) =>
      list.map((p, i) => markup`${i > 0 && " · "}${at(metric, p)}`);
    const intended = metricOf(load, intendedName(name));
    return card(
      `${metric.title} ${formatPercentile(first)}`,
      percentileCell(metric, first),
      [
        // With what is open, one line would be too long.
        ...(metric.brackets === undefined && metric.intervals === undefined
          ? [line(metric, rest)]
          : rest.map((p) => at(metric, p))),
        ...(intended === undefined
          ? []
          : [markup`from the intended time: ${line(intended, [first, ...rest])}`]),
      ],
    );
  });
  const steadyTimes = steady === undefined
    ? []
    : [`steady from ${formatMs(steady.fromMs)} to ${formatMs(steady.toMs)}`];
  const cards = [
    card("Requests", `${formatCount(counts.completed)} of ${formatCount(counts.offered)}`, [
      `completed; success ${formatShare(counts.successRate)}`,
      ...notSent(counts),
    ]),
    card("Output tokens/s", rate(run, "outputTokensPerSec"), [
      markup`whole run; steady window ${rate(steady, "outputTokensPerSec")}`,
      ...steadyTimes,
    ]),
    card("Requests/s", rate(run, "qps"), [
      markup`whole run; steady window ${rate(steady, "qps")}`,
      ...steadyTimes,
    ]),
    ...speedCards(load),
    load.limits.length > 0 && limitCard(load.limits),
    ...sessionCards(load, header).map(([title, value, notes]) => card(title, value, notes)),
    slo && goodCard(slo),
  ];
  return markup`<dl class="cards">
${cards}${metricCards}</dl>
${doubtNotes(summary)}`;
}

type Card = readonly [title: string, value: HtmlValue, notes: readonly HtmlValue[]];

/** Sessions, and the share of prompts from the prefix cache; nothing for single requests. */
function sessionCards(
  { sessions, prefix }: LoadSummary,
  { askedCachedShare, replay }: Summary["header"],
): readonly Card[] {
  const cards: Card[] = [];
  if (sessions !== undefined) {
    const { ends: { done, failed, context, cut }, perHour, turnsPerSec, time } = sessions;
    const early = failed + context;
    cards.push([
      "Sessions",
      `${formatCount(done)} of ${formatCount(done + early + cut)}`,
      [
        `done; ${formatNumber(perHour)} sessions/h, ${formatNumber(turnsPerSec)} turns/s`,
        ...(early === 0 ? [] : [markup`<b class="bad">${formatCount(early)} ended early</b>`]),
        ...(cut === 0 ? [] : [`${formatCount(cut)} cut by the end of the load`]),
        ...(time.count === 0 ? [] : [`median time ${formatMs(time.median)}`]),
      ],
    ]);
  }
  if (prefix !== undefined) {
    const { expected, measured } = prefix;
    cards.push([
      "Prompt tokens cached",
      measured.share === undefined ? NOT_AVAILABLE : formatShare(measured.share),
      [
        measured.share === undefined ? "not reported by the engine" : "by the server",
        `a perfect cache has ${formatShare(expected.share)}`,
        ...(askedCachedShare === undefined ? [] : [`${formatShare(askedCachedShare)} asked for`]),
        ...(replay?.expectedShare === undefined
          ? []
          : [`in the file's order ${formatShare(replay.expectedShare)}`]),
      ],
    ]);
  }
  return cards;
}

/** `3 of 4` limits. */
function keptOf({ limits }: LoadSummary): HtmlValue {
  const kept = limits.filter((limit) => limit.kept).length;
  const text = `${formatCount(kept)} of ${formatCount(limits.length)}`;
  return kept === limits.length ? text : markup`<b class="bad">${text}</b>`;
}

/** What kept the success from being 100 %. */
function notSent({ failed, empty, dropped }: LoadSummary["counts"]): readonly Markup[] {
  const bad = (text: string) => markup`<b class="bad">${text}</b>`;
  return [
    ...(failed === 0 ? [] : [bad(`${formatCount(failed)} failed`)]),
    ...(empty === 0 ? [] : [bad(`of these ${plural(empty, "empty answer")}`)]),
    ...(dropped === 0 ? [] : [bad(`${formatCount(dropped)} never sent`)]),
  ];
}

/** Why a load is not the one that was planned. */
function stoppedBy({ interrupted, serverLost, complete }: LoadSummary): string | undefined {
  if (serverLost !== undefined) return "server lost";
  if (interrupted) return "interrupted";
  return complete ? undefined : "incomplete";
}

function loadsTable(summary: Summary): Markup {
  const { loads } = summary;
  const percentiles = keyPercentiles(summary);
  const withVerdict = loads.some(({ verdict }) => verdict !== undefined);
  const withSlo = loads.some(({ slo }) => slo !== undefined);
  const withGpus = loads.some(({ economy }) => economy?.run.outputTokensPerSecPerGpu !== undefined);
  const withCost = loads.some(({ economy }) =>
    economy?.run.costPerMillionOutputTokens !== undefined
  );
  const withSessions = loads.some(({ sessions }) => sessions !== undefined);
  const withPrefix = loads.some(({ prefix }) => prefix !== undefined);
  const withLimits = loads.some(({ limits }) => limits.length > 0);
  const metrics = [...KEY_METRICS, ...KEY_METRICS.map(intendedName)].flatMap((name) =>
    loads.map((load) => metricOf(load, name)).find((metric) => metric !== undefined) ?? []
  );
  const columns: readonly HtmlColumn[] = [
    left("Load"),
    ...["ok", "failed", "success"].map((heading) => right(heading, "Requests")),
    ...["req/s", "out tok/s"].map((heading) => right(heading, "Whole run")),
    ...["req/s", "out tok/s"].map((heading) => right(heading, "Steady")),
    ...(withSlo ? ["req/s", "met"].map((heading) => right(heading, "Goodput")) : []),
    ...(withGpus ? [right("tok/s", "Per GPU")] : []),
    ...(withCost ? [right("1M tok", "Cost")] : []),
    ...(withSessions ? ["done", "per h"].map((heading) => right(heading, "Sessions")) : []),
    ...(withPrefix ? ["expected", "server"].map((heading) => right(heading, "Cached")) : []),
    ...(withLimits ? [right("kept", "Limits")] : []),
    ...(withVerdict ? [right("verdict", "Client")] : []),
    ...metrics.flatMap(({ title, unit }) =>
      percentiles.map((p) => right(formatPercentile(p), `${title} (${unit})`))
    ),
  ];
  const rows = loads.map((load, i): readonly HtmlValue[] => {
    const { label, counts, throughput, slo, verdict } = load;
    const { run, steady } = throughput;
    const rates = [run, steady].flatMap((window) =>
      (["qps", "outputTokensPerSec"] as const).map((key) => bareRateCell(window, key))
    );
    const stopped = stoppedBy(load);
    return [
      markup`<a href="#${loadId(i)}">${label}</a>${stopped !== undefined && badge(stopped)}`,
      formatCount(counts.completed),
      counts.failed > 0 ? markup`<b class="bad">${formatCount(counts.failed)}</b>` : "0",
      formatShare(counts.successRate),
      ...rates,
      ...(withSlo
        ? slo === undefined ? [NOT_AVAILABLE, NOT_AVAILABLE] : goodCells(slo).signed
        : []),
      ...(withGpus ? [formatNumber(load.economy?.run.outputTokensPerSecPerGpu)] : []),
      ...(withCost ? [formatNumber(load.economy?.run.costPerMillionOutputTokens)] : []),
      ...(withSessions
        ? [formatCount(load.sessions?.ends.done), formatNumber(load.sessions?.perHour)]
        : []),
      ...(withPrefix
        ? [formatShare(load.prefix?.expected.share), formatShare(load.prefix?.measured.share)]
        : []),
      ...(withLimits ? [keptOf(load)] : []),
      ...(withVerdict ? [verdict === undefined ? NOT_AVAILABLE : verdictBadge(verdict.kind)] : []),
      // The unit is that of the group.
      ...metrics.flatMap(({ name }) =>
        percentiles.map((p) => barePercentileCell(metricOf(load, name), p))
      ),
    ];
  });
  const table = htmlTable({
    caption: "Key numbers of every load",
    columns,
    rows,
    hideCaption: true,
    dense: true,
  });
  return markup`${table}${doubtNotes(summary, true)}`;
}

/** Throughput against latency, for more than one load. */
export function loadCurve(summary: Summary): Markup {
  const { loads } = summary;
  if (loads.length < 2) return markup``;
  const key = keyPercentiles(summary);
  const percentiles = key.length < 2 ? key : [key[0]!, key.at(-1)!];
  // The drain at the end of a short load says nothing about the server.
  const steady = loads.every(({ throughput }) => throughput.steady !== undefined);
  const sizeOf = ({ plan }: LoadSummary) => plan.users ?? plan.ratePerSec ?? 0;
  const sorted = [...loads].sort((a, b) => sizeOf(a) - sizeOf(b));
  const kinds = new Set(loads.map(({ plan }) => plan.kind));
  const arrivals = new Set(loads.map(({ plan }) => plan.arrival));
  const shortNames = kinds.size === 1 && arrivals.size === 1 &&
    loads.every((load) => sizeOf(load) > 0);
  const charts = KEY_METRICS.flatMap((name) => {
    const metric = metricOf(loads[0]!, name);
    // The end-to-end latency grows with the length of the answer.
    if (metric === undefined || metric.unit !== "ms" || name === "e2e") return [];
    const points = sorted.map((load): CurvePoint => {
      const own = metricOf(load, name);
      const rate = steady ? load.throughput.steady : load.throughput.run;
      return {
        short: shortNames ? String(sizeOf(load)) : load.label,
        label: load.label,
        throughput: rate?.outputTokensPerSec,
        latencies: percentiles.map((p) => percentileOf(own, p)),
        doubts: percentiles.map((p) => doubtOf(own, p)),
        failed: load.counts.failed > 0,
      };
    });
    const curve = curveChart({
      id: `curve-${name}`,
      title: metric.title,
      name: `Output tokens/s, ${steady ? "steady window" : "whole run"}`,
      percentiles,
      points,
    });
    return markup`<figure><figcaption><strong>${metric.title}</strong></figcaption>
${curve}${missingNotes(points, percentiles)}</figure>
`;
  });
  const swatches = percentiles.map((p, rank) =>
    markup`<span><svg width="30" height="10" aria-hidden="true">
<path class="curve rank${rank}" d="M0 5H30"/><circle class="dot rank${rank}" cx="15" cy="5" r="3.5"/>
</svg> ${formatPercentile(p)}</span>`
  );
  const drawn = loads.flatMap((load) =>
    KEY_METRICS.flatMap((name) => percentiles.map((p) => doubtOf(metricOf(load, name), p)))
  );
  const unit = kinds.has("closed") ? "users" : "requests/s";
  const failed = loads.some(({ counts }) => counts.failed > 0) &&
    markup`<span><b class="bad">×</b> with failed requests</span>`;
  return markup`<section>
<h2>Throughput against latency</h2>
<p class="legend">${swatches}${whiskerLegend(drawn)}<span>${
    shortNames ? `numbers beside points: ${unit}` : "one point per load"
  }</span>${failed}</p>
<div class="charts">${charts}</div>
</section>
`;
}

/** Names the loads that a curve leaves out, so that a gap is not taken for a result. */
function missingNotes(
  points: readonly CurvePoint[],
  percentiles: readonly number[],
): readonly Markup[] {
  return percentiles.flatMap((p, rank) => {
    const missing = points.filter(({ throughput, latencies }) =>
      throughput === undefined || latencies[rank] === undefined
    );
    if (missing.length === 0) return [];
    const names = missing.slice(0, LOADS_NAMED).map(({ label }) => label).join(", ");
    const more = missing.length - LOADS_NAMED;
    return markup`<p class="note">No ${formatPercentile(p)} at ${names}${
      more > 0 && ` and ${plural(more, "more load")}`
    }: too few completed requests</p>`;
  });
}

/** `2026-01-02T03:04:05.678Z` as `2026-01-02 03:04:05 UTC`. */
function readableTime(iso: string): string {
  const parts = /^(\d{4}-\d{2}-\d{2})T(\d{2}:\d{2}:\d{2})(?:\.\d+)?Z$/.exec(iso);
  return parts === null ? iso : `${parts[1]} ${parts[2]} UTC`;
}
