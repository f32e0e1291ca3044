/**
 * A frontier for programs: all that was computed.
 *
 * @module
 */
import type { FrontierReport } from "./report_frontier.ts";

/** A number that does not exist is `null`. */
export const frontierJson: FrontierReport = {
  name: "json",
  extension: "json",
  saved: true,
  render: (frontier) =>
    `${JSON.stringify(frontier, (_, value) => value === undefined ? null : value, 2)}\n`,
};
