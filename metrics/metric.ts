/**
 * A metric as data: its formula travels with the number into help, README and JSON.
 *
 * @module
 */
import type { RequestRecord } from "../backends/record.ts";
import { isStreamed } from "./record_streaming.ts";
import { type RecordBounds, type Stamp, stampEnds, type ValueEnds } from "./record_bounds.ts";

/** Unit of a metric's values. */
export type Unit = "ms" | "tokens" | "tokens/s" | "req/s" | "req/min" | "1" | "%" | "bytes";

/** The time between two stamps, with both its ends; no value where a stamp is absent. */
export function between(
  from: Stamp,
  to: Stamp,
): Pick<Metric, "formula" | "values"> & Required<Pick<Metric, "ends">> {
  return {
    formula: `${to} − ${from}`,
    values: ({ [from]: start, [to]: end }) =>
      start === undefined || end === undefined ? [] : [end - start],
    ends: (record, bounds) => {
      const start = stampEnds(record, bounds, from);
      const end = stampEnds(record, bounds, to);
      if (start === undefined || end === undefined) return { low: [], high: [] };
      const high = end.high - start.low;
      // The first stamp was never after the second, however much both leave open.
      return { low: [Math.min(high, Math.max(0, end.low - start.high))], high: [high] };
    },
  };
}

/** The metric without values where the record has no proof of streaming. */
export function ofStreams<Part extends Pick<Metric, "formula" | "values" | "ends">>(
  part: Part,
): Part {
  const { values, ends } = part;
  return {
    ...part,
    formula: `${part.formula}, of streamed answers`,
    values: (record) => isStreamed(record) ? values(record) : [],
    ends: (record, bounds) => isStreamed(record) ? ends!(record, bounds) : { low: [], high: [] },
  };
}

/** A number per request, gap or tick, summarized as a distribution. */
export interface Metric {
  /** Name in JSON and CSV, e.g. `ttft`. */
  readonly name: string;
  /** Name in headings, e.g. `TTFT`. */
  readonly title: string;
  /** Unit of every value. */
  readonly unit: Unit;
  /** Which direction is good. */
  readonly better: "lower" | "higher" | "neither";
  /** How a value is computed from the fields of a record. */
  readonly formula: string;
  /** What one value belongs to. A limit (SLO) needs one value per request. */
  readonly per: "request" | "gap" | "tick";
  /**
   * `key`: among the first numbers of every report, with a chart; `detail`: not a row of the
   * terminal table, which gives it in words or not at all. Default: a row where there are values.
   */
  readonly rank?: "key" | "detail";
  /** Measured from the intended time, which means nothing in a closed loop: it has no schedule. */
  readonly openLoopOnly?: boolean;
  /** Values of one completed record: none where undefined, one for TTFT, many for ITL. */
  readonly values: (record: RequestRecord) => readonly number[];
  /** The ends of these values, in their order; absent where they are no times of ours. */
  readonly ends?: (record: RequestRecord, bounds: RecordBounds) => ValueEnds;
}
