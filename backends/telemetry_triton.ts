/**
 * Triton's statistics of a model (`GET /v2/models/MODEL/stats`), which its HTTP port always answers, as
 * the counters that its metrics port has of the same numbers.
 *
 * @module
 */
import { isObject, type JsonObject } from "./json_event.ts";
import type { PrometheusFamily, PrometheusText } from "./telemetry_prometheus.ts";

/** Models and versions of an answer; it is of one model. */
const MOST_MODELS = 100;

/** Counters by name: where each stands in `inference_stats`, and the factor to its unit. */
const COUNTERS: readonly (readonly [
  name: string,
  part: string,
  field: "count" | "ns",
  scale: number,
])[] = [
  ["nv_inference_request_success", "success", "count", 1],
  ["nv_inference_request_failure", "fail", "count", 1],
  // Nanoseconds to microseconds.
  ["nv_inference_request_duration_us", "success", "ns", 0.001],
  ["nv_inference_queue_duration_us", "queue", "ns", 0.001],
  ["nv_inference_compute_input_duration_us", "compute_input", "ns", 0.001],
  ["nv_inference_compute_infer_duration_us", "compute_infer", "ns", 0.001],
  ["nv_inference_compute_output_duration_us", "compute_output", "ns", 0.001],
];

/** Reads the statistics; absent when the text is something else. */
export function readTritonStatistics(text: string): PrometheusText | undefined {
  if (!text.startsWith("{")) return undefined;
  let parsed: unknown;
  try {
    parsed = JSON.parse(text);
  } catch {
    return undefined;
  }
  if (!isObject(parsed) || !Array.isArray(parsed.model_stats)) return undefined;
  const models = parsed.model_stats.slice(0, MOST_MODELS).filter(isObject);
  const families = COUNTERS.map(([name, part, field, scale]): PrometheusFamily => ({
    name,
    type: "counter",
    series: models.flatMap((model) => {
      const value = numberOf(model.inference_stats, part, field);
      return value === undefined ? [] : [{ labels: labelsOf(model), value: value * scale }];
    }),
  })).filter(({ series }) => series.length > 0);
  return { families, typed: families.length, unusable: 0, leftOut: 0 };
}

function numberOf(stats: unknown, part: string, field: string): number | undefined {
  const duration = isObject(stats) ? stats[part] : undefined;
  const value = isObject(duration) ? duration[field] : undefined;
  // Over gRPC-JSON gateways 64-bit numbers are texts.
  const number = typeof value === "string" ? Number(value) : value;
  return typeof number === "number" && Number.isFinite(number) && number >= 0 ? number : undefined;
}

function labelsOf({ name, version }: JsonObject): Readonly<Record<string, string>> {
  return {
    model: String(name ?? "").slice(0, 1000),
    version: String(version ?? "").slice(0, 1000),
  };
}
