/**
 * From records to everything that any report prints. Reports choose and format; they compute
 * nothing, so no two of them can disagree.
 *
 * @module
 */
import type { RequestRecord } from "../backends/record.ts";
import type { Check } from "./check.ts";
import { checkRun } from "./check_run.ts";
import { createLoadAccumulator, type LoadAccumulator } from "./summary_accumulator.ts";
import type { LoadSummary } from "./load_summary.ts";
import { minimumSamples } from "./stat_quantile.ts";
import type { LoadEnd, Run, RunHeader } from "./run.ts";
import type { Slo } from "./summary_slo.ts";

/** Version of the JSON report. */
export const REPORT_SCHEMA = "tokometer.report/1";

/** Results of a run. Absent numbers are `undefined` here, `null` in JSON and `n/a` in text. */
export interface Summary {
  /** Version of this shape. */
  readonly schema: typeof REPORT_SCHEMA;
  /** What was run, where and how. */
  readonly header: RunHeader;
  /** Percentiles that every distribution lists. */
  readonly percentiles: readonly number[];
  /** In the order of the run. */
  readonly loads: readonly LoadSummary[];
  /** What was checked about the run as a whole. */
  readonly checks: readonly Check[];
}

/** What to compute. */
export interface SummaryOptions {
  /** From 0 to below 100, in the order in which reports list them. Default 50, 90, 95, 99. */
  readonly percentiles?: readonly number[];
  /** Limits that a good request keeps; without them there is no goodput. */
  readonly slo?: Slo | undefined;
  /**
   * `raw` keeps all values and is exact; `histogram` takes bounded memory, its percentiles are
   * within 0.1 % and its times within a 4096th of the load; `auto` is raw until the run has
   * {@linkcode SummaryOptions.rawTicks}. Default `raw`.
   */
  readonly values?: ValueKeeping;
  /** For `auto`: most ticks that are kept, a request counting as 50 more. Default 20 million. */
  readonly rawTicks?: number;
  /** For `auto`: called once, when the limit was reached. */
  readonly onHistogram?: () => void;
}

/** How the values of a run are kept. */
export type ValueKeeping = "auto" | "raw" | "histogram";

/** All ways, by their names. */
export const VALUE_KEEPINGS: readonly ValueKeeping[] = ["auto", "raw", "histogram"];

/** Percentiles of a report that asks for none. */
export const DEFAULT_PERCENTILES: readonly number[] = [50, 90, 95, 99];

/** With their requests half a gigabyte, and as much again while the summary is made of them. */
export const RAW_TICKS = 20_000_000;

/** What a record takes besides its ticks, in ticks. */
const RECORD_TICKS = 50;

/** So that the load goes on: all at once would hold its thread for seconds. */
const POURED_AT_ONCE = 16;

/** Makes a summary of records that are seen once, in any order. */
export interface Accumulator {
  /** Takes a record in, of whichever load. */
  add(record: RequestRecord): void;
  /** Takes in how a load went. */
  end(end: LoadEnd): void;
  /** Of all so far; more may follow. */
  summary(): Summary;
}

/**
 * Summarizes every load of a run. Warm-up requests are left out; cancelled and dropped ones are
 * only counted.
 *
 * @throws {RangeError} when a percentile is not from 0 to below 100.
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { measureBench, startSimServer, summarize } from "@tokometer/tokometer";
 *
 * const server = await startSimServer({ ttft: "1", itl: "0" });
 * const run = await measureBench(server.url, { concurrency: [1], requests: 4 });
 * await server.stop();
 * const { loads: [load] } = summarize(run, { percentiles: [50] });
 * assertEquals([load?.label, load?.counts.completed], ["1 user", 4]);
 * ```
 */
export function summarize(run: Run, options: SummaryOptions = {}): Summary {
  const accumulator = createAccumulator(run.header, options);
  for (const record of run.records) accumulator.add(record);
  for (const end of run.ends) accumulator.end(end);
  return accumulator.summary();
}

/**
 * Summarizes a run while its records come in: with `values: "histogram"` in memory that does not
 * grow with their number. Records of several clients of one server go into one accumulator.
 *
 * @throws {RangeError} when a percentile is not from 0 to below 100.
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { createAccumulator, measureBench, startSimServer } from "@tokometer/tokometer";
 *
 * const server = await startSimServer({ ttft: "5", itl: "1" });
 * let accumulator: ReturnType<typeof createAccumulator>;
 * await measureBench(server.url, { requests: 4, "output-tokens": "8" }, {
 *   keepRecords: false,
 *   onHeader: (header) => {
 *     accumulator = createAccumulator(header, { values: "histogram" });
 *     return Promise.resolve();
 *   },
 *   onRecord: (record) => accumulator.add(record),
 *   onLoadEnd: (end) => accumulator.end(end),
 * });
 * await server.stop();
 * const { loads: [load] } = accumulator!.summary();
 * assertEquals(load?.approximation?.relativeError, 0.001);
 * ```
 */
export function createAccumulator(header: RunHeader, options: SummaryOptions = {}): Accumulator {
  const { percentiles = DEFAULT_PERCENTILES, slo, values = "raw" } = options;
  const { rawTicks = RAW_TICKS, onHistogram } = options;
  for (const p of percentiles) minimumSamples(p);
  const startLoads = (values: "raw" | "histogram") =>
    header.loads.map((plan) => createLoadAccumulator({ plan, header, slo, values }));
  const ends: LoadEnd[] = [];
  // As long as all are kept, nothing is computed beside a load that is being measured.
  const kept: RequestRecord[] = [];
  let keptTicks = 0;
  let loads = values === "histogram" ? startLoads("histogram") : undefined;

  const feed = (into: readonly LoadAccumulator[], record: RequestRecord) =>
    into[record.load]?.add(record);
  const pour = (into: readonly LoadAccumulator[], most: number) => {
    for (let i = 0; i < most && kept.length > 0; i++) feed(into, kept.pop()!);
  };
  return {
    add(record) {
      if (loads !== undefined) {
        feed(loads, record);
        pour(loads, POURED_AT_ONCE);
        return;
      }
      kept.push(record);
      keptTicks += record.tickMs.length + RECORD_TICKS;
      if (values === "raw" || keptTicks <= rawTicks) return;
      loads = startLoads("histogram");
      onHistogram?.();
    },
    end: (end) => void ends.push(end),
    summary() {
      let full = loads;
      if (full === undefined) {
        full = startLoads("raw");
        for (const record of kept.toSorted((a, b) => a.index - b.index)) feed(full, record);
      } else {
        pour(full, Infinity);
      }
      return {
        schema: REPORT_SCHEMA,
        header,
        percentiles,
        loads: full.map((load, number) =>
          load.summary({ end: ends.find((end) => end.load === number), percentiles })
        ),
        checks: checkRun(header),
      };
    },
  };
}
