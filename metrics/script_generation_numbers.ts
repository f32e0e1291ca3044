/**
 * The numbers of LMDeploy's `profile_generation`: ours under its names, and its own for comparison
 * with old results. T-numbers: docs/python-scripts.md.
 *
 * @module
 */
import type { RequestRecord } from "../backends/record.ts";
import { e2e } from "./metric_e2e.ts";
import { itl } from "./metric_itl.ts";
import { type Spread, spreadOf, sumOf, TOKEN_PERCENTILES } from "./script_latency_spread.ts";
import { isFailure } from "./summary_outcomes.ts";
import { indexPercentile, recordTokenArray } from "./script_per_token_array.ts";
import { roundNumpy } from "./script_python_format.ts";
import { describe, sortLists } from "./stat_quantile.ts";
import { ttft } from "./metric_ttft.ts";

/** One case; latencies in seconds. `undefined` = there is no such number. */
export interface GenerationNumbers {
  /** Duration of the case, first request to last answer. */
  readonly elapsedSec: number;
  /** Completed requests, the source of all other numbers. */
  readonly completed: number;
  /** Failed requests, without cancelled and dropped ones. */
  readonly failed: number;
  /** Time to the first token. */
  readonly firstToken: Spread | undefined;
  /** Time to all tokens of a request. */
  readonly total: Spread | undefined;
  /** Gaps between tokens: their 50th, 75th, 95th and 99th percentile. */
  readonly perToken: readonly (number | undefined)[];
  /** Output tokens per second. */
  readonly outputRate: number | undefined;
  /** Prompt and output tokens per second. */
  readonly totalRate: number | undefined;
}

/**
 * Our numbers: completed requests only, TTFT, E2E (sent → last token), percentiles of ITL by linear
 * interpolation where there are enough gaps, delivered tokens.
 *
 * @param records measured requests of one load
 */
export function generationNumbers(
  records: readonly RequestRecord[],
  durationMs: number,
): GenerationNumbers {
  const completed = records.filter(({ outcome }) => outcome.kind === "ok");
  const gaps = describe(sortLists(completed.map(itl.values)), TOKEN_PERCENTILES);
  const output = sumOf(completed.map(({ outputTokens }) => outputTokens?.tokens ?? 0));
  const prompt = sumOf(completed.map(({ promptTokens }) => promptTokens?.tokens ?? 0));
  return {
    elapsedSec: durationMs / 1000,
    completed: completed.length,
    failed: records.filter(isFailure).length,
    firstToken: spreadOf(completed.flatMap(ttft.values).map((ms) => ms / 1000)),
    total: spreadOf(completed.flatMap(e2e.values).map((ms) => ms / 1000)),
    perToken: gaps.percentiles.map(({ value }) => value === undefined ? undefined : value / 1000),
    outputRate: rate(output, durationMs),
    totalRate: rate(output + prompt, durationMs),
  };
}

/** What the script knows of a case. */
export interface GenerationScript {
  /** From the start of the case to its last answer. */
  readonly durationMs: number;
  /** users × rounds, finished or not. */
  readonly asked: number;
  /** Requested length of each prompt; the script never counts. */
  readonly promptTokens: number;
  /** Requested length of each answer. */
  readonly outputTokens: number;
  /** Since v0.6.0 a case of one token gives its mean four times; earlier it crashed (T13). */
  readonly oneTokenMean: boolean;
}

/** The script's numbers of the same requests: its per-token array, zeros and rounding included. */
export function generationScriptNumbers(
  records: readonly RequestRecord[],
  script: GenerationScript,
): GenerationNumbers {
  const completed = records.filter(({ outcome }) => outcome.kind === "ok");
  const rows = completed.map((record) => recordTokenArray(record).slice(0, script.outputTokens));
  const firstToken = spreadOf(rows.map((row) => row[0] ?? 0));
  const sorted = rows.flatMap((row) => row.slice(1)).sort((a, b) => a - b);
  const alone = script.oneTokenMean && script.outputTokens === 1 ? firstToken?.mean : undefined;
  return {
    elapsedSec: script.durationMs / 1000,
    completed: completed.length,
    failed: records.filter(isFailure).length,
    firstToken: rounded(firstToken),
    total: rounded(spreadOf(rows.map(sumOf))),
    perToken: TOKEN_PERCENTILES.map((p) => round(indexPercentile(sorted, p) ?? alone)),
    outputRate: rate(script.asked * script.outputTokens, script.durationMs),
    totalRate: rate(
      script.asked * (script.promptTokens + script.outputTokens),
      script.durationMs,
    ),
  };
}

function rounded(spread: Spread | undefined): Spread | undefined {
  if (spread === undefined) return undefined;
  const { min, max, mean } = spread;
  return { min: roundNumpy(min, 3), max: roundNumpy(max, 3), mean: roundNumpy(mean, 3) };
}

function round(value: number | undefined): number | undefined {
  return value === undefined ? undefined : roundNumpy(value, 3);
}

function rate(amount: number, durationMs: number): number | undefined {
  return durationMs > 0 ? amount / durationMs * 1000 : undefined;
}
