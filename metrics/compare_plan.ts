/**
 * How many repeats, or how long runs, it takes to find a change.
 *
 * @module
 */
import type { Count } from "./count.ts";
import type { CompareSide } from "./compare_result.ts";
import type { Figure } from "./figure.ts";

/** What to plan for. */
export interface ComparePlanOptions {
  /** Smallest change that is to be found, as a share, e.g. 0.05. */
  readonly effect: number;
  /** Figures by name; default: the headline figures. Holm is over all of them. */
  readonly figures?: readonly string[];
  /** Share of such comparisons that find it. Default 0.8. */
  readonly power?: number;
}

/** What one figure of a load takes. */
export interface PlannedFigure extends Pick<Figure, "name" | "title"> {
  /** Name of the load. */
  readonly load: string;
  /** Standard deviation from run to run, or of a pair's change, as a share; absent without repeats. */
  readonly spread: number | undefined;
  /** What chance inside one run explains of it, likewise; absent = unknown. */
  readonly spreadWithin: number | undefined;
  /** Repeats on each side; absent = it cannot be told, or more than 1,000. */
  readonly repeats: Count | undefined;
  /** Length of single runs that find it where runs do not differ by themselves, in ms; absent likewise. */
  readonly durationMs: number | undefined;
  /** Why a number is absent, in a clause without a period. */
  readonly reason: string | undefined;
}

/** What it takes to find a change. */
export interface ComparePlan {
  /** Smallest change that is to be found, as a share. */
  readonly effect: number;
  /** Share of such comparisons that find it. */
  readonly power: number;
  /** Loads are measured by turns of the sides. */
  readonly paired: boolean;
  /** Most demanding first. */
  readonly figures: readonly PlannedFigure[];
  /** The answer in a sentence or two, each without a period. */
  readonly answer: readonly string[];
}

/**
 * How many repeats find a change of a given size, from how much the given runs of one side differ; with
 * two sides that were measured by turns, from how much the change differs.
 *
 * @throws {RangeError} when a figure is unknown, or effect or power do not fit.
 */
export function comparePlan(
  _sides: readonly CompareSide[],
  _options: ComparePlanOptions,
): ComparePlan {
  throw new Error("not yet");
}
