/**
 * Every report of a comparison. A new one is one file and one line here.
 *
 * @module
 */
import type { ComparisonReport } from "./report_compare.ts";
import { compareHtml } from "./report_compare_html.ts";
import { compareJson } from "./report_compare_json.ts";
import { compareJunit } from "./report_compare_junit.ts";
import { compareMarkdown } from "./report_compare_markdown.ts";
import { compareTable } from "./report_compare_table.ts";

/**
 * All reports of comparisons; the first is what a terminal shows.
 *
 * @example
 * ```ts
 * import { assertStringIncludes } from "@std/assert";
 * import { measureBench, startSimServer, summarize } from "@tokometer/tokometer";
 * import { COMPARISON_REPORTS, compareRuns } from "@tokometer/tokometer/metrics";
 *
 * const server = await startSimServer({ ttft: "1", itl: "0" });
 * const runs = [summarize(await measureBench(server.url, { concurrency: [1], requests: 4 }))];
 * await server.stop();
 * const sides = [{ name: "before", runs }, { name: "after", runs }];
 * const markdown = COMPARISON_REPORTS.find(({ name }) => name === "markdown")!;
 * assertStringIncludes(markdown.render(compareRuns(sides), sides), "after against before");
 * ```
 */
export const COMPARISON_REPORTS: readonly ComparisonReport[] = [
  compareTable,
  compareMarkdown,
  compareJson,
  compareHtml,
  compareJunit,
];
