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

/** All reports of comparisons; the first is what a terminal shows. */
export const COMPARISON_REPORTS: readonly ComparisonReport[] = [
  compareTable,
  compareMarkdown,
  compareJson,
  compareHtml,
  compareJunit,
];
