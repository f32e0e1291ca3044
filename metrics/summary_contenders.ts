/**
 * What the loads of a run are compared by to name the best of them: single loads, or the means of their
 * repeats.
 *
 * @module
 */
import type { Count } from "./count.ts";
import { findFigure } from "./figure.ts";
import type { Bracket } from "./load_bracket.ts";
import type { Interval } from "./load_interval.ts";
import { keepsLimit } from "./limit.ts";
import type { LimitResult } from "./load_limits.ts";
import type { LoadSummary } from "./load_summary.ts";
import type { Unit } from "./metric.ts";
import type { RepeatedLoad } from "./summary_repeats.ts";

/** Loads with so much of the highest throughput have nearly all of it. */
const NEARLY = 0.95;

/** A load, or all of its repeats. */
export interface Contender {
  /** Name without the number of a repeat. */
  readonly label: string;
  /** Position of the load, of the first one of several. */
  readonly position: Count;
  /** The load, or its repeats that count. */
  readonly loads: readonly LoadSummary[];
  /** What differs from run to run; absent = measured once. */
  readonly repeated: RepeatedLoad | undefined;
}

/** A number of a contender. */
export interface ContenderFigure {
  /** The value, or the mean over the repeats. */
  readonly value: number;
  /** What the client's stamps leave open; absent = unknown, or a mean over repeats. */
  readonly bracket?: Bracket | undefined;
  /** What chance leaves open: in the load, or from run to run. */
  readonly interval: Interval | undefined;
}

/** Window that rates are of. */
export type RateWindow = keyof LoadSummary["throughput"];

/** What is compared: output tokens, or requests where tokens are not counted. */
export interface RateBasis {
  /** The steady one where all have it. */
  readonly window: RateWindow;
  /** Field of the throughput. */
  readonly field: "outputTokensPerSec" | "qps";
  /** Its unit. */
  readonly unit: Unit;
}

/** Loads with at least one completed request, those of a repeated load as one. */
export function contendersOf(
  { loads, repeats }: {
    readonly loads: readonly LoadSummary[];
    readonly repeats: readonly RepeatedLoad[] | undefined;
  },
): readonly Contender[] {
  if (repeats === undefined) {
    return loads.flatMap((load, position): readonly Contender[] =>
      load.counts.completed === 0
        ? []
        : [{ label: load.label, position, loads: [load], repeated: undefined }]
    );
  }
  return repeats.flatMap((repeated): readonly Contender[] => {
    const [position] = repeated.loads;
    if (position === undefined) return [];
    const own = repeated.loads.map((i) => loads[i]!);
    return [{ label: repeated.label, position, loads: own, repeated }];
  });
}

/** What all of them can be compared by. */
export function rateBasis(contenders: readonly Contender[]): RateBasis {
  const loads = contenders.flatMap((one) => one.loads);
  // The drain at the end of a short load says nothing about the server.
  const window = contenders.every(({ repeated }) => repeated === undefined) &&
      loads.every(({ throughput }) => throughput.steady !== undefined)
    ? "steady"
    : "run";
  const counted = loads.every(({ throughput }) =>
    throughput[window]?.outputTokensPerSec !== undefined
  );
  return counted
    ? { window, field: "outputTokensPerSec", unit: "tokens/s" }
    : { window, field: "qps", unit: "req/s" };
}

/** The rate of a contender. */
export function rateOf(
  { loads, repeated }: Contender,
  { window, field }: RateBasis,
): ContenderFigure | undefined {
  if (repeated !== undefined) {
    return meanOf(repeated, field === "qps" ? "request_throughput" : "throughput");
  }
  const rates = loads[0]!.throughput[window];
  const value = rates?.[field];
  return value === undefined
    ? undefined
    : { value, bracket: rates?.brackets?.[field], interval: rates?.intervals?.[field] };
}

/** A figure by its name, such as `ttft:p99`. */
export function figureOf(contender: Contender, name: string): ContenderFigure | undefined {
  const { loads, repeated } = contender;
  if (repeated !== undefined) return meanOf(repeated, name);
  return findFigure(name)?.of(loads[0]!);
}

/** Whether every one of its loads kept every limit. */
export function keepsAll({ loads }: Contender): boolean {
  return loads.every(({ limits }) => limits.every(({ kept }) => kept === true));
}

/** The limits that it missed, the worst of its loads for each. */
export function missedLimits({ loads }: Contender): readonly LimitResult[] {
  const missed = new Map<string, LimitResult>();
  for (const limit of loads.flatMap(({ limits }) => limits)) {
    if (limit.kept === true) continue;
    const known = missed.get(limit.text);
    if (known === undefined || excess(limit) > excess(known)) missed.set(limit.text, limit);
  }
  return [...missed.values()];
}

/** How far beyond its limit a value is, as a factor; a value that was not measured is the farthest. */
export function excess({ operator, limit, value }: LimitResult): number {
  if (value === undefined) return Infinity;
  const [part, whole] = operator.startsWith("<") ? [value, limit] : [limit, value];
  return whole > 0 ? part / whole : part > 0 ? Infinity : 1;
}

function meanOf({ figures }: RepeatedLoad, name: string): ContenderFigure | undefined {
  const figure = figures.find((one) => one.name === name);
  return figure?.mean === undefined ? undefined : { value: figure.mean, interval: figure.interval };
}

export function highest(contenders: readonly Contender[], basis: RateBasis): Contender | undefined {
  let best: Contender | undefined;
  for (const one of contenders) {
    const rate = rateOf(one, basis)?.value;
    if (rate === undefined) continue;
    if (best === undefined || rate > rateOf(best, basis)!.value) best = one;
  }
  return best;
}

/** The smallest load with nearly all of the highest throughput; absent where that is the highest itself. */
export function kneeOf(
  contenders: readonly Contender[],
  best: Contender,
  basis: RateBasis,
): Contender | undefined {
  const most = rateOf(best, basis)!.value;
  const near = contenders.filter((one) => (rateOf(one, basis)?.value ?? 0) >= NEARLY * most);
  const sizes = near.map(sizeOf);
  if (sizes.includes(undefined) || new Set(contenders.map(kindOf)).size > 1) return undefined;
  const knee = near[sizes.indexOf(Math.min(...(sizes as number[])))]!;
  return sizeOf(knee)! < sizeOf(best)! ? knee : undefined;
}

/** Whether no load is larger, where all are of one kind. */
export function isLargest(one: Contender, contenders: readonly Contender[]): boolean {
  const sizes = contenders.map(sizeOf);
  if (sizes.includes(undefined) || new Set(contenders.map(kindOf)).size > 1) return false;
  return sizeOf(one)! >= Math.max(...(sizes as number[]));
}

function sizeOf({ loads: [load] }: Contender): number | undefined {
  return load!.plan.users ?? load!.plan.ratePerSec;
}

function kindOf({ loads: [load] }: Contender): string {
  return load!.plan.kind;
}

/** The one that misses its worst limit by the least. */
export function nearestOf(contenders: readonly Contender[]): Contender {
  const worst = (one: Contender) => Math.max(...missedLimits(one).map(excess));
  return contenders.reduce((a, b) => worst(b) < worst(a) ? b : a);
}

/** Limits that its value keeps while the sampling interval of that value reaches over them. */
export function open(one: Contender): readonly LimitResult[] {
  const [load] = one.loads;
  return load!.limits.filter((limit) => {
    const interval = figureOf(one, limit.name)?.interval;
    if (interval === undefined) return false;
    const { operator, limit: value } = limit;
    return [interval.low, interval.high].some((end) => !keepsLimit(end, { operator, value }));
  });
}
