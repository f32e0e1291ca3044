/**
 * What a run has done so far, as counts that only grow: the memory stays the same however long it
 * takes.
 *
 * @module
 */
import type { Outcome, RequestRecord } from "../backends/record.ts";
import { e2e } from "../metrics/metric_e2e.ts";
import { itl } from "../metrics/metric_itl.ts";
import { ttft } from "../metrics/metric_ttft.ts";
import { type AgentTold, FleetBoard } from "./live_fleet.ts";
import { valueOf } from "./live_histogram.ts";
import type { LoadEnd, RunHeader } from "../metrics/run.ts";

/** A distribution in fixed buckets. */
export interface LiveHistogram {
  /** Upper ends of the buckets in seconds, ascending; one more bucket has no end. */
  readonly edgesSec: readonly number[];
  /** Values of each bucket, one more than there are ends. */
  readonly counts: readonly number[];
  /** Sum of the values in seconds. */
  readonly sumSec: number;
}

/** Counts since the run began. Warm-ups are not in them. */
export interface LiveCounts {
  /** The run; absent before its first load. */
  readonly header: RunHeader | undefined;
  /** Requests that have left. */
  readonly sent: number;
  /** Requests that have ended, by how they did. */
  readonly ended: Readonly<Partial<Record<Outcome["kind"], number>>>;
  /** Requests that failed on the agents of a fleet, which tell how many, and not how. */
  readonly failedUntold: number;
  /** Prompt tokens of the successful ones, as far as they are known. */
  readonly promptTokens: number;
  /** Output tokens of the successful ones. */
  readonly outputTokens: number;
  /** Loads that have ended. */
  readonly loadsEnded: number;
  /** Time to the first token of the successful ones. */
  readonly ttft: LiveHistogram;
  /** Gaps between ticks of the successful ones. */
  readonly itl: LiveHistogram;
  /** Until their last token. */
  readonly e2e: LiveHistogram;
}

/** Takes what the hooks of a run tell. */
export interface LiveCounters {
  /** From `onHeader`. */
  begin(header: RunHeader): void;
  /** From `onRecord`. */
  record(record: RequestRecord): void;
  /** From `onProgress`: those in flight have been sent, too. */
  progress(state: { readonly phase: string; readonly inFlight: number }): void;
  /** From `onAgent`: sums and histograms within 0.8 %; what agents do not tell stays 0. */
  agent(told: AgentTold): void;
  /** From `onLoadEnd`. */
  loadEnd(end: LoadEnd): void;
  /** The counts now. Lists in them change as the run goes on. */
  counts(): LiveCounts;
}

/** From a short prompt on a fast machine to a server that is far behind. */
const TTFT_EDGES_SEC = [
  ...[0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.15, 0.2, 0.3, 0.5, 0.75],
  ...[1, 1.5, 2, 3, 5, 7.5, 10, 20, 30, 60, 120, 300],
];
/** Engines send a token each 2 to 100 ms; joined events and stalls lie beside it. */
const ITL_EDGES_SEC = [
  ...[0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.0075, 0.01, 0.015, 0.02, 0.025, 0.03],
  ...[0.04, 0.05, 0.075, 0.1, 0.15, 0.2, 0.3, 0.5, 0.75, 1, 2.5, 5, 10],
];
const E2E_EDGES_SEC = [
  ...[0.01, 0.025, 0.05, 0.1, 0.2, 0.3, 0.5, 0.75, 1, 1.5, 2, 3, 5, 7.5, 10, 15, 20, 30, 45],
  ...[60, 90, 120, 180, 300, 600, 1200],
];

/**
 * Begins to count.
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { createLiveCounters } from "@tokometer/tokometer/workloads";
 *
 * const counters = createLiveCounters();
 * counters.progress({ phase: "measuring", inFlight: 3 });
 * assertEquals(counters.counts().sent, 3);
 * ```
 */
export function createLiveCounters(): LiveCounters {
  const fleet = new FleetBoard();
  let failedUntold = 0;
  let header: RunHeader | undefined;
  let [sent, left, promptTokens, outputTokens, loadsEnded] = [0, 0, 0, 0, 0];
  const ended: Partial<Record<Outcome["kind"], number>> = {};
  const times = [
    { metric: ttft, histogram: emptyHistogram(TTFT_EDGES_SEC) },
    { metric: itl, histogram: emptyHistogram(ITL_EDGES_SEC) },
    { metric: e2e, histogram: emptyHistogram(E2E_EDGES_SEC) },
  ] as const;
  return {
    begin(begun) {
      header = begun;
    },
    record(record) {
      if (record.phase !== "measure") return;
      const { kind } = record.outcome;
      ended[kind] = (ended[kind] ?? 0) + 1;
      if (record.sentMs !== undefined) left++;
      if (kind !== "ok") return;
      promptTokens += record.promptTokens?.tokens ?? 0;
      outputTokens += record.outputTokens?.tokens ?? 0;
      for (const { metric, histogram } of times) {
        for (const ms of metric.values(record)) addTo(histogram, ms / 1000);
      }
    },
    progress({ phase, inFlight }) {
      if (phase !== WARM_UP) sent = Math.max(sent, left + inFlight);
    },
    agent(told) {
      const { completed, failed, outputTokens: tokens } = fleet.see(told, 0);
      if (completed > 0) ended.ok = (ended.ok ?? 0) + completed;
      failedUntold += failed;
      left += completed + failed;
      outputTokens += tokens;
      for (const [{ histogram }, pairs] of [[times[0], told.ttft], [times[1], told.itl]] as const) {
        for (let i = 0; i + 1 < pairs.length; i += 2) {
          addTo(histogram, valueOf(pairs[i]!) / 1000, pairs[i + 1]!);
        }
      }
    },
    loadEnd({ skipped }) {
      if (skipped !== true) loadsEnded++;
    },
    counts: () => ({
      header,
      sent: Math.max(sent, left),
      ended,
      failedUntold,
      ...{ promptTokens, outputTokens, loadsEnded },
      ttft: times[0].histogram,
      itl: times[1].histogram,
      e2e: times[2].histogram,
    }),
  };
}

/** Phase of the requests before a load, in `onProgress`. */
const WARM_UP = "warm-up";

interface OpenHistogram {
  readonly edgesSec: readonly number[];
  readonly counts: number[];
  sumSec: number;
}

function emptyHistogram(edgesSec: readonly number[]): OpenHistogram {
  return { edgesSec, counts: new Array(edgesSec.length + 1).fill(0), sumSec: 0 };
}

function addTo(histogram: OpenHistogram, sec: number, times = 1): void {
  const { edgesSec, counts } = histogram;
  let [low, high] = [0, edgesSec.length];
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (sec <= edgesSec[middle]!) high = middle;
    else low = middle + 1;
  }
  counts[low]! += times;
  histogram.sumSec += sec * times;
}
