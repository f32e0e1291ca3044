/**
 * What LMDeploy's `profile_generation` prints per case, and its CSV in the layouts of its releases.
 * T-numbers: docs/python-scripts.md.
 *
 * @module
 */
import { NOT_AVAILABLE } from "./format.ts";
import type { GpuSummary } from "./load_series.ts";
import type { GenerationNumbers } from "./script_generation_numbers.ts";
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

/** One case as requested. */
export interface GenerationCase {
  /** Concurrent users, the script's batch. */
  readonly concurrency: number;
  /** Length of each prompt. */
  readonly promptTokens: number;
  /** Length of each answer. */
  readonly outputTokens: number;
  /** Requests that each user sends one after another. */
  readonly rounds: number;
}

/** GPU memory used by the case, in GiB. */
export interface GpuMemory {
  /** Sum over the GPUs. */
  readonly total: number;
  /** Mean over the GPUs. */
  readonly perGpu: number;
}

/**
 * The script's definition: the largest sum of memory in use less the memory in use at the start.
 * Unlike the script (T45), memory of other processes is excluded where it is known.
 */
export function generationMemory(
  gpu: GpuSummary | undefined,
  tensorParallel: number,
): GpuMemory | undefined {
  const { ownMaxMiB = 0, memoryRiseMiB } = gpu?.total ?? {};
  const mib = ownMaxMiB > 0 ? ownMaxMiB : memoryRiseMiB;
  if (mib === undefined) return undefined;
  return { total: mib / 1024, perGpu: mib / 1024 / tensorParallel };
}

/** How numbers are written. */
export interface GenerationFormat extends LatencyFormat {
  /** Absent = not measured. */
  readonly gpuMemory?: GpuMemory;
}

/** The text between two rules, with a blank line before it as in the script. */
export function generationBlock(
  numbers: GenerationNumbers,
  asked: GenerationCase,
  format: GenerationFormat = {},
): string {
  const cell = roundedCell(format);
  const three = (spread: Spread | undefined) =>
    [spread?.min, spread?.max, spread?.mean]
      .map((value) => value === undefined ? NOT_AVAILABLE : `${cell(value)}s`).join(", ");
  return [
    "",
    RULE,
    `total time: ${formatFixed(numbers.elapsedSec, 2)}s`,
    `concurrency: ${asked.concurrency}, test_round: ${asked.rounds}`,
    `input_tokens: ${asked.promptTokens}, output_tokens: ${asked.outputTokens}`,
    `first_token latency(min, max, ave): ${three(numbers.firstToken)}`,
    `total_token latency(min, max, ave): ${three(numbers.total)}`,
    "token_latency percentiles(50%,75%,95%,99%)(s): " +
    `[${numbers.perToken.map(cell).join(", ")}]`,
    `throughput: ${roundedCell({ digits: 2 })(numbers.outputRate)} token/s`,
    RULE,
  ].join("\n");
}

interface Facts {
  readonly numbers: GenerationNumbers;
  readonly asked: GenerationCase;
  readonly format: GenerationFormat;
}

type Column = LayoutColumn<Facts>;

const BATCH: Column = ["batch", ({ asked }) => String(asked.concurrency)];
const PROMPT: Column = ["prompt_tokens", ({ asked }) => String(asked.promptTokens)];
const OUTPUT: Column = ["completion_tokens", ({ asked }) => String(asked.outputTokens)];

const first = (name: string, of: keyof Spread): Column => [
  name,
  ({ numbers, format }) => roundedCell(format)(numbers.firstToken?.[of]),
];
const perToken = (name: string, index: number): Column => [
  name,
  ({ numbers, format }) => roundedCell(format)(numbers.perToken[index]),
];
const rate = (name: string, of: "outputRate" | "totalRate"): Column => [
  name,
  ({ numbers }) => roundedCell({ digits: 2 })(numbers[of]),
];
const memory = (name: string, of: keyof GpuMemory): Column => [
  name,
  ({ format }) => fixedCell(format.gpuMemory?.[of], 2),
];

const LATENCIES_V0_1: readonly Column[] = [
  memory("mem(GB)", "perGpu"),
  first("FTL(ave)(s)", "mean"),
  first("FTL(min)(s)", "min"),
  first("FTL(max)(s)", "max"),
  ...TOKEN_PERCENTILES.map((p, i) => perToken(`${p}%(s)`, i)),
];

/** A release's CSV. */
export type GenerationLayout = "v0.1.0a1" | "v0.1.0" | "v0.6.0";

const LAYOUTS: Readonly<Record<GenerationLayout, readonly Column[]>> = {
  "v0.1.0a1": [
    BATCH,
    PROMPT,
    OUTPUT,
    first("1st_token_latency(min)(s)", "min"),
    first("1st_token_latency(max)(s)", "max"),
    first("1st_token_latency(ave)(s)", "mean"),
    ...TOKEN_PERCENTILES.map((p, i) => perToken(`percentile${p}(s)`, i)),
    rate("throughput(token/s)", "outputRate"),
    memory("mem_per_proc(GB)", "total"),
    memory("mem_per_gpu(GB)", "perGpu"),
  ],
  "v0.1.0": [BATCH, PROMPT, OUTPUT, rate("throughput(out tok/s)", "outputRate"), ...LATENCIES_V0_1],
  "v0.6.0": [
    BATCH,
    PROMPT,
    OUTPUT,
    rate("throughput(total tok/s)", "totalRate"),
    rate("throughput(out tok/s)", "outputRate"),
    ...LATENCIES_V0_1,
  ],
};

/** Every {@linkcode GenerationLayout}, the oldest first. */
export const GENERATION_LAYOUTS: readonly GenerationLayout[] = ["v0.1.0a1", "v0.1.0", "v0.6.0"];

/** Header and row of a release's CSV. */
export function generationRow(
  numbers: GenerationNumbers,
  asked: GenerationCase,
  options: GenerationFormat & { readonly layout: GenerationLayout },
): LayoutRow {
  return layOutRow(LAYOUTS[options.layout], { numbers, asked, format: options });
}

/** As Python prints a rounded float: `0.05`, not `0.050`. */
function roundedCell({ digits = DIGITS }: GenerationFormat): (value: number | undefined) => string {
  return (value) => value === undefined ? NOT_AVAILABLE : formatRepr(roundPython(value, digits));
}
