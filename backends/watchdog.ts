/**
 * Ends exchanges from outside: at their deadline, or when their signal is aborted. One timer and
 * one listener a signal serve all of them, because thousands of timers and listeners are work for
 * the thread that reads.
 *
 * @module
 */
import type { Clock } from "./clock.ts";

/** Why an exchange was ended from outside. */
export type StopReason = "timeout" | "cancelled";

/** Something that can be told to end. */
export interface Ward {
  /** Called at most once; the ward is released before. */
  stop(reason: StopReason): void;
}

interface Watch {
  /** `Infinity` for none. */
  readonly deadlineMs: number;
  readonly signal: AbortSignal | undefined;
}

/** Timers of the platform overflow at 2³¹ ms and then fire at once. */
const LONGEST_SLEEP_MS = 2 ** 30;

/** Requests that follow each other closer than this keep the timer and listener of the first. */
const IDLE_MS = 1000;

/**
 * Signals that are listened to before those without wards are let go: a load has one or two, but a
 * caller with one for each request would otherwise leave a listener behind with every one.
 */
const MOST_SIGNALS = 64;

/** Watches over the exchanges of one transport. */
export class Watchdog {
  readonly #clock: Clock;
  readonly #watches = new Map<Ward, Watch>();
  /** How many wards each signal has. */
  readonly #signals = new Map<AbortSignal, number>();
  #sleep: AbortController | undefined;
  #wakeMs = Infinity;
  /** Looks whether somebody is watched again. */
  #idle: AbortController | undefined;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Wards being watched. */
  get size(): number {
    return this.#watches.size;
  }

  /** Watches until `release()`. An already aborted signal is the caller's business. */
  watch(ward: Ward, deadlineMs: number, signal?: AbortSignal): void {
    this.#watches.set(ward, { deadlineMs, signal });
    if (signal !== undefined) {
      const wards = this.#signals.get(signal);
      if (wards === undefined) {
        if (this.#signals.size >= MOST_SIGNALS) this.#dropSignals();
        signal.addEventListener("abort", this.#onAbort);
      }
      this.#signals.set(signal, (wards ?? 0) + 1);
    }
    if (deadlineMs < this.#wakeMs) this.#sleepUntil(deadlineMs);
  }

  /** Forgets a ward; harmless when it is not known. */
  release(ward: Ward): void {
    const signal = this.#watches.get(ward)?.signal;
    if (!this.#watches.delete(ward)) return;
    if (signal !== undefined) this.#signals.set(signal, this.#signals.get(signal)! - 1);
    if (this.#watches.size === 0) this.#restLater();
  }

  /** Stops every ward as cancelled. */
  close(): void {
    for (const ward of [...this.#watches.keys()]) this.#stop(ward, "cancelled");
    this.#rest();
  }

  #stop(ward: Ward, reason: StopReason): void {
    this.release(ward);
    ward.stop(reason);
  }

  readonly #onAbort = (event: Event): void => {
    for (const [ward, { signal }] of [...this.#watches]) {
      if (signal === event.target) this.#stop(ward, "cancelled");
    }
  };

  #wake(): void {
    this.#sleep?.abort();
    this.#sleep = undefined;
    this.#wakeMs = Infinity;
  }

  /**
   * An armed timer would keep the process alive until the deadline of a request long answered; but
   * to set it again for each request would be work for the thread that reads.
   */
  #restLater(): void {
    if (this.#idle !== undefined) return;
    const idle = this.#idle = new AbortController();
    this.#clock.sleepUntil(this.#clock.now() + IDLE_MS, idle.signal).then(() => {
      if (idle.signal.aborted) return;
      this.#idle = undefined;
      if (this.#watches.size === 0) this.#rest();
    });
  }

  #rest(): void {
    this.#idle?.abort();
    this.#idle = undefined;
    this.#wake();
    this.#dropSignals();
  }

  /** Stops listening to signals without wards. */
  #dropSignals(): void {
    for (const [signal, wards] of this.#signals) {
      if (wards > 0) continue;
      this.#signals.delete(signal);
      signal.removeEventListener("abort", this.#onAbort);
    }
  }

  #sleepUntil(atMs: number): void {
    this.#wake();
    const sleep = this.#sleep = new AbortController();
    this.#wakeMs = atMs;
    const nextMs = Math.min(atMs, this.#clock.now() + LONGEST_SLEEP_MS);
    this.#clock.sleepUntil(nextMs, sleep.signal).then(() => {
      if (!sleep.signal.aborted) this.#sweep();
    });
  }

  #sweep(): void {
    this.#wake();
    const nowMs = this.#clock.now();
    const due: Ward[] = [];
    for (const [ward, { deadlineMs }] of this.#watches) if (deadlineMs <= nowMs) due.push(ward);
    for (const ward of due) if (this.#watches.has(ward)) this.#stop(ward, "timeout");
    let nextMs = Infinity;
    for (const { deadlineMs } of this.#watches.values()) nextMs = Math.min(nextMs, deadlineMs);
    // Whoever was stopped may have started something with an earlier deadline meanwhile.
    if (nextMs < this.#wakeMs) this.#sleepUntil(nextMs);
  }
}
