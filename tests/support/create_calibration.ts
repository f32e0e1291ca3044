/**
 * Builds calibrated cells and limits from round numbers.
 *
 * @module
 */
import type {
  CalibrationCell,
  CalibrationLimit,
  ErrorSpread,
} from "../../metrics/run_calibration.ts";

const NEARLY_NONE: ErrorSpread = { count: 100, p50Ms: 0.1, p99Ms: 1, maxMs: 2 };

/** 64 streams with one token per 20 ms over `fetch` on the main thread, error 1 ms at p99. */
export function createCell(fields: Partial<CalibrationCell> = {}): CalibrationCell {
  return {
    transport: "fetch",
    workers: 0,
    streams: 64,
    itlMs: 20,
    pattern: "lockstep",
    tokensPerSec: 3200,
    error: {
      matched: 100,
      unmatched: 0,
      ttft: NEARLY_NONE,
      itl: NEARLY_NONE,
      tpot: NEARLY_NONE,
      e2e: NEARLY_NONE,
      receipt: NEARLY_NONE,
    },
    departure: NEARLY_NONE,
    failed: 0,
    cpuUsPerToken: 50,
    client: { cpuCores: 0.2 },
    engine: { lateP50Ms: 0.1, lateP99Ms: 1, tokensPerSec: 3200, limited: false },
    ...fields,
  };
}

/** Up to 64 streams with one token per 20 ms over `fetch` on the main thread kept within 5 ms. */
export function createLimit(fields: Partial<CalibrationLimit> = {}): CalibrationLimit {
  return {
    transport: "fetch",
    workers: 0,
    itlMs: 20,
    pattern: "lockstep",
    boundMs: 5,
    streams: 64,
    tokensPerSec: 3200,
    endedBy: "error",
    ...fields,
  };
}
