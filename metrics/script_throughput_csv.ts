/**
 * What LMDeploy's `profile_throughput` prints, and its CSV in the layouts of its releases.
 *
 * @module
 */
import { NOT_AVAILABLE } from "./format.ts";
import { type Spread, TOKEN_PERCENTILES } from "./script_latency_spread.ts";
import {
  fixedCell,
  type LayoutColumn,
  type LayoutRow,
  layOutRow,
  ratesOf,
  type RestfulRates,
  type RestfulSetup,
  restfulText,
} from "./script_layout.ts";
import { formatRepr, roundPython } from "./script_python_format.ts";
import type { ThroughputNumbers } from "./script_throughput_numbers.ts";

/** How numbers are written. */
export interface ThroughputFormat {
  /** Decimals of latencies in seconds: the script has 3, which is too few for a fast engine. */
  readonly digits?: number;
}

const DIGITS = 6;

/** The text between two rules, with a blank line before and after it as in the script. */
export function throughputBlock(
  numbers: ThroughputNumbers,
  setup: RestfulSetup,
  { digits = DIGITS }: ThroughputFormat = {},
): string {
  const { firstToken, perToken } = numbers;
  const first = [firstToken?.min, firstToken?.max, firstToken?.mean]
    .map((value) => fixedCell(value, digits)).join(", ");
  const gaps = perToken.map((value) =>
    value === undefined ? NOT_AVAILABLE : formatRepr(roundPython(value, digits))
  ).join(", ");
  return restfulText(numbers, setup, [
    `first token latency(s)(min, max, ave): ${first}`,
    `per-token latency(s) percentile(50, 75, 95, 99): [${gaps}]`,
  ]);
}

interface Facts {
  readonly numbers: ThroughputNumbers;
  readonly setup: RestfulSetup;
  readonly digits: number;
}

type Column = LayoutColumn<Facts>;

const BATCH: Column = ["batch", ({ setup }) => String(setup.concurrency)];
/** The script misspells it. */
const PROMPTS: Column = ["num_promts", ({ setup }) => String(setup.prompts)];
const rate = (name: string, of: keyof RestfulRates): Column => [
  name,
  ({ numbers }) => fixedCell(ratesOf(numbers)[of]),
];

/** The script prints `-` for "not streaming"; a stream without such a number is our `n/a`. */
const latency = (
  name: string,
  of: (numbers: ThroughputNumbers) => number | undefined,
): Column => [
  name,
  ({ numbers, setup, digits }) => setup.streaming ? fixedCell(of(numbers), digits) : "-",
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
    rate("output token thr(tokens/s", "outputRate"),
    rate("total token thr(token/s)", "totalRate"),
    rate("RPM", "rpm"),
  ],
  "v0.1.0": [
    BATCH,
    PROMPTS,
    rate("RPS", "rps"),
    rate("RPM", "rpm"),
    first("FTL(ave)(s)", "mean"),
    first("FTL(min)(s)", "min"),
    first("FTL(max)(s)", "max"),
    ...TOKEN_PERCENTILES.map((p, i) => latency(`${p}%(s)`, ({ perToken }) => perToken[i])),
    rate("throughput(out tok/s)", "outputRate"),
    rate("throughput(total tok/s)", "totalRate"),
  ],
};

/** Every {@linkcode ThroughputLayout}, the newest first. */
export const THROUGHPUT_LAYOUTS: readonly ThroughputLayout[] = ["v0.1.0", "v0.1.0a1"];

/** Header and row of a release's CSV. */
export function throughputRow(
  numbers: ThroughputNumbers,
  setup: RestfulSetup,
  { layout, digits = DIGITS }: ThroughputFormat & { readonly layout: ThroughputLayout },
): LayoutRow {
  return layOutRow(LAYOUTS[layout], { numbers, setup, digits });
}
