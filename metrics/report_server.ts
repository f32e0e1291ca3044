/**
 * The server over time by its own metrics: one row per scrape of a load, for spreadsheets and scripts.
 *
 * @module
 */
import { stringify } from "@std/csv";
import type { ServerCourse } from "./load_server.ts";
import { unitEnding } from "./report_csv_server.ts";
import type { Report } from "./report.ts";
import { SERVER_ROLES } from "./server_names.ts";
import type { Summary } from "./summary.ts";
import { visibleCell } from "./visible_text.ts";

/** Comma-separated values with a column for each known metric that any load has. */
export const reportServer: Report = {
  name: "server",
  description: "One CSV row per scrape of the server's metrics: requests, cache, rates, GPUs",
  extension: "server.csv",
  appliesTo: ({ loads }) => loads.some(({ server }) => (server?.course.timeMs.length ?? 0) > 0),
  render: (summary) => {
    const roles = rolesOf(summary);
    const rows = summary.loads.flatMap(({ label, server }) => {
      const { timeMs, lines } = server?.course ?? { timeMs: [], lines: [] };
      const columns = roles.map((role) => lines.find((line) => line.role === role)?.values ?? []);
      return timeMs.map((ms, i) => [
        visibleCell(label),
        ms,
        ...columns.map((values) => values[i] ?? ""),
      ]);
    });
    return stringify([["load", "time_ms", ...roles.map((role) => nameOf(role, summary))], ...rows]);
  },
};

function linesOf({ loads }: Summary): ServerCourse["lines"] {
  return loads.flatMap(({ server }) => server?.course.lines ?? []);
}

/** Those that any load has, in display order. */
function rolesOf(summary: Summary): readonly string[] {
  const found = new Set(linesOf(summary).map(({ role }) => role));
  return SERVER_ROLES.map(({ role }) => role).filter((role) => found.has(role));
}

/** `cache_use`, `gpu_power_w`; a rate is `output_tokens_per_sec`. */
function nameOf(role: string, summary: Summary): string {
  const unit = linesOf(summary).find((line) => line.role === role)?.unit ?? "";
  return unit.endsWith("/s")
    ? `${role}${unitEnding(unit.slice(0, -2))}_per_sec`
    : `${role}${unitEnding(unit)}`;
}
