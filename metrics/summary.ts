/**
 * From records to everything that reports print. Reports choose and format but compute nothing, so
 * that no two of them can disagree.
 *
 * @module
 */
import type { RequestRecord } from "../backends/record.ts";
import type { Check } from "./check.ts";
import { CLIENT_TOLERANCE } from "./check_figures.ts";
import { checkRun } from "./check_run.ts";
import { checkScenario, judgeScenario, type ScenarioSummary } from "./check_scenario.ts";
import { type Answer, answerOf } from "./summary_answer.ts";
import {
  absorbState,
  createLoadAccumulator,
  type LoadAccumulator,
  stateOf,
} from "./summary_accumulator.ts";
import type { ServerScale } from "./load_speed.ts";
import type { LoadState } from "./load_state.ts";
import type { LoadSummary } from "./load_summary.ts";
import { minimumSamples } from "./stat_quantile.ts";
import type { CapacitySummary, CurveSummary } from "./capacity_result.ts";
import type { LoadEnd, LoadPlan, Run, RunHeader } from "./run.ts";
import type { SessionEnd } from "./run_replay.ts";
import { checkRepeats, type RepeatedLoad, summarizeRepeats } from "./summary_repeats.ts";
import type { Limit } from "./limit.ts";
import { LEAST_SLICE_MS, SLICE_MS } from "./summary_slices.ts";
import { summarizeCapacity } from "./capacity_summary.ts";
import { summarizeCurve } from "./capacity_curve.ts";
import { searchedLevel, withSearched } from "./summary_searched.ts";
import type { Slo } from "./summary_slo.ts";
import { serverScale } from "./summary_speed.ts";

/** Version of the JSON report. */
export const REPORT_SCHEMA = "tokometer.report/1";

/** Results of a run. A number that does not exist is `undefined` here, `null` in JSON, `n/a` in text. */
export interface Summary {
  /** Version of the JSON report. */
  readonly schema: typeof REPORT_SCHEMA;
  /** What was run, where and how. */
  readonly header: RunHeader;
  /** Percentiles of every distribution. */
  readonly percentiles: readonly number[];
  /** What the run says at a glance. */
  readonly answer: Answer;
  /** Results of each load, in the order of the run. */
  readonly loads: readonly LoadSummary[];
  /** What differs from run to run, for each load that was repeated; absent = none was. */
  readonly repeats: readonly RepeatedLoad[] | undefined;
  /** Size and price of the server, as the user said; absent = neither. */
  readonly scale: ServerScale | undefined;
  /** Whether the run is valid by the rules of its scenario; absent = it has none. */
  readonly scenario: ScenarioSummary | undefined;
  /** The highest load within a service level; absent = the run did not look for it. */
  readonly capacity: CapacitySummary | undefined;
  /** From idle to saturation; absent = the run did not look for it. */
  readonly curve: CurveSummary | undefined;
  /** What was checked about the run as a whole. */
  readonly checks: readonly Check[];
}

/** What to compute. */
export interface SummaryOptions {
  /** From 0 to below 100, in the order in which reports list them. Default 50, 90, 95, 99. */
  readonly percentiles?: readonly number[];
  /** Limits that a good request meets; without them there is no goodput. */
  readonly slo?: Slo | undefined;
  /** Limits that each load has to keep, as read by `parseRequired`; results are in its `limits`. */
  readonly require?: readonly Limit[] | undefined;
  /** GPUs of the server, for work per GPU. Default: as in the run's options. */
  readonly gpus?: number | undefined;
  /** What an hour of the whole server costs, in any currency. Default: as in the run's options. */
  readonly costPerHour?: number | undefined;
  /**
   * A load is `ok` where both ends of each headline figure (median, p90 and p99 of TTFT, TPOT, ITL and
   * E2E) and of the throughput lie within this share of what is printed, or within 1 ms of TTFT and E2E
   * and 0.1 ms of TPOT and ITL. Default 0.05.
   */
  readonly clientTolerance?: number;
  /**
   * `raw` keeps all values and is exact; `histogram` takes bounded memory, its percentiles are
   * within 0.1 % and its times within a 4096th of the load; `auto` is raw until the run has
   * {@linkcode SummaryOptions.rawTicks}. Default `raw`.
   */
  readonly values?: ValueKeeping;
  /** Length of the slices over time, in ms, from 10 on; longer in a load of more than 600. Default 1000. */
  readonly sliceMs?: number;
  /** For `auto`: most ticks to keep, where a request counts as 50 more. Default 20 million. */
  readonly rawTicks?: number;
  /** For `auto`: called once when the limit is reached. */
  readonly onHistogram?: () => void;
}

