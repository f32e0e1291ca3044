/**
 * Throughput of all users against the speed of a slow one: a point a load, and steps through those
 * that no other of the same server beats. Nothing is drawn between two points but the lower of them.
 *
 * @module
 */
import { across, chart, down, path, percent, type Tip } from "./chart_frame.ts";
import { LABEL_HEIGHT, placeLabels } from "./chart_labels.ts";
import { linearScale, type Scale } from "./chart_scale.ts";
import { colorOf } from "./chart_side_colors.ts";
import { levelWhiskers, uprightWhiskers, whiskerLegend } from "./chart_whisker.ts";
import { type Doubt, doubtedText, formatDoubted, formatNumber, plural } from "./format.ts";
import type { FigureValue } from "./figure.ts";
import type { Frontier, FrontierPoint, FrontierRole } from "./frontier.ts";
import { type Markup, markup } from "./markup.ts";

/** Height of the drawing area, in pixels. */
const HEIGHT = 320;

/** Labels have at least this much room. */
const LEAST_WIDTH = 320;

/** What the roles are called, in legends and tables. */
export const ROLE_NAMES: Readonly<Record<FrontierRole, string>> = {
  "frontier": "on the frontier",
  "dominated": "dominated",
  "client-bound": "client-bound",
};

/** Name and unit of the horizontal axis. */
export function speedName({ percentile }: Pick<Frontier, "percentile">): string {
  return `Interactivity p${percentile}, output tokens/s of one user`;
}

/** Name and unit of the vertical axis. */
export function throughputName({ perGpu, window }: Pick<Frontier, "perGpu" | "window">): string {
  return `Output tokens/s${perGpu ? " per GPU" : ""}, ${
    window === "steady" ? "steady window" : "whole run"
  }`;
}

/** A limit on one of the two figures. */
export interface FrontierLimit {
  readonly of: "interactivity" | "throughput";
  readonly value: number;
  /** As short as `> 20`: the axis says of what. */
  readonly text: string;
}

/** The chart. */
export function frontierChart(
  frontier: Frontier,
  limits: readonly FrontierLimit[] = [],
  id: string = "frontier",
): Markup {
  const { points, sides } = frontier;
  const bounds = (figure: FrontierLimit["of"]) => limits.filter(({ of }) => of === figure);
  const x = axisOf(points, ({ interactivity }) => interactivity, 8, bounds("interactivity"));
  const y = axisOf(points, ({ throughput }) => throughput, 7, bounds("throughput"));
  const yOf = (value: number) => down(y.at(value), HEIGHT);
  const steps = sides.map((_, side) => {
    const own = points.filter((point) => point.side === side && point.role === "frontier");
    return path(`steps side${colorOf(side)}`, stepPath(own, x, yOf));
  });
  const whiskers = points.map(({ side, interactivity, throughput }) => {
    const kind = `point side${colorOf(side)}`;
    const y = yOf(throughput.value);
    return markup`${levelWhiskers(y, doubtOf(interactivity), { kind, xOf: x.at })}${
      uprightWhiskers(x.at(interactivity.value), doubtOf(throughput), { kind, yOf })
    }`;
  });
  const dots = points.map((point) =>
    markup`<circle class="point side${colorOf(point.side)}${
      point.role !== "frontier" && ` ${point.role}`
    }${point.doubts.length > 0 && " hollow"}" cx="${
      percent(x.at(point.interactivity.value))
    }" cy="${yOf(point.throughput.value)}" r="4"/>`
  );
  const labels = placeLabels(
    points.map(({ short, failed, interactivity, throughput }) => ({
      text: failed ? `${short} ×` : short,
      at: x.at(interactivity.value),
      dots: [
        yOf(Math.max(
          throughput.value,
          throughput.bracket?.high ?? 0,
          throughput.interval?.high ?? 0,
        )),
      ],
    })),
    { most: 40, width: LEAST_WIDTH },
  );
  const bars = points.length === 0 ? [] : limits.map(({ of, value, text }) => {
    if (of === "throughput") {
      const at = yOf(value);
      return markup`<line class="limit rest" x1="0" x2="100%" y1="${at}" y2="${at}"/><text class="label limit" x="100%" y="${
        at - 4
      }" text-anchor="end">${text}</text>`;
    }
    const at = percent(x.at(value));
    return markup`<line class="limit rest" x1="${at}" x2="${at}" y1="0" y2="${HEIGHT}"/><text class="label limit" x="${at}" dx="4" y="${
      HEIGHT - 6
    }">${text}</text>`;
  });
  const described = points.map((point) => describePoint(point, frontier));
  return chart({
    id,
    title: "Throughput against the speed of one user",
    description: points.length === 0 ? "No load has both figures" : [
      ...described.map((lines) => lines.join(", ")),
      ...limits.map(({ of, text }) => `limit of ${of} ${text}`),
    ].join("; "),
    panels: [{
      height: HEIGHT,
      above: LABEL_HEIGHT,
      name: throughputName(frontier),
      ticks: points.length === 0 ? [] : y.ticks,
      shapes: steps,
      labels: markup`${bars}${whiskers}${dots}${labels}`,
      empty: points.length === 0 ? "no load has both figures" : undefined,
    }],
    ticks: points.length === 0 ? [] : x.ticks,
    name: speedName(frontier),
    tips: {
      axis: "x",
      list: points.map((point, i): Tip => ({
        at: x.at(point.interactivity.value),
        lines: described[i]!,
      })).sort((a, b) => a.at - b.at),
    },
  });
}

