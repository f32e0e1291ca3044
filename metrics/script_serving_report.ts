/**
 * What LMDeploy's server scripts and `profile_throughput` print, and their CSV in the layouts of
 * their releases.
 *
 * @module
 */
import { NOT_AVAILABLE } from "./format.ts";
import { type Spread, TOKEN_PERCENTILES } from "./script_latency_spread.ts";
import {
  DIGITS,
  fixedCell,
  type LatencyFormat,
  type LayoutColumn,
  type LayoutRow,
  layOutRow,
  RULE,
} from "./script_layout.ts";
import { formatFixed, formatRepr, roundPython } from "./script_python_format.ts";
import type { RestfulLayout, RestfulNumbers } from "./script_restful_numbers.ts";
import type { ThroughputNumbers } from "./script_throughput_numbers.ts";

/** Set-up of a load, as the scripts print it. */
export interface ServingSetup {
  /** Concurrent users. */
  readonly concurrency: number;
  /** Without streaming there is no first token. */
  readonly streaming: boolean;
}

/** The same, as their CSV has it. */
export interface ServingRowSetup extends ServingSetup {
  /** Prompts that were sent. */
  readonly prompts: number;
}

/** What the server scripts print, with a blank line before and after it. */
export function restfulBlock(numbers: RestfulNumbers, setup: ServingSetup): string {
  const latency = edges(numbers)
    .map((value) => value === undefined ? NOT_AVAILABLE : `${fixedCell(value)}s`).join(", ");
  // The scripts end with a line end and a blank line.
  return `${servingText(numbers, setup, [`first_token latency(min, max, ave): ${latency}`])}\n`;
}

/** What `profile_throughput` prints, with a blank line before and after it. */
export function throughputBlock(
  numbers: ThroughputNumbers,
  setup: ServingSetup,
  { digits = DIGITS }: LatencyFormat = {},
): string {
  const first = edges(numbers).map((value) => fixedCell(value, digits)).join(", ");
  const gaps = numbers.perToken.map((value) =>
    value === undefined ? NOT_AVAILABLE : formatRepr(roundPython(value, digits))
  ).join(", ");
  return servingText(numbers, setup, [
    `first token latency(s)(min, max, ave): ${first}`,
    `per-token latency(s) percentile(50, 75, 95, 99): [${gaps}]`,
  ]);
}

function edges({ firstToken }: RestfulNumbers): readonly (number | undefined)[] {
  return [firstToken?.min, firstToken?.max, firstToken?.mean];
}

function servingText(
  numbers: RestfulNumbers,
  { concurrency, streaming }: ServingSetup,
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

type RateName = "outputRate" | "totalRate" | "rps" | "rpm";

/** The scripts' rates; absent without a duration. */
function ratesOf(numbers: RestfulNumbers): Readonly<Record<RateName, number | undefined>> {
  const { requests, elapsedSec, promptTokens, completionTokens } = numbers;
  const perSec = (amount: number) => elapsedSec > 0 ? amount / elapsedSec : undefined;
  return {
    outputRate: perSec(completionTokens),
    totalRate: perSec(promptTokens + completionTokens),
    rps: perSec(requests),
    rpm: perSec(requests * 60),
  };
}

interface Facts<Numbers> {
  readonly numbers: Numbers;
  readonly setup: ServingRowSetup;
  readonly digits: number;
}

type Column<Numbers = RestfulNumbers> = LayoutColumn<Facts<Numbers>>;

/** The scripts print `-` for "not streaming"; a stream without such a number is our `n/a`. */
const latency = <Numbers>(
  name: string,
  of: (numbers: Numbers) => number | undefined,
): Column<Numbers> => [
  name,
  ({ numbers, setup, digits }) => setup.streaming ? fixedCell(of(numbers), digits) : "-",
];
const first = (name: string, of: keyof Spread): Column =>
  latency(name, ({ firstToken }: RestfulNumbers) => firstToken?.[of]);
const rate = (name: string, of: RateName): Column => [
  name,
  ({ numbers }) => fixedCell(ratesOf(numbers)[of]),
];

const BATCH: Column = ["batch", ({ setup }) => String(setup.concurrency)];
const prompts = (name: string): Column => [name, ({ setup }) => String(setup.prompts)];

const ALPHA: readonly Column[] = [
  // Sums of numpy, which Python prints as floats.
  ["prompt_tokens", ({ numbers }) => formatRepr(numbers.promptTokens)],
  ["completion_tokens", ({ numbers }) => formatRepr(numbers.completionTokens)],
  first("1st_token_latency(min)(s)", "min"),
  first("1st_token_latency(max)(s)", "max"),
  first("1st_token_latency(ave)(s)", "mean"),
  // The parenthesis is missing in the scripts.
  rate("output token thr(tokens/s", "outputRate"),
  rate("total token thr(token/s)", "totalRate"),
  rate("RPM", "rpm"),
];

const REQUESTS_AND_FIRST: readonly Column[] = [
  rate("RPS", "rps"),
  rate("RPM", "rpm"),
  first("FTL(ave)(s)", "mean"),
  first("FTL(min)(s)", "min"),
  first("FTL(max)(s)", "max"),
];

const TOKEN_RATES: readonly Column[] = [
  rate("throughput(out tok/s)", "outputRate"),
  rate("throughput(total tok/s)", "totalRate"),
];

const RESTFUL: Readonly<Record<RestfulLayout, readonly Column[]>> = {
  "v0.1.0a1": [BATCH, prompts("num_prompts"), ...ALPHA],
  "v0.1.0": [BATCH, prompts("num_prompts"), ...REQUESTS_AND_FIRST, ...TOKEN_RATES],
};

/** A release's CSV of `profile_throughput`. */
export type ThroughputLayout = "v0.1.0" | "v0.1.0a1";

/** The script misspells its prompts. */
const THROUGHPUT: Readonly<Record<ThroughputLayout, readonly Column<ThroughputNumbers>[]>> = {
  "v0.1.0a1": [BATCH, prompts("num_promts"), ...ALPHA],
  "v0.1.0": [
    BATCH,
    prompts("num_promts"),
    ...REQUESTS_AND_FIRST,
    ...TOKEN_PERCENTILES.map((p, i) =>
      latency(`${p}%(s)`, ({ perToken }: ThroughputNumbers) => perToken[i])
    ),
    ...TOKEN_RATES,
  ],
};

/** Every {@linkcode ThroughputLayout}, the newest first. */
export const THROUGHPUT_LAYOUTS: readonly ThroughputLayout[] = ["v0.1.0", "v0.1.0a1"];

/** Header and row of a release's CSV of the server scripts. */
export function restfulRow(
  numbers: RestfulNumbers,
  setup: ServingRowSetup,
  { layout = "v0.1.0" }: { readonly layout?: RestfulLayout } = {},
): LayoutRow {
  return layOutRow(RESTFUL[layout], { numbers, setup, digits: 3 });
}

/** Header and row of a release's CSV of `profile_throughput`. */
export function throughputRow(
  numbers: ThroughputNumbers,
  setup: ServingRowSetup,
  { layout, digits = DIGITS }: LatencyFormat & { readonly layout: ThroughputLayout },
): LayoutRow {
  return layOutRow(THROUGHPUT[layout], { numbers, setup, digits });
}