/** How the values of a run are kept. */
export type ValueKeeping = "auto" | "raw" | "histogram";

/** All ways to keep values. */
export const VALUE_KEEPINGS: readonly ValueKeeping[] = ["auto", "raw", "histogram"];

/** Percentiles of a report that asks for none. */
export const DEFAULT_PERCENTILES: readonly number[] = [50, 90, 95, 99];

/** With their requests half a gigabyte, and as much again while they are summarized. */
const RAW_TICKS = 20_000_000;

/** Memory of a record besides its ticks, in ticks. */
const RECORD_TICKS = 50;

/** Kept records to move per new one: moving all at once would block a measuring thread for seconds. */
const MOVED_AT_ONCE = 16;

/** Summarizes records that are seen once, in any order. */
export interface Accumulator {
  /** Adds a load that was decided while the run went on; before its records. */
  plan(plan: LoadPlan): void;
  /** Adds a record of any load. */
  add(record: RequestRecord): void;
  /** Adds how a session of any load went. */
  session(session: SessionEnd): void;
  /** Adds the end of a load. */
  end(end: LoadEnd): void;
  /** Counts a line of the record file that could not be used. */
  unread(): void;
  /**
   * All so far of a load, to be absorbed by another accumulator of the same run.
   *
   * @throws {TypeError} where values are not kept as histograms.
   */
  state(load: number): LoadState;
  /**
   * Adds what another accumulator knows of a load, as if its records had been added here.
   *
   * @throws {TypeError} for the state of another version or another run, and where values are not kept as
   * histograms.
   */
  absorb(state: LoadState): void;
  /** Summary of all so far; more may follow. */
  summary(): Summary;
}

