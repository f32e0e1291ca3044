/**
 * The course of a load on the page: latencies over time, the steady state that was found, stalls.
 *
 * @module
 */
import { slicesChart } from "./chart_slices.ts";
import { capitalize, formatCount, formatMs, formatNumber, formatPercentile } from "./format.ts";
import { factTable, htmlTable, left, right } from "./html_table.ts";
import type { Stall, StallCauses } from "./load_stalls.ts";
import type { LoadSummary } from "./load_summary.ts";
import { type Markup, markup } from "./markup.ts";
import { signedShare, stallsText } from "./summary_course_text.ts";

/** Stalls on the page; all that are listed are in the JSON report. */
const MOST_ROWS = 20;

/** Chart of the slices; nothing where there are none. */
export function slicesFigure(load: LoadSummary, id: string): Markup {
  const { slices, durationMs, steadyState, stalls } = load;
  if (slices.startMs.length === 0 || load.counts.completed === 0) return markup``;
  return markup`<figure>${
    slicesChart({ id, slices, durationMs, steady: steadyState.window, stalls: stalls.worst })
  }</figure>
`;
}

/** The steady state that a test found, or why it found none. */
export function steadyTable({ steadyState, counts }: LoadSummary): Markup {
  if (counts.completed === 0) return markup``;
  const { window, absent, throughput, inFlight, metrics } = steadyState;
  const caption = "Found steady state";
  if (window === undefined) {
    return factTable(caption, [["None", capitalize(absent ?? "unknown why")]]);
  }
  const tail =
    metrics[0]?.distribution.percentiles.findLastIndex(({ value }) => value !== undefined) ?? -1;
  const p = metrics[0]?.distribution.percentiles[tail]?.p;
  return markup`${
    factTable(caption, [
      ["Window", `${formatMs(window.fromMs)} to ${formatMs(window.toMs)}`],
      ["Requests/s", formatNumber(throughput?.qps)],
      ["Output tokens/s", formatNumber(throughput?.outputTokensPerSec)],
      ["In flight, mean", formatNumber(inFlight)],
      ...metrics.map(({ title, distribution, meanChange }) => [
        title,
        [
          `p50 ${formatMs(distribution.median)}`,
          ...(p === undefined || p === 50
            ? []
            : [`${formatPercentile(p)} ${formatMs(distribution.percentiles[tail]?.value)}`]),
          `mean ${signedShare(meanChange)} against the whole run`,
        ].join(", "),
      ]),
    ])
  }`;
}

/** Long gaps, the longest first; nothing where there are no gaps. */
export function stallSection({ stalls }: LoadSummary): Markup {
  const text = stallsText(stalls);
  if (text === undefined) return markup``;
  const rows = stalls.worst.slice(0, MOST_ROWS);
  const table = rows.length === 0 ? markup`` : markup`<details class="checks">
<summary>The ${rows.length === 1 ? "longest stall" : `${formatCount(rows.length)} longest stalls`}${
    stalls.count > rows.length && ` of ${formatCount(stalls.count)}`
  }</summary>
${
    htmlTable({
      caption: "Stalls",
      hideCaption: true,
      columns: [
        left("At"),
        right("length"),
        left("who stopped"),
        right("stalled then"),
        right("in flight"),
        right("client late"),
        right("request"),
        right("user"),
      ],
      rows: rows.map(stallRow),
    })
  }</details>
`;
  return markup`<h3>Stalls</h3>
<p class="note">${capitalize(text)}</p>
${table}`;
}

/** Short, so that the table fits a phone. */
const CAUSE_NAMES: Readonly<Record<keyof StallCauses, string>> = {
  client: "client",
  server: "most",
  several: "several",
  single: "one",
};

function stallRow(stall: Stall): readonly string[] {
  const { fromMs, toMs, index, user, together, inFlight, clientLateMs, cause } = stall;
  return [
    formatMs(fromMs),
    formatMs(toMs - fromMs),
    CAUSE_NAMES[cause],
    formatCount(together),
    formatCount(inFlight),
    clientLateMs === undefined ? "unknown" : formatMs(clientLateMs),
    formatCount(index),
    formatCount(user),
  ];
}
