/**
 * Options of what looks on while a run is measured.
 *
 * @module
 */
import { group, option } from "./option_table.ts";

/** Views of a run that goes on. */
export const LIVE_OPTIONS = group("Live", {
  live: option.integer({
    value: "PORT",
    min: 0,
    max: 65_535,
    help: "Show the run while it goes on at a port of this machine (0: any free one), to nobody " +
      "else: a page with its charts and a stop button, /status (JSON) and /metrics (Prometheus).",
  }),
});
