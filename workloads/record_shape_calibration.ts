/**
 * What the results of a calibration have to be, in a record file and in their own.
 *
 * @module
 */
import type {
  CalibrationCell,
  CalibrationLimit,
  ClientError,
  EngineAccuracy,
  ErrorSpread,
  MemoryPerStream,
  RunCalibration,
} from "../metrics/run_calibration.ts";
import {
  flag,
  listOf,
  numberFrom,
  objectOf,
  oneOf,
  optional,
  orNull,
  type Shape,
} from "./json_shape.ts";
import { clientHealth } from "./record_shape_client.ts";
import { amount, count, durationMs, MOST_ENTRIES, ms, text } from "./record_shape_values.ts";

const errorSpread = objectOf<ErrorSpread>({
  count,
  p50Ms: optional(orNull(ms)),
  p99Ms: optional(orNull(ms)),
  maxMs: optional(orNull(ms)),
});

const clientError = objectOf<ClientError>({
  matched: count,
  unmatched: count,
  ttft: errorSpread,
  itl: errorSpread,
  tpot: errorSpread,
  e2e: errorSpread,
  receipt: errorSpread,
});

const engineAccuracy = objectOf<EngineAccuracy>({
  loop: optional(oneOf(["platform", "epoll"])),
  lateP50Ms: optional(orNull(ms)),
  lateP99Ms: optional(orNull(ms)),
  tokensPerSec: optional(orNull(amount)),
  limited: flag,
});

const CLIENT = { transport: text, workers: count };
const LOAD = {
  streams: count,
  itlMs: durationMs,
  pattern: oneOf(["lockstep", "spread"]),
  tokensPerSec: amount,
};

/** A load of a calibration. */
export const calibrationCell: Shape = objectOf<CalibrationCell>({
  ...CLIENT,
  ...LOAD,
  error: clientError,
  departure: errorSpread,
  failed: count,
  cpuUsPerToken: amount,
  client: clientHealth,
  engine: engineAccuracy,
});

/** The most streams of a transport. */
export const calibrationLimit: Shape = objectOf<CalibrationLimit>({
  ...CLIENT,
  ...LOAD,
  boundMs: durationMs,
  tooManyStreams: optional(count),
  endedBy: oneOf(["error", "engine", "time", "descriptors"]),
});

/** What a stream costs. */
export const memoryPerStream: Shape = objectOf<MemoryPerStream>({
  ...CLIENT,
  kibPerStream: numberFrom(-1e12, 1e12),
  atMost: flag,
  fewStreams: count,
  manyStreams: count,
});

/** How exact the client was found to be. */
export const calibration: Shape = objectOf<RunCalibration>({
  savedAt: text,
  cells: listOf(calibrationCell, MOST_ENTRIES),
  limits: optional(listOf(calibrationLimit, MOST_ENTRIES)),
});
