/**
 * What a run looks for whose loads are decided while it goes on, as its header keeps it.
 *
 * @module
 */

/**
 * What is raised from load to load: the rate of an open loop, the users of a closed one, the speed of a
 * recorded schedule, the sessions that are alive at once.
 */
export type FindAxis = "rate" | "concurrency" | "speedup" | "sessions";

/** A search for the highest load within a service level, or a curve from idle to saturation. */
export interface RunFind {
  /** `capacity`: the highest load that keeps the service level; `curve`: all loads up to saturation. */
  readonly goal: "capacity" | "curve";
  /** What is raised. */
  readonly axis: FindAxis;
  /** The service level as it was written, e.g. `ttft:p99<500`; absent for a curve. */
  readonly slo?: string;
  /** Share of the requests that has to meet limits on each request, 0 to 1; absent = there are none. */
  readonly attainment?: number;
  /** Share of the requests that may fail, 0 to 1. */
  readonly maxFailures: number;
  /** Highest kept and lowest broken load are to be so near, as a share; for a curve: least gain. */
  readonly tolerance: number;
  /** First load that is tried. */
  readonly first: number;
  /** No lower load is tried. */
  readonly lowest: number;
  /** No higher one. */
  readonly highest: number;
}
