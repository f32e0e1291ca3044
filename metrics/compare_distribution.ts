/**
 * The latencies of several sides as one histogram: the same bars for all, so that their shapes can lie
 * over each other.
 *
 * @module
 */
import { measuredLoads, usedRepeats } from "./compare_measured.ts";
import type { CompareSide } from "./compare_result.ts";
import type { Count } from "./count.ts";
import type { Histogram, MetricHistogram } from "./load_summary.ts";

/** A metric of one load on all sides. */
export interface SharedHistogram extends Pick<MetricHistogram, "name" | "title" | "unit"> {
  /** Bars of equal width, or of equal ratio. */
  readonly scale: Histogram["scale"];
  /** Edges of the bars, ascending, one more than there are bars. */
  readonly edges: readonly number[];
  /** For each side the part of its values in each bar, from 0 to 1; empty = it has no values. */
  readonly shares: readonly (readonly number[])[];
  /** For each side how many values it has, of all its repeats together. */
  readonly counts: readonly Count[];
}

const BARS = 60;

/** Above this ratio of largest to smallest, bars of equal width would put nearly all into one. */
const LOG_FROM_RATIO = 20;

/**
 * Histograms of a load, repeats put together, for the metrics named and in their order. Bars of one side
 * that lie across bars of all are spread evenly over them.
 */
export function sharedHistograms(
  sides: readonly CompareSide[],
  label: string,
  metrics: readonly string[],
): readonly SharedHistogram[] {
  const loads = sides.map((side) =>
    usedRepeats(measuredLoads(side).get(label) ?? []).map(({ load }) => load.histograms)
  );
  return metrics.flatMap((name) => {
    const found = loads.map((repeats) =>
      repeats.flatMap((histograms) => histograms.filter((one) => one.name === name))
    );
    const some = found.flat()[0];
    if (some === undefined) return [];
    return [{ name, title: some.title, unit: some.unit, ...sharedBars(found) }];
  });
}

function sharedBars(
  sides: readonly (readonly Histogram[])[],
): Pick<SharedHistogram, "scale" | "edges" | "shares" | "counts"> {
  const filled = sides.flat().flatMap(filledBars);
  const low = Math.min(...filled.map(({ from }) => from));
  const high = Math.max(...filled.map(({ to }) => to));
  // A first bar from 0 on says little about where its values are.
  const least = Math.min(...filled.map(({ from, to }) => from > 0 ? from : to / 2));
  const scale = least > 0 && high / least > LOG_FROM_RATIO ? "log" : "linear";
  const counts = sides.map((histograms) =>
    histograms.flatMap(filledBars).reduce((sum, { count }) => sum + count, 0)
  );
  if (filled.length === 0) return { scale, edges: [], shares: sides.map(() => []), counts };
  const start = scale === "log" ? least : low;
  const place = scale === "log" ? (value: number) => Math.log(Math.max(value, start)) : Number;
  const [first, last] = [place(start), place(high)];
  const width = (last - first) / BARS || 1;
  const edges = Array.from({ length: BARS + 1 }, (_, i) => {
    const at = first + i * width;
    return scale === "log" ? Math.exp(at) : at;
  });
  const shares = sides.map((histograms, side) => {
    const bars = new Array<number>(BARS).fill(0);
    for (const { from, to, count } of histograms.flatMap(filledBars)) {
      spread(bars, {
        from: (place(from) - first) / width,
        to: (place(to) - first) / width,
        share: count / counts[side]!,
      });
    }
    return counts[side] === 0 ? [] : bars;
  });
  return { scale, edges, shares, counts };
}

interface Bar {
  readonly from: number;
  readonly to: number;
  readonly count: Count;
}

function filledBars({ edges, counts }: Histogram): readonly Bar[] {
  return counts.flatMap((count, i) =>
    count === 0 ? [] : [{ from: edges[i]!, to: edges[i + 1]!, count }]
  );
}

/** Adds a share to the bars that it lies across; places in numbers of bars. */
function spread(
  bars: number[],
  { from, to, share }: { readonly from: number; readonly to: number; readonly share: number },
): void {
  const first = Math.min(BARS - 1, Math.max(0, Math.floor(from)));
  if (!(to - from > 1e-9)) {
    bars[first]! += share;
    return;
  }
  for (let bar = first; bar < BARS && bar < to; bar++) {
    const within = Math.min(to, bar + 1) - Math.max(from, bar);
    if (within > 0) bars[bar]! += share * within / (to - from);
  }
}
