/**
 * A recording as a page.
 *
 * @module
 */
import { arrivalsChart } from "./chart_arrivals.ts";
import { histogramChart } from "./chart_histogram.ts";
import {
  formatCount,
  formatNumber,
  formatPercentile,
  formatShare,
  formatValue,
  NOT_AVAILABLE,
  plural,
} from "./format.ts";
import { htmlPage, numberCard } from "./html_page.ts";
import { factTable, htmlTable, left, right } from "./html_table.ts";
import { type HtmlValue, type Markup, markup } from "./markup.ts";
import type { Unit } from "./metric.ts";
import {
  formatSpan,
  meanRate,
  replaySlots,
  skippedText,
  type TraceSummary,
  type TraceValues,
} from "./summary_trace.ts";

/** A recording as a page in one file, that needs no network. */
export function tracePage(summary: TraceSummary): string {
  const { source, version, schema } = summary;
  return htmlPage({
    title: nameOf(source),
    version,
    header: titleBlock(summary),
    sections: [
      keyNumbers,
      overTime,
      distributions,
      replaySection,
      largeSection,
      detailSection,
    ].map((section) => section(summary)),
    schema,
  }).toString();
}

/** The last part of a path. */
function nameOf(source: string): string {
  return source.replace(/[\\/]+$/, "").split(/[\\/]/).at(-1) ?? source;
}

function titleBlock(summary: TraceSummary): Markup {
  const { version, source, format, sha256, requests } = summary;
  return markup`<header>
<p class="brand">Tokometer ${version} · recording</p>
<h1><bdi>${nameOf(source)}</bdi></h1>
<p class="what"><span>${format}</span><span>${
    plural(requests, "request")
  }</span><span>sha256 <code>${sha256.slice(0, 12)}</code></span></p>
</header>
`;
}

function keyNumbers(summary: TraceSummary): Markup {
  const { requests, sessions, hasSessions, helpers, spanMs, mostAtOnce, hasInstants, ownClocks } =
    summary;
  const { inputTokens, outputTokens, turnsPerSession, sharing, written } = summary;
  const mean = meanRate(summary);
  const lengths = ({ count, total, percentiles, max }: TraceValues): readonly string[] =>
    count === 0 ? [] : [
      percentiles.filter(({ value }) => value !== undefined).map(({ p, value }) =>
        `${formatPercentile(p)} ${formatCount(value)}`
      ).concat(`max ${formatCount(max)}`).join(" · "),
      `${formatCount(total)} in all`,
    ];
  const cards = [
    numberCard("Requests", formatCount(requests), [
      ...(hasInstants
        ? [`${ownClocks ? "longest session" : "over"} ${formatSpan(spanMs)}`]
        : ["without instants"]),
      ...(mean === undefined || ownClocks ? [] : [`${formatNumber(mean)} a second`]),
      ...(mostAtOnce > 1 ? [`up to ${formatCount(mostAtOnce)} at one instant`] : []),
    ]),
    hasSessions &&
    numberCard("Sessions", formatCount(sessions), [
      `${formatNumber(turnsPerSession.mean)} requests each, at most ${
        formatCount(turnsPerSession.max)
      }`,
      ...(helpers.count === 0 ? [] : [
        `${plural(helpers.count, "helper")}, ${plural(helpers.joins, "join")}`,
      ]),
    ]),
    sharing &&
    numberCard("Perfect cache has", formatShare(sharing.tokenShare), [
      "of the prompt tokens",
      ...(hasSessions
        ? [
          `${formatShare(sharing.inSession)} from the same session, ${
            formatShare(sharing.acrossSessions)
          } from others`,
        ]
        : []),
      `${formatCount(sharing.newTokens)} tokens are new`,
    ]),
    inputTokens.count > 0 &&
    numberCard("Input tokens, mean", formatCount(inputTokens.mean), lengths(inputTokens)),
    outputTokens.count > 0 &&
    numberCard("Output tokens, mean", formatCount(outputTokens.mean), lengths(outputTokens)),
    written > 0 && numberCard("Written out", formatCount(written), [
      "prompts, counted when they are sent",
    ]),
  ];
  return markup`<section>
<h2>Key numbers</h2>
<dl class="cards">
${cards}</dl>
</section>
`;
}

function overTime(summary: TraceSummary): Markup {
  const { rate, hasInstants, ownClocks } = summary;
  if (!hasInstants || rate.requests.length < 2) return markup``;
  const name = `Time since the ${ownClocks ? "start of the session" : "first request"}`;
  return markup`<section>
<h2>Requests over time</h2>
${
    ownClocks &&
    markup`<p class="note">Each session has a clock of its own: this is where in a session its requests stand.</p>
`
  }<figure>${arrivalsChart({ rate, name })}</figure>
</section>
`;
}

/** What is drawn: id, title, unit, what is counted. */
const DRAWN: readonly (readonly [
  key: "inputTokens" | "outputTokens" | "turnsPerSession" | "pausesMs",
  title: string,
  unit: Unit,
  counted: string,
])[] = [
  ["inputTokens", "Input tokens", "tokens", "requests"],
  ["outputTokens", "Output tokens", "tokens", "requests"],
  ["turnsPerSession", "Requests of a session", "1", "sessions"],
  ["pausesMs", "Pause before a request", "ms", "requests"],
];

