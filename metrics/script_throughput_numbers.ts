/**
 * The numbers of LMDeploy's `profile_throughput`: ours under its names, and its own for comparison
 * with old results. T-numbers: docs/python-scripts.md.
 *
 * @module
 */
import type { RequestRecord } from "../backends/record.ts";
import { itl } from "./metric_itl.ts";
import { spreadOf, sumOf, TOKEN_PERCENTILES } from "./script_latency_spread.ts";
import { indexPercentile, recordTokenArray } from "./script_per_token_array.ts";
import { roundNumpy } from "./script_python_format.ts";
import { describe, sortLists } from "./stat_quantile.ts";
import { type RestfulNumbers, restfulNumbers } from "./script_restful_numbers.ts";

/** {@linkcode RestfulNumbers} and the per-token latencies. */
export interface ThroughputNumbers extends RestfulNumbers {
  /** 50, 75, 95, 99 %, in seconds. */
  readonly perToken: readonly (number | undefined)[];
}

/** Our numbers: those of the server scripts, and percentiles of ITL by linear interpolation. */
export function throughputNumbers(
  records: readonly RequestRecord[],
  durationMs: number,
): ThroughputNumbers {
  const completed = records.filter(({ outcome }) => outcome.kind === "ok");
  const gaps = describe(sortLists(completed.map(itl.values)), TOKEN_PERCENTILES);
  return {
    ...restfulNumbers(records, durationMs),
    perToken: gaps.percentiles.map(({ value }) => value === undefined ? undefined : value / 1000),
  };
}

/**
 * The script's numbers of the same requests: rates over all planned requests (T15), and its per-token
 * array with the last slot, which stays 0 (T12).
 */
export function throughputScriptNumbers(
  records: readonly RequestRecord[],
  script: {
    readonly durationMs: number;
    readonly asked: number;
    readonly promptTokens: (record: RequestRecord) => number;
  },
): ThroughputNumbers {
  const completed = records.filter(({ outcome }) => outcome.kind === "ok");
  const rows = completed.map(recordTokenArray);
  const sorted = rows.flatMap((row) => row.slice(1)).sort((a, b) => a - b);
  return {
    requests: script.asked,
    elapsedSec: script.durationMs / 1000,
    promptTokens: sumOf(completed.map(script.promptTokens)),
    completionTokens: sumOf(completed.map(({ outputTokens }) => outputTokens?.tokens ?? 0)),
    firstToken: spreadOf(rows.map((row) => row[0] ?? 0)),
    perToken: TOKEN_PERCENTILES.map((p) => {
      const value = indexPercentile(sorted, p);
      return value === undefined ? undefined : roundNumpy(value, 3);
    }),
  };
}
