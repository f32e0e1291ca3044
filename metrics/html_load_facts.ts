/**
 * The facts of one load in small tables: rates, tokens, stream, limits.
 *
 * @module
 */
import { joinedTicksText } from "./summary_joined_ticks.ts";
import { limitValueText } from "./limit.ts";
import { generatedText, sloLimitText, throughputRows, warmupText } from "./summary_text.ts";
import { formatCount, formatMs, formatNumber, formatShare, plural } from "./format.ts";
import { doubtedCell } from "./html_bracket.ts";
import { sessionTable } from "./html_sessions.ts";
import type { RunHeader } from "./run.ts";
import { steadyTable } from "./html_course.ts";
import { type Markup, markup } from "./markup.ts";
import { speedTable } from "./html_speed.ts";
import { factTable, htmlTable, left, right } from "./html_table.ts";
import type { LoadSummary, TokenTotals } from "./load_summary.ts";

/** All tables that have something in them. */
export function facts(load: LoadSummary, header: RunHeader): Markup {
  const tables = [
    throughputTable,
    speedTable,
    steadyTable,
    sessionTable,
    tokenTable,
    streamTable,
    sloTable,
    limitTable,
  ];
  return markup`<div class="facts">${tables.map((table) => table(load, header))}</div>
`;
}

function throughputTable(load: LoadSummary): Markup {
  const { steady } = load.throughput;
  return htmlTable({
    caption: "Throughput",
    columns: [
      left(""),
      right("whole run"),
      right(steady ? `steady, ${formatMs(steady.fromMs)} to ${formatMs(steady.toMs)}` : "steady"),
    ],
    rows: throughputRows(load).map(({ name, run, steady }) => [
      name,
      doubtedCell(run),
      steady === undefined ? "" : doubtedCell(steady),
    ]),
  });
}

function tokenTable({ tokens, lengths, cache }: LoadSummary): Markup {
  const answers = lengths.exact + lengths.shorter + lengths.longer;
  const side = (name: string, { total, mean, max, sources, uncounted }: TokenTotals) => [
    [`${name} tokens`, formatCount(total)],
    [`${name} tokens per request`, `mean ${formatNumber(mean)}, max ${formatCount(max)}`],
    [
      `${name} tokens counted by`,
      [
        ...Object.entries(sources).map(([source, count]) => `${source} (${formatCount(count)})`),
        ...(uncounted > 0 ? [`not counted (${formatCount(uncounted)})`] : []),
      ].join(", ") || "n/a",
    ],
  ];
  return factTable("Tokens", [
    ...side("Prompt", tokens.prompt),
    ...side("Output", tokens.output),
    ...(tokens.cancelledAsPlanned === undefined
      ? []
      : [["Tokens until users left as planned", formatCount(tokens.cancelledAsPlanned)]]),
    ["Requested tokens", formatCount(lengths.requestedTokens)],
    ["Delivered tokens", formatCount(lengths.deliveredTokens)],
    [
      "As long as requested",
      answers === 0
        ? "n/a"
        : `${formatCount(lengths.exact)} of ${plural(answers, "answer")}; ${
          formatCount(lengths.shorter)
        } shorter, ${formatCount(lengths.longer)} longer`,
    ],
    ["Lengths forced", plural(lengths.forced, "request")],
    ["Cached prompt tokens", formatCount(cache.cachedTokens)],
    [
      "Share of prompts cached",
      cache.reported === 0 ? "not reported by the engine" : formatShare(cache.share),
    ],
  ]);
}

function streamTable(load: LoadSummary): Markup {
  const { stream, connections, generated: { answers } } = load;
  const generated = generatedText(load);
  return factTable("Stream and connections", [
    ["Answers streamed", formatCount(answers.streamed)],
    ["Answers at once, in one read", formatCount(answers.once)],
    ["Answers as one JSON body", formatCount(answers.whole)],
    ["Answers held back by a buffer", formatCount(answers.held)],
    ...(generated === undefined ? [] : [["Generated", generated]]),
    ["Ticks", formatCount(stream.ticks)],
    ["Tokens per tick", formatNumber(stream.tokensPerTick)],
    ...joinedTicksText(stream).map((text) => ["Joined", text]),
    ["Reads per token", formatNumber(stream.readsPerToken)],
    ["Events per read", formatNumber(stream.eventsPerRead)],
    ["Bytes of bodies", formatCount(stream.bytes)],
    ["New connections", formatCount(connections.new)],
    ["Reused connections", formatCount(connections.reused)],
    ...(connections.unknown > 0 ? [["Unknown connections", formatCount(connections.unknown)]] : []),
    ["Warm-up", warmupText(load) ?? "none"],
  ]);
}

function sloTable(load: LoadSummary): Markup {
  const { slo } = load;
  if (slo === undefined) return markup``;
  return htmlTable({
    caption: "Service-level objectives",
    columns: [
      left("Limit"),
      right("met by"),
      right("of offered"),
      right("without the value"),
    ],
    rows: [
      ...slo.limits.map((limit) => [
        sloLimitText(limit, load.metrics),
        formatCount(limit.met),
        formatShare(limit.attainment),
        formatCount(limit.unmeasured),
      ]),
      ["All limits", formatCount(slo.good), formatShare(slo.attainment), ""],
    ],
  });
}

/** Limits on figures of the load. */
function limitTable({ limits }: LoadSummary): Markup {
  if (limits.length === 0) return markup``;
  const verdicts = { true: "kept", false: "missed", undefined: "not measured, so not kept" };
  return htmlTable({
    caption: "Limits of the load",
    columns: [left("Limit"), left(""), right("measured"), left("outcome")],
    rows: limits.map(({ text, required, value, unit, kept, reason }) => [
      text,
      required ? "required" : "reported",
      limitValueText(value, unit),
      kept === true
        ? verdicts.true
        : markup`<b class="bad">${verdicts[`${kept}`]}</b>${reason !== undefined && `: ${reason}`}`,
    ]),
  });
}
