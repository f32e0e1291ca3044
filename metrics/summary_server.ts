/**
 * What the server's metrics said over one load, from what its endpoints answered.
 *
 * @module
 */
import type { ServerSummary } from "./load_server.ts";
import type { ServerScrapes } from "./run_server.ts";

/** Summarizes the answers of a load; `undefined` when no endpoint was read. */
export function summarizeServer(
  scrapes: readonly ServerScrapes[] | undefined,
): ServerSummary | undefined {
  if (scrapes === undefined || scrapes.length === 0) return undefined;
  throw new Error("not yet");
}
