/**
 * What the layouts of LMDeploy's scripts share: columns of a CSV, and the text of its server scripts.
 * T-numbers: docs/python-scripts.md.
 *
 * @module
 */
import { NOT_AVAILABLE } from "./format.ts";
import { formatFixed } from "./script_python_format.ts";
import type { RestfulNumbers } from "./script_restful_numbers.ts";

/** Name and cell of a column; header and row come from one list, so that they cannot differ (T35). */
export type LayoutColumn<Facts> = readonly [name: string, cell: (facts: Facts) => string];

/** Header and row of a CSV. */
export interface LayoutRow {
  /** Names of the columns. */
  readonly header: readonly string[];
  /** One cell per column. */
  readonly row: readonly string[];
}

/** The row of these facts. */
export function layOutRow<Facts>(
  columns: readonly LayoutColumn<Facts>[],
  facts: Facts,
): LayoutRow {
  return { header: columns.map(([name]) => name), row: columns.map(([, cell]) => cell(facts)) };
}

/** A cell with this many decimals. */
export function fixedCell(value: number | undefined, digits = 3): string {
  return value === undefined ? NOT_AVAILABLE : formatFixed(value, digits);
}

/** Set-up of a load, as the server scripts print it. */
export interface RestfulSetup {
  /** Concurrent users. */
  readonly concurrency: number;
  /** Planned prompts. */
  readonly prompts: number;
  /** Without streaming there is no first token. */
  readonly streaming: boolean;
}

/** The scripts' rates; absent without a duration. */
export interface RestfulRates {
  /** Output tokens per second. */
  readonly outputRate: number | undefined;
  /** Prompt and output tokens per second. */
  readonly totalRate: number | undefined;
  /** Requests per second. */
  readonly rps: number | undefined;
  /** Requests per minute. */
  readonly rpm: number | undefined;
}

/** Rates of a load. */
export function ratesOf(numbers: RestfulNumbers): RestfulRates {
  const { requests, elapsedSec, promptTokens, completionTokens } = numbers;
  const perSec = (amount: number) => elapsedSec > 0 ? amount / elapsedSec : undefined;
  return {
    outputRate: perSec(completionTokens),
    totalRate: perSec(promptTokens + completionTokens),
    rps: perSec(requests),
    rpm: perSec(requests * 60),
  };
}

/** Line above and below what a script prints. */
export const RULE: string = "-".repeat(50);

/** The text between two rules, with a blank line before and after it; latencies when streaming. */
export function restfulText(
  numbers: RestfulNumbers,
  { concurrency, streaming }: RestfulSetup,
  latencies: readonly string[],
): string {
  const { outputRate, totalRate, rps, rpm } = ratesOf(numbers);
  return [
    "",
    RULE,
    `concurrency: ${concurrency}`,
    `elapsed_time: ${formatFixed(numbers.elapsedSec, 3)}s`,
    "",
    ...(streaming ? [...latencies, ""] : []),
    `number of prompt tokens: ${formatFixed(numbers.promptTokens, 0)}`,
    `number of completion tokens: ${formatFixed(numbers.completionTokens, 0)}`,
    `token throughput (completion token): ${fixedCell(outputRate)} token/s`,
    `token throughput (prompt + completion token): ${fixedCell(totalRate)} token/s`,
    `RPS (request per second): ${fixedCell(rps)} req/s`,
    `RPM (request per minute): ${fixedCell(rpm)} req/min`,
    RULE,
    "",
  ].join("\n");
}
