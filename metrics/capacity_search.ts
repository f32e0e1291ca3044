/**
 * The search for the highest load within a service level: which load to try next, and what is known.
 * It neither waits nor measures.
 *
 * From the first load it doubles until the service level is broken (and halves where the first breaks
 * it), then looks into the widest steps of that ladder for lower loads that break it, then halves the
 * distance between the highest load that keeps it and the lowest that breaks it, by ratio. A load that
 * stays undecided after {@linkcode MOST_REPEATS} measurements is left alone, and the search goes on at
 * both sides of it.
 *
 * @module
 */
import type { CapacityAnswer, ProbeVerdict } from "./capacity_result.ts";
import type { Count } from "./count.ts";
import type { RunFind } from "./run_find.ts";

/** A load is measured at most so often. */
export const MOST_REPEATS = 3;
/** Wrong verdicts of all looks together, as a share of the searches. */
export const SEARCH_ERROR = 0.05;
/** Steps of the ladder below the highest kept load that are looked into. */
const MOST_GUARDS = 2;
const LADDER_RATIO = 2;

/** What a search depends on. */
export interface CapacitySearchOptions
  extends Pick<RunFind, "axis" | "first" | "lowest" | "highest" | "tolerance"> {}

/** A load to measure. */
export interface CapacityStep {
  /** Rate, users, speed or sessions. */
  readonly value: number;
  /** Which repeat of it, from 1 on. */
  readonly repeat: Count;
}

/** A search that goes on. */
export interface CapacitySearch {
  /** Loads that are tried at most. */
  readonly plannedLoads: Count;
  /** Measurements at most. */
  readonly plannedLooks: Count;
  /** Share of wrong verdicts that each look may have: all have {@linkcode SEARCH_ERROR} together. */
  readonly errorPerLook: number;
  /** What to measure next; absent = the search has ended. */
  next(): CapacityStep | undefined;
  /** Adds what is known of a load after its latest measurement, by all of its repeats. */
  add(value: number, verdict: ProbeVerdict): void;
  /** The answer so far. @param stopped the search was broken off. */
  answer(stopped?: boolean): CapacityAnswer;
}

/** What is known of a load. */
interface Tried {
  readonly value: number;
  verdict: ProbeVerdict;
  looks: number;
}

/**
 * Starts a search.
 *
 * @throws {RangeError} for a range or a tolerance that cannot be searched.
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { createCapacitySearch } from "@tokometer/tokometer/metrics";
 *
 * const search = createCapacitySearch({
 *   ...{ axis: "concurrency", first: 1, lowest: 1, highest: 64, tolerance: 0.05 },
 * });
 * for (let step = search.next(); step !== undefined; step = search.next()) {
 *   search.add(step.value, step.value <= 21 ? "keeps" : "breaks");
 * }
 * const { outcome, kept, broke } = search.answer();
 * assertEquals([outcome, kept, broke], ["found", 21, 22]);
 * ```
 */
