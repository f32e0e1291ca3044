/**
 * What a record file may say of its client during a load.
 *
 * @module
 */
import type { ClientHealth, LatenessSpread, Witness } from "../metrics/run_client.ts";
import { listOf, numberFrom, objectOf, optional, orNull, type Shape } from "./json_shape.ts";
import {
  amount,
  count,
  durationMs,
  MOST_ENTRIES,
  MOST_MS,
  ms,
  share,
} from "./record_shape_values.ts";

const latenessSpread = objectOf<LatenessSpread>({
  p50Ms: optional(ms),
  p90Ms: optional(ms),
  p99Ms: optional(ms),
  maxMs: optional(ms),
});

/** What streams of known timing showed. */
export const witness: Shape = objectOf<Witness>({
  streams: count,
  requests: count,
  ticks: count,
  ticksInside: optional(count),
  departuresInside: optional(count),
  readLate: latenessSpread,
  departLate: latenessSpread,
  windowMs: numberFrom(1e-3, MOST_MS),
  readLateMaxMs: listOf(orNull(ms), MOST_ENTRIES),
  departLateMaxMs: listOf(orNull(ms), MOST_ENTRIES),
  cpuMs: optional(durationMs),
});

/** How busy the client was. */
export const clientHealth: Shape = objectOf<ClientHealth>({
  cpuCores: optional(share),
  loopLagP50Ms: optional(ms),
  loopLagP99Ms: optional(ms),
  loopLagMaxMs: optional(ms),
  peakRssMiB: optional(amount),
  threadCpu: optional(share),
  threadWait: optional(share),
  descriptors: optional(count),
  descriptorLimit: optional(count),
  kernelStampedReads: optional(share),
  replacedConnections: optional(count),
});
