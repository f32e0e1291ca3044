/**
 * One row per point of a frontier, for spreadsheets and scripts.
 *
 * @module
 */
import { stringify } from "@std/csv";
import { visibleCell } from "./visible_text.ts";
import type { FigureValue } from "./figure.ts";
import type { Frontier, FrontierPoint } from "./frontier.ts";
import type { FrontierReport } from "./report_frontier.ts";

type Column = readonly [
  name: string,
  value: (point: FrontierPoint) => string | number | boolean | undefined,
];

/** Rates are per second; a number that does not exist is an empty cell. */
export const frontierCsv: FrontierReport = {
  name: "csv",
  extension: "csv",
  saved: true,
  render: (frontier) => {
    const columns = columnsOf(frontier);
    const rows = frontier.points.map((point) =>
      columns.map(([, value]) => visibleCell(String(value(point) ?? "")))
    );
    return stringify([columns.map(([name]) => name), ...rows]);
  },
};

function columnsOf({ sides, percentile, window, perGpu }: Frontier): readonly Column[] {
  const figure = (name: string, of: (point: FrontierPoint) => FigureValue): readonly Column[] => [
    [name, (point) => of(point).value],
    [`${name}_low`, (point) => of(point).bracket?.low],
    [`${name}_high`, (point) => of(point).bracket?.high],
    [`${name}_sampling_low`, (point) => of(point).interval?.low],
    [`${name}_sampling_high`, (point) => of(point).interval?.high],
  ];
  return [
    ["server", ({ side }) => sides[side]!.name],
    ["load", ({ label }) => label],
    ["repeats", ({ repeats }) => repeats],
    ["window", () => window],
    ["gpus", ({ side }) => sides[side]!.scale?.gpus],
    ["cost_per_hour", ({ side }) => sides[side]!.scale?.costPerHour],
    ...figure(
      `output_tokens_per_sec${perGpu ? "_per_gpu" : ""}`,
      ({ throughput }) => throughput,
    ),
    ...figure(`interactivity_p${percentile}_per_sec`, ({ interactivity }) => interactivity),
    ["cost_per_million_output_tokens", (point) => point.costPerMillionOutputTokens],
    ["role", ({ role }) => role],
    ["best", ({ best }) => best],
    ["failed", ({ failed }) => failed],
    ["doubts", ({ doubts }) => doubts.join("; ")],
  ];
}
