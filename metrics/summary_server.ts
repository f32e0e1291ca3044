/**
 * What the server's metrics said over one load, from what its endpoints answered.
 *
 * @module
 */
import type { ServerEndpoint, ServerOther, ServerSummary } from "./load_server.ts";
import type { ServerFamily, ServerScrapes, ServerSeries } from "./run_server.ts";
import { type KnownSeries, knownSeries } from "./server_known.ts";
import { courseOf, type RoleCourse } from "./summary_server_course.ts";
import { figureOf } from "./summary_server_figures.ts";

/** Percentiles of the server's histograms. */
const PERCENTILES: readonly number[] = [50, 90, 99];

/** Summarizes the answers of a load; `undefined` when no endpoint was read. */
export function summarizeServer(
  scrapes: readonly ServerScrapes[] | undefined,
  percentiles: readonly number[] = PERCENTILES,
): ServerSummary | undefined {
  if (scrapes === undefined || scrapes.length === 0) return undefined;
  const known = knownSeries(scrapes);
  const roles = Map.groupBy(known, ({ meaning }) => meaning);
  const { timeMs, lines } = courseOf(scrapes, roles);
  const courses = new Map(lines.map((line): [string, RoleCourse] => [line.role, line]));
  return {
    endpoints: scrapes.map((one) => endpointOf(one, known)),
    figures: [...roles].map(([meaning, series]) =>
      figureOf(meaning, series, { percentiles, course: courses.get(meaning.role) })
    ),
    others: othersOf(scrapes, known),
    course: { timeMs, lines },
  };
}

function endpointOf(scrapes: ServerScrapes, known: readonly KnownSeries[]): ServerEndpoint {
  const { url, timeMs, answers = timeMs.length, failed, slowestMs, families } = scrapes;
  const [fromMs, toMs] = [timeMs[0], timeMs.at(-1)];
  return {
    url,
    engine: known.find((one) => one.scrapes === scrapes)?.engine,
    scrapes: answers,
    failed: failed?.count ?? 0,
    failure: failed?.message,
    slowestMs,
    window: fromMs === undefined || toMs === undefined ? undefined : { fromMs, toMs },
    resets: families.flatMap(({ series }) => series)
      .reduce((sum, { resets = 0 }) => sum + resets, 0),
  };
}

/** As they were exposed, but for the times at which series of Python's client were created. */
function othersOf(
  scrapes: readonly ServerScrapes[],
  known: readonly KnownSeries[],
): readonly ServerOther[] {
  const meant = new Set(known.map(({ series }) => series));
  return scrapes.flatMap(({ families }) =>
    families.filter(({ name }) => !name.endsWith("_created")).flatMap((family) =>
      family.series.filter((series) => !meant.has(series))
        .flatMap((series) => otherOf(family, series))
    )
  );
}

function otherOf(
  { name, type }: ServerFamily,
  { labels, first, last, difference, added }: ServerSeries,
): readonly ServerOther[] {
  const set = Object.entries(labels).map(([label, value]) => `${label}=${JSON.stringify(value)}`);
  const shown = (one: string) => set.length === 0 ? one : `${one}{${set.join(",")}}`;
  if (type !== "histogram" && type !== "summary") {
    return [{ name: shown(name), type, first, last, difference }];
  }
  const part = (end: string, difference: number | undefined) => ({
    ...{ name: shown(`${name}_${end}`), type, difference },
    ...{ first: undefined, last: undefined },
  });
  return [part("count", added?.count), part("sum", added?.sum)];
}
