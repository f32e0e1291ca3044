/**
 * What a person reads in the terminal. It is read from its end, right above the prompt: there stand the
 * answer and a line for each load; before them the warnings, each once; before these the details, of a
 * single load always, of several on request.
 *
 * @module
 */
import { visibleLines } from "./visible_text.ts";
import { probeLines } from "./report_capacity_table.ts";
import type { RenderOptions, Report } from "./report.ts";
import type { Summary } from "./summary.ts";
import { type Page, paint, warningLines } from "./report_table_page.ts";
import { headerLines, overviewLines, repeatLines } from "./report_table_overview.ts";
import { loadLines } from "./report_table_load.ts";
import { answerLines, detailsLines, isAnswered, sharedWarningLines } from "./report_table_short.ts";
import { splitTableLines } from "./report_table_server.ts";

/** The table as a report. */
export const reportTable: Report = {
  name: "table",
  description: "Tables for people: details, warnings with advice, one line per load, the answer",
  extension: "txt",
  saved: false,
  render: renderTable,
};

const MAX_WIDTH = 100;
/** Longer rows are hard to follow. */
const MAX_TABLE_WIDTH = 160;

/**
 * Renders a summary as tables for a terminal, in its width and with color. It ends with the answer; several
 * loads have their details on request.
 *
 * @example
 * ```ts
 * import { assertStringIncludes } from "@std/assert";
 * import { measureBench, renderTable, startSimServer, summarize } from "@tokometer/tokometer";
 *
 * const server = await startSimServer({ ttft: "1", itl: "0" });
 * const run = await measureBench(server.url, { concurrency: [1], requests: 4 });
 * await server.stop();
 * assertStringIncludes(renderTable(summarize(run), { width: 80 }), "4 of 4 completed");
 * ```
 */
export function renderTable(given: Summary, options: RenderOptions = {}): string {
  // Names and messages of others must not control the terminal.
  const summary = visibleLines(given);
  const { color = false, width = MAX_WIDTH, details = false, detailsAt } = options;
  const { allServerMetrics = false } = options;
  const page: Page = {
    paint: color ? paint : (_, text) => text,
    width: Math.min(width, MAX_WIDTH),
    tableWidth: Math.min(width, MAX_TABLE_WIDTH),
    details: details || allServerMetrics,
    allServerMetrics,
  };
  const { loads, checks } = summary;
  const several = loads.length > 1 || isAnswered(summary);
  const short = several && !details && !allServerMetrics;
  const blocks = [
    headerLines(summary, page),
    ...(short
      ? [splitTableLines(loads, page)]
      : loads.map((load) => loadLines(load, summary, page))),
    probeLines(summary, page.width),
    [...sharedWarningLines(loads, page), ...warningLines(checks, page)],
    short ? detailsLines(loads, detailsAt, page) : [],
    several && loads.length > 0 ? overviewLines(summary, page) : [],
    repeatLines(summary, page),
    answerLines(summary, page),
  ];
  return blocks.filter((lines) => lines.length > 0).map((lines) => `${lines.join("\n")}\n`)
    .join("\n");
}
