/**
 * Lateness of our own departures.
 *
 * @module
 */
import type { Metric } from "./metric.ts";

/** Intended → sent: how late this client, or its in-flight limit, sent the request. */
export const scheduleDelay: Metric = {
  name: "schedule_delay",
  title: "Schedule delay",
  unit: "ms",
  better: "lower",
  per: "request",
  formula: "sentMs − intendedMs",
  values: ({ sentMs, intendedMs }) => sentMs === undefined ? [] : [sentMs - intendedMs],
};
