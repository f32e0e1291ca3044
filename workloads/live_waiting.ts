/**
 * Whoever waits for a slow server shall see that it is waited for.
 *
 * @module
 */
import type { Clock } from "../backends/clock.ts";
import type { ProgressState } from "./live_progress.ts";

/** What is shown, and by which clock. */
export interface WaitingOptions {
  readonly clock: Clock;
  /** What is waited for: `the server's first answer`. */
  readonly label: string;
  /** Shows how long it has taken so far; absent = nobody looks. */
  readonly onProgress: ((state: ProgressState) => void) | undefined;
}

/** What comes sooner needs no word. */
const QUIET_MS = 1500;

/** The seconds shall be seen to count. */
const EVERY_MS = 500;

/** Waits for one answer; tells so when it takes longer than a glance, and goes on telling. */
export async function whileWaiting<T>(
  answer: Promise<T>,
  { clock, label, onProgress }: WaitingOptions,
): Promise<T> {
  const over = new AbortController();
  const startMs = clock.now();
  const tell = async () => {
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
  const telling = tell();
  try {
    return await answer;
  } finally {
    over.abort();
    await telling;
  }
}
