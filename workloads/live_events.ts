/**
 * Server-sent events for everybody who looks on. A reader that is too slow misses updates, and never
 * holds more than one of them in memory.
 *
 * @module
 */
import type { Clock } from "../backends/clock.ts";

/** An open answer; what we use of Node's `ServerResponse`. */
export interface EventSink {
  /** Calls back when the text has left this process, or never will. */
  write(text: string, done: () => void): unknown;
  end(text: string, done: () => void): unknown;
  destroy(): unknown;
}

/** What events are made of. */
export interface EventsOptions {
  readonly clock: Clock;
  /** The newest update as one event; called only while somebody listens. */
  readonly render: () => string;
  /** Time between two updates in ms. */
  readonly everyMs: number;
}

/** Of this thread's time, what updates may take at most: the longer one takes, the fewer there are. */
const MOST_SHARE = 0.02;

/** Most readers at a time. */
export const MOST_READERS = 16;

/** A reader that has taken nothing for so long is gone. */
const GONE_AFTER_MS = 20_000;

/** Tells the browser after which time it comes back. */
const HELLO = "retry: 1000\n\n";

interface Reader {
  readonly sink: EventSink;
  /** Since when an update has been on its way to it; absent = it has them all. */
  busySinceMs: number | undefined;
}

/** Everybody who looks on. */
export class LiveEvents {
  readonly #options: EventsOptions;
  readonly #readers = new Set<Reader>();
  readonly #over = new AbortController();
  #ticking = false;
  #newest = { atMs: -Infinity, event: "" };

  constructor(options: EventsOptions) {
    this.#options = options;
  }

  /** How many there are. */
  get readers(): number {
    return this.#readers.size;
  }

  /**
   * Adds one more reader and shows it the newest update.
   *
   * @returns how to remove it; `undefined` = there are too many already.
   */
  add(sink: EventSink): (() => void) | undefined {
    if (this.#readers.size >= MOST_READERS || this.#over.signal.aborted) return undefined;
    const reader: Reader = { sink, busySinceMs: undefined };
    this.#readers.add(reader);
    // Pages that are opened again and again cost no more than one that stays open.
    const { clock, everyMs } = this.#options;
    const { event } = clock.now() - this.#newest.atMs < everyMs ? this.#newest : this.#render();
    this.#send(reader, HELLO + event);
    void this.#tick();
    return () => void this.#readers.delete(reader);
  }

  /** Shows a last event and ends; waits for readers that take it, but not for long. */
  async end(event: string, waitMs: number): Promise<void> {
    const { clock } = this.#options;
    this.#over.abort();
    const readers = [...this.#readers];
    this.#readers.clear();
    const taken = Promise.all(
      readers.map(({ sink }) =>
        new Promise<void>((resolve) => {
          sink.end(event, resolve);
        })
      ),
    );
    if (readers.length > 0) {
      const waiting = new AbortController();
      await Promise.race([taken, clock.sleepUntil(clock.now() + waitMs, waiting.signal)]);
      waiting.abort();
    }
    for (const { sink } of readers) sink.destroy();
  }

  /** Runs as long as there are readers. */
  async #tick(): Promise<void> {
    if (this.#ticking) return;
    this.#ticking = true;
    const { clock, everyMs } = this.#options;
    const { signal } = this.#over;
    let tookMs = 0;
    while (true) {
      await clock.sleepUntil(clock.now() + Math.max(everyMs, tookMs / MOST_SHARE), signal);
      if (signal.aborted || this.#readers.size === 0) break;
      const nowMs = clock.now();
      let event: string | undefined;
      for (const reader of this.#readers) {
        if (reader.busySinceMs === undefined) this.#send(reader, event ??= this.#render().event);
        else if (nowMs - reader.busySinceMs > GONE_AFTER_MS) {
          this.#readers.delete(reader);
          reader.sink.destroy();
        }
      }
      tookMs = clock.now() - nowMs;
    }
    this.#ticking = false;
  }

  #render(): { readonly event: string } {
    const { clock, render } = this.#options;
    const atMs = clock.now();
    this.#newest = { atMs, event: render() };
    return this.#newest;
  }

  #send(reader: Reader, text: string): void {
    reader.busySinceMs = this.#options.clock.now();
    reader.sink.write(text, () => {
      reader.busySinceMs = undefined;
    });
  }
}
