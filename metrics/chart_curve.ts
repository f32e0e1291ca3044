/**
 * Throughput against latency, one point per load. Where the line turns upwards, more load only adds
 * waiting.
 *
 * @module
 */
import { across, chart, down, path, percent, type Tip } from "./chart_frame.ts";
import { LABEL_HEIGHT, placeLabels } from "./chart_labels.ts";
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
  /** Why the point is not certain, clauses without a period; drawn hollow. Default none. */
  readonly flaws?: readonly string[];
}

/** A limit on the latency. */
export interface CurveLimit {
  /** In ms. */
  readonly value: number;
  /** `p99 < 500 ms`. */
  readonly text: string;
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
  /** Drawn as lines across the chart. Default none. */
  readonly limits?: readonly CurveLimit[];
}

const HEIGHT = 210;

/** Above this number of points, dots are smaller. */
const CROWD = 20;

/** Above this ratio of largest to smallest, the vertical axis is logarithmic. */
const LOG_FROM_RATIO = 20;

/** Lines through the loads, one per percentile, labels beside the upper line, whiskers for what is open. */
export function curveChart(
  { id, title, name, percentiles, points, limits = [] }: CurveChart,
): Markup {
  const placed = points.filter(({ throughput, latencies }) =>
    throughput !== undefined && latencies.some((latency) => latency !== undefined)
  );
  const values = placed.flatMap(({ latencies }) => latencies.filter((one) => one !== undefined));
  const highs = placed.flatMap(({ doubts }) =>
    doubts.flatMap(({ client, sampling }) => [client?.high ?? 0, sampling?.high ?? 0])
  );
  const shown = placed.length === 0 ? [] : limits.filter(({ value }) => value > 0);
  const bounds = shown.map(({ value }) => value);
  const highest = Math.max(0, ...values, ...highs, ...bounds);
  const lowest = Math.min(highest, ...values, ...bounds);
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
  const dots = placed.map(({ throughput, latencies, failed, flaws = [] }) => {
    const cx = percent(x.at(throughput!));
    return latencies.map((latency, rank) =>
      latency !== undefined &&
      markup`<circle class="dot rank${rank}${failed && " failed"}${
        flaws.length > 0 && " hollow"
      }" cx="${cx}" cy="${yOf(latency)}" r="${radius}"/>`
    );
  });
  const labels = placeLabels(
    placed.map(({ short, throughput, latencies, doubts, failed }) => ({
      text: failed ? `${short} ×` : short,
      at: x.at(throughput!),
      dots: [
        ...latencies,
        ...doubts.flatMap(({ client, sampling }) => [client?.high, sampling?.high]),
      ].filter((one) => one !== undefined).map(yOf),
    })),
    {
      lines: [
        ...bounds.map((bound) => [{ at: 0, y: yOf(bound) }, { at: 1, y: yOf(bound) }]),
        ...percentiles.map((_, rank) =>
          placed.filter(({ latencies }) => latencies[rank] !== undefined).map((
            { throughput, latencies },
          ) => ({ at: x.at(throughput!), y: yOf(latencies[rank]!) }))
        ),
      ],
    },
  );
  const bars = shown.map(({ value, text }) => {
    const at = yOf(value);
    return markup`<line class="limit rest" x1="0" x2="100%" y1="${at}" y2="${at}"/><text class="label limit" x="3" y="${
      at - 4
    }">${text}</text>`;
  });
  const names = percentiles.map(formatPercentile);
  const described = placed.map((point) => describePoint(point, percentiles).join(", "));
  return chart({
    id,
    title: `${title} ${names.join(" and ")} against throughput`,
    description: placed.length === 0 ? "No load has both values" : [
      ...described,
      ...(shown.length === 0 ? [] : [`limits: ${shown.map(({ text }) => text).join(", ")}`]),
    ].join("; "),
    panels: [{
      height: HEIGHT,
      above: LABEL_HEIGHT,
      name: `${title} (${time.name}${y.kind === "log" ? ", log scale" : ""})`,
      ticks: placed.length === 0 ? [] : y.ticks,
      shapes: lines,
      labels: markup`${bars}${whiskers}${dots}${labels}`,
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
  { label, throughput, latencies, doubts, failed, flaws = [] }: CurvePoint,
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
    ...(flaws.length > 0 ? [`not certain: ${flaws.join("; ")}`] : []),
  ];
}
