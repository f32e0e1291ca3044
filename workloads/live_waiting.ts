/**
 * Shows progress while the program waits for a slow server.
 *
 * @module
 */
import type { Clock } from "../backends/clock.ts";
import type { ProgressState } from "./live_progress.ts";

export interface WaitingOptions {
  readonly clock: Clock;
  /** What is waited for: `the server's first answer`. */
  readonly label: string;
  /** Receives the time waited so far. */
  readonly onProgress: ((state: ProgressState) => void) | undefined;
}

/** Answers faster than this show no progress. */
const QUIET_MS = 1500;
const EVERY_MS = 500;

/** Waits for one answer; when it takes longer, reports that twice a second. */
export async function whileWaiting<T>(
  answer: Promise<T>,
  { clock, label, onProgress }: WaitingOptions,
): Promise<T> {
  const over = new AbortController();
  const startMs = clock.now();
  const report = async () => {
    for (let atMs = startMs + QUIET_MS;; atMs += EVERY_MS) {
      await clock.sleepUntil(atMs, over.signal);
      if (over.signal.aborted) return;
      onProgress?.({
        phase: "waiting for",
        label,
        done: 0,
        failed: 0,
        inFlight: 1,
        elapsedMs: clock.now() - startMs,
      });
    }
  };
  const reporting = report();
  try {
    return await answer;
  } finally {
    over.abort();
    await reporting;
  }
}
