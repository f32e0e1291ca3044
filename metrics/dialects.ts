/**
 * Other tools' numbers, and how a run is read in them. A new one is one file, which exports it as
 * `dialect`, and one line here.
 *
 * @module
 */
import type { Dialect, DialectFile, DialectLoad } from "./dialect.ts";
import {
  type ExplainedFigure,
  explainFigures,
  speakFigures,
  type SpokenFigure,
} from "./dialect_explain.ts";
import type { LoadPlan, Run } from "./run.ts";
import type { Slo } from "./summary_slo.ts";

/** A dialect in the list of all: what it is called, and how the rest of it is loaded. */
export interface DialectEntry {
  /** Name on the command line, e.g. `vllm`. */
  readonly name: string;
  /** Its definitions and files. */
  readonly load: () => Promise<Dialect>;
}

/** Every dialect; what one needs is loaded when it is named. */
export const DIALECTS: readonly DialectEntry[] = [
  entry("vllm", () => import("./dialect_vllm.ts")),
  entry("sglang", () => import("./dialect_sglang.ts")),
  entry("aiperf", () => import("./dialect_aiperf.ts")),
  entry("guidellm", () => import("./dialect_guidellm.ts")),
  entry("genai-perf", () => import("./dialect_genai_perf.ts")),
  entry("inference-perf", () => import("./dialect_inference_perf.ts")),
  entry("evalscope", () => import("./dialect_evalscope.ts")),
  entry("lmdeploy", () => import("./dialect_lmdeploy.ts")),
];

function entry(
  name: string,
  file: () => Promise<{ readonly dialect: Dialect }>,
): DialectEntry {
  return { name, load: async () => (await file()).dialect };
}

/** A run in another tool's numbers. */
export interface SpokenRun<Figure = SpokenFigure> {
  /** Name of the dialect. */
  readonly name: string;
  /** What it is, e.g. `vllm bench serve`. */
  readonly title: string;
  /** Version whose source was read. */
  readonly version: string;
  /** What of its numbers the records do not hold, each in a sentence without a period. */
  readonly missing: readonly string[];
  /** Each load. */
  readonly loads: readonly SpokenLoad<Figure>[];
}

/** A load in another tool's numbers. */
export interface SpokenLoad<Figure = SpokenFigure> {
  /** Name of the load, e.g. `64 users`. */
  readonly label: string;
  /** The load as planned. */
  readonly plan: LoadPlan;
  /** Its figures, in the tool's order. */
  readonly figures: readonly Figure[];
  /** The files that the tool would have written, made when they are asked for. */
  readonly files: () => readonly DialectFile[];
}

/** What a dialect is told besides the run. */
export interface DialectOptions {
  /** Percentiles where the tool lets its user choose them. Default 99. */
  readonly percentiles?: readonly number[];
  /** Limits that a good request meets, for tools that know goodput. */
  readonly slo?: Slo | undefined;
}

/**
 * Reads a run in another tool's numbers: what it would have printed and written for the same events by
 * its own definitions.
 *
 * @throws {RangeError} when there is no such dialect.
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { measureBench, startSimServer } from "@tokometer/tokometer";
 * import { readDialect } from "@tokometer/tokometer/metrics";
 *
 * const server = await startSimServer({ ttft: "1", itl: "0" });
 * const run = await measureBench(server.url, { concurrency: [1], requests: 4 });
 * await server.stop();
 * const { loads: [load] } = await readDialect("vllm", run);
 * assertEquals(load?.figures.find(({ name }) => name === "completed")?.theirs, 4);
 * ```
 */
export async function readDialect(
  name: string,
  run: Run,
  options: DialectOptions = {},
): Promise<SpokenRun> {
  return speak(await findDialect(name), run, options, speakFigures);
}

/**
 * Reads a run in another tool's numbers, and says of each figure why it differs from ours.
 *
 * @throws {RangeError} when there is no such dialect.
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { measureBench, startSimServer } from "@tokometer/tokometer";
 * import { explainDialect } from "@tokometer/tokometer/metrics";
 *
 * const server = await startSimServer({ ttft: "1", itl: "0" });
 * const run = await measureBench(server.url, { concurrency: [1], requests: 4 });
 * await server.stop();
 * const { loads: [load] } = await explainDialect("vllm", run);
 * const p99 = load?.figures.find(({ name }) => name === "p99_ttft_ms");
 * assertEquals(p99?.causes.at(-1)?.title, "percentile rule");
 * ```
 */
export async function explainDialect(
  name: string,
  run: Run,
  options: DialectOptions = {},
): Promise<SpokenRun<ExplainedFigure>> {
  return speak(await findDialect(name), run, options, explainFigures);
}

async function findDialect(name: string): Promise<Dialect> {
  const found = DIALECTS.find((entry) => entry.name === name);
  if (found === undefined) {
    throw new RangeError(
      `Cannot find the dialect ${JSON.stringify(name)}: there are ${
        DIALECTS.map(({ name }) => name).join(", ")
      }`,
    );
  }
  return await found.load();
}

function speak<Figure>(
  dialect: Dialect,
  { header, records, ends }: Run,
  { percentiles = [99], slo }: DialectOptions,
  figuresOf: (dialect: Dialect, load: DialectLoad) => readonly Figure[],
): SpokenRun<Figure> {
  const { name, title, version, missing } = dialect;
  const byLoad = Map.groupBy(
    records.filter(({ phase }) => phase === "measure"),
    ({ load }) => load,
  );
  const loads = ends.filter(({ skipped }) => !skipped).map((end): SpokenLoad<Figure> => {
    const plan = header.loads[end.load]!;
    const own = (byLoad.get(end.load) ?? []).toSorted((a, b) => a.index - b.index);
    const load: DialectLoad = { header, plan, end, records: own, percentiles, slo };
    return {
      label: plan.label,
      plan,
      figures: figuresOf(dialect, load),
      files: () => dialect.files(load),
    };
  });
  return { name, title, version, missing, loads };
}
