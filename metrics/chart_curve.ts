/**
 * Throughput against latency, one point per load. Where the line turns upwards, more load only adds
 * waiting.
 *
 * @module
 */
import { across, chart, down, path, percent, round, type Tip } from "./chart_frame.ts";
import { linearScale, logScale, timeUnit } from "./chart_scale.ts";
import { uprightWhiskers } from "./chart_whisker.ts";
import {
  type Doubt,
  doubtedText,
  formatDoubted,
  formatNumber,
  formatPercentile,
} from "./format.ts";
import { type Markup, markup } from "./markup.ts";

/** One load. */
export interface CurvePoint {
  /** Beside the point: as short as `64`. */
  readonly short: string;
  /** In the text for the pointer: `64 users`. */
  readonly label: string;
  /** Output tokens per second. */
  readonly throughput: number | undefined;
  /** Latencies in ms, one per percentile of the chart. */
  readonly latencies: readonly (number | undefined)[];
  /** What is open about each of them. */
  readonly doubts: readonly Doubt[];
  /** Marks failed requests, because a server that refuses work looks fast. */
  readonly failed: boolean;
}

interface CurveChart {
  readonly id: string;
  readonly title: string;
  /** Name and unit of the horizontal axis. */
  readonly name: string;
  /** One or two; the first is drawn solid, the second dashed. */
  readonly percentiles: readonly number[];
  /** In the order in which they are joined. */
  readonly points: readonly CurvePoint[];
}

const HEIGHT = 210;

/** Labels are placed as if the chart were this wide; on a wider one they have more room. */
const ASSUMED_WIDTH = 300;
const LETTER = { width: 6.2, height: 12 };

/** Most labels; the texts at the pointer give the rest. */
const LABELS = 12;

/** Above this number of points, dots are smaller. */
const CROWD = 20;

/** Above this ratio of largest to smallest, the vertical axis is logarithmic. */
const LOG_FROM_RATIO = 20;

/** Lines through the loads, one per percentile, labels beside the upper line, whiskers for what is open. */
export function curveChart({ id, title, name, percentiles, points }: CurveChart): Markup {
  const placed = points.filter(({ throughput, latencies }) =>
    throughput !== undefined && latencies.some((latency) => latency !== undefined)
  );
  const values = placed.flatMap(({ latencies }) => latencies.filter((one) => one !== undefined));
  const highs = placed.flatMap(({ doubts }) =>
    doubts.flatMap(({ client, sampling }) => [client?.high ?? 0, sampling?.high ?? 0])
  );
  const highest = Math.max(0, ...values, ...highs);
  const lowest = Math.min(highest, ...values);
  const time = timeUnit(highest);
  const x = linearScale(0, Math.max(0, ...placed.map(({ throughput }) => throughput!)), {
    ticks: 5,
    round: true,
  });
  const scaled = { ticks: 7, round: true } as const;
  const y = lowest > 0 && highest / lowest > LOG_FROM_RATIO
    ? logScale(lowest / time.ms, highest / time.ms, scaled)
    : linearScale(0, highest / time.ms, scaled);
  const yOf = (latency: number) => down(y.at(latency / time.ms), HEIGHT);
  const lines = percentiles.map((_, rank) =>
    path(
      `curve rank${rank}`,
      placed.filter(({ latencies }) => latencies[rank] !== undefined).map(
        ({ throughput, latencies }, i) =>
          `${i === 0 ? "M" : "L"}${across(x.at(throughput!))} ${yOf(latencies[rank]!)}`,
      ).join(""),
    )
  );
  const radius = placed.length > CROWD ? 2.5 : 3.5;
  const low = lowest > 0 && y.kind === "log" ? lowest : 0;
  const whiskers = placed.map(({ throughput, doubts }) =>
    doubts.map((doubt, rank) =>
      uprightWhiskers(x.at(throughput!), doubt, {
        kind: `rank${rank}`,
        yOf: (latency) => yOf(Math.max(low, latency)),
      })
    )
  );
  const dots = placed.map(({ throughput, latencies, failed }) => {
    const cx = percent(x.at(throughput!));
    return latencies.map((latency, rank) =>
      latency !== undefined &&
      markup`<circle class="dot rank${rank}${failed && " failed"}" cx="${cx}" cy="${
        yOf(latency)
      }" r="${radius}"/>`
    );
  });
  const labels = placeLabels(placed.map(({ short, throughput, latencies, doubts, failed }) => ({
    text: failed ? `${short} ×` : short,
    at: x.at(throughput!),
    dots: [
      ...latencies,
      ...doubts.flatMap(({ client, sampling }) => [client?.high, sampling?.high]),
    ].filter((one) => one !== undefined).map(yOf),
  })));
  const names = percentiles.map(formatPercentile);
  const described = placed.map((point) => describePoint(point, percentiles).join(", "));
  return chart({
    id,
    title: `${title} ${names.join(" and ")} against throughput`,
    description: placed.length === 0 ? "No load has both values" : described.join("; "),
    panels: [{
      height: HEIGHT,
      above: LETTER.height,
      name: `${title} (${time.name}${y.kind === "log" ? ", log scale" : ""})`,
      ticks: placed.length === 0 ? [] : y.ticks,
      shapes: lines,
      labels: markup`${whiskers}${dots}${labels}`,
      empty: placed.length === 0 ? "no load has enough completed requests" : undefined,
    }],
    ticks: placed.length === 0 ? [] : x.ticks,
    name,
    tips: {
      axis: "x",
      list: placed.map((point): Tip => ({
        at: x.at(point.throughput!),
        lines: describePoint(point, percentiles),
      })).sort((a, b) => a.at - b.at),
    },
  });
}

