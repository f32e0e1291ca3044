/**
 * What LMDeploy's `profile_throughput` prints, and its CSV in the layouts of its releases.
 * T-numbers: docs/python-scripts.md.
 *
 * @module
 */
import { NOT_AVAILABLE } from "./format.ts";
import type { Spread } from "./script_latency_spread.ts";
import { formatFixed, formatRepr, roundPython } from "./script_python_format.ts";
import type { ThroughputNumbers } from "./script_throughput_numbers.ts";

/** Set-up of the load. */
export interface ThroughputSetup {
  /** Concurrent users. */
  readonly concurrency: number;
  /** Planned prompts. */
  readonly prompts: number;
  /** Without streaming there is no first token. */
  readonly streaming: boolean;
}

/** How numbers are written. */
export interface ThroughputFormat {
  /** Decimals of latencies in seconds: the script has 3, which is too few for a fast engine. */
  readonly digits?: number;
}

const RULE = "-".repeat(50);
const DIGITS = 6;

/** The text between two rules, with a blank line before and after it as in the script. */
export function throughputBlock(
  numbers: ThroughputNumbers,
  setup: ThroughputSetup,
  { digits = DIGITS }: ThroughputFormat = {},
): string {
  const { elapsedSec, promptTokens, completionTokens, firstToken, perToken } = numbers;
  const first = [firstToken?.min, firstToken?.max, firstToken?.mean]
    .map((value) => fixed(value, digits)).join(", ");
  const gaps = perToken.map((value) =>
    value === undefined ? NOT_AVAILABLE : formatRepr(roundPython(value, digits))
  ).join(", ");
  return [
    "",
    RULE,
    `concurrency: ${setup.concurrency}`,
    `elapsed_time: ${formatFixed(elapsedSec, 3)}s`,
    "",
    ...(setup.streaming
      ? [
        `first token latency(s)(min, max, ave): ${first}`,
        `per-token latency(s) percentile(50, 75, 95, 99): [${gaps}]`,
        "",
      ]
      : []),
    `number of prompt tokens: ${formatFixed(promptTokens, 0)}`,
    `number of completion tokens: ${formatFixed(completionTokens, 0)}`,
    `token throughput (completion token): ${rate(numbers, completionTokens)} token/s`,
    "token throughput (prompt + completion token): " +
    `${rate(numbers, promptTokens + completionTokens)} token/s`,
    `RPS (request per second): ${rate(numbers, numbers.requests)} req/s`,
    `RPM (request per minute): ${rate(numbers, numbers.requests * 60)} req/min`,
    RULE,
    "",
  ].join("\n");
}

interface Facts {
  readonly numbers: ThroughputNumbers;
  readonly setup: ThroughputSetup;
  readonly digits: number;
}

/** Name and cell of a column; header and row come from one list (T35). */
type Column = readonly [name: string, cell: (facts: Facts) => string];

const BATCH: Column = ["batch", ({ setup }) => String(setup.concurrency)];
/** The script misspells it. */
const PROMPTS: Column = ["num_promts", ({ setup }) => String(setup.prompts)];
const RPM: Column = ["RPM", ({ numbers }) => rate(numbers, numbers.requests * 60)];
const OUTPUT_RATE = ({ numbers }: Facts) => rate(numbers, numbers.completionTokens);
const TOTAL_RATE = ({ numbers }: Facts) =>
  rate(numbers, numbers.promptTokens + numbers.completionTokens);

/** The script prints `-` for "not streaming"; a stream without such a number is our `n/a`. */
const latency = (
  name: string,
  of: (numbers: ThroughputNumbers) => number | undefined,
): Column => [
  name,
  ({ numbers, setup, digits }) => setup.streaming ? fixed(of(numbers), digits) : "-",
];
const first = (name: string, of: keyof Spread): Column =>
  latency(name, ({ firstToken }) => firstToken?.[of]);

/** A release's CSV. */
export type ThroughputLayout = "v0.1.0" | "v0.1.0a1";

const LAYOUTS: Readonly<Record<ThroughputLayout, readonly Column[]>> = {
  "v0.1.0a1": [
    BATCH,
    PROMPTS,
    ["prompt_tokens", ({ numbers }) => formatRepr(numbers.promptTokens)],
    ["completion_tokens", ({ numbers }) => formatRepr(numbers.completionTokens)],
    first("1st_token_latency(min)(s)", "min"),
    first("1st_token_latency(max)(s)", "max"),
    first("1st_token_latency(ave)(s)", "mean"),
    ["output token thr(tokens/s", OUTPUT_RATE],
    ["total token thr(token/s)", TOTAL_RATE],
    RPM,
  ],
  "v0.1.0": [
    BATCH,
    PROMPTS,
    ["RPS", ({ numbers }) => rate(numbers, numbers.requests)],
    RPM,
    first("FTL(ave)(s)", "mean"),
    first("FTL(min)(s)", "min"),
    first("FTL(max)(s)", "max"),
    latency("50%(s)", ({ perToken }) => perToken[0]),
    latency("75%(s)", ({ perToken }) => perToken[1]),
    latency("95%(s)", ({ perToken }) => perToken[2]),
    latency("99%(s)", ({ perToken }) => perToken[3]),
    ["throughput(out tok/s)", OUTPUT_RATE],
    ["throughput(total tok/s)", TOTAL_RATE],
  ],
};

/** Every {@linkcode ThroughputLayout}, the newest first. */
export const THROUGHPUT_LAYOUTS: readonly ThroughputLayout[] = ["v0.1.0", "v0.1.0a1"];

/** Header and row of a release's CSV. */
export function throughputRow(
  numbers: ThroughputNumbers,
  setup: ThroughputSetup,
  options: ThroughputFormat & { readonly layout: ThroughputLayout },
): { readonly header: readonly string[]; readonly row: readonly string[] } {
  const columns = LAYOUTS[options.layout];
  const { digits = DIGITS } = options;
  return {
    header: columns.map(([name]) => name),
    row: columns.map(([, cell]) => cell({ numbers, setup, digits })),
  };
}

function rate({ elapsedSec }: ThroughputNumbers, amount: number): string {
  return elapsedSec > 0 ? formatFixed(amount / elapsedSec, 3) : NOT_AVAILABLE;
}

function fixed(value: number | undefined, digits: number): string {
  return value === undefined ? NOT_AVAILABLE : formatFixed(value, digits);
}
