/**
 * The server by its own metrics over a load: requests, cache, rates, GPUs, on the load's time axis.
 *
 * @module
 */
import { across, chart, down, type Panel, path, type Tip } from "./chart_frame.ts";
import { lineOf } from "./chart_line.ts";
import { linearScale, timeAxis } from "./chart_scale.ts";
import { formatMs, formatNumber, plural } from "./format.ts";
import type { ServerCourse } from "./load_server.ts";
import type { Series } from "./load_series.ts";
import type { Markup } from "./markup.ts";
import { formatServerValue, serverLineTitle } from "./summary_server_text.ts";

interface ServerChart {
  readonly id: string;
  readonly course: ServerCourse;
  /** What the client saw meanwhile, drawn beside it. */
  readonly series: Series;
  readonly durationMs: number;
}

type Line = ServerCourse["lines"][number];

/** One panel: which lines it has, and what of ours stands beside them. */
interface PanelPlan {
  /** Roles, the first drawn as a line, the second dashed, the third dotted. */
  readonly roles: readonly string[];
  /** Name where there is more than one line; absent = the title of the only one. */
  readonly name?: string;
  /** Values of ours in each stretch, for steps beside it. */
  readonly ours?: (series: Series) => readonly number[];
  /** Left out where all values are zero. Default false. */
  readonly rare?: boolean;
  /** Factor, e.g. to percent. Default 1. */
  readonly factor?: number;
  /** Least end of the axis, after the factor. */
  readonly least?: number;
  /** Unit behind the name, where the factor changes it. */
  readonly unit?: string;
}

/** From top to bottom; those without a value are left out. */
const PANELS: readonly PanelPlan[] = [
  {
    roles: ["running", "waiting", "swapped"],
    name: "Requests running, waiting (dashed)",
    ours: ({ inFlight }) => inFlight,
  },
  { roles: ["cache_use"], factor: 100, least: 100 },
  { roles: ["cache_hit_share"], factor: 100, least: 100 },
  { roles: ["preemptions"], rare: true },
  { roles: ["output_tokens"], ours: ({ outputTokensPerSec }) => outputTokensPerSec },
  { roles: ["prompt_tokens"] },
  { roles: ["gpu_utilization"], factor: 100, least: 100 },
  { roles: ["gpu_memory_used"], factor: 1 / 1024, unit: "GPU memory in use, GiB" },
  { roles: ["gpu_power"] },
];

const KINDS = ["line", "curve rank1", "curve rank2"] as const;
const HEIGHT = 76;

/** Whether there is anything to draw. */
export function hasServerChart(course: ServerCourse, durationMs: number): boolean {
  return course.timeMs.length > 1 && drawnOf(course, durationMs).length > 0;
}

function drawnOf(
  course: ServerCourse,
  durationMs: number,
): readonly { readonly plan: PanelPlan; readonly lines: readonly Line[] }[] {
  return PANELS.map((plan) => ({ plan, lines: linesOf(course, plan, durationMs) }))
    .filter(({ lines }) => lines.length > 0);
}

/** Panels over the time axis of the load. */
export function serverChart({ id, course, series, durationMs }: ServerChart): Markup {
  const { timeMs } = course;
  const { at, ticks, name } = timeAxis(durationMs);
  const drawn = drawnOf(course, durationMs);
  const panels = drawn.map(({ plan, lines }): Panel => {
    const { factor = 1, least = 0, unit } = plan;
    const ours = plan.ours?.(series) ?? [];
    const all = lines.flatMap(({ values }) => values.filter((value) => value !== null));
    const y = linearScale(0, Math.max(least, ...all.map((value) => value * factor), ...ours), {
      ticks: 4,
      round: true,
    });
    const first = lines[0]!;
    const title = lines.length > 1 && plan.name !== undefined
      ? plan.name
      : unit ?? serverLineTitle(first.title, first.unit);
    const steps = series.startMs.map((ms, i) =>
      ours[i] === undefined
        ? ""
        : `${i === 0 ? `M${across(at(ms))} ` : "V"}${down(y.at(ours[i]), HEIGHT)}H${
          across(at(Math.min(ms + series.bucketMs, durationMs)))
        }`
    ).join("");
    return {
      height: HEIGHT,
      name: ours.length === 0 ? title : `${title}; gray: ours`,
      ticks: y.ticks,
      shapes: [
        path("ours", steps),
        ...lines.map((line) =>
          path(
            KINDS[plan.roles.indexOf(line.role)]!,
            lineOf(line.values, HEIGHT, (i, value) => [at(timeMs[i]!), y.at(value * factor)]),
          )
        ),
      ],
    };
  });
  const shown = drawn.flatMap(({ lines }) => lines);
  return chart({
    id,
    title: "The server over time, by its own metrics",
    description: `${plural(timeMs.length, "scrape")} over ${formatMs(durationMs)}: ${
      shown.map((line) => `${line.title} at most ${valueText(line, Math.max(...numbers(line)))}`)
        .join(", ")
    }`,
    panels,
    ticks,
    name,
    tips: {
      axis: "x",
      list: timeMs.map((ms, i): Tip => ({
        at: at(ms),
        lines: [
          formatMs(ms),
          ...shown.map((line) => `${line.title}: ${valueText(line, line.values[i] ?? undefined)}`),
        ],
      })),
    },
  });
}

function linesOf(
  { lines, timeMs }: ServerCourse,
  { roles, rare = false }: PanelPlan,
  durationMs: number,
): readonly Line[] {
  return roles.flatMap((role) => lines.filter((line) => line.role === role))
    // An idle server before and after the load, joined to its first value, would look like a slow start.
    .map((line): Line =>
      line.unit.endsWith("/s") ? line : {
        ...line,
        values: line.values.map((value, i) =>
          timeMs[i]! < 0 || timeMs[i]! > durationMs ? null : value
        ),
      }
    )
    .filter((line) => known(line) && !(rare && numbers(line).every((value) => value === 0)));
}

function known({ values }: Line): boolean {
  return values.some((value) => value !== null);
}

function numbers({ values }: Line): readonly number[] {
  return values.filter((value) => value !== null);
}

function valueText({ unit }: Line, value: number | undefined): string {
  return unit.endsWith("/s") && value !== undefined
    ? `${formatNumber(value)}/s`
    : formatServerValue(value, unit);
}
