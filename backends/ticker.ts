/**
 * A clock that wakes its thread on time. Deno's timers are a millisecond late at the median. A
 * second thread that sleeps on shared memory is late by a twentieth of that and costs a tenth of a
 * core at a thousand wake-ups per second; turning the event loop instead costs most of a core.
 *
 * @module
 */
import { type Clock, epochOriginMs, nextTurn, systemClock } from "./clock.ts";
import { type TickerStart, WORD_CLOSE, WORD_REQUESTS, WORD_TICKS, WORDS } from "./ticker_worker.ts";
import { mayReadWorker, type StartedWorker, startWorker } from "./worker.ts";

/** A clock with a thread of its own; must be closed. */
export interface Ticker extends Clock {
  /** Ends the thread. Pending waits still end on time. */
  close(): void;
}

/** Longer waits begin with a timer, which is never later than this and does not burden the thread. */
const NEAR_MS = 20;
/**
 * The ticker wakes this early, and the event loop turns until the time has come: about as long as a
 * wake-up takes from one thread to the other.
 */
const APPROACH_MS = 0.1;

/** A wait that the ticker ends. */
interface Sleeper {
  readonly atMs: number;
  readonly wake: () => void;
}

/**
 * Starts the thread; where that is not possible, the clock is as {@linkcode systemClock}.
 *
 * @param originMs origin of this thread's clock; tests give a wrong one.
 */
export async function startTicker(originMs: number = epochOriginMs()): Promise<Ticker> {
  const path = "backends/ticker_worker.ts";
  if (!mayReadWorker(path)) return withoutThread();
  const memory = new SharedArrayBuffer(WORDS * 4 + 8);
  const started = Promise.withResolvers<boolean>();
  let worker: StartedWorker | undefined;
  try {
    worker = startWorker(path, {
      message: () => started.resolve(true),
      failure: () => started.resolve(false),
    });
    worker.postMessage({ memory, originMs } satisfies TickerStart);
    if (await started.promise) return new WorkerTicker(worker, memory);
  } catch {
    // Without a worker the platform's timers must do.
  }
  worker?.terminate();
  return withoutThread();
}

function withoutThread(): Ticker {
  return { ...systemClock, close: () => {} };
}

class WorkerTicker implements Ticker {
  readonly #worker: StartedWorker;
  readonly #words: Int32Array<SharedArrayBuffer>;
  readonly #due: Float64Array<SharedArrayBuffer>;
  readonly now = systemClock.now;
  #near: Sleeper[] = [];
  #requestedMs = Infinity;
  #pumping = false;
  #closed = false;

  constructor(worker: StartedWorker, memory: SharedArrayBuffer) {
    this.#worker = worker;
    this.#words = new Int32Array(memory, 0, WORDS);
    this.#due = new Float64Array(memory, WORDS * 4, 1);
  }

  async sleepUntil(atMs: number, signal?: AbortSignal): Promise<void> {
    if (atMs - this.now() > NEAR_MS) await systemClock.sleepUntil(atMs - NEAR_MS / 2, signal);
    while (!signal?.aborted) {
      const leftMs = atMs - this.now();
      if (leftMs <= 0) return;
      if (leftMs <= APPROACH_MS || this.#closed) await nextTurn();
      else await this.#tick(atMs - APPROACH_MS, signal);
    }
  }

  close(): void {
    this.#closed = true;
    this.#request(WORD_CLOSE);
    this.#worker.terminate();
    for (const { wake } of this.#near.splice(0)) wake();
  }

  #tick(atMs: number, signal: AbortSignal | undefined): Promise<void> {
    return new Promise((resolve) => {
      const wake = () => {
        signal?.removeEventListener("abort", wake);
        resolve();
      };
      signal?.addEventListener("abort", wake, { once: true });
      this.#near.push({ atMs, wake });
      if (!this.#pumping) this.#pump();
      else if (atMs < this.#requestedMs) {
        this.#requestedMs = atMs;
        this.#due[0] = atMs;
        this.#request();
      }
    });
  }

  /** Wakes sleepers as ticks come, until there are none. */
  async #pump(): Promise<void> {
    this.#pumping = true;
    this.#requestedMs = Infinity;
    let answered = Atomics.load(this.#words, WORD_TICKS);
    while (this.#near.length > 0) {
      const ticks = Atomics.load(this.#words, WORD_TICKS);
      // What was requested is spent, even if it came early: the clocks of two threads differ a little.
      if (ticks !== answered) this.#requestedMs = Infinity;
      answered = ticks;
      const nowMs = this.now();
      const due = this.#near.filter(({ atMs }) => atMs <= nowMs);
      if (due.length > 0) {
        this.#near = this.#near.filter(({ atMs }) => atMs > nowMs);
        for (const { wake } of due.sort((a, b) => a.atMs - b.atMs)) wake();
      }
      const nextMs = this.#near.reduce((least, { atMs }) => Math.min(least, atMs), Infinity);
      if (nextMs !== this.#requestedMs) {
        this.#requestedMs = nextMs;
        if (nextMs === Infinity) break;
        this.#due[0] = nextMs;
        this.#request();
      }
      const waiting = Atomics.waitAsync(this.#words, WORD_TICKS, ticks);
      if (waiting.async) await waiting.value;
    }
    this.#pumping = false;
  }

  #request(close?: typeof WORD_CLOSE): void {
    if (close !== undefined) Atomics.store(this.#words, close, 1);
    Atomics.add(this.#words, WORD_REQUESTS, 1);
    Atomics.notify(this.#words, WORD_REQUESTS);
  }
}
