/**
 * Known metrics of the server over time: gauges as they are, counters as rates.
 *
 * @module
 */
import type { ServerCourse } from "./load_server.ts";
import type { ServerScrapes } from "./run_server.ts";
import type { KnownSeries } from "./server_known.ts";
import type { ServerRoleMeaning } from "./server_names.ts";

/** One line of the course. */
export type RoleCourse = ServerCourse["lines"][number];

type Values = readonly (number | null)[];

/**
 * The course of all roles, on the times of the endpoint that answered most often; values of another
 * endpoint hold until its next answer.
 */
export function courseOf(
  scrapes: readonly ServerScrapes[],
  roles: ReadonlyMap<ServerRoleMeaning, readonly KnownSeries[]>,
): ServerCourse {
  const timeMs = scrapes.map((one) => one.timeMs)
    .reduce((most, times) => times.length > most.length ? times : most);
  return {
    timeMs,
    lines: [...roles].flatMap(([meaning, known]) => lineOf(meaning, known, timeMs) ?? []),
  };
}

function lineOf(
  { role, title, kind, unit, join }: ServerRoleMeaning,
  known: readonly KnownSeries[],
  timeMs: readonly number[],
): RoleCourse | undefined {
  const lines = known.flatMap(({ scrapes, series: { values }, scale }) => {
    if (values === undefined) return [];
    const own = kind === "counter" ? ratesOf(values, scrapes.timeMs) : values;
    const line = scrapes.timeMs === timeMs ? own : held(own, scrapes.timeMs, timeMs);
    return [line.map((value) => value === null ? null : value * scale)];
  });
  if (lines.length === 0) return undefined;
  return {
    ...{ role, title },
    unit: kind === "counter" ? `${unit}/s` : unit,
    values: timeMs.map((_, i) => joinValues(lines.map((line) => line[i] ?? null), join)),
  };
}

/** Rise per second since the answer before that had it; a lower value began anew. The first has none. */
function ratesOf(values: Values, timeMs: readonly number[]): Values {
  let last: number | undefined;
  return values.map((value, i) => {
    if (value === null) return null;
    // A series that is listed later was zero before; one that was left out for a while was not.
    const from = last ?? i - 1;
    last = i;
    if (from < 0) return null;
    const before = values[from] ?? 0;
    const seconds = (timeMs[i]! - timeMs[from]!) / 1000;
    return seconds <= 0 ? null : (value < before ? value : value - before) / seconds;
  });
}

/** Values at other times: each holds until the next one. */
function held(values: Values, from: readonly number[], to: readonly number[]): Values {
  let next = 0;
  return to.map((ms) => {
    while (next < from.length && from[next]! <= ms) next++;
    return next === 0 ? null : values[next - 1] ?? null;
  });
}

/** The values that there are at one time as one number. */
export function joinValues(values: Values, join: ServerRoleMeaning["join"]): number | null {
  const numbers = values.filter((value) => value !== null);
  if (numbers.length === 0) return null;
  if (join === "max") return Math.max(...numbers);
  const sum = numbers.reduce((a, b) => a + b, 0);
  return join === "sum" ? sum : sum / numbers.length;
}