function describePoint(
  { label, throughput, latencies, doubts, failed }: CurvePoint,
  percentiles: readonly number[],
): readonly string[] {
  return [
    label,
    `${formatNumber(throughput)} output tokens/s`,
    ...percentiles.map((p, rank) => {
      const latency = formatDoubted(latencies[rank], doubts[rank] ?? {}, "ms");
      return `${formatPercentile(p)} ${doubtedText(latency)}`;
    }),
    ...(failed ? ["with failed requests"] : []),
  ];
}

/** A label and the dots that it belongs to; `at` from 0 to 1, `dots` in pixels from the top. */
interface PointLabel {
  readonly text: string;
  readonly at: number;
  readonly dots: readonly number[];
}

/** Labels the first and the last load, then the others where there is room; nothing overlaps. */
function placeLabels(labels: readonly PointLabel[]): readonly Markup[] {
  const taken: Box[] = labels.flatMap(({ at, dots }) =>
    dots.map((y): Box => {
      const center = at * ASSUMED_WIDTH;
      return { left: center - DOT, right: center + DOT, top: y - DOT, bottom: y + DOT };
    })
  );
  const placed: Markup[] = [];
  for (const i of outerFirst(labels.length)) {
    const { text, at, dots } = labels[i]!;
    if (placed.length === LABELS) break;
    const center = at * ASSUMED_WIDTH;
    const width = text.length * LETTER.width;
    const top = Math.min(...dots);
    for (
      const { left, base, anchor, dx } of [
        { left: center - width / 2, base: top - 8, anchor: "middle", dx: 0 },
        { left: center + 7, base: top + 4, anchor: "start", dx: 7 },
        { left: center - 7 - width, base: top + 4, anchor: "end", dx: -7 },
      ] as const
    ) {
      const box = { left, right: left + width, top: base - LETTER.height + 3, bottom: base };
      const outside = left < -8 || box.right > ASSUMED_WIDTH + 12;
      if (outside || taken.some((other) => overlap(box, other))) continue;
      taken.push(box);
      const [x, y] = [percent(at), round(base, 1)];
      placed.push(
        markup`<text class="label" x="${x}" dx="${dx}" y="${y}" text-anchor="${anchor}">${text}</text>`,
      );
      break;
    }
  }
  return placed;
}

/** 0, n − 1, then the middle, the quarters …: any beginning of it is spread evenly. */
function outerFirst(count: number): ReadonlySet<number> {
  const order = new Set(count === 0 ? [] : [0, count - 1]);
  for (let step = 2 ** Math.floor(Math.log2(Math.max(1, count))); step >= 1; step /= 2) {
    for (let i = step; i < count; i += step) order.add(i);
  }
  return order;
}

/** In pixels of a chart of the assumed width. */
interface Box {
  readonly left: number;
  readonly right: number;
  readonly top: number;
  readonly bottom: number;
}

/** Half the size of a dot. */
const DOT = 3.5;

function overlap(a: Box, b: Box): boolean {
  return a.left < b.right + 2 && b.left < a.right + 2 && a.top < b.bottom && b.top < a.bottom;
}
