/**
 * How late the event loop of this thread is: the client's own contribution to every stamp.
 *
 * @module
 */
import type { Clock } from "../backends/clock.ts";

/** Lateness of a timer on this thread, in milliseconds. Idle machines show about 1 ms. */
export interface LoopLag {
  readonly samples: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly maxMs: number;
}

/** Bounds the memory of a soak run; afterwards every second sample is overwritten in turn. */
const MAX_SAMPLES = 65_536;

/** Starts sampling; the returned function stops it and gives the figures. */
export function sampleLoopLag(clock: Clock, periodMs = 20): () => LoopLag {
  const lateMs: number[] = [];
  let taken = 0;
  const over = new AbortController();
  const sample = async () => {
    for (;;) {
      // Counted from now: one long stall is one late sample, not a row of them.
      const dueMs = clock.now() + periodMs;
      await clock.sleepUntil(dueMs, over.signal);
      if (over.signal.aborted) return;
      lateMs[taken++ % MAX_SAMPLES] = Math.max(0, clock.now() - dueMs);
    }
  };
  void sample();
  return () => {
    over.abort();
    const sorted = Float64Array.from(lateMs).sort();
    const at = (q: number) => sorted[Math.min(sorted.length - 1, Math.floor(q * sorted.length))];
    return {
      samples: taken,
      p50Ms: at(0.5) ?? 0,
      p99Ms: at(0.99) ?? 0,
      maxMs: sorted.at(-1) ?? 0,
    };
  };
}
