/**
 * The newest values of a server that a live view shows.
 *
 * @module
 */
import type { ServerScrapes } from "../metrics/run_server.ts";
import { type KnownSeries, knownSeries, meaningOf } from "../metrics/server_known.ts";
import type { ServerRole } from "../metrics/server_names.ts";

/** Over all endpoints together. */
export interface NewestServer {
  readonly running: number | undefined;
  readonly waiting: number | undefined;
  readonly cacheUse: number | undefined;
}

/** From the newest answer of each endpoint. */
export function newestOf(latest: readonly ServerScrapes[]): NewestServer {
  const known = knownSeries(latest);
  return {
    running: joined(known, "running"),
    waiting: joined(known, "waiting"),
    cacheUse: joined(known, "cache_use"),
  };
}

function joined(known: readonly KnownSeries[], role: ServerRole): number | undefined {
  const values = known.flatMap(({ meaning, series: { last }, scale }) =>
    meaning.role !== role || last === undefined ? [] : [last * scale]
  );
  if (values.length === 0) return undefined;
  const sum = values.reduce((a, b) => a + b, 0);
  return meaningOf(role).join === "mean" ? sum / values.length : sum;
}