function distributions(summary: TraceSummary): Markup {
  const charts = DRAWN.flatMap(([key, title, unit, counted]) => {
    const { count, percentiles, histogram } = summary[key];
    const isOfSessions = key === "turnsPerSession" || key === "pausesMs";
    if (count === 0 || isOfSessions && !summary.hasSessions) return [];
    const values = percentiles.map(({ p, value }) =>
      markup` <span>${formatPercentile(p)} <b>${
        unit === "ms"
          ? value === undefined ? NOT_AVAILABLE : formatSpan(value)
          : formatValue(value && Math.round(value), "1")
      }</b></span>`
    );
    const drawn = histogramChart({
      ...histogram,
      id: key,
      title,
      unit,
      counted,
      marks: percentiles,
    });
    return markup`<figure><figcaption><strong>${title}</strong>${values}</figcaption>
${drawn}</figure>
`;
  });
  return charts.length === 0 ? markup`` : markup`<section>
<h2>Distributions</h2>
<div class="charts two">${charts}</div>
</section>
`;
}

function replaySection(summary: TraceSummary): Markup {
  const { replay: { speedup, scheduleMs, idleCapMs, cutPauses }, hasSessions, ownClocks } = summary;
  const sessions = replaySlots(summary);
  const hasEnds = sessions.some(({ asRecordedMs }) => asRecordedMs !== undefined);
  const table = hasSessions && htmlTable({
    caption: "Sessions at a time",
    hideCaption: true,
    columns: [
      left("Sessions at a time"),
      right("answers take no time"),
      ...(hasEnds ? [right("answers as recorded")] : []),
    ],
    rows: sessions.map(({ concurrency, atOnceMs, asRecordedMs }) => [
      formatCount(concurrency),
      formatSpan(atOnceMs),
      ...(hasEnds ? [asRecordedMs === undefined ? NOT_AVAILABLE : formatSpan(asRecordedMs)] : []),
    ]),
  });
  const cap = hasSessions &&
    markup`<p class="note">${
      idleCapMs === undefined
        ? "Pauses as recorded."
        : `Pauses of at most ${formatSpan(idleCapMs)}; ${
          cutPauses === 0 ? "none is" : plural(cutPauses, "one is", "are")
        } longer.`
    }</p>
`;
  const schedule = scheduleMs !== undefined &&
    markup`<p>As a schedule${speedup !== 1 && ` at --speedup ${speedup}`}: <b>${
      formatSpan(scheduleMs)
    }</b>${ownClocks && ", all sessions from their starts"}</p>
`;
  return markup`<section>
<h2>How long a replay takes</h2>
${schedule}${table}${cap}</section>
`;
}

function largeSection({ models, largest, hasSessions }: TraceSummary): Markup {
  const named = models.some(({ name }) => name !== "");
  const modelTable = named && htmlTable({
    caption: "By model",
    columns: [left("Model"), right("requests"), right("input tokens"), right("output tokens")],
    rows: models.map(({ name, requests, inputTokens, outputTokens }) => [
      name || "not named",
      formatCount(requests),
      formatCount(inputTokens),
      formatCount(outputTokens),
    ]),
  });
  const largestTable = largest.length > 0 && htmlTable({
    caption: "Largest prompts",
    columns: [
      left(hasSessions ? "Request" : "Number"),
      right("input tokens"),
      right("output tokens"),
      right("at"),
    ],
    rows: largest.map(({ session, chain, turn, inputTokens, outputTokens, atMs }) => [
      hasSessions ? `${session}, ${chain}, turn ${formatCount(turn)}` : session,
      formatCount(inputTokens),
      formatCount(outputTokens),
      formatSpan(atMs),
    ]),
  });
  if (modelTable === false && largestTable === false) return markup``;
  return markup`<section>
<h2>Models and large prompts</h2>
<div class="charts two">${largestTable}${modelTable}</div>
</section>
`;
}

function detailSection(summary: TraceSummary): Markup {
  const { helpers, source, format, sha256, sharing, remarks, history } = summary;
  const recording: readonly (readonly HtmlValue[])[] = [
    ["Source", source],
    ["Format", format],
    ["SHA-256", markup`<code>${sha256}</code>`],
    ["Answers in prompts", history === "live" ? "the server's own" : "as recorded"],
  ];
  const contents: readonly (readonly HtmlValue[])[] = [
    ...(sharing === undefined ? [] : [
      ["Blocks", `${formatCount(sharing.blocks)} of ${formatCount(sharing.blockTokens)} tokens`],
      ["Blocks seen before", formatShare(sharing.blockShare)],
    ]),
    ...Object.entries(helpers.byName).map(([name, count], i) => [
      i === 0 ? "Helpers" : "",
      `${formatCount(count)} ${name}`,
    ]),
    ["Left out", skippedText(summary) ?? "nothing"],
    ...remarks.map((remark, i) => [i === 0 ? "Notes" : "", remark]),
  ];
  return markup`<section>
<h2>Details</h2>
<div class="facts">${factTable("Recording", recording)}${factTable("Contents", contents)}</div>
</section>
`;
}
