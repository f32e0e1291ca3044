/**
 * A Markdown table, for issues and pull requests.
 *
 * @module
 */
import { formatCount, formatPercentile, formatValue } from "../../metrics/format.ts";
import type { Report } from "../../metrics/report.ts";
import type { Summary } from "../../metrics/summary.ts";

/** One row per load and metric. */
export const reportMarkdown: Report = {
  name: "markdown",
  description: "A Markdown table with a row per load and metric",
  extension: "md",
  render,
};

function render({ loads, percentiles }: Summary): string {
  const heading = ["load", "metric", "samples", "mean", ...percentiles.map(formatPercentile)];
  const rows = loads.flatMap(({ label, metrics }) =>
    metrics.filter(({ distribution }) => distribution.count > 0).map((metric) => {
      const { title, unit, distribution } = metric;
      const values = [distribution.mean, ...distribution.percentiles.map(({ value }) => value)];
      return [
        label,
        title,
        formatCount(distribution.count),
        ...values.map((value) => formatValue(value, unit)),
      ];
    })
  );
  return [heading, heading.map(() => "---"), ...rows]
    .map((cells) => `| ${cells.join(" | ")} |\n`).join("");
}
