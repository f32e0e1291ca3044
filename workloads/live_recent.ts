/**
 * Latencies of the last ten seconds.
 *
 * @module
 */
import { SmallHistogram } from "./live_histogram.ts";
import type { LiveLatency } from "./live_state.ts";

/** Seconds that are looked back on, the one that runs included. */
const SECONDS = 10;

/** Values that are forgotten after ten seconds. */
export class RecentValues {
  readonly #all = new SmallHistogram();
  readonly #seconds = Array.from({ length: SECONDS }, () => new SmallHistogram());
  /** Second that was last looked at. */
  #now = 0;

  /** Counts a value of this moment, both in ms. */
  add(nowMs: number, valueMs: number): void {
    this.#all.add(valueMs);
    this.#at(nowMs).add(valueMs);
  }

  /** Counts values of this moment that were counted elsewhere: buckets and how many each has. */
  absorb(nowMs: number, pairs: readonly number[]): void {
    this.#all.absorb(pairs);
    this.#at(nowMs).absorb(pairs);
  }

  /** Those of the last ten seconds. */
  latency(nowMs: number): LiveLatency {
    this.#at(nowMs);
    return this.#all.latency();
  }

  /** Forgets all. */
  clear(): void {
    for (const one of [this.#all, ...this.#seconds]) one.clear();
  }

  #at(nowMs: number): SmallHistogram {
    const now = Math.floor(nowMs / 1000);
    const passed = Math.min(SECONDS, now - this.#now);
    for (let i = 0; i < passed; i++) {
      const oldest = this.#seconds[(now - i) % SECONDS]!;
      this.#all.subtract(oldest);
      oldest.clear();
    }
    this.#now = Math.max(now, this.#now);
    return this.#seconds[this.#now % SECONDS]!;
  }
}

/** How many of something there were in the last ten seconds. */
export class RecentCount {
  #all: { readonly second: number; count: number }[] = [];

  /** Counts so many of this moment, in ms. */
  add(nowMs: number, count: number): void {
    const second = Math.floor(nowMs / 1000);
    const last = this.#all.at(-1);
    if (last?.second === second) last.count += count;
    else this.#all.push({ second, count });
    this.#forget(second);
  }

  /** Those of the last ten seconds. */
  count(nowMs: number): number {
    this.#forget(Math.floor(nowMs / 1000));
    return this.#all.reduce((sum, { count }) => sum + count, 0);
  }

  /** Forgets all. */
  clear(): void {
    this.#all = [];
  }

  #forget(second: number): void {
    this.#all = this.#all.filter((one) => one.second > second - SECONDS);
  }
}