export function createCapacitySearch(options: CapacitySearchOptions): CapacitySearch {
  const { first, lowest, highest, tolerance } = options;
  if (!(lowest > 0 && lowest <= first && first <= highest && highest < Infinity)) {
    throw new RangeError(`Cannot search from ${lowest} over ${first} to ${highest}`);
  }
  if (!(tolerance > 0 && tolerance < 1)) {
    throw new RangeError(`Cannot search to ${tolerance}: give a tolerance above 0 and below 1`);
  }
  const plannedLoads = plannedFor(options);
  const tried = new Map<number, Tried>();
  /** Loads of the ladder. */
  const rungs: number[] = [];
  let guards = 0;
  let last: Tried | undefined;
  /** Asked for, and not measured yet. */
  let asked: number | undefined;

  const valuesOf = (verdict: ProbeVerdict) =>
    [...tried.values()].filter((one) => one.verdict === verdict)
      .map(({ value }) => value).toSorted((a, b) => a - b);

  /** Highest kept below lowest broken: what lies above a broken load does not count. */
  function bounds(): { readonly kept: number | undefined; readonly broke: number | undefined } {
    const broke = valuesOf("breaks").at(0);
    const kept = valuesOf("keeps").filter((value) => broke === undefined || value < broke).at(-1);
    return { kept, broke };
  }

  /** Between two loads, where that is another one. */
  function between(low: number, high: number): number | undefined {
    if (high / low <= 1 + tolerance) return undefined;
    const middle = settable(Math.sqrt(low * high), options);
    return middle > low && middle < high && !tried.has(middle) ? middle : undefined;
  }

  function ladder(kept: number | undefined, broke: number | undefined): number | undefined {
    const values = [...tried.keys()];
    if (broke === undefined) {
      const top = Math.max(...values);
      return top >= highest ? undefined : Math.min(highest, settable(top * LADDER_RATIO, options));
    }
    const bottom = Math.min(...values);
    if (kept !== undefined || bottom <= lowest) return undefined;
    return Math.max(lowest, settable(bottom / LADDER_RATIO, options));
  }

  /** The middle of a step of the ladder below `broke`, the highest first: it may break as well. */
  function guard(broke: number): number | undefined {
    const below = rungs.filter((value) => value < broke).toSorted((a, b) => b - a);
    // Where the ladder began so high, what is below it was not tried at all.
    while (below.length > 0 && below.length <= MOST_GUARDS) {
      const next = settable(below.at(-1)! / LADDER_RATIO, options);
      if (next < lowest || next >= below.at(-1)!) break;
      below.push(next);
    }
    for (let i = 0; i + 1 < below.length && guards < MOST_GUARDS; i++) {
      const middle = between(below[i + 1]!, below[i]!);
      if (middle === undefined) continue;
      guards++;
      return middle;
    }
    return undefined;
  }

  function bisect(kept: number, broke: number): number | undefined {
    const open = valuesOf("undecided").filter((value) => value > kept && value < broke);
    const gaps = open.length === 0
      ? [[kept, broke] as const]
      : [[kept, open[0]!] as const, [open.at(-1)!, broke] as const];
    return gaps.toSorted(([a, b], [c, d]) => d / c - b / a)
      .map(([low, high]) => between(low, high)).find((value) => value !== undefined);
  }

  function nextValue(): number | undefined {
    const { kept, broke } = bounds();
    const rung = tried.size === 0 ? first : ladder(kept, broke);
    if (rung !== undefined) {
      rungs.push(rung);
      return rung;
    }
    if (kept === undefined) return undefined;
    return guard(broke ?? Infinity) ?? (broke === undefined ? undefined : bisect(kept, broke));
  }

  return {
    plannedLoads,
    plannedLooks: plannedLoads * MOST_REPEATS,
    errorPerLook: SEARCH_ERROR / (plannedLoads * MOST_REPEATS),
    next() {
      if (last?.verdict === "client-bound") return undefined;
      if (last?.verdict === "undecided" && last.looks < MOST_REPEATS) {
        return { value: last.value, repeat: last.looks + 1 };
      }
      if (asked === undefined && tried.size < plannedLoads) asked = nextValue();
      return asked === undefined ? undefined : { value: asked, repeat: 1 };
    },
    add(value, verdict) {
      asked = undefined;
      last = tried.get(value) ?? { value, verdict, looks: 0 };
      last.verdict = verdict;
      last.looks++;
      tried.set(value, last);
    },
    answer(stopped = false) {
      const { kept, broke } = bounds();
      const both = kept !== undefined && broke !== undefined;
      const values = [...tried.keys()];
      const bottom = Math.min(...values);
      return {
        outcome: valuesOf("client-bound").length > 0
          ? "client-bound"
          : stopped
          ? "stopped"
          : both
          ? "found"
          : kept === highest
          ? "at-least"
          : broke === lowest && broke === bottom
          ? "below"
          : "undecided",
        estimate: undefined,
        ...{ kept, broke },
        interval: both ? { low: kept, high: isWhole(options) ? broke - 1 : broke } : undefined,
        keptAbove: broke === undefined ? [] : valuesOf("keeps").filter((value) => value > broke),
        precise: both && (broke / kept <= 1 + tolerance ||
          [kept, broke].includes(settable(Math.sqrt(kept * broke), options))),
      };
    },
  };
}

/** Whether only whole loads exist. */
export function isWhole({ axis }: Pick<RunFind, "axis">): boolean {
  return axis === "concurrency" || axis === "sessions";
}

/** Whole where there are no parts, else in four digits: a load that can be asked for again. */
export function settable(value: number, options: Pick<RunFind, "axis">): number {
  return isWhole(options) ? Math.max(1, Math.round(value)) : Number(value.toPrecision(4));
}

/** Loads at most: the longer way along the ladder, its guards, and a bisection at both sides of a gap. */
function plannedFor(options: CapacitySearchOptions): number {
  const { first, lowest, highest, tolerance } = options;
  const steps = (from: number, to: number) => Math.ceil(Math.log2(to / from) - 1e-9);
  const ladder = 1 + Math.max(steps(first, highest), steps(lowest, first));
  const halvings = Math.max(
    1,
    Math.ceil(Math.log2(Math.log(LADDER_RATIO) / Math.log1p(tolerance))),
  );
  return ladder + MOST_GUARDS + 2 * halvings;
}

/** Loads of a search whose limit is at `truth` and that meets no undecided load, in their order. */
export function foreseeSearch(options: CapacitySearchOptions, truth: number): readonly number[] {
  const search = createCapacitySearch(options);
  const values: number[] = [];
  for (let step = search.next(); step !== undefined; step = search.next()) {
    values.push(step.value);
    search.add(step.value, step.value <= truth ? "keeps" : "breaks");
  }
  return values;
}
