/**
 * Does a load lie within what a client was found to measure well, or beyond it?
 *
 * @module
 */
import type { CalibrationLimit } from "./check_calibration.ts";

/** A load, as far as a limit cares. */
export interface WeighedLoad {
  /** At the same time. */
  readonly streams: number;
  /** Of all streams; a client pays for reads, so tokens that come in one read count once. */
  readonly tokensPerSec: number;
  /** Error at p99 that does no harm to what is measured, ms; absent = that of the strictest limit. */
  readonly tolerableMs?: number;
}

/** The limit that speaks for a load, and how the load lies to it. */
export interface LimitFinding {
  /** `within`: the errors were small at a load like this; `beyond`: they were too large. */
  readonly kind: "within" | "beyond";
  /** The limit that comes nearest to the load. */
  readonly limit: CalibrationLimit;
  /** Load ÷ limit, in streams or in tokens/s, whichever is more; `Infinity` where it is none. */
  readonly ratio: number;
}

/** The search for a limit ends this near to it: `CLOSE_ENOUGH` in `calibration_limit.ts`. */
export const LIMIT_TOLERANCE = 1.25;

/**
 * Weighs a load against the limits of one client; absent where they do not reach it and it is not
 * known that more would be too much (the search was out of time, descriptors, or engine).
 *
 * @example
 * ```ts
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
 * console.assert(found?.kind === "beyond" && found.ratio === 3);
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
