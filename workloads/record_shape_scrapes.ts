/**
 * What the line of a load's end may hold of the server's metrics.
 *
 * @module
 */
import type {
  ServerFamily,
  ServerHistogram,
  ServerScrapes,
  ServerSeries,
} from "../metrics/run_server.ts";
import {
  listOf,
  mapOf,
  numberFrom,
  objectOf,
  oneOf,
  optional,
  orNull,
  type Shape,
} from "./json_shape.ts";
import { amount, count, durationMs, ms, text } from "./record_shape_values.ts";

/** Any value that a metric can have; those that JSON does not know are left out. */
const value = numberFrom(-Number.MAX_VALUE, Number.MAX_VALUE);

/** Answers of one load. */
export const MOST_SCRAPES = 600;
/** Series of one endpoint that are kept. */
export const MOST_SERIES = 10_000;
/** Buckets of one histogram. */
export const MOST_BUCKETS = 1000;

const histogram = objectOf<ServerHistogram>({
  count: amount,
  sum: value,
  edges: listOf(value, MOST_BUCKETS),
  counts: listOf(amount, MOST_BUCKETS + 1),
});

const series = objectOf<ServerSeries>({
  labels: mapOf(text, 100),
  first: optional(value),
  last: optional(value),
  difference: optional(value),
  resets: optional(count),
  mean: optional(value),
  min: optional(value),
  max: optional(value),
  values: optional(listOf(orNull(value), MOST_SCRAPES)),
  added: optional(histogram),
});

const family = objectOf<ServerFamily>({
  name: text,
  type: oneOf(["counter", "gauge", "histogram", "summary", "untyped"]),
  series: listOf(series, MOST_SERIES),
});

/** What is wrong with what an endpoint said, if anything. */
export const scrapesShape: Shape = objectOf<ServerScrapes>({
  url: text,
  timeMs: listOf(ms, MOST_SCRAPES),
  answers: optional(count),
  slowestMs: optional(durationMs),
  failed: optional(objectOf<{ count: number; message: string }>({ count, message: text })),
  families: listOf(family, MOST_SERIES),
  leftOut: optional(count),
});
