/**
 * Parts of a load: the requests of one turn, one class, one model, and what the figures of the load
 * are for each.
 *
 * @module
 */
import type { MetricSummary, OutcomeCounts } from "./load_figures.ts";
import type { PrefixShare } from "./load_sessions.ts";
import type { Throughput } from "./load_series.ts";
import type { Count } from "./count.ts";

/** What requests can be told apart by. */
export type GroupingName = "turn" | "prompt" | "class" | "model" | "server" | "stage";

/** The requests of a load, told apart by one thing. A request that has none of it is in no group. */
export interface Grouping {
  /** What they are told apart by. */
  readonly by: GroupingName;
  /** The same for people, e.g. `Turn`. */
  readonly title: string;
  /** In their natural order: by number, or as the header lists them. */
  readonly groups: readonly GroupSummary[];
}

/** The requests of one group. */
export interface GroupSummary {
  /** Its name, e.g. `3–5`, `16k–32k`, or that of a class. */
  readonly name: string;
  /** How many requests ended in which way. */
  readonly counts: OutcomeCounts;
  /** Rates over the whole load; of a stage, its requests and their tokens over its length. */
  readonly throughput: Throughput;
  /** Sum of the prompt tokens of completed requests. */
  readonly promptTokens: number | undefined;
  /** Sum of their output tokens. */
  readonly outputTokens: number | undefined;
  /** Latencies with one value a request. */
  readonly metrics: readonly MetricSummary[];
  /** Prompt tokens from the prefix cache, as expected and as the server says. */
  readonly prefix: PrefixShare | undefined;
  /** Only stages have them. */
  readonly rate: StageRate | undefined;
  /** Requests that met all limits; absent when none were given. */
  readonly slo: GroupSlo | undefined;
}

/** Rates of a stage, in requests per second. */
export interface StageRate {
  /** Mean of the planned rate. */
  readonly plannedPerSec: number | undefined;
  /** Requests that were due in it ÷ its length. */
  readonly offeredPerSec: number | undefined;
  /** Requests that left while it lasted ÷ its length, whenever they were due. */
  readonly sentPerSec: number | undefined;
  /** Requests that completed while it lasted ÷ its length, whenever they were due. */
  readonly completedPerSec: number | undefined;
}

/** Requests of a group that met all limits of `--slo`. */
export interface GroupSlo {
  /** How many. */
  readonly good: Count;
  /** good ÷ the time of {@linkcode GroupSummary.throughput}. */
  readonly goodput: number | undefined;
  /** good ÷ (offered − cancelledAsPlanned). */
  readonly attainment: number | undefined;
}
