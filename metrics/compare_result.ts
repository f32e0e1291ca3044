/**
 * What a comparison of runs says. Absent numbers are `undefined` here and `null` in JSON.
 *
 * @module
 */
import type { Bracket } from "./load_bracket.ts";
import type { Count } from "./count.ts";
import type { Figure } from "./figure.ts";
import type { Interval } from "./load_interval.ts";
import type { Limit } from "./limit.ts";
import type { Summary } from "./summary.ts";

/** Version of the JSON of a comparison. */
export const COMPARE_SCHEMA = "tokometer.compare/1";

/** What is compared: one run, or several repeats of it. */
export interface CompareSide {
  /** Name in reports: the run's own name, or its folder. */
  readonly name: string;
  /** Runs of this side; loads of one label are repeats of each other, in one run or in several. */
  readonly runs: readonly Summary[];
  /** Only loads with this `plan.side` belong to it; absent = all. */
  readonly side?: Count;
}

/** How to compare. */
export interface CompareOptions {
  /** Figures by name; default: the headline figures. */
  readonly figures?: readonly string[];
  /** Limits on the change from the first side to another, as parts of the first side's value. */
  readonly gate?: readonly GateLimit[];
  /** Share of a figure that does not matter: a change inside it is `same`. Default 0.03. */
  readonly margin?: number;
  /** Runs without repeats may pass or miss a gate. */
  readonly singleRun?: boolean;
  /** Largest share of requests that may fail before there is no verdict. Default 0.01. */
  readonly maxFailures?: number;
}

/** What a gate comes to: `refused` = there are no verdicts, `none` = nothing was asked. */
export type GateOutcome = "passed" | "missed" | "undecided" | "refused" | "none";

/** A limit on a change, e.g. `ttft:p99<+5%`. */
export interface GateLimit {
  /** Name of the figure. */
  readonly figure: string;
  /** How the change has to compare with the limit. */
  readonly operator: Limit["operator"];
  /** Change as a share of the first side's value, e.g. 0.05, −0.03. */
  readonly change: number;
  /** As it was written. */
  readonly text: string;
}

/** What a change is for the user; `better` and `worse` by the figure's direction. */
export type CompareVerdict = "better" | "worse" | "same" | "undecided";

/** What chance was measured against: `repeats` = from run to run, `within` = inside one run only. */
export type CompareUnit = "repeats" | "within";

/** A figure of one side. */
export interface SideValue {
  /**
   * Mean over the repeats (geometric where all are above 0), of turns without their drift, or the run's
   * own; absent = it has none.
   */
  readonly value: number | undefined;
  /** What chance leaves open, from run to run where there are repeats, else inside the run. */
  readonly interval: Interval | undefined;
  /** What the client's stamps leave open: means of the runs' ends; absent where one is unknown. */
  readonly bracket: Bracket | undefined;
  /** One for each repeat, in the order of measurement. */
  readonly values: readonly number[];
  /** Standard deviation from run to run, as a share of the value; absent without repeats. */
  readonly spread: number | undefined;
  /** What chance inside one run explains of it, likewise; absent = unknown. */
  readonly spreadWithin: number | undefined;
}

/** One figure of a load on two sides. */
export interface ComparedFigure extends Pick<Figure, "name" | "title" | "unit" | "better"> {
  /** First side. */
  readonly a: SideValue;
  /** The other side. */
  readonly b: SideValue;
  /** b − a, with its interval. */
  readonly difference:
    | { readonly value: number; readonly interval: Interval | undefined }
    | undefined;
  /** b ÷ a, with its interval. */
  readonly ratio: { readonly value: number; readonly interval: Interval | undefined } | undefined;
  /** Whether the two values were taken by turns, so that drift cancels out. */
  readonly paired: boolean;
  /** What chance was measured against. */
  readonly chance: CompareUnit;
  /** p-value of "no change"; absent = unknown. */
  readonly pValue: number | undefined;
  /** The same by Holm over the gated figures, or over all; absent = unknown. */
  readonly adjustedPValue: number | undefined;
  /** What the change is. */
  readonly verdict: CompareVerdict;
  /** Why it is undecided, in a clause without a period. */
  readonly reason: string | undefined;
}

/** Something that differs between the sides besides what is compared. */
export interface Difference {
  /** What differs, e.g. `model`. */
  readonly what: string;
  /** Value of each side, in their order. */
  readonly values: readonly string[];
  /** It makes any verdict meaningless. */
  readonly fatal: boolean;
  /** Name of the load that it is about; absent = the runs. */
  readonly load: string | undefined;
}

/** Whether a limit of the gate was kept. */
export interface GateResult extends GateLimit {
  /** Name of the side. */
  readonly side: string;
  /** Name of the load. */
  readonly load: string;
  /** Relative change and its interval; absent = not measured. */
  readonly measured:
    | { readonly value: number; readonly interval: Interval | undefined }
    | undefined;
  /** What came out. */
  readonly result: "passed" | "missed" | "undecided";
  /** Why it is undecided, in a clause without a period. */
  readonly reason: string | undefined;
}

/** A load on two sides. */
export interface ComparedLoad {
  /** Its name on both. */
  readonly label: string;
  /** Name of the second side. */
  readonly side: string;
  /** Repeats on each side. */
  readonly repeats: readonly [a: Count, b: Count];
  /** Why this load has no verdicts; absent = it has. */
  readonly refused: string | undefined;
  /** Its figures. */
  readonly figures: readonly ComparedFigure[];
}

/** A whole comparison: the first side with each of the others. */
export interface Comparison {
  /** Version of the JSON. */
  readonly schema: typeof COMPARE_SCHEMA;
  /** Names of the sides and how many runs each has. */
  readonly sides: readonly { readonly name: string; readonly runs: Count }[];
  /** Share of a figure that does not matter. */
  readonly margin: number;
  /** What differs, the fatal first. */
  readonly differences: readonly Difference[];
  /** Why there are no verdicts at all; absent = there are some, see also each load. */
  readonly refused: string | undefined;
  /** Loads that both sides have. */
  readonly loads: readonly ComparedLoad[];
  /** Loads that only some sides have, by name. */
  readonly unmatched: readonly string[];
  /** Limits and what came out, for each side and load. */
  readonly gate: readonly GateResult[];
  /** The answer in a sentence or two, each without a period. */
  readonly answer: readonly string[];
  /** What the reader has to know, e.g. that a single run does not hold differences from run to run. */
  readonly remarks: readonly string[];
}
