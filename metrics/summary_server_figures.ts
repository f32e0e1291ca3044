/**
 * One figure of the server over a load, from all series of its role.
 *
 * @module
 */
import type { ServerFigure } from "./load_server.ts";
import type { ServerHistogram } from "./run_server.ts";
import type { KnownSeries } from "./server_known.ts";
import type { ServerRoleMeaning } from "./server_names.ts";
import { minimumSamples } from "./stat_quantile.ts";
import { joinValues, type RoleCourse } from "./summary_server_course.ts";

type Percentiles = ServerFigure["percentiles"];

/** Sums up the series of a role, of all endpoints. */
export function figureOf(
  meaning: ServerRoleMeaning,
  known: readonly KnownSeries[],
  { percentiles, course }: {
    readonly percentiles: readonly number[];
    readonly course: RoleCourse | undefined;
  },
): ServerFigure {
  const { role, title, unit, kind } = meaning;
  return {
    ...{ role, title, unit, kind },
    names: [...new Set(known.map(({ family }) => family.name))],
    ...{ mean: undefined, max: undefined, difference: undefined, perSec: undefined },
    ...{ count: undefined, percentiles: [] },
    ...(kind === "gauge"
      ? gaugeOf(meaning, known, course)
      : kind === "counter"
      ? counterOf(known)
      : histogramOf(known, percentiles)),
  };
}

function gaugeOf(
  { join }: ServerRoleMeaning,
  known: readonly KnownSeries[],
  course: RoleCourse | undefined,
): Partial<ServerFigure> {
  const all = (of: "mean" | "max") =>
    known.map(({ series, scale }) => series[of] === undefined ? null : series[of] * scale);
  const largest = joinValues(all("max"), join);
  // It was not read while the load was under way.
  if (largest === null) return {};
  const seen = course?.values.filter((value) => value !== null) ?? [];
  // Largest values of several series need not be of one instant.
  return {
    mean: joinValues(all("mean"), join) ?? undefined,
    max: known.length > 1 && seen.length > 0 ? Math.max(...seen) : largest,
  };
}

function counterOf(known: readonly KnownSeries[]): Partial<ServerFigure> {
  let difference: number | undefined;
  let perSec: number | undefined;
  for (const { scrapes: { timeMs }, series, scale, name } of known) {
    const own = name.take === undefined ? series.difference : series.added?.[name.take];
    if (own === undefined) continue;
    const seconds = (timeMs.at(-1)! - timeMs[0]!) / 1000;
    difference = (difference ?? 0) + own * scale;
    if (seconds > 0) perSec = (perSec ?? 0) + own * scale / seconds;
  }
  return { difference, perSec };
}

function histogramOf(
  known: readonly KnownSeries[],
  percentiles: readonly number[],
): Partial<ServerFigure> {
  const parts = known.flatMap(({ series: { added }, scale }) =>
    added === undefined ? [] : [scaled(added, scale)]
  );
  if (parts.length === 0) return {};
  const count = parts.reduce((sum, part) => sum + part.count, 0);
  const sum = parts.reduce((sum, part) => sum + part.sum, 0);
  return {
    count,
    mean: count > 0 ? sum / count : undefined,
    percentiles: percentilesOf(joinBuckets(parts), percentiles, sum / count),
  };
}

function scaled({ count, sum, edges, counts }: ServerHistogram, scale: number): ServerHistogram {
  return { count, sum: sum * scale, edges: edges.map((edge) => edge * scale), counts };
}

/** Buckets of all series; `undefined` where they differ, or where there are none. */
function joinBuckets(parts: readonly ServerHistogram[]): Buckets | undefined {
  const { edges } = parts[0]!;
  if (edges.length === 0) return undefined;
  const same = parts.every((part) =>
    part.edges.length === edges.length && part.edges.every((edge, i) => edge === edges[i])
  );
  if (!same) return undefined;
  return {
    edges,
    counts: edges.concat(Infinity)
      .map((_, i) => parts.reduce((sum, { counts }) => sum + (counts[i] ?? 0), 0)),
  };
}

type Buckets = Pick<ServerHistogram, "edges" | "counts">;

/**
 * By linear interpolation inside of the bucket, as Prometheus does it; but a bucket ends where the mean
 * leaves no room: where half of the values are above 10 ms, the mean is above 5 ms.
 */
function percentilesOf(
  buckets: Buckets | undefined,
  percentiles: readonly number[],
  mean: number,
): Percentiles {
  if (buckets === undefined) return [];
  const { edges, counts } = buckets;
  const total = counts.reduce((sum, count) => sum + count, 0);
  return percentiles.map((p) => {
    const rank = total * p / 100;
    let below = 0;
    const i = counts.findIndex((count) => {
      below += count;
      return count > 0 && below >= rank;
    });
    if (total === 0 || i < 0) return { p, value: undefined, bucket: undefined };
    const edge = edges[i];
    // Times begin at zero; of other values nothing is known below the first edge.
    const low = i > 0 ? edges[i - 1]! : Math.min(0, edges[0]!);
    const most = mean * 100 / (100 - p);
    const high = edge !== undefined && low >= 0 && most > low ? Math.min(edge, most) : edge;
    const bucket = { low, high };
    if (high === undefined || total < minimumSamples(p)) return { p, value: undefined, bucket };
    const inside = (rank - (below - counts[i]!)) / counts[i]!;
    return { p, value: low + (high - low) * inside, bucket };
  });
}
