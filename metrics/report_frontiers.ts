/**
 * Every report of a frontier. A new one is one file and one line here.
 *
 * @module
 */
import { type FrontierReport, frontierTableReport } from "./report_frontier.ts";
import { frontierCsv } from "./report_frontier_csv.ts";
import { frontierHtml } from "./report_frontier_html.ts";
import { frontierJson } from "./report_frontier_json.ts";
import { frontierSvg } from "./report_frontier_svg.ts";

/**
 * All reports of frontiers; the first is what a terminal shows.
 *
 * @example
 * ```ts
 * import { assertStringIncludes } from "@std/assert";
 * import { measureBench, startSimServer, summarize } from "@tokometer/tokometer";
 * import { findFrontier, FRONTIER_REPORTS } from "@tokometer/tokometer/metrics";
 *
 * const server = await startSimServer({ ttft: "1", itl: "1" });
 * const run = await measureBench(server.url, { concurrency: [1, 4], requests: 12, outputTokens: 4 });
 * await server.stop();
 * const frontier = findFrontier([{ name: "mine", runs: [summarize(run)] }]);
 * const svg = FRONTIER_REPORTS.find(({ name }) => name === "svg")!;
 * assertStringIncludes(svg.render(frontier, { version: "1.0.0" }), "<svg xmlns");
 * ```
 */
export const FRONTIER_REPORTS: readonly FrontierReport[] = [
  frontierTableReport,
  frontierCsv,
  frontierJson,
  frontierHtml,
  frontierSvg,
];
