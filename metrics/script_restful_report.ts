/**
 * What LMDeploy's server scripts print, and their CSV.
 *
 * @module
 */
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
import { NOT_AVAILABLE } from "./format.ts";
import { formatRepr } from "./script_python_format.ts";
import type { RestfulLayout, RestfulNumbers } from "./script_restful_numbers.ts";

/** The text between two rules, with a blank line before and after it as in the scripts. */
export function restfulBlock(numbers: RestfulNumbers, setup: RestfulSetup): string {
  const { firstToken } = numbers;
  const latency = [firstToken?.min, firstToken?.max, firstToken?.mean]
    .map((value) => value === undefined ? NOT_AVAILABLE : `${fixedCell(value)}s`).join(", ");
  // The scripts end with a line end and a blank line.
  return `${restfulText(numbers, setup, [`first_token latency(min, max, ave): ${latency}`])}\n`;
}

interface Facts {
  readonly numbers: RestfulNumbers;
  readonly setup: RestfulSetup;
}

type Column = LayoutColumn<Facts>;

const BATCH: Column = ["batch", ({ setup }) => String(setup.concurrency)];
const PROMPTS: Column = ["num_prompts", ({ setup }) => String(setup.prompts)];
const first = (of: "min" | "max" | "mean") => ({ numbers, setup }: Facts) =>
  // The scripts print `-` for "not streaming"; a stream without a token is our `n/a`.
  setup.streaming ? fixedCell(numbers.firstToken?.[of]) : "-";
const rate = (of: keyof RestfulRates) => ({ numbers }: Facts) => fixedCell(ratesOf(numbers)[of]);

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
): LayoutRow {
  return layOutRow(LAYOUTS[options.layout ?? "v0.1.0"], { numbers, setup });
}
