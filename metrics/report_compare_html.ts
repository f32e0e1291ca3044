/**
 * A comparison as a page that opens from a file, without a network and with or without JavaScript.
 *
 * @module
 */
import type { CompareSide, Comparison } from "./compare_result.ts";
import { compareTitle } from "./compare_text.ts";
import {
  answerBlock,
  compareDefinitions,
  compareHead,
  differencesSection,
  gateSection,
  loadsSection,
} from "./html_compare.ts";
import { COMPARE_STYLE, COMPARE_STYLE_SHA256 } from "./html_compare_style.ts";
import { htmlPage } from "./html_page.ts";
import type { ComparisonReport } from "./report_compare.ts";

/** The page as a report. */
export const compareHtml: ComparisonReport = {
  name: "html",
  description: "A page with changes, distributions over each other and tables, in one file",
  extension: "html",
  saved: true,
  render: (comparison, sides) => page(comparison, sides),
};

function page(comparison: Comparison, sides: readonly CompareSide[]): string {
  return htmlPage({
    title: compareTitle(comparison),
    version: sides[0]!.runs[0]!.header.version,
    header: compareHead(comparison, sides),
    sections: [
      answerBlock(comparison),
      differencesSection(comparison),
      gateSection(comparison),
      loadsSection(comparison, sides),
      compareDefinitions(comparison),
    ],
    schema: comparison.schema,
    styles: [{ text: COMPARE_STYLE, sha256: COMPARE_STYLE_SHA256 }],
  }).toString();
}
