/**
 * What a search for the highest load within a service level found. Absent numbers are `undefined` here
 * and `null` in JSON.
 *
 * @module
 */
import type { Count } from "./count.ts";
import type { Interval } from "./load_interval.ts";
import type { FindAxis } from "./run_find.ts";

/** What a probe showed of the service level. */
export type ProbeVerdict =
  /** All of the interval lies within every limit. */
  | "keeps"
  /** All of the interval lies beyond a limit. */
  | "breaks"
  /** An interval reaches over its limit, or there is none. */
  | "undecided"
  /** The client was the limit: nothing can be said of the server. */
  | "client-bound";

/** One load that the search tried. */
export interface CapacityProbe {
  /** Position in the run's loads. */
  readonly load: Count;
  /** Rate, users, speed or sessions. */
  readonly value: number;
  /** Which repeat of this value it is, from 1 on. */
  readonly repeat: Count;
  /** What is known of the value after this probe, by all of its repeats. */
  readonly verdict: ProbeVerdict;
  /** The limit that decided, with its value and interval; a clause without a period. */
  readonly reason: string;
  /** Of the figure that is nearest to its limit, its part of the limit: above 1 is beyond it. */
  readonly ratio: number | undefined;
  /** The search stopped it before its end. */
  readonly cutShort: boolean;
}

/** How a search ended. */
export type CapacityOutcome =
  /** A load that keeps the service level and one that breaks it are known. */
  | "found"
  /** The highest load that was allowed keeps it. */
  | "at-least"
  /** The lowest load that was allowed breaks it. */
  | "below"
  /** No load was shown to keep it, or none to break it. */
  | "undecided"
  /** A probe whose client was the limit ended the search. */
  | "client-bound"
  /** Stopped by hand, or the server was lost. */
  | "stopped";

/** The answer of a search. */
export interface CapacityAnswer {
  /** How it ended. */
  readonly outcome: CapacityOutcome;
  /** The highest load within the service level as it is estimated; absent = not known. */
  readonly estimate: number | undefined;
  /** Highest load that was shown to keep it, below any that broke it. */
  readonly kept: number | undefined;
  /** Lowest load that was shown to break it. */
  readonly broke: number | undefined;
  /** From `kept` to `broke`, of whole loads to the one below: 95 of 100 such intervals hold the truth. */
  readonly interval: Interval | undefined;
  /** Loads that kept the service level above the lowest that broke it; they do not count. */
  readonly keptAbove: readonly number[];
  /** Highest and lowest are nearer to each other than was asked for. */
  readonly precise: boolean;
}

/** A search with its answer, as reports show it. */
export interface CapacitySummary extends CapacityAnswer {
  /** What was raised. */
  readonly axis: FindAxis;
  /** Unit of loads, e.g. `req/s`. */
  readonly unit: string;
  /** The service level, for people. */
  readonly serviceLevel: string;
  /** As a share: how near the ends of the interval were to be. */
  readonly tolerance: number;
  /** Share of errors that each look may have; all of them together have 5 %. */
  readonly errorPerLook: number;
  /** Looks that were planned at most. */
  readonly plannedLooks: Count;
  /** In the order of measurement. */
  readonly probes: readonly CapacityProbe[];
  /** The answer in one sentence, e.g. `holds 6.0 req/s (95 %: 5.7–6.3) within ttft:p99 < 500 ms; …`. */
  readonly sentence: string;
}

/** A curve from idle to saturation. */
export interface CurveSummary {
  /** What was raised. */
  readonly axis: FindAxis;
  /** Unit of loads. */
  readonly unit: string;
  /** Loads by their value, ascending: positions in the run's loads. */
  readonly loads: readonly Count[];
  /** Value of the load at the knee; absent = too few loads, or the curve has none. */
  readonly knee: number | undefined;
  /** Whether the last load was saturated: more brings no more. */
  readonly saturated: boolean;
  /** What was found, in one sentence. */
  readonly sentence: string;
}
