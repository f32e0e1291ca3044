/**
 * Every report. A new report is one file and one line here.
 *
 * @module
 */
import type { Report } from "./report.ts";
import { reportCsv } from "./report_csv.ts";
import { reportGroups } from "./report_groups.ts";
import { reportHtml } from "./report_html.ts";
import { reportJson } from "./report_json.ts";
import { reportRepeats } from "./report_repeats.ts";
import { reportServer } from "./report_server.ts";
import { reportSlices } from "./report_slices.ts";
import { reportTable } from "./report_table.ts";

/**
 * All reports; the first is what a terminal shows.
 *
 * @example
 * ```ts
 * import { assertStringIncludes } from "@std/assert";
 * import { measureBench, REPORTS, startSimServer, summarize } from "@tokometer/tokometer";
 *
 * const server = await startSimServer({ ttft: "1", itl: "0" });
 * const run = await measureBench(server.url, { concurrency: [1], requests: 4 });
 * await server.stop();
 * const csv = REPORTS.find(({ name }) => name === "csv")!;
 * assertStringIncludes(csv.render(summarize(run)), "1 user");
 * ```
 */
export const REPORTS: readonly Report[] = [
  reportTable,
  reportCsv,
  reportJson,
  reportHtml,
  reportGroups,
  reportRepeats,
  reportSlices,
  reportServer,
];