/**
 * Summarizes every load of a run. Warm-up requests are excluded; cancelled and dropped ones are only
 * counted.
 *
 * @throws {RangeError} when a percentile is not from 0 to below 100, or slices are shorter than 10 ms.
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
  const { states = [] } = run;
  // Of loads that others collected there are no single values.
  const accumulator = createAccumulator(
    run.header,
    states.length === 0 ? options : { ...options, values: "histogram" },
  );
  for (const record of run.records) accumulator.add(record);
  for (const session of run.sessions ?? []) accumulator.session(session);
  for (const state of states) accumulator.absorb(state);
  for (const end of run.ends) accumulator.end(end);
  return accumulator.summary();
}

/**
 * Summarizes a run while its records arrive, with `values: "histogram"` in memory that does not grow
 * with their number. Records of several clients of one server go into one accumulator.
 *
 * @throws {RangeError} when a percentile is not from 0 to below 100, or slices are shorter than 10 ms.
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { createAccumulator, measureBench, startSimServer } from "@tokometer/tokometer";
 *
 * const server = await startSimServer({ ttft: "5", itl: "1" });
 * let accumulator: ReturnType<typeof createAccumulator>;
 * await measureBench(server.url, { requests: 4, outputTokens: 8 }, {
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
  const { require, values = "raw" } = options;
  const searched = searchedLevel(header.find);
  const percentiles = withSearched(options.percentiles ?? DEFAULT_PERCENTILES, searched);
  // A search is judged by its own service level, whatever else is asked for.
  const slo = searched ?? options.slo;
  const { clientTolerance = CLIENT_TOLERANCE } = options;
  const { rawTicks = RAW_TICKS, onHistogram, sliceMs = SLICE_MS } = options;
  for (const p of percentiles) minimumSamples(p);
  if (!(sliceMs >= LEAST_SLICE_MS && Number.isFinite(sliceMs))) {
    throw new RangeError(
      `Cannot cut a load into slices of ${sliceMs} ms: give ${LEAST_SLICE_MS} or more`,
    );
  }
  const scale = serverScale(options, header);
  const plans = [...header.loads];
  const common = { header, slo, require, clientTolerance, sliceMs, scale };
  const startLoad = (plan: LoadPlan, values: "raw" | "histogram") =>
    createLoadAccumulator({ plan, values, ...common });
  const startLoads = (values: "raw" | "histogram") => plans.map((plan) => startLoad(plan, values));
  const ends: LoadEnd[] = [];
  // Far fewer than records; where those are not kept, these are not either.
  const keptSessions: SessionEnd[] = [];
  let unread = 0;
  // While all records are kept, nothing is computed during the measurement.
  const kept: RequestRecord[] = [];
  let keptTicks = 0;
  let loads = values === "histogram" ? startLoads("histogram") : undefined;

  const feed = (into: readonly LoadAccumulator[], record: RequestRecord) =>
    into[record.load]?.add(record);
  const moveKept = (into: readonly LoadAccumulator[], most: number) => {
    for (let i = 0; i < most && kept.length > 0; i++) feed(into, kept.pop()!);
  };
  const feedSession = (into: readonly LoadAccumulator[], session: SessionEnd) =>
    into[session.load]?.session(session);
  const loadOf = (load: number): LoadAccumulator => {
    if (loads === undefined) {
      throw new TypeError('Cannot add up results of several machines: values are not "histogram"');
    }
    const found = loads[load];
    if (found === undefined) {
      throw new TypeError(`Cannot add results of load ${load}: there is none`);
    }
    return found;
  };
  return {
    plan(plan) {
      plans.push(plan);
      loads?.push(startLoad(plan, "histogram"));
    },
    add(record) {
      if (loads !== undefined) {
        feed(loads, record);
        moveKept(loads, MOVED_AT_ONCE);
        return;
      }
      kept.push(record);
      keptTicks += record.tickMs.length + RECORD_TICKS;
      if (values === "raw" || keptTicks <= rawTicks) return;
      loads = startLoads("histogram");
      for (const session of keptSessions.splice(0)) feedSession(loads, session);
      onHistogram?.();
    },
    session(session) {
      if (loads === undefined) keptSessions.push(session);
      else feedSession(loads, session);
    },
    end: (end) => void ends.push(end),
    unread: () => void unread++,
    state(load) {
      const found = loadOf(load);
      moveKept(loads!, Infinity);
      return stateOf(found, load);
    },
    absorb: (state) => absorbState(loadOf(state.load), state),
    summary() {
      let full = loads;
      if (full === undefined) {
        full = startLoads("raw");
        for (const record of inOrder(kept)) feed(full, record);
        for (const session of keptSessions) feedSession(full, session);
      } else {
        moveKept(full, Infinity);
      }
      const summaries = full.map((load, number) =>
        load.summary({ end: ends.find((end) => end.load === number), percentiles })
      );
      const scenario = judgeScenario(header, summaries);
      // Probes that were measured again are pooled by the search itself.
      const repeats = header.find === undefined ? summarizeRepeats(summaries) : undefined;
      const answered = {
        header: { ...header, loads: plans },
        loads: summaries,
        repeats,
        capacity: header.find?.goal === "capacity"
          ? summarizeCapacity(header.find, searched!, summaries)
          : undefined,
        curve: header.find?.goal === "curve" ? summarizeCurve(header.find, summaries) : undefined,
      };
      return {
        ...{ schema: REPORT_SCHEMA, percentiles, scale, scenario },
        ...answered,
        answer: answerOf(answered),
        checks: [
          ...checkRun(header, unread),
          ...checkScenario(scenario),
          ...checkRepeats(repeats, header),
        ],
      };
    },
  };
}

/** Records by their numbers, those of one number as they came. */
function inOrder(records: readonly RequestRecord[]): readonly RequestRecord[] {
  const most = 2 ** 53 / records.length;
  // One number for both, so that nothing has to be compared by a function of ours.
  const keys = new Float64Array(records.length);
  for (let i = 0; i < records.length; i++) {
    const { index } = records[i]!;
    if (!(index >= 0 && index < most)) return records.toSorted((a, b) => a.index - b.index);
    keys[i] = index * records.length + i;
  }
  return Array.from(keys.sort(), (key) => records[key % records.length]!);
}
