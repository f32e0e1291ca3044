/**
 * What limits say of a load: objectives that each request meets or not, and limits on its figures.
 *
 * @module
 */
import type { Interval, ShareWithin } from "./load_interval.ts";
import type { Limited, LimitOperator } from "./limit.ts";
import type { Count } from "./count.ts";

/** One limit of a service-level objective, on each request. */
export interface SloLimit {
  /** A metric with one value per request. */
  readonly metric: string;
  /** Largest good value in the metric's unit (smallest, for a metric of which more is better). */
  readonly limit: number;
  /** How a value is compared; absent = at most the limit (at least, where more is better). */
  readonly operator?: LimitOperator;
}

/** A limit on a figure of a load, and whether the load kept it. */
export interface LimitResult {
  /** Metric with its percentile, or figure: `ttft:p99`, `attainment`. */
  readonly name: string;
  /** How the value is compared with the limit. */
  readonly operator: LimitOperator;
  /** The limit, in `unit`. */
  readonly limit: number;
  /** Unit of limit and value; `share` = from 0 to 1. */
  readonly unit: Limited["unit"];
  /** The limit for people, e.g. `ttft:p99 < 500 ms`. */
  readonly text: string;
  /** By `--require`: missing it is exit code 5; otherwise it is only reported. */
  readonly required: boolean;
  /** What was measured; absent = it was not. */
  readonly value: number | undefined;
  /** Absent = not measured, which does not keep a limit. */
  readonly kept: boolean | undefined;
  /** Why it was not measured. */
  readonly reason: string | undefined;
  /** Of a percentile: how many values lie within the limit; absent = the load was too short to tell. */
  readonly share: ShareWithin | undefined;
}

/** How many requests met the limits. */
export interface SloSummary {
  /** The limits, in the order given. */
  readonly limits: readonly (SloLimit & {
    /** Completed requests that met this limit. */
    readonly met: Count;
    /** Completed requests without this value, which do not meet the limit. */
    readonly unmeasured: Count;
    /** met ÷ (offered − cancelledAsPlanned). */
    readonly attainment: number | undefined;
  })[];
  /** Requests that met all limits. */
  readonly good: Count;
  /** Good requests per second of the whole run. */
  readonly goodput: number | undefined;
  /** Good requests per second of the steady window. */
  readonly steadyGoodput: number | undefined;
  /** good ÷ (offered − cancelledAsPlanned); failed, cancelled and dropped requests are not good. */
  readonly attainment: number | undefined;
  /** The good ones of those that were offered; absent = the load was too short to tell. */
  readonly share: ShareWithin | undefined;
  /** What chance leaves open about these figures; absent = the load was too short to tell. */
  readonly intervals: {
    /** Of `goodput`. */
    readonly goodput: Interval | undefined;
    /** Of `steadyGoodput`. */
    readonly steadyGoodput: Interval | undefined;
    /** Of `attainment`. */
    readonly attainment: Interval | undefined;
  } | undefined;
}
