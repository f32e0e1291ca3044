/**
 * The key numbers of the page: cards for one load, a row per load for several.
 *
 * @module
 */
import {
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
  goodCells,
  percentileCell,
  rateCell,
} from "./html_bracket.ts";
import { verdictBadge } from "./html_client.ts";
import { numberCard } from "./html_page.ts";
import { type HtmlValue, type Markup, markup } from "./markup.ts";
import { speedCards } from "./html_speed.ts";
import { type HtmlColumn, htmlTable, left, right } from "./html_table.ts";
import { metricOf, type MetricSummary } from "./load_figures.ts";
import type { LoadSummary } from "./load_summary.ts";
import type { SloSummary } from "./load_limits.ts";
import { KEY_METRICS } from "./metrics.ts";
import type { Summary } from "./summary.ts";
import { limitResultText } from "./summary_text.ts";
import { badge, intendedName, keyPercentiles, loadId } from "./html_overview.ts";

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
