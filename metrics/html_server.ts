/**
 * The server's own side on the page: where the time goes, its metrics, its counts beside ours.
 *
 * @module
 */
import { hasServerChart, serverChart } from "./chart_server.ts";
import { PIECES, splitChart } from "./chart_time_split.ts";
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
import { factTable, htmlTable, left, right } from "./html_table.ts";
import type {
  ServerFigure,
  ServerSummary,
  Speculation,
  TimePart,
  TimeSplit,
} from "./load_server.ts";
import type { LoadSummary } from "./load_summary.ts";
import { type HtmlValue, type Markup, markup } from "./markup.ts";
import type { Summary } from "./summary.ts";
import {
  COUNT_TITLES,
  endpointText,
  formatServerValue,
  isBelowZero,
  MOST_POSITIONS,
  othersText,
  PART_MEANINGS,
  percentileTexts,
  serverPercentiles,
  shownFigures,
  SPECULATION_BASES,
  splitBasisText,
  splitPercentiles,
  splitRows,
} from "./summary_server_text.ts";

/** Metrics of unknown meaning that the page lists; all of them are in the JSON report. */
const MOST_OTHERS = 200;

/** Loads that the chart across loads has; of more, these are spread evenly. */
const MOST_BARS = 24;

/** Where the time to the first token goes as load grows; nothing for a single load. */
export function timeSplitSection({ loads }: Pick<Summary, "loads">): Markup {
  const known = loads.flatMap(({ label, timeSplit }) =>
    timeSplit === undefined ? [] : [{ label, split: timeSplit }]
  );
  if (loads.length < 2 || known.length === 0) return markup``;
  const shown = Math.min(known.length, MOST_BARS);
  const bars = Array.from(
    { length: shown },
    // The last one, mostly the highest, is among them.
    (_, i) => known[Math.ceil((i + 1) * known.length / shown) - 1]!,
  );
  const names = PIECES.filter((name) =>
    known.some(({ split }) => split.parts.some((part) => part.name === name))
  );
  const table = htmlTable({
    caption: "Mean time to the first token and its parts",
    hideCaption: true,
    columns: [left("Load"), right("TTFT, mean"), ...names.map((name) => right(name))],
    rows: known.map(({ label, split }) => {
      const rows = splitRows(split);
      return [
        label,
        formatMs(split.ttftMs),
        ...names.map((name) => rows.find((row) => row.name === name)?.mean ?? ""),
      ];
    }),
  });
  const missing = loads.length - known.length;
  const notes = [
    ...(shown < known.length ? [`The chart has ${shown} of ${plural(known.length, "load")}.`] : []),
    ...(missing > 0 ? [`The server does not tell it of ${plural(missing, "load")}.`] : []),
  ];
  return markup`<section>
<h2>Where the time goes</h2>
${legendOf(names)}<figure>${splitChart({ id: "time-split", bars })}</figure>
${table}${notes.map(noteOf)}</section>
`;
}

/** The server's side of one load; nothing where it says nothing. */
export function serverSection(load: LoadSummary, { id }: { readonly id: string }): Markup {
  const { server, timeSplit, serverCounts, speculation } = load;
  const others = othersText(serverCounts);
  const measured = [
    server && figureTable(server),
    factsOf(
      server && counterTable(server),
      serverCounts.length > 0 && countTable(load),
      speculation && speculationTable(speculation),
    ),
    server && noneNote(server),
    server?.endpoints.map((endpoint) =>
      markup`<p class="note${endpoint.failed + endpoint.resets > 0 && " warn"}">Scraped <bdi>${
        endpointText(endpoint)
      }</bdi>.</p>
`
    ),
    server && otherTable(server),
  ];
  const known = server ?? speculation ?? serverCounts[0];
  return markup`${timeSplit && splitPart(timeSplit, `${id}-split`)}${
    server && coursePart(load, server, `${id}-server`)
  }${
    known && markup`<h3>The server’s own side</h3>
<div class="server">${
      others !== undefined && markup`<p class="note warn">${capitalize(others)}.</p>
`
    }${measured}</div>
`
  }`;
}

function splitPart(split: TimeSplit, id: string): Markup {
  const rows = splitRows(split);
  const percentiles = splitPercentiles(split);
  const brackets = rows.some(({ client }) => client !== "");
  const table = htmlTable({
    caption: "Parts of the mean time to the first token",
    hideCaption: true,
    columns: [
      left("Part"),
      right("mean"),
      ...(brackets ? [right("client")] : []),
      right("share"),
      ...percentiles.map((p) => right(formatPercentile(p))),
    ],
    rows: rows.map((row) => [
      markup`${swatch(row.name)} ${row.name}`,
      row.mean,
      ...(brackets ? [row.client] : []),
      row.share,
      ...row.percentiles,
    ]),
  });
  return markup`<h3>Where the time to the first token goes</h3>
<div class="server"><p class="note">${capitalize(splitBasisText(split))}.</p>
${legendOf(rows.map(({ name }) => name))}<figure>${
    splitChart({ id, bars: [{ label: "TTFT", split }] })
  }</figure>
${table}${
    split.remarks.map((remark) =>
      markup`<p class="note${isBelowZero(split) && " warn"}">${capitalize(remark)}.</p>
`
    )
  }</div>
`;
}

