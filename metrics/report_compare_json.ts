/**
 * The whole comparison, for programs.
 *
 * @module
 */
import type { ComparisonReport } from "./report_compare.ts";
import { jsonText } from "./report_json.ts";

/** JSON as `compareSchema` describes it. A number that does not exist is `null`. */
export const compareJson: ComparisonReport = {
  name: "json",
  description: "Everything that was computed, for programs (a JSON Schema describes it)",
  extension: "json",
  saved: true,
  render: (comparison) => `${jsonText(comparison)}\n`,
};
