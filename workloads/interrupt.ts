/**
 * What Ctrl-C means: once, stop sending and report; twice, stop at once.
 *
 * @module
 */
import { type Clock, systemClock } from "../backends/clock.ts";

/**
 * Signals closer than this are one: under `deno task` every Ctrl-C arrives twice, from the
 * terminal and from the task runner, some milliseconds apart.
 */
export const SAME_SIGNAL_MS = 500;

/** What a signal led to. */
export type InterruptStage = "same" | "interrupt" | "abort" | "exit";

/** Turns signals into the two stages of stopping. */
export interface Interrupt {
  /** Aborted by the first signal. */
  readonly interrupted: AbortSignal;
  /** Aborted by the second. */
  readonly aborted: AbortSignal;
  /** Call it for each signal; `exit`, from the third one on: the program should end at once. */
  signal(): InterruptStage;
}

/** Creates the two signals of stopping; neither is aborted yet. */
export function createInterrupt(clock: Clock = systemClock): Interrupt {
  const stages = ["interrupt", "abort", "exit"] as const;
  const controllers = [new AbortController(), new AbortController()] as const;
  let count = 0;
  // Counted from the last signal that had an effect, so that pressing Ctrl-C again and again works.
  let lastMs = -Infinity;
  return {
    interrupted: controllers[0].signal,
    aborted: controllers[1].signal,
    signal(): InterruptStage {
      const nowMs = clock.now();
      if (nowMs - lastMs < SAME_SIGNAL_MS) return "same";
      lastMs = nowMs;
      const stage = stages[Math.min(count++, 2)]!;
      if (stage !== "exit") controllers[stage === "interrupt" ? 0 : 1].abort();
      return stage;
    },
  };
}