function coursePart(
  { series, durationMs }: LoadSummary,
  { course }: ServerSummary,
  id: string,
): Markup {
  if (!hasServerChart(course, durationMs)) return markup``;
  return markup`<h3>The server over time, by its own metrics</h3>
<figure>${serverChart({ id, course, series, durationMs })}</figure>
`;
}

/** Gauges and histograms. */
function figureTable(server: ServerSummary): Markup {
  const { measured: shown } = shownFigures(server);
  if (shown.length === 0) return markup``;
  const percentiles = serverPercentiles(server);
  const value = (number: number | undefined, { unit }: ServerFigure) =>
    number === undefined ? "" : formatServerValue(number, unit);
  const rows = shown.map((figure): readonly HtmlValue[] => [
    markup`<span title="${figure.names.join(", ")}">${figure.title}</span>`,
    value(figure.mean, figure),
    value(figure.max, figure),
    ...percentiles.map((p) => {
      const { value, bucket } = percentileTexts(figure, p);
      return bucket === "" ? value : markup`${value} <small>in ${bucket}</small>`;
    }),
    figure.count === undefined ? "" : formatCount(figure.count),
  ]);
  const table = htmlTable({
    caption: "Metrics of the server",
    columns: [
      left("Metric"),
      ...["mean", "max"].map((name) => right(name)),
      ...percentiles.map((p) => right(formatPercentile(p))),
      right("values"),
    ],
    rows,
  });
  const buckets = percentiles.some((p) =>
    shown.some((figure) => percentileTexts(figure, p).bucket !== "")
  );
  return markup`${table}${
    buckets && noteOf(
      "Percentiles are interpolated inside of a bucket of the server’s histogram: the true one lies somewhere in it.",
    )
  }`;
}

function counterTable(server: ServerSummary): Markup | undefined {
  const { counted: counters } = shownFigures(server);
  if (counters.length === 0) return undefined;
  return htmlTable({
    caption: "Counted by the server",
    columns: [left(""), right("total"), right("per second")],
    rows: counters.map(({ title, names, difference, perSec, unit }) => [
      markup`<span title="${names.join(", ")}">${title}</span>`,
      formatServerValue(difference, unit),
      formatNumber(perSec),
    ]),
  });
}

function noneNote(server: ServerSummary): Markup {
  const { none } = shownFigures(server);
  return none === undefined ? markup`` : noteOf(`The server counted none of these: ${none}.`);
}

function countTable({ serverCounts }: LoadSummary): Markup {
  return htmlTable({
    caption: "Counts of both sides",
    columns: [left(""), right("server"), right("ours"), right("difference")],
    rows: serverCounts.map(({ what, server, client, others }) => {
      const more = server - client;
      const text = more === 0 ? "none" : `${more > 0 ? "+" : "−"}${formatCount(Math.abs(more))}`;
      return [
        capitalize(COUNT_TITLES[what]),
        formatCount(server),
        formatCount(client),
        others ? markup`<b class="bad">${text}</b>` : text,
      ];
    }),
  });
}

function speculationTable(speculation: Speculation): Markup {
  const { basis, acceptedLength, acceptance, byPosition, tokensPerTick, joinedTicks } = speculation;
  return factTable("Speculative decoding", [
    ["Tokens of a step", `${formatNumber(acceptedLength)}, ${SPECULATION_BASES[basis]}`],
    ["Guessed tokens accepted", formatShare(acceptance)],
    ...byPosition.slice(0, MOST_POSITIONS).map((
      share,
      i,
    ) => [`Accepted at position ${i + 1}`, formatShare(share)]),
    ...(basis === "ticks" ? [] : [["Our estimate, tokens per tick", formatNumber(tokensPerTick)]]),
    ["Ticks with more than one token", formatShare(joinedTicks)],
  ]);
}

/** Metrics whose meaning is not known, folded. */
function otherTable({ others, figures }: ServerSummary): Markup {
  if (others.length === 0) return markup``;
  const shown = others.slice(0, MOST_OTHERS);
  const table = htmlTable({
    caption: "Metrics of the server whose meaning is not known",
    hideCaption: true,
    dense: true,
    columns: [left("Name"), left("type"), right("before"), right("after"), right("added")],
    rows: shown.map(({ name, type, first, last, difference }) => [
      markup`<bdi>${name}</bdi>`,
      type,
      ...[first, last, difference].map((value) =>
        value === undefined ? NOT_AVAILABLE : formatNumber(value)
      ),
    ]),
  });
  const more = others.length - shown.length;
  return markup`<details class="checks">
<summary>${plural(others.length, "metric")} of the server whose meaning is not known${
    figures.length === 0 && ": none of its names is known"
  }</summary>
${table}${more > 0 && noteOf(`${formatCount(more)} more in report.json.`)}</details>
`;
}

function factsOf(...tables: readonly (Markup | undefined | false)[]): Markup {
  return tables.every((table) => !table) ? markup`` : markup`<div class="facts">${tables}</div>
`;
}

function legendOf(names: readonly TimePart["name"][]): Markup {
  const parts = names.map((name) =>
    markup`<span>${swatch(name)} <b>${name}</b>: ${PART_MEANINGS[name]}</span>
`
  );
  return markup`<p class="legend">${parts}</p>
`;
}

function swatch(name: TimePart["name"]): Markup {
  return markup`<svg width="12" height="12" aria-hidden="true"><rect class="piece ${name}" width="12" height="12"/></svg>`;
}

function noteOf(text: string): Markup {
  return markup`<p class="note">${text}</p>
`;
}
