/**
 * The common start of a load that several machines send.
 *
 * @module
 */
import { epochOriginMs, patientClock } from "../backends/clock.ts";
import { START_LEAD_MS } from "./load_threads.ts";
import type { Together } from "./run_together.ts";
import type { Scraper } from "./scrape_sampler.ts";

/** A timer may be late by so much before the load is. */
const SPARE_MS = 25;

/**
 * Waits for the other machines, and then for the moment before the common start. What the server counts is
 * read in between: warm-ups of others are none of the load.
 *
 * @returns the start, in ms since the epoch; `undefined` = the load is not sent.
 */
export async function startTogether(
  together: Together,
  { load, scraper, signal }: {
    readonly load: number;
    readonly scraper: Scraper | undefined;
    readonly signal: AbortSignal;
  },
): Promise<number | undefined> {
  const startMs = await together.begin(load, signal);
  if (startMs === undefined || signal.aborted) return undefined;
  const soonMs = startMs - epochOriginMs() - START_LEAD_MS - SPARE_MS;
  const soon = patientClock.sleepUntil(soonMs, signal);
  // A slow endpoint makes nobody late.
  await Promise.race([scraper?.begin(), soon]);
  await soon;
  return startMs;
}
