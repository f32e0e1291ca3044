/**
 * Keeps the GPU samples of one load in bounded memory: a run of a day has as many points as one of
 * five minutes, only further apart.
 *
 * @module
 */
import { defined } from "../backends/defined.ts";
import type { GpuDevice } from "../backends/telemetry_gpu.ts";
import type { GpuSamples, GpuTrack } from "../metrics/run_gpu.ts";

/** One GPU at one instant, with the memory of its processes told apart; absent = unknown. */
export interface GpuLook {
  readonly memoryUsedBytes?: number;
  /** By this program and what it has started. */
  readonly ownBytes?: number;
  /** By processes that are seen and not ours. */
  readonly otherBytes?: number;
  readonly utilization?: number;
  readonly powerW?: number;
  readonly energyJ?: number;
}

/** Samples of one load, growing. */
export interface GpuKeeper {
  /** `atMs` on any scale; one look per device, in the order of the devices. */
  add(atMs: number, looks: readonly GpuLook[]): void;
  /** What was kept, with times from `startMs` on. */
  samples(startMs: number): GpuSamples;
}

export interface GpuKeeperOptions {
  readonly source: GpuSamples["source"];
  /** One look per device, before the run's first request. */
  readonly before: readonly GpuLook[];
  /** An even number. Default 600. */
  readonly maxPoints?: number;
}

const MAX_POINTS = 600;

/** A point: the largest of its samples for memory, else their mean. */
interface Point {
  readonly memory: number | undefined;
  readonly own: number | undefined;
  readonly other: number | undefined;
  readonly utilization: Mean;
  readonly power: Mean;
}

interface Mean {
  readonly sum: number;
  readonly count: number;
}

interface Row {
  readonly atMs: number;
  readonly samples: number;
  readonly points: readonly Point[];
}

export function keepGpu(devices: readonly GpuDevice[], options: GpuKeeperOptions): GpuKeeper {
  const { source, before, maxPoints = MAX_POINTS } = options;
  let rows: Row[] = [];
  /** Samples per row; doubled whenever the rows are full. */
  let each = 1;
  const energy = devices.map(() => createEnergy());
  return {
    add(atMs, looks) {
      devices.forEach((_, i) => energy[i]!.add(atMs, looks[i] ?? {}));
      const row = { atMs, samples: 1, points: devices.map((_, i) => toPoint(looks[i] ?? {})) };
      const last = rows.at(-1);
      if (last !== undefined && last.samples < each) {
        rows[rows.length - 1] = merge(last, row);
        return;
      }
      if (rows.length === maxPoints) {
        rows = halve(rows);
        each *= 2;
      }
      rows.push(row);
    },
    samples: (startMs) => ({
      source,
      timeMs: rows.map(({ atMs }) => Math.max(0, Math.round(atMs - startMs))),
      devices: devices.map((device, i): GpuTrack => {
        const list = (value: (point: Point) => number | undefined) =>
          rows.map(({ points }) => value(points[i]!) ?? null);
        const apart = rows.some(({ points }) => points[i]!.own !== undefined);
        return {
          index: device.index,
          name: device.name,
          ...defined({
            memoryTotalMiB: toMib(device.memoryTotalBytes),
            memoryStartMiB: toMib(before[i]?.memoryUsedBytes),
          }),
          memoryMiB: list(({ memory }) => toMib(memory)),
          ...(apart
            ? { ownMiB: list(({ own }) => toMib(own)), otherMiB: list(({ other }) => toMib(other)) }
            : {}),
          utilization: list(({ utilization }) => meanOf(utilization, 3)),
          powerW: list(({ power }) => meanOf(power, 1)),
          ...energy[i]!.total(),
        };
      }),
    }),
  };
}

/** By the counter where there is one, else the power between two samples times their distance. */
function createEnergy(): {
  add(atMs: number, look: GpuLook): void;
  total(): Pick<GpuTrack, "energyJ" | "energyFrom">;
} {
  let first: number | undefined;
  let last: number | undefined;
  let joules: number | undefined;
  let before: { readonly atMs: number; readonly powerW: number } | undefined;
  return {
    add(atMs, { energyJ, powerW }) {
      if (energyJ !== undefined) {
        first ??= energyJ;
        last = energyJ;
      }
      if (powerW === undefined) return;
      if (before !== undefined) {
        joules = (joules ?? 0) + (powerW + before.powerW) / 2 * (atMs - before.atMs) / 1000;
      }
      before = { atMs, powerW };
    },
    total() {
      // A counter that fell was started anew, with the driver.
      if (first !== undefined && last !== undefined && last > first) {
        return { energyJ: round(last - first, 3), energyFrom: "counter" };
      }
      return joules === undefined ? {} : { energyJ: round(joules, 3), energyFrom: "power" };
    },
  };
}

function toPoint(look: GpuLook): Point {
  return {
    memory: look.memoryUsedBytes,
    own: look.ownBytes,
    other: look.otherBytes,
    utilization: toMean(look.utilization),
    power: toMean(look.powerW),
  };
}

function halve(rows: readonly Row[]): Row[] {
  return Array.from({ length: rows.length / 2 }, (_, i) => merge(rows[2 * i]!, rows[2 * i + 1]!));
}

function merge(a: Row, b: Row): Row {
  const points = a.points.map((one, i): Point => {
    const two = b.points[i]!;
    return {
      memory: larger(one.memory, two.memory),
      own: larger(one.own, two.own),
      other: larger(one.other, two.other),
      utilization: add(one.utilization, two.utilization),
      power: add(one.power, two.power),
    };
  });
  return { atMs: a.atMs, samples: a.samples + b.samples, points };
}

function larger(a: number | undefined, b: number | undefined): number | undefined {
  return a === undefined || b === undefined ? a ?? b : Math.max(a, b);
}

function toMean(value: number | undefined): Mean {
  return value === undefined ? { sum: 0, count: 0 } : { sum: value, count: 1 };
}

function add(a: Mean, b: Mean): Mean {
  return { sum: a.sum + b.sum, count: a.count + b.count };
}

function meanOf({ sum, count }: Mean, digits: number): number | undefined {
  return count === 0 ? undefined : round(sum / count, digits);
}

function toMib(bytes: number | undefined): number | undefined {
  return bytes === undefined ? undefined : round(bytes / 1024 / 1024, 1);
}

function round(value: number, digits: number): number {
  return Number(value.toFixed(digits));
}
