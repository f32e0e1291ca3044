/**
 * The load in slices of a second, or as asked: counted as time bins, with the latencies of each. The order of
 * the records does not matter.
 *
 * @module
 */
import type { RequestRecord } from "../backends/record.ts";
import type { HeatMap } from "./load_heat.ts";
import type { SliceLatency, Slices } from "./load_slices.ts";
import type { Mergeable } from "./load_state.ts";
import type { Metric } from "./metric.ts";
import { METRICS } from "./metrics.ts";
import { isWork } from "./record_streaming.ts";
import { readFields, reading, readList } from "./state_read.ts";
import { minimumSamples, quantile, sortValues } from "./stat_quantile.ts";
import {
  type BucketCounting,
  type BucketCounts,
  bucketValue,
  FINE,
} from "./stat_value_histogram.ts";
import { packBuckets, unpackBuckets } from "./summary_bucket_cells.ts";
import { eachTimedValue } from "./summary_cells.ts";
import { createHeat, type HeatFold } from "./summary_heat.ts";
import { tokensPerTickToken } from "./summary_throughput.ts";
import { createTimeBins } from "./summary_time_bins.ts";

/** Length of a slice that nobody asked for, in ms. */
export const SLICE_MS = 1000;

/** Shortest slice, in ms. */
export const LEAST_SLICE_MS = 10;

/** Ten minutes of seconds; longer loads have longer slices. */
export const MOST_SLICES = 600;

/** The median needs two values to be one. */
const LEAST_FOR_MEDIAN = 2;

/** What slices are to be like. */
export interface SliceOptions {
  /** Length that is asked for, in ms. */
  readonly askedMs: number;
  /** `raw`: percentiles are exact; `histogram`: their values are counted in buckets. */
  readonly values: "raw" | "histogram";
  /** How they are counted in buckets; absent = as those of the load. */
  readonly counting?: BucketCounting;
}

/** Collects records. */
export interface SliceFold extends Mergeable {
  /** Adds a measured record. */
  add(record: RequestRecord): void;
  /** The slices of a load of this length. */
  result(durationMs: number): Slices;
  /** The same latencies in cells of time and size. */
  heat(durationMs: number): readonly HeatMap[];
}

/** Has no record yet. */
export function createSlices({ askedMs, values, counting = FINE }: SliceOptions): SliceFold {
  const createValues = () => values === "raw" ? new ExactValues() : new CountedValues(counting);
  const bins = createTimeBins(["sent"], { bins: MOST_SLICES, widthMs: askedMs });
  let widthMs = askedMs;
  const latencies = ["ttft", "itl"].map((name): Latency => {
    const metric = METRICS.find((metric) => metric.name === name)!;
    return {
      metric,
      slices: Array.from({ length: MOST_SLICES }, () => createValues()),
      heat: createHeat(metric),
    };
  });
  const [ttft, itl] = latencies as [Latency, Latency];
  /** What was counted later than all bins has doubled them. */
  const keepUp = () => {
    for (; widthMs < bins.widthMs; widthMs *= 2) {
      for (const { slices } of latencies) {
        for (let i = 0; i < MOST_SLICES / 2; i++) {
          slices[2 * i]!.merge(slices[2 * i + 1]!);
          slices[i] = slices[2 * i]!;
        }
        for (let i = MOST_SLICES / 2; i < MOST_SLICES; i++) slices[i] = createValues();
      }
    }
  };
  return {
    state() {
      keepUp();
      return {
        bins: bins.state(),
        latencies: latencies.map(({ slices, heat }) => [
          packBuckets(
            slices.map((own) => own instanceof CountedValues ? own.counts : undefined),
            counting.step,
          ),
          heat.state(),
        ]),
      };
    },
    merger(state) {
      const more = readFields(state);
      const mergeBins = reading("bins", () => bins.merger(more.bins));
      const widthThereMs = Number(readFields(more.bins).widthUs) / 1000;
      const there = readList(more.latencies, latencies.length);
      const found = latencies.map(({ metric, slices, heat }, i) =>
        reading(metric.name, () => {
          const [buckets, cells] = readList(there[i], 2);
          return {
            slices,
            cells: unpackBuckets(buckets, { most: MOST_SLICES, step: counting.step }),
            heat: heat.merger(cells),
          };
        })
      );
      return () => {
        mergeBins();
        keepUp();
        const ratio = widthMs / widthThereMs;
        for (const { slices, cells, heat } of found) {
          heat();
          for (const { cell, pairs } of cells) {
            const own = slices[Math.floor(cell / ratio)];
            if (own instanceof CountedValues) own.addPairs(pairs);
          }
        }
      };
    },
    add(record) {
      const { sentMs, endMs, tickMs, tickTokens, outcome: { kind } } = record;
      if (sentMs !== undefined) {
        bins.count("sent", sentMs);
        bins.busy(sentMs, endMs);
      }
      if (!isWork(record)) {
        if (endMs !== undefined && kind !== "cancelled") bins.count("failed", endMs);
        return;
      }
      if (kind === "ok" && endMs !== undefined) bins.count("completed", endMs);
      const weight = tokensPerTickToken(record);
      let before = 0;
      for (let i = 0; i < tickMs.length; i++) {
        // Whole ones, so that sums do not depend on the order.
        const tokens = Math.round(tickTokens[i]! * weight);
        bins.count("outputTokens", tickMs[i]!, tokens - before);
        before = tokens;
      }
      keepUp();
      if (kind !== "ok") return;
      for (const { metric, slices, heat } of latencies) {
        eachTimedValue(metric, record, (ms, value) => {
          heat.add(ms, value);
          const slice = Math.min(MOST_SLICES - 1, Math.max(0, Math.floor(ms / widthMs)));
          slices[slice]!.add(value);
        });
      }
    },
    result(durationMs) {
      // A request that was cancelled can have ended later than anything else.
      keepUp();
      const count = Math.min(MOST_SLICES, Math.max(0, Math.ceil(durationMs / widthMs - 1e-9)));
      const windows = Array.from({ length: count }, (_, i) => ({
        fromMs: i * widthMs,
        toMs: Math.min((i + 1) * widthMs, durationMs),
        // The very end belongs to the last slice.
        counted: { fromMs: i * widthMs, toMs: (i + (i + 1 === count ? 2 : 1)) * widthMs },
      }));
      const total = (counter: "sent" | "completed" | "failed" | "outputTokens") =>
        windows.map(({ counted }) => bins.total(counter, counted));
      const perSec = (amounts: readonly number[]) =>
        amounts.map((amount, i) => amount * 1000 / (windows[i]!.toMs - windows[i]!.fromMs));
      const completed = total("completed");
      return {
        ...{ sliceMs: widthMs, askedMs, most: MOST_SLICES },
        startMs: windows.map(({ fromMs }) => fromMs),
        sent: total("sent"),
        completed,
        failed: total("failed"),
        completedPerSec: perSec(completed),
        outputTokensPerSec: perSec(total("outputTokens")),
        inFlight: windows.map((window) => bins.meanBusy(window) ?? 0),
        ttft: latencyOf(ttft, count),
        itl: latencyOf(itl, count),
      };
    },
    heat: (durationMs) => latencies.flatMap(({ heat }) => heat.result(durationMs) ?? []),
  };
}

