/**
 * What a person reads in the terminal: one line per load, then each load in detail with warnings, or, of
 * a run that answers a question by many loads, the answer.
 *
 * @module
 */
import { visibleLines } from "./visible_text.ts";
import { answerLines, probeLines } from "./report_capacity_table.ts";
import type { RenderOptions, Report } from "./report.ts";
import type { Summary } from "./summary.ts";
import { type Page, paint, warningLines } from "./report_table_page.ts";
import { headerLines, overviewLines, repeatLines } from "./report_table_overview.ts";
import { loadLines } from "./report_table_load.ts";
import { detailsLines, isAnswered, sharedWarningLines } from "./report_table_short.ts";

/** The table as a report. */
export const reportTable: Report = {
  name: "table",
  description: "Tables for people: one line per load, details, warnings with advice",
  extension: "txt",
  saved: false,
  render: renderTable,
};

const MAX_WIDTH = 100;

/**
 * Renders a summary as tables for a terminal, in its width and with color. A run with repeats, sides or a
 * search ends with its answer, and has the details of its loads on request.
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
    allServerMetrics,
  };
  const { loads, checks } = summary;
  const short = !details && !allServerMetrics && isAnswered(summary);
  const blocks = [
    headerLines(summary, page),
    loads.length > (short ? 0 : 1) ? overviewLines(summary, page) : [],
    repeatLines(summary, page),
    probeLines(summary, page.width),
    ...(short
      ? [
        [...sharedWarningLines(loads, page), ...warningLines(checks, page)],
        detailsLines(loads, detailsAt, page),
      ]
      : [...loads.map((load) => loadLines(load, summary, page)), warningLines(checks, page)]),
    answerLines(summary, page.width),
  ];
  return blocks.filter((lines) => lines.length > 0).map((lines) => `${lines.join("\n")}\n`)
    .join("\n");
}
