/**
 * What a calibration found about a client on its machine, and how a planned load compares with it.
 *
 * @module
 */
import type { CalibrationLimit } from "./run_calibration.ts";

/** A load to compare with a limit. */
export interface WeighedLoad {
  /** Concurrent streams. */
  readonly streams: number;
  /** Of all streams; the cost is per read, so tokens that arrive in one read count once. */
  readonly tokensPerSec: number;
  /** Error at p99 that does no harm to the results, in ms; default: that of the strictest limit. */
  readonly tolerableMs?: number;
}

/** The limit that applies to a load, and how the load compares with it. */
export interface LimitFinding {
  /** `within`: the errors were small at a load like this; `beyond`: they were too large. */
  readonly kind: "within" | "beyond";
  /** The limit nearest to the load. */
  readonly limit: CalibrationLimit;
  /** Load ÷ limit in streams or in tokens/s, whichever is more; `Infinity` for a limit of 0. */
  readonly ratio: number;
}

/** The search for a limit stops within this factor: nearer, chance decides which load is found. */
export const LIMIT_TOLERANCE = 1.25;

/**
 * Compares a load with the limits of one client. Absent where the load is beyond them and the search
 * ended for another reason than the error (time, descriptors, engine): it may still be fine.
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { type CalibrationLimit, weighLimits } from "@tokometer/tokometer/metrics";
 *
 * const limit: CalibrationLimit = {
 *   transport: "fetch",
 *   workers: 1,
 *   itlMs: 20,
 *   pattern: "lockstep",
 *   boundMs: 5,
 *   streams: 100,
 *   tokensPerSec: 5000,
 *   endedBy: "error",
 * };
 * const found = weighLimits([limit], { streams: 300, tokensPerSec: 5000 });
 * assertEquals([found?.kind, found?.ratio], ["beyond", 3]);
 * ```
 */
export function weighLimits(
  limits: readonly CalibrationLimit[],
  { streams, tokensPerSec, tolerableMs = 0 }: WeighedLoad,
): LimitFinding | undefined {
  const strictestMs = Math.min(...limits.map(({ boundMs }) => boundMs));
  const nearest = limits
    .filter(({ boundMs }) => boundMs <= Math.max(strictestMs, tolerableMs))
    .map((limit) => ({ limit, ratio: ratioOf(limit, { streams, tokensPerSec }) }))
    .reduce<Omit<LimitFinding, "kind"> | undefined>(
      (best, one) => best === undefined || one.ratio < best.ratio ? one : best,
      undefined,
    );
  if (nearest === undefined) return undefined;
  if (nearest.ratio <= LIMIT_TOLERANCE) return { kind: "within", ...nearest };
  const { endedBy, tooManyStreams = Infinity } = nearest.limit;
  const beyond = endedBy === "error" || streams >= tooManyStreams;
  return beyond ? { kind: "beyond", ...nearest } : undefined;
}

function ratioOf(limit: CalibrationLimit, load: WeighedLoad): number {
  if (limit.streams === 0) return Infinity;
  return Math.max(load.streams / limit.streams, load.tokensPerSec / limit.tokensPerSec);
}
