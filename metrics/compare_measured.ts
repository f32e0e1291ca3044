/**
 * What each side of a comparison measured: its loads by name, one for each repeat.
 *
 * @module
 */
import type { CompareSide } from "./compare_result.ts";
import { baseLabel } from "./load_repeats.ts";
import type { LoadSummary } from "./load_summary.ts";
import type { Count } from "./count.ts";
import type { Figure, FigureValue } from "./figure.ts";
import type { Summary } from "./summary.ts";

/** One repeat of a load. */
export interface MeasuredLoad {
  /** Its run. */
  readonly run: Summary;
  /** Position in the run: the order of measurement. */
  readonly position: Count;
  /** What it showed. */
  readonly load: LoadSummary;
}

/** All repeats of a load on one side, in the order of measurement. */
export type Repeats = readonly MeasuredLoad[];

/** A figure as one repeat showed it. */
export interface Sample extends FigureValue, Pick<MeasuredLoad, "run" | "position"> {
  /** Its number among the repeats of its run; absent = the run has none. */
  readonly repeat: Count | undefined;
  /** Degrees of freedom of its interval. */
  readonly freedom: number;
}

/** Loads of a side by their base labels, in the order of the first run. */
export function measuredLoads({ runs, side }: CompareSide): ReadonlyMap<string, Repeats> {
  const byLabel = new Map<string, MeasuredLoad[]>();
  for (const run of runs.toSorted(byStart)) {
    for (const [position, load] of run.loads.entries()) {
      if (side !== undefined && load.plan.side !== side) continue;
      const label = baseLabel(load.plan);
      byLabel.set(label, [...(byLabel.get(label) ?? []), { run, position, load }]);
    }
  }
  return byLabel;
}

/** ISO 8601 in UTC, so that texts sort as times; runs without one stay as they came. */
function byStart({ header: a }: Summary, { header: b }: Summary): number {
  return a.startedAt < b.startedAt ? -1 : a.startedAt > b.startedAt ? 1 : 0;
}

/** Repeats that the client spoiled are left out where so many others remain, and at most this share. */
const OTHERS = 3;
const SPOILED = 0.2;

/** Why a repeat is not used. */
export type LeftOut = "interrupted" | "fleet not complete" | "client-bound" | "no measurement";

/** Why a repeat does not show what was asked for; absent = it does. */
export function leftOutFor({ load: { interrupted, complete, fleet, verdict } }: MeasuredLoad):
  | LeftOut
  | undefined {
  if (interrupted || !complete) return "interrupted";
  // Another load than the one that was asked for.
  if (fleet?.asAsked === false) return "fleet not complete";
  if (verdict?.kind === "client-bound") return "client-bound";
  return verdict?.kind === "no-measurement" ? "no measurement" : undefined;
}

/**
 * Repeats that are compared: without those that did not end as planned, and without those of which the
 * client was the limit where these are few. What the client does says nothing of the server, so leaving
 * them out favors none; repeats in which the server failed stay.
 */
export function usedRepeats(repeats: Repeats): Repeats {
  const whole = repeats.filter((one) => {
    const why = leftOutFor(one);
    return why !== "interrupted" && why !== "fleet not complete";
  });
  const good = whole.filter((one) => leftOutFor(one) !== "client-bound");
  const spoiled = whole.length - good.length;
  return good.length >= OTHERS && spoiled <= SPOILED * whole.length ? good : whole;
}

/** Values of a figure, without repeats that have none. */
export function samplesOf(repeats: Repeats, figure: Figure): readonly Sample[] {
  return repeats.flatMap(({ run, position, load }) => {
    const value = figure.of(load);
    if (value === undefined || !Number.isFinite(value.value)) return [];
    const { blocks } = load.sampling;
    return [{
      ...value,
      ...{ run, position, repeat: load.plan.repeat },
      freedom: blocks === undefined ? Infinity : Math.max(1, blocks - 1),
    }];
  });
}

/** What tells which repeats belong together. */
type Turn = Pick<Sample, "run" | "position" | "repeat">;

/** Repeats that were measured one after the other, one on each side. */
export interface Pair<One extends Turn> {
  /** Of the first side. */
  readonly a: One;
  /** Of the second. */
  readonly b: One;
}

/** Samples that share a run and the number of their repeat. */
export function pairsOf<One extends Turn>(
  a: readonly One[],
  b: readonly One[],
): readonly Pair<One>[] {
  return a.flatMap((one) => {
    const other = b.find((two) => two.repeat === one.repeat && isSameRun(two.run, one.run));
    return other === undefined || one.repeat === undefined ? [] : [{ a: one, b: other }];
  });
}

/** 1 = b after a, −1 = a after b. */
export function orderOf({ a, b }: Pair<Turn>): 1 | -1 {
  return b.position > a.position ? 1 : -1;
}

/** Whether the sides took turns and the same one was always first, so that drift is not taken out. */
export function isOneOrder(a: Repeats, b: Repeats): boolean {
  const orders = turnsOf(a, b).map(orderOf);
  return orders.length >= 2 && new Set(orders).size === 1;
}

/** Repeats of two sides that were measured by turns. */
export function turnsOf(a: Repeats, b: Repeats): readonly Pair<Turn>[] {
  const turns = (repeats: Repeats) =>
    repeats.map(({ run, position, load }): Turn => ({ run, position, repeat: load.plan.repeat }));
  return pairsOf(turns(a), turns(b));
}

function isSameRun(one: Summary, other: Summary): boolean {
  if (one === other) return true;
  const { header: a } = one;
  const { header: b } = other;
  return a.sides !== undefined && a.startedAt === b.startedAt &&
    a.commandLine.join("\n") === b.commandLine.join("\n");
}
