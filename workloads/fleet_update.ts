/**
 * What an agent tells once a second: counts of its load, and what its latencies have grown by.
 *
 * @module
 */
import type { RequestRecord } from "../backends/record.ts";
import { itl } from "../metrics/metric_itl.ts";
import { ttft } from "../metrics/metric_ttft.ts";
import type { ClockOffset } from "../metrics/run_fleet.ts";
import type { Update } from "./fleet_messages.ts";
import { bucketOf } from "./live_histogram.ts";
import type { ProgressState } from "./live_progress.ts";

/** What an update says besides what was counted. */
export interface UpdateExtras {
  readonly clock?: ClockOffset | undefined;
  readonly cut?: string | undefined;
  readonly leaving?: string | undefined;
}

/** Takes what the hooks of a run tell. */
export interface UpdateCounters {
  /** From `onProgress`. */
  progress(state: ProgressState): void;
  /** From `onRecord`. */
  record(record: RequestRecord): void;
  /** The next update: values of histograms are in one update each. */
  next(extras?: UpdateExtras): Update;
}

/** Of the most frequent values there are few hundred buckets; more would make an update large. */
const MOST_BUCKETS = 1000;

/** Begins to count. */
export function createUpdateCounters(agent: number): UpdateCounters {
  let number = 0;
  let load: number | undefined;
  let state: ProgressState | undefined;
  let counts = { completed: 0, failed: 0, outputTokens: 0 };
  let left = 0;
  const changes = { ttft: new Changes(), itl: new Changes() };
  const enter = (next: number) => {
    if (next === load) return;
    load = next;
    counts = { completed: 0, failed: 0, outputTokens: 0 };
    left = 0;
  };
  return {
    progress(next) {
      state = next;
      if (next.load !== undefined) enter(next.load);
    },
    record(record) {
      if (record.phase !== "measure") return;
      enter(record.load);
      if (record.sentMs !== undefined) left++;
      const { kind } = record.outcome;
      if (kind !== "ok") {
        if (kind !== "cancelled") counts.failed++;
        return;
      }
      counts.completed++;
      counts.outputTokens += record.outputTokens?.tokens ?? 0;
      for (const ms of ttft.values(record)) changes.ttft.add(ms);
      for (const ms of itl.values(record)) changes.itl.add(ms);
    },
    next: (extras = {}) => ({
      ...{ agent, number: ++number },
      ...(state === undefined ? {} : { progress: state }),
      sent: left + (state?.phase === "warm-up" ? 0 : state?.inFlight ?? 0),
      ...counts,
      ...{ ttft: changes.ttft.take(), itl: changes.itl.take() },
      ...(extras.clock === undefined ? {} : { clock: extras.clock }),
      ...(extras.cut === undefined ? {} : { cut: extras.cut }),
      ...(extras.leaving === undefined ? {} : { leaving: extras.leaving }),
    }),
  };
}

/** Counts of buckets since they were taken last. */
class Changes {
  readonly #counts = new Map<number, number>();

  add(ms: number): void {
    const bucket = bucketOf(ms);
    this.#counts.set(bucket, (this.#counts.get(bucket) ?? 0) + 1);
  }

  /** Pairs of bucket and count; what is too much for one update comes with the next. */
  take(): readonly number[] {
    const pairs: number[] = [];
    for (const [bucket, count] of this.#counts) {
      if (pairs.length >= 2 * MOST_BUCKETS) break;
      pairs.push(bucket, count);
      this.#counts.delete(bucket);
    }
    return pairs;
  }
}
