/**
 * A metric as data: its formula travels with the number into help, README and JSON.
 *
 * @module
 */
import type { RequestRecord } from "../backends/record.ts";

/** Unit of a metric's values. */
export type Unit = "ms" | "tokens" | "tokens/s" | "req/s" | "req/min" | "1" | "%" | "bytes";

/** A number per request (or per gap), summarized as a distribution. */
export interface Metric {
  /** As in JSON and CSV: `ttft`, `itl`. */
  readonly name: string;
  /** For headings: `TTFT`. */
  readonly title: string;
  /** Of every value. */
  readonly unit: Unit;
  /** Which direction is good. */
  readonly better: "lower" | "higher" | "neither";
  /** In the words of the record's fields. */
  readonly formula: string;
  /** What one value belongs to. A limit (SLO) needs one value a request. */
  readonly per: "request" | "gap" | "tick";
  /** Measured from the intended time: says nothing in a closed loop, which has no schedule. */
  readonly openLoopOnly?: boolean;
  /** None when undefined for this record, one for TTFT, many for ITL. Only asked of `ok` records. */
  readonly values: (record: RequestRecord) => readonly number[];
}
