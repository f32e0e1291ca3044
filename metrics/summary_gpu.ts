/**
 * GPUs over one load: memory, utilization, power, energy.
 *
 * @module
 */
import { defined } from "../backends/defined.ts";
import type { GpuDeviceSummary, GpuSeries, GpuSummary, GpuTotal } from "./load_series.ts";
import type { GpuSamples, GpuTrack } from "./run_gpu.ts";

type Values = readonly (number | null)[];

/** Counters move in steps of up to 100 ms, so that a rate over less than this is mostly chance. */
const COUNTER_SPAN_MS = 1000;

/** Points that a chart can show. */
const CHART_POINTS = 120;

/** Summarizes the samples of a load; `outputTokens` of completed requests, absent = not counted. */
export function summarizeGpu(
  samples: GpuSamples | undefined,
  outputTokens: number | undefined,
): GpuSummary | undefined {
  if (samples === undefined || samples.timeMs.length === 0) return undefined;
  const { source, timeMs } = samples;
  const spanMs = timeMs.at(-1)! - timeMs[0]!;
  return {
    source,
    devices: samples.devices.map((track) => summarizeDevice(track, spanMs)),
    total: sumUp(samples, outputTokens),
    series: thinOut(samples),
  };
}

function summarizeDevice(track: GpuTrack, spanMs: number): GpuDeviceSummary {
  const { index, name, memoryTotalMiB, memoryStartMiB, energyJ, energyFrom } = track;
  const memoryMaxMiB = largest(track.memoryMiB);
  return {
    index,
    name,
    memoryTotalMiB,
    memoryMaxMiB,
    memoryRiseMiB: difference(memoryMaxMiB, memoryStartMiB),
    ownMaxMiB: largest(track.ownMiB),
    otherMaxMiB: largest(track.otherMiB),
    utilizationMean: mean(track.utilization),
    powerMeanW: energyFrom === "counter" && energyJ !== undefined && spanMs >= COUNTER_SPAN_MS
      ? energyJ * 1000 / spanMs
      : mean(track.powerW),
    energyJ,
    energyFrom,
  };
}

function sumUp({ devices, timeMs }: GpuSamples, outputTokens: number | undefined): GpuTotal {
  // An idle GPU beside the server's must not add to the energy of its tokens.
  const own = devices.filter(({ ownMiB }) => (largest(ownMiB) ?? 0) > 0);
  const counted = own.length > 0 ? own : devices;
  const atEach = (valuesOf: (track: GpuTrack) => Values | undefined) =>
    timeMs.map((_, i) => sum(counted.map((track) => valuesOf(track)?.[i] ?? undefined)) ?? null);
  const memoryMaxMiB = largest(atEach(({ memoryMiB }) => memoryMiB));
  const energyJ = sum(counted.map((track) => track.energyJ));
  return {
    devices: counted.map(({ index }) => index),
    memoryMaxMiB,
    memoryRiseMiB: difference(memoryMaxMiB, sum(counted.map((track) => track.memoryStartMiB))),
    ownMaxMiB: largest(atEach(({ ownMiB }) => ownMiB)),
    energyJ,
    joulesPerOutputToken: energyJ === undefined || outputTokens === undefined || outputTokens === 0
      ? undefined
      : energyJ / outputTokens,
  };
}

/** Each point stands for as many samples: the largest memory, the mean of the rest. */
function thinOut({ timeMs, devices }: GpuSamples): GpuSeries {
  const each = Math.ceil(timeMs.length / CHART_POINTS);
  const points = Math.ceil(timeMs.length / each);
  const thin = (values: Values, of: (part: Values) => number | undefined) =>
    Array.from({ length: points }, (_, i) => of(values.slice(i * each, (i + 1) * each)) ?? null);
  return {
    timeMs: Array.from({ length: points }, (_, i) => timeMs[i * each]!),
    devices: devices.map(({ index, memoryMiB, ownMiB, utilization, powerW }) => ({
      index,
      memoryMiB: thin(memoryMiB, largest),
      ...defined({ ownMiB: ownMiB && thin(ownMiB, largest) }),
      utilization: thin(utilization, mean),
      powerW: thin(powerW, mean),
    })),
  };
}

function known(values: Values): readonly number[] {
  return values.filter((value) => value !== null);
}

function largest(values: Values | undefined): number | undefined {
  const numbers = known(values ?? []);
  return numbers.length === 0 ? undefined : Math.max(...numbers);
}

function mean(values: Values): number | undefined {
  const numbers = known(values);
  return numbers.length === 0 ? undefined : numbers.reduce((a, b) => a + b, 0) / numbers.length;
}

/** `undefined` where a part of it is unknown: half a sum is a wrong number. */
function sum(values: readonly (number | undefined)[]): number | undefined {
  let total = 0;
  for (const value of values) {
    if (value === undefined) return undefined;
    total += value;
  }
  return values.length === 0 ? undefined : total;
}

function difference(from: number | undefined, take: number | undefined): number | undefined {
  return from === undefined || take === undefined ? undefined : from - take;
}
