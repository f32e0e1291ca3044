/**
 * One row per slice of a load, for spreadsheets and scripts.
 *
 * @module
 */
import { stringify } from "@std/csv";
import type { LoadSummary } from "./load_summary.ts";
import type { Report } from "./report.ts";
import { visibleCell } from "./visible_text.ts";

/** Header cell and where its value comes from: a load and the position of one of its slices. */
type Column = readonly [
  name: string,
  (load: LoadSummary, slice: number) => string | number | undefined,
];

const COLUMNS: readonly Column[] = [
  ["load", ({ label }) => label],
  ["from_ms", ({ slices }, i) => slices.startMs[i]],
  [
    "to_ms",
    ({ slices, durationMs }, i) => Math.min(slices.startMs[i]! + slices.sliceMs, durationMs),
  ],
  ["sent", ({ slices }, i) => slices.sent[i]],
  ["completed", ({ slices }, i) => slices.completed[i]],
  ["failed", ({ slices }, i) => slices.failed[i]],
  ["qps", ({ slices }, i) => slices.completedPerSec[i]],
  ["output_tokens_per_sec", ({ slices }, i) => slices.outputTokensPerSec[i]],
  ["in_flight_mean", ({ slices }, i) => slices.inFlight[i]],
  ["ttft_count", ({ slices }, i) => slices.ttft.count[i]],
  ["ttft_p50_ms", ({ slices }, i) => slices.ttft.p50[i]],
  ["ttft_p99_ms", ({ slices }, i) => slices.ttft.p99[i]],
  ["itl_count", ({ slices }, i) => slices.itl.count[i]],
  ["itl_p50_ms", ({ slices }, i) => slices.itl.p50[i]],
  ["itl_p99_ms", ({ slices }, i) => slices.itl.p99[i]],
];

/** Comma-separated values as those of the loads, in a file of their own: there, a row is a load. */
export const reportSlices: Report = {
  name: "slices",
  description: "One CSV row per slice of time: rates, TTFT, ITL, failures, in flight",
  extension: "slices.csv",
  appliesTo: ({ loads }) => loads.some(({ slices }) => slices.startMs.length > 0),
  render: ({ loads }) =>
    stringify([
      COLUMNS.map(([name]) => name),
      ...loads.flatMap((load) =>
        load.slices.startMs.map((_, slice) =>
          COLUMNS.map(([, value]) => visibleCell(String(value(load, slice) ?? "")))
        )
      ),
    ]),
};