interface Latency {
  readonly metric: Metric;
  readonly slices: SliceValues[];
  readonly heat: HeatFold;
}

function latencyOf({ slices }: Latency, count: number): SliceLatency {
  const found = slices.slice(0, count).map((own, i) => {
    let values = own;
    const behind = slices[i + 1];
    if (i + 1 === count && behind !== undefined && behind.count > 0) {
      // What came at the very end belongs to the last slice.
      values = own.createEmpty();
      values.merge(own);
      values.merge(behind);
    }
    return { count: values.count, ...values.percentiles() };
  });
  return {
    count: found.map(({ count }) => count),
    p50: found.map(({ count, p50 }) => count < LEAST_FOR_MEDIAN ? undefined : p50),
    p99: found.map(({ count, p99 }) => count < minimumSamples(99) ? undefined : p99),
  };
}

/** Values of one slice. */
interface SliceValues {
  readonly count: number;
  add(value: number): void;
  createEmpty(): SliceValues;
  /** Adds those of another. */
  merge(other: SliceValues): void;
  percentiles(): { readonly p50: number | undefined; readonly p99: number | undefined };
}

class ExactValues implements SliceValues {
  #values: Float64Array = new Float64Array(0);
  count = 0;

  createEmpty(): SliceValues {
    return new ExactValues();
  }

  add(value: number): void {
    if (this.count === this.#values.length) this.#grow(this.count + 1);
    this.#values[this.count++] = value;
  }

  merge(other: SliceValues): void {
    const { count } = other;
    if (!(other instanceof ExactValues) || count === 0) return;
    this.#grow(this.count + count);
    this.#values.set(other.#values.subarray(0, count), this.count);
    this.count += count;
  }

  percentiles(): ReturnType<SliceValues["percentiles"]> {
    const sorted = sortValues(this.#values.subarray(0, this.count));
    return { p50: quantile(sorted, 50), p99: quantile(sorted, 99) };
  }

  #grow(count: number): void {
    if (count <= this.#values.length) return;
    const more = new Float64Array(Math.max(16, count, 1.5 * this.#values.length));
    more.set(this.#values.subarray(0, this.count));
    this.#values = more;
  }
}

class CountedValues implements SliceValues {
  readonly #buckets = new Map<number, number>();
  readonly #counting: BucketCounting;
  count = 0;

  constructor(counting: BucketCounting) {
    this.#counting = counting;
  }

  createEmpty(): SliceValues {
    return new CountedValues(this.#counting);
  }

  get counts(): BucketCounts {
    return this.#buckets;
  }

  /** Adds buckets and their counts, in turn. */
  addPairs(pairs: Float64Array): void {
    for (let i = 0; i < pairs.length; i += 2) {
      this.#buckets.set(pairs[i]!, (this.#buckets.get(pairs[i]!) ?? 0) + pairs[i + 1]!);
      this.count += pairs[i + 1]!;
    }
  }

  add(value: number): void {
    const bucket = this.#counting.bucketOf(value);
    this.#buckets.set(bucket, (this.#buckets.get(bucket) ?? 0) + 1);
    this.count++;
  }

  merge(other: SliceValues): void {
    if (!(other instanceof CountedValues)) return;
    for (const [bucket, count] of other.#buckets) {
      this.#buckets.set(bucket, (this.#buckets.get(bucket) ?? 0) + count);
    }
    this.count += other.count;
  }

  percentiles(): ReturnType<SliceValues["percentiles"]> {
    const buckets = Float64Array.from(this.#buckets.keys()).sort();
    const atRank = (rank: number) => {
      let passed = 0;
      for (const bucket of buckets) {
        passed += this.#buckets.get(bucket)!;
        if (passed > rank) return bucketValue(bucket);
      }
      return 0;
    };
    const [p50, p99] = [50, 99].map((p) => {
      const position = (this.count - 1) * p / 100;
      const below = Math.floor(position);
      const low = atRank(below);
      return position === below ? low : low + (atRank(below + 1) - low) * (position - below);
    });
    return { p50, p99 };
  }
}
