/**
 * How late this thread's event loop is: the client's own contribution to every stamp.
 *
 * @module
 */
import type { Clock } from "../backends/clock.ts";
import { createValueHistogram } from "../metrics/stat_value_histogram.ts";

/** Lateness of a timer on this thread, in milliseconds. Idle machines show about 1 ms. */
export interface LoopLag {
  readonly samples: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly maxMs: number;
}

/** Starts sampling; the returned function stops it and returns the figures. */
export function sampleLoopLag(clock: Clock, periodMs = 20): () => LoopLag {
  const lateMs = createValueHistogram();
  const over = new AbortController();
  const sample = async () => {
    for (;;) {
      // Counted from now: one long stall is one late sample, not a series of them.
      const dueMs = clock.now() + periodMs;
      await clock.sleepUntil(dueMs, over.signal);
      if (over.signal.aborted) return;
      lateMs.add(Math.max(0, clock.now() - dueMs));
    }
  };
  void sample();
  return () => {
    over.abort();
    return {
      samples: lateMs.count,
      p50Ms: lateMs.quantile(50) ?? 0,
      p99Ms: lateMs.quantile(99) ?? 0,
      maxMs: lateMs.max ?? 0,
    };
  };
}

/** The worst of several threads: a stall of one must not be hidden by the samples of the others. */
export function worstLag(all: readonly LoopLag[]): LoopLag {
  const worst = (key: keyof LoopLag) => Math.max(0, ...all.map((lag) => lag[key]));
  return {
    samples: all.reduce((sum, { samples }) => sum + samples, 0),
    p50Ms: worst("p50Ms"),
    p99Ms: worst("p99Ms"),
    maxMs: worst("maxMs"),
  };
}
