/**
 * The GPUs of a load over time: memory, utilization, power, one line per GPU.
 *
 * @module
 */
import { chart, type Panel, path, type Tip } from "./chart_frame.ts";
import { lineOf } from "./chart_line.ts";
import { linearScale, timeAxis } from "./chart_scale.ts";
import { formatMib, formatMs, formatNumber, formatShare, plural } from "./format.ts";
import type { GpuSeries, GpuSummary } from "./load_series.ts";
import type { Markup } from "./markup.ts";

interface GpuChart {
  readonly id: string;
  readonly gpu: GpuSummary;
  readonly durationMs: number;
}

type Values = readonly (number | null)[];
type Device = GpuSeries["devices"][number];

const HEIGHT = 76;
const MIB_OF_GIB = 1024;

/** Panels over one time axis; those without any value are left out. */
export function gpuChart({ id, gpu, durationMs }: GpuChart): Markup {
  const { series: { timeMs, devices }, total } = gpu;
  const { at, ticks, name } = timeAxis(durationMs);
  const panel = (name: string, valuesOf: (device: Device) => Values, least = 0): Panel[] => {
    const lists = devices.map(valuesOf);
    const known = lists.flat().filter((value) => value !== null);
    if (known.length === 0) return [];
    const y = linearScale(0, Math.max(least, ...known), { ticks: 4, round: true });
    const shapes = lists.map((values) =>
      path("line", lineOf(values, HEIGHT, (i, value) => [at(timeMs[i]!), y.at(value)]))
    );
    return [{ height: HEIGHT, name, ticks: y.ticks, shapes }];
  };
  const gib = (values: Values) => values.map((value) => value === null ? null : value / MIB_OF_GIB);
  const several = devices.length > 1 ? ", one line per GPU" : "";
  return chart({
    id,
    title: "The GPUs over time",
    description: `${plural(devices.length, "GPU")} over ${formatMs(durationMs)}: at most ${
      formatMib(total.memoryMaxMiB)
    } of memory in use, ${formatNumber(total.energyJ)} J`,
    panels: [
      ...panel(`GPU memory in use, GiB${several}`, ({ memoryMiB }) => gib(memoryMiB)),
      ...panel(
        "GPU utilization, %",
        ({ utilization }) => utilization.map((value) => value === null ? null : value * 100),
        100,
      ),
      ...panel("GPU power, W", ({ powerW }) => powerW),
    ],
    ticks,
    name,
    tips: {
      axis: "x",
      list: timeMs.map((ms, i): Tip => ({
        at: at(ms),
        lines: [formatMs(ms), ...devices.map((device) => tipOf(device, i))],
      })),
    },
  });
}

function tipOf({ index, memoryMiB, utilization, powerW }: Device, i: number): string {
  return `GPU ${index}: ${formatMib(memoryMiB[i] ?? undefined)}, ${
    formatShare(utilization[i] ?? undefined)
  } busy, ${formatNumber(powerW[i] ?? undefined)} W`;
}
