/**
 * What LMDeploy's server scripts print, and their CSV. T-numbers: docs/python-scripts.md.
 *
 * @module
 */
import { NOT_AVAILABLE } from "./format.ts";
import { formatFixed, formatRepr } from "./script_python_format.ts";
import type { RestfulLayout, RestfulNumbers } from "./script_restful_numbers.ts";

/** Set-up of the load, as the scripts print it. */
export interface RestfulSetup {
  /** Concurrent users. */
  readonly concurrency: number;
  /** Planned prompts, column `num_prompts`. */
  readonly prompts: number;
  /** Without streaming there is no first token. */
  readonly streaming: boolean;
}

const RULE = "-".repeat(50);

/** The text between two rules, with a blank line before and after it as in the scripts. */
export function restfulBlock(numbers: RestfulNumbers, setup: RestfulSetup): string {
  const { elapsedSec, promptTokens, completionTokens, firstToken } = numbers;
  const { outputRate, totalRate, rps, rpm } = ratesOf(numbers);
  const seconds = (value: number | undefined) =>
    value === undefined ? NOT_AVAILABLE : `${formatFixed(value, 3)}s`;
  const latency = [firstToken?.min, firstToken?.max, firstToken?.mean].map(seconds).join(", ");
  return [
    "",
    RULE,
    `concurrency: ${setup.concurrency}`,
    `elapsed_time: ${formatFixed(elapsedSec, 3)}s`,
    "",
    ...(setup.streaming ? [`first_token latency(min, max, ave): ${latency}`, ""] : []),
    `number of prompt tokens: ${formatFixed(promptTokens, 0)}`,
    `number of completion tokens: ${formatFixed(completionTokens, 0)}`,
    `token throughput (completion token): ${fixed(outputRate)} token/s`,
    `token throughput (prompt + completion token): ${fixed(totalRate)} token/s`,
    `RPS (request per second): ${fixed(rps)} req/s`,
    `RPM (request per minute): ${fixed(rpm)} req/min`,
    RULE,
    // A line end and a blank line.
    "",
    "",
  ].join("\n");
}

interface Facts {
  readonly numbers: RestfulNumbers;
  readonly setup: RestfulSetup;
}

/** Name and cell of a column; header and row come from one list (T35). */
type Column = readonly [name: string, cell: (facts: Facts) => string];

const BATCH: Column = ["batch", ({ setup }) => String(setup.concurrency)];
const PROMPTS: Column = ["num_prompts", ({ setup }) => String(setup.prompts)];
const first = (of: "min" | "max" | "mean") => ({ numbers, setup }: Facts) =>
  // The scripts print `-` for "not streaming"; a stream without a token is our `n/a`.
  setup.streaming ? fixed(numbers.firstToken?.[of]) : "-";
const rate = (of: keyof Rates) => ({ numbers }: Facts) => fixed(ratesOf(numbers)[of]);

const LAYOUTS: Readonly<Record<RestfulLayout, readonly Column[]>> = {
  "v0.1.0a1": [
    BATCH,
    PROMPTS,
    // Sums of numpy, which Python prints as floats.
    ["prompt_tokens", ({ numbers }) => formatRepr(numbers.promptTokens)],
    ["completion_tokens", ({ numbers }) => formatRepr(numbers.completionTokens)],
    ["1st_token_latency(min)(s)", first("min")],
    ["1st_token_latency(max)(s)", first("max")],
    ["1st_token_latency(ave)(s)", first("mean")],
    // The parenthesis is missing in that release.
    ["output token thr(tokens/s", rate("outputRate")],
    ["total token thr(token/s)", rate("totalRate")],
    ["RPM", rate("rpm")],
  ],
  "v0.1.0": [
    BATCH,
    PROMPTS,
    ["RPS", rate("rps")],
    ["RPM", rate("rpm")],
    ["FTL(ave)(s)", first("mean")],
    ["FTL(min)(s)", first("min")],
    ["FTL(max)(s)", first("max")],
    ["throughput(out tok/s)", rate("outputRate")],
    ["throughput(total tok/s)", rate("totalRate")],
  ],
};

/** Header and row of a release's CSV. */
export function restfulRow(
  numbers: RestfulNumbers,
  setup: RestfulSetup,
  options: { readonly layout?: RestfulLayout } = {},
): { readonly header: readonly string[]; readonly row: readonly string[] } {
  const columns = LAYOUTS[options.layout ?? "v0.1.0"];
  return {
    header: columns.map(([name]) => name),
    row: columns.map(([, cell]) => cell({ numbers, setup })),
  };
}

interface Rates {
  readonly outputRate: number | undefined;
  readonly totalRate: number | undefined;
  readonly rps: number | undefined;
  readonly rpm: number | undefined;
}

function ratesOf(numbers: RestfulNumbers): Rates {
  const { requests, elapsedSec, promptTokens, completionTokens } = numbers;
  const perSec = (amount: number) => elapsedSec > 0 ? amount / elapsedSec : undefined;
  return {
    outputRate: perSec(completionTokens),
    totalRate: perSec(promptTokens + completionTokens),
    rps: perSec(requests),
    rpm: perSec(requests * 60),
  };
}

function fixed(value: number | undefined): string {
  return value === undefined ? NOT_AVAILABLE : formatFixed(value, 3);
}
