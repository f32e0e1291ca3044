/**
 * Service-level objectives: limits that a request must meet to count as good.
 *
 * @module
 */
import type { SloLimit } from "./load_summary.ts";
import type { RequestRecord } from "../backends/record.ts";
import type { Metric } from "./metric.ts";
import { METRICS } from "./metrics.ts";
import { tpot } from "./metric_tpot.ts";
import { isStreamed } from "./record_streaming.ts";

/** Limits that a good request meets, all of them. */
export interface Slo {
  /** In the order given. */
  readonly limits: readonly SloLimit[];
}

/** Metrics that can have a limit: one value per request, and a direction that is better. */
export const SLO_METRICS: readonly Metric[] = METRICS.filter(({ per, better }) =>
  per === "request" && better !== "neither"
);

/**
 * Reads limits such as `ttft:500,tpot:50` (milliseconds).
 *
 * `itl` has one value per gap and is refused: its mean over a request is `tpot`.
 *
 * @throws {SyntaxError} when the text is not a list of `metric:limit`.
 * @throws {RangeError} when a metric is unknown, has no single value, or its limit is negative.
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { parseSlo } from "@tokometer/tokometer";
 *
 * const { limits } = parseSlo("ttft:500,tpot:50");
 * assertEquals(limits[1], { metric: "tpot", limit: 50 });
 * ```
 */
export function parseSlo(text: string): Slo {
  const limits = text.split(",").map((part) => parseLimit(part.trim(), text));
  const names = limits.map(({ metric }) => metric);
  const twice = names.find((name, i) => names.indexOf(name) !== i);
  if (twice !== undefined) {
    throw new RangeError(`Cannot use SLO "${text}": "${twice}" has two limits, give one`);
  }
  return { limits };
}

/**
 * Whether a completed request meets every limit; failures never do. A missing value does not meet its
 * limit, with one exception: a streamed answer of a single token has no TPOT to exceed.
 */
export function meetsSlo(record: RequestRecord, slo: Slo): boolean {
  return record.outcome.kind === "ok" && slo.limits.every((limit) => meetsLimit(record, limit));
}

/** Whether a completed request meets one limit; see {@linkcode meetsSlo}. */
export function meetsLimit(record: RequestRecord, { metric: name, limit }: SloLimit): boolean {
  const metric = findMetric(name, name);
  const value = metric.values(record)[0];
  if (value === undefined) return metric === tpot && isStreamed(record);
  return metric.better === "higher" ? value >= limit : value <= limit;
}

function parseLimit(part: string, text: string): SloLimit {
  const match = /^([a-z0-9_]+)\s*:\s*(.*)$/.exec(part);
  if (match === null) {
    throw new SyntaxError(
      `Cannot read SLO "${text}": "${part}" is not metric:limit, as in ttft:500,tpot:50`,
    );
  }
  const [, name, number] = match as unknown as [string, string, string];
  const metric = findMetric(name, text);
  const limit = number === "" ? NaN : Number(number);
  if (!Number.isFinite(limit) || limit < 0) {
    throw new RangeError(
      `Cannot use SLO "${text}": the limit "${number}" of ${name} is not a number of ${metric.unit}; give a number of at least 0 without a unit`,
    );
  }
  return { metric: name, limit };
}

function findMetric(name: string, text: string): Metric {
  const metric = SLO_METRICS.find((one) => one.name === name);
  if (metric !== undefined) return metric;
  const known = SLO_METRICS.map((one) => one.name).join(", ");
  if (name === "itl") {
    throw new RangeError(
      `Cannot use SLO "${text}": "itl" has one value per gap, not one per request; limit its mean over a request with "tpot"`,
    );
  }
  throw new RangeError(
    `Cannot use SLO "${text}": "${name}" is not a metric with one value per request; known are ${known}`,
  );
}
