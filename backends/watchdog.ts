/**
 * Ends exchanges from outside: at their deadline, or when their signal is aborted. One timer, and one
 * listener per signal, serve all of them: thousands would be work for the thread that reads.
 *
 * @module
 */
import type { Clock } from "./clock.ts";

export type StopReason = "timeout" | "cancelled";

/** An exchange that can be stopped. */
export interface WatchedExchange {
  /** Called at most once; the watchdog has released the exchange before. */
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
 * Signals to listen to before those without an exchange are dropped. A load has one or two, but a
 * caller with a signal per request would otherwise leave a listener behind on each.
 */
const MOST_SIGNALS = 64;

/** Watches over the exchanges of one transport. */
export class Watchdog {
  readonly #clock: Clock;
  readonly #watches = new Map<WatchedExchange, Watch>();
  /** How many exchanges each signal has. */
  readonly #signals = new Map<AbortSignal, number>();
  #sleep: AbortController | undefined;
  #wakeMs = Infinity;
  /** Aborts the wait after which an idle watchdog disarms. */
  #idle: AbortController | undefined;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Exchanges being watched. */
  get size(): number {
    return this.#watches.size;
  }

  /** Watches until `release()`. The caller checks for a signal that is already aborted. */
  watch(exchange: WatchedExchange, deadlineMs: number, signal?: AbortSignal): void {
    this.#watches.set(exchange, { deadlineMs, signal });
    if (signal !== undefined) {
      const count = this.#signals.get(signal);
      if (count === undefined) {
        if (this.#signals.size >= MOST_SIGNALS) this.#dropSignals();
        signal.addEventListener("abort", this.#onAbort);
      }
      this.#signals.set(signal, (count ?? 0) + 1);
    }
    if (deadlineMs < this.#wakeMs) this.#sleepUntil(deadlineMs);
  }

  /** Forgets an exchange; harmless when it is not known. */
  release(exchange: WatchedExchange): void {
    const signal = this.#watches.get(exchange)?.signal;
    if (!this.#watches.delete(exchange)) return;
    if (signal !== undefined) this.#signals.set(signal, this.#signals.get(signal)! - 1);
    if (this.#watches.size === 0) this.#disarmLater();
  }

  /** Stops every exchange as cancelled. */
  close(): void {
    for (const exchange of [...this.#watches.keys()]) this.#stop(exchange, "cancelled");
    this.#disarm();
  }

  #stop(exchange: WatchedExchange, reason: StopReason): void {
    this.release(exchange);
    exchange.stop(reason);
  }

  readonly #onAbort = (event: Event): void => {
    for (const [exchange, { signal }] of [...this.#watches]) {
      if (signal === event.target) this.#stop(exchange, "cancelled");
    }
  };

  #wake(): void {
    this.#sleep?.abort();
    this.#sleep = undefined;
    this.#wakeMs = Infinity;
  }

  /**
   * Disarms after a while: an armed timer would keep the process alive until the deadline of a
   * request long answered, and setting it anew per request would be work for the thread that reads.
   */
  #disarmLater(): void {
    if (this.#idle !== undefined) return;
    const idle = this.#idle = new AbortController();
    this.#clock.sleepUntil(this.#clock.now() + IDLE_MS, idle.signal).then(() => {
      if (idle.signal.aborted) return;
      this.#idle = undefined;
      if (this.#watches.size === 0) this.#disarm();
    });
  }

  #disarm(): void {
    this.#idle?.abort();
    this.#idle = undefined;
    this.#wake();
    this.#dropSignals();
  }

  #dropSignals(): void {
    for (const [signal, count] of this.#signals) {
      if (count > 0) continue;
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
    const due: WatchedExchange[] = [];
    for (const [exchange, { deadlineMs }] of this.#watches) {
      if (deadlineMs <= nowMs) due.push(exchange);
    }
    for (const exchange of due) if (this.#watches.has(exchange)) this.#stop(exchange, "timeout");
    let nextMs = Infinity;
    for (const { deadlineMs } of this.#watches.values()) nextMs = Math.min(nextMs, deadlineMs);
    // Stopping an exchange may have started another one with an earlier deadline.
    if (nextMs < this.#wakeMs) this.#sleepUntil(nextMs);
  }
}
