/**
 * What the lines of a record file for the ends of loads and sessions have to be.
 *
 * @module
 */
import { type LoadEnd, MOST_LOADS, type ServerLost } from "../metrics/run.ts";
import type { GpuSamples, GpuTrack } from "../metrics/run_gpu.ts";
import type { SessionEnd } from "../metrics/run_replay.ts";
import {
  countTo,
  flag,
  listOf,
  numberFrom,
  objectOf,
  oneOf,
  onlyTrue,
  optional,
  orNull,
  type Shape,
} from "./json_shape.ts";
import { clientHealth, witness } from "./record_shape_client.ts";
import { fleetEndShape } from "./record_shape_fleet.ts";
import { scrapesShape } from "./record_shape_scrapes.ts";
import { amount, count, durationMs, ms, text } from "./record_shape_values.ts";

const MOST_SAMPLES = 600;
const samples = listOf(orNull(amount), MOST_SAMPLES);

const gpuTrack = objectOf<GpuTrack>({
  index: count,
  name: text,
  memoryTotalMiB: optional(amount),
  memoryStartMiB: optional(amount),
  memoryMiB: samples,
  ownMiB: optional(samples),
  otherMiB: optional(samples),
  utilization: samples,
  powerW: samples,
  energyJ: optional(amount),
  energyFrom: optional(oneOf(["counter", "power"])),
});

const gpuSamples = objectOf<GpuSamples>({
  source: oneOf(["nvml", "nvidia-smi"]),
  timeMs: listOf(ms, MOST_SAMPLES),
  devices: listOf(gpuTrack, 1024),
});

/** What is wrong with the end of a load, if anything. */
export const endShape: Shape = objectOf<LoadEnd>({
  load: countTo(MOST_LOADS - 1),
  startedAtMs: optional(numberFrom(0, 1e14)),
  durationMs,
  rampEndMs: durationMs,
  sendingEndMs: durationMs,
  interrupted: flag,
  skipped: optional(onlyTrue),
  serverLost: optional(objectOf<ServerLost>({ atMs: ms, failures: count, message: text })),
  inferred: optional(onlyTrue),
  witness: optional(witness),
  witnessAbsent: optional(text),
  client: optional(clientHealth),
  gpu: optional(gpuSamples),
  scrapes: optional(listOf(scrapesShape, 1000)),
  cacheNotReset: optional(text),
  cutShort: optional(text),
  fleet: optional(fleetEndShape),
});

/** What is wrong with the end of a session, if anything. */
export const sessionShape: Shape = objectOf<SessionEnd>({
  load: countTo(MOST_LOADS - 1),
  session: text,
  user: count,
  startMs: ms,
  endMs: ms,
  sent: count,
  notSent: count,
  leftOut: optional(count),
  end: oneOf(["done", "failed", "context", "cut"]),
});
