/**
 * The highest load within a service level, without a command line.
 *
 * @module
 */
import type { CapacitySummary } from "../metrics/capacity_result.ts";
import { type Accumulator, createAccumulator, type Summary } from "../metrics/summary.ts";
import { createFinder } from "./find_finder.ts";
import { exampleValues, planFind } from "./find_plan.ts";
import { type BenchOptions, planBench } from "./run_bench.ts";
import type { MeasureHooks } from "./run_hooks.ts";
import { measure } from "./run_measure.ts";
import { UserError } from "./user_error.ts";

/** What to look for, and how to load the server. */
export interface CapacityOptions extends BenchOptions {
  /** What is raised; of a recording its sessions or its speed. */
  readonly find: "concurrency" | "rate";
  /** The service level, e.g. `ttft:p99<500,tpot:p95<50`. */
  readonly slo: string;
  /** Share of requests that meet limits on each request, 0 to 1; default 0.99. */
  readonly attainment?: number;
  /** How near the ends of the answer are to be, e.g. `5%`, the default. */
  readonly tolerance?: string;
  /** Percent of the requests that may fail; default 0. */
  readonly maxFailures?: number;
}

/**
 * Looks for the highest load that keeps a service level. The summary holds every probe, and in
 * `capacity` the answer with its interval. Needs `--allow-net` and `--allow-read`.
 *
 * @throws {UserError} for a service level or a range that cannot be searched, and as `measureBench`.
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { startSimServer } from "@tokometer/tokometer";
 * import { findCapacity } from "@tokometer/tokometer/workloads";
 *
 * const server = await startSimServer({ ttft: "5", itl: "1" });
 * const { capacity } = await findCapacity(server.url, {
 *   find: "concurrency",
 *   slo: "ttft:p50<1000",
 *   ...{ concurrency: [1, 2], requests: 200, outputTokens: 4 },
 * });
 * await server.stop();
 * assertEquals(capacity.outcome, "at-least");
 * ```
 */
export async function findCapacity(
  url: string | readonly string[],
  options: CapacityOptions,
  hooks: Partial<MeasureHooks> = {},
): Promise<Summary & { readonly capacity: CapacitySummary }> {
  const { find, slo: _, attainment: __, tolerance: ___, maxFailures: ____, ...bench } = options;
  const asked = planFind(options);
  if (asked?.level === undefined) {
    throw new UserError(`Cannot look for "${find}": ask for rate or concurrency`);
  }
  const plan = await planBench(url, await exampleValues(bench, asked));
  const never = new AbortController().signal;
  let accumulator: Accumulator | undefined;
  await measure(plan, {
    ...{ stopSignal: never, abortSignal: never, commandLine: [], keepRecords: false },
    ...hooks,
    finder: createFinder({
      asked,
      plan,
      ...(hooks.note === undefined ? {} : { note: hooks.note }),
    }),
    onHeader: async (header) => {
      accumulator = createAccumulator(header);
      await hooks.onHeader?.(header);
    },
    onPlan: (load) => {
      accumulator?.plan(load);
      hooks.onPlan?.(load);
    },
    onRecord: (record) => {
      accumulator?.add(record);
      hooks.onRecord?.(record);
    },
    onSession: (session) => {
      accumulator?.session(session);
      hooks.onSession?.(session);
    },
    onLoadEnd: (end) => {
      accumulator?.end(end);
      return hooks.onLoadEnd?.(end);
    },
  });
  const summary = accumulator!.summary();
  return { ...summary, capacity: summary.capacity! };
}