/** What the signs mean: only those that are there. */
export function frontierLegend({ points, sides }: Frontier): Markup {
  const swatch = (shape: Markup) =>
    markup`<svg width="30" height="10" aria-hidden="true">${shape}</svg>`;
  const names = sides.length < 2 ? [] : sides.map(({ name }, side) =>
    markup`<span>${
      swatch(
        markup`<path class="steps side${colorOf(side)}" d="M0 5H30"/><circle class="point side${
          colorOf(side)
        }" cx="15" cy="5" r="4"/>`,
      )
    } <bdi>${name}</bdi></span>`
  );
  const roles = (["frontier", "dominated", "client-bound"] as const).filter((role) =>
    points.some((point) => point.role === role)
  ).map((role) =>
    markup`<span>${
      swatch(
        markup`<circle class="point plain ${role}${
          role === "client-bound" && " hollow"
        }" cx="15" cy="5" r="4"/>`,
      )
    } ${ROLE_NAMES[role]}</span>`
  );
  const open = points.some(({ doubts, role }) => doubts.length > 0 && role !== "client-bound") &&
    markup`<span>${
      swatch(markup`<circle class="point plain hollow" cx="15" cy="5" r="4"/>`)
    } not certain</span>`;
  const failed = points.some((point) => point.failed) &&
    markup`<span><b class="bad">×</b> with failed requests</span>`;
  const doubts = points.flatMap(({ interactivity, throughput }) => [
    doubtOf(interactivity),
    doubtOf(throughput),
  ]);
  return markup`<p class="legend">${names}${roles}${open}${
    whiskerLegend(doubts)
  }${failed}<span>labels: users or req/s</span></p>
`;
}

/** What is open about a figure. */
export function doubtOf({ bracket, interval }: FigureValue): Doubt {
  return { client: bracket, sampling: interval };
}

/** From 0 to the largest value, and to the ends of what is open about it. */
function axisOf(
  points: readonly FrontierPoint[],
  of: (point: FrontierPoint) => FigureValue,
  ticks: number,
  limits: readonly FrontierLimit[],
): Scale {
  const highs = points.map((point) => {
    const { value, bracket, interval } = of(point);
    return Math.max(value, bracket?.high ?? 0, interval?.high ?? 0);
  });
  return linearScale(0, Math.max(0, ...highs, ...limits.map(({ value }) => value)), {
    ticks,
    round: true,
  });
}

/**
 * From the axis at the height of the slowest point, and down at each point to the next faster one; at
 * the end down to nothing, since nothing faster was measured.
 */
function stepPath(
  points: readonly FrontierPoint[],
  x: Scale,
  yOf: (value: number) => number,
): string {
  const [first] = points;
  if (first === undefined) return "";
  const steps = points.map(({ interactivity, throughput }) =>
    `V${yOf(throughput.value)}H${across(x.at(interactivity.value))}`
  );
  return `M0 ${yOf(first.throughput.value)}${steps.join("")}V${HEIGHT}`;
}

function describePoint(point: FrontierPoint, { sides, perGpu }: Frontier): readonly string[] {
  const { side, label, repeats, throughput, interactivity, role, failed, doubts } = point;
  const figure = (one: FigureValue) => doubtedText(formatDoubted(one.value, doubtOf(one), "1"));
  const cost = point.costPerMillionOutputTokens;
  return [
    `${sides.length > 1 ? `${sides[side]!.name}: ` : ""}${label}`,
    `${figure(throughput)} output tokens/s${perGpu ? " per GPU" : ""}`,
    `${figure(interactivity)} tokens/s of one user`,
    ...(cost === undefined ? [] : [`${formatNumber(cost)} for 1M output tokens`]),
    ...(repeats > 1 ? [`mean of ${plural(repeats, "repeat")}`] : []),
    `${ROLE_NAMES[role]}${failed ? ", with failed requests" : ""}`,
    ...(doubts.length === 0 ? [] : [`not certain: ${doubts.join("; ")}`]),
  ];
}
