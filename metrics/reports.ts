/**
 * Every report. A new one is a file and a line.
 *
 * @module
 */
import type { Report } from "./report.ts";
import { reportCsv } from "./report_csv.ts";
import { reportHtml } from "./report_html.ts";
import { reportJson } from "./report_json.ts";
import { reportTable } from "./report_table.ts";

/** All reports; the first is what a terminal shows. */
export const REPORTS: readonly Report[] = [
  reportTable,
  reportCsv,
  reportJson,
  reportHtml,
];
