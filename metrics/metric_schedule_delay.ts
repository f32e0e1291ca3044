/**
 * Schedule delay, intended → sent: how late this client, or its in-flight limit, sent the request.
 *
 * @module
 */
import { between, type Metric } from "./metric.ts";

export const scheduleDelay: Metric = {
  name: "schedule_delay",
  title: "Schedule delay",
  unit: "ms",
  better: "lower",
  per: "request",
  ...between("intendedMs", "sentMs"),
};
