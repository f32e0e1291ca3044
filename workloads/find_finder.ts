/**
 * Decides the loads of a search or of a curve, judges each when it has ended, and tells how it went.
 *
 * @module
 */
import { curvePoint, nextOfCurve } from "../metrics/capacity_curve.ts";
import { judgeProbe } from "../metrics/capacity_judge.ts";
import { createOverloadWatch, type OverloadWatch } from "../metrics/capacity_overload.ts";
import {
  type CapacitySearch,
  createCapacitySearch,
  MOST_REPEATS,
} from "../metrics/capacity_search.ts";
import { isMeasured, VERDICT_WORDS } from "../metrics/capacity_summary.ts";
import { CLIENT_TOLERANCE } from "../metrics/check_figures.ts";
import { formatValue } from "../metrics/format.ts";
import type { LoadState } from "../metrics/load_state.ts";
import type { LoadSummary } from "../metrics/load_summary.ts";
import type { LoadEnd, LoadPlan, RunHeader } from "../metrics/run.ts";
import type { RunFind } from "../metrics/run_find.ts";
import {
  absorbState,
  createLoadAccumulator,
  type LoadAccumulator,
} from "../metrics/summary_accumulator.ts";
import { withSearched } from "../metrics/summary_searched.ts";
import type { Slo } from "../metrics/summary_slo.ts";
import type { BenchPlan } from "./bench_plan.ts";
import { announce, loadAt, rangeOf } from "./find_loads.ts";
import { type AskedFind, axisOf } from "./find_plan.ts";
import type { DecidedLoad, LoadFinder } from "./run_finder.ts";

/** What a finder is made from. */
export interface FinderOptions {
  readonly asked: AskedFind;
  /** Its loads are examples. */
  readonly plan: BenchPlan;
  /** What else the loads are judged by, as in the summary; a search is judged by its own service level. */
  readonly slo?: Slo | undefined;
  /** Length of the slices over time, in ms; default as in the summary. */
  readonly sliceMs?: number | undefined;
  /** How near both ends of a figure must be to it in a load that is `ok`, as a share. */
  readonly clientTolerance?: number;
  /** Receives lines for the user. */
  readonly note?: (line: string) => void;
  /** Receives each load when it has ended, before it is judged. */
  readonly onLoad?: (load: LoadSummary) => void;
}

/** A finder that answers at once. */
export interface DecidingFinder extends LoadFinder {
  begin(answerMs: number): RunFind;
  next(): DecidedLoad | undefined;
}

/** Makes what decides the loads of a run. @throws {UserError} where a recording has no such loads. */
export function createFinder(options: FinderOptions): DecidingFinder {
  return new Finder(options);
}

class Finder implements DecidingFinder {
  readonly #options: FinderOptions;
  readonly #axis: RunFind["axis"];
  readonly #loads: LoadSummary[] = [];
  #find: RunFind | undefined;
  #search: CapacitySearch | undefined;
  #header: RunHeader | undefined;
  #answerMs = 0;
  #plan: LoadPlan | undefined;
  #accumulator: LoadAccumulator | undefined;
  #watch: OverloadWatch | undefined;
  #broken = false;

  constructor(options: FinderOptions) {
    this.#options = options;
    this.#axis = axisOf(options.asked, options.plan);
  }

  begin(answerMs: number): RunFind {
    const { asked, plan } = this.#options;
    const { goal, slo, level, tolerance, maxFailures } = asked;
    this.#answerMs = answerMs;
    this.#find = {
      ...{ goal, axis: this.#axis, tolerance, maxFailures },
      ...(slo === undefined ? {} : { slo }),
      ...(level === undefined || level.limits.length === 0 ? {} : { attainment: level.attainment }),
      ...rangeOf(asked, this.#axis, { plan, answerMs }),
    };
    if (goal === "capacity") this.#search = createCapacitySearch(this.#find);
    return this.#find;
  }

  open(header: RunHeader): void {
    this.#header = header;
    const { asked, plan, note } = this.#options;
    const told = announce(this.#find!, asked, { plan, answerMs: this.#answerMs });
    for (const line of told) note?.(line);
  }

  next(): DecidedLoad | undefined {
    if (this.#broken) return undefined;
    if (this.#search === undefined) {
      const value = nextOfCurve(this.#find!, this.#loads.map(curvePoint));
      return value === undefined ? undefined : this.#decide(value);
    }
    const step = this.#search.next();
    if (step === undefined) return undefined;
    const { value, repeat } = step;
    return { ...this.#decide(value, repeat), ...(repeat > 1 ? { repeat } : {}) };
  }

  plan(plan: LoadPlan): void {
    this.#plan = plan;
    const header = this.#header!;
    const { asked, slo, sliceMs } = this.#options;
    this.#accumulator = createLoadAccumulator({
      ...{ plan, header, slo: asked.level ?? slo, sliceMs },
      // What several machines have seen is added up from histograms.
      values: header.fleet === undefined ? "raw" : "histogram",
      clientTolerance: this.#options.clientTolerance ?? CLIENT_TOLERANCE,
    });
    this.#watch = createOverloadWatch({
      steady: plan.kind === "open" && plan.arrival !== "trace",
    });
  }

  see(record: Parameters<LoadFinder["see"]>[0]): void {
    this.#accumulator?.add(record);
    this.#watch?.see(record);
  }

  /** @throws {TypeError} for what cannot be added. */
  absorb(state: LoadState): void {
    if (this.#accumulator !== undefined) absorbState(this.#accumulator, state);
  }

  whyStop(live: Parameters<LoadFinder["whyStop"]>[0]): string | undefined {
    return this.#watch?.look(live);
  }

  end(end: LoadEnd): void {
    const { level } = this.#options.asked;
    const load = this.#accumulator!.summary({ end, percentiles: withSearched([50], level) });
    this.#loads.push(load);
    this.#options.onLoad?.(load);
    this.#accumulator = undefined;
    if (!isMeasured(load)) {
      this.#broken = true;
      return;
    }
    const told = this.#search === undefined ? this.#tellPoint(load) : this.#judge(load);
    this.#options.note?.(`probe ${this.#loads.length}: ${this.#plan!.label} ${told}`);
  }

  #judge({ plan }: LoadSummary): string {
    const value = plan.probe!;
    const loads = this.#loads.filter((one) => one.plan.probe === value);
    const { errorPerLook } = this.#search!;
    const { verdict, reason } = judgeProbe(loads, this.#options.asked.level!, errorPerLook);
    this.#search!.add(value, verdict);
    const again = verdict === "undecided" && loads.length < MOST_REPEATS ? ", measured again" : "";
    return `is ${VERDICT_WORDS[verdict]}${again}: ${reason}`;
  }

  #tellPoint(load: LoadSummary): string {
    const { throughput } = curvePoint(load);
    const unit = load.throughput.run.outputTokensPerSec === undefined ? "req/s" : "tokens/s";
    return `gives ${formatValue(throughput, unit)}${
      load.cutShort === undefined ? "" : `, stopped: ${load.cutShort}`
    }`;
  }

  #decide(value: number, repeat = 1): DecidedLoad {
    const { asked, plan } = this.#options;
    return { ...loadAt(value, asked, { plan, answerMs: this.#answerMs, repeat }), probe: value };
  }
}
