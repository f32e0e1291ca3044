/**
 * One wait for many instants.
 *
 * @module
 */
import type { Clock } from "../backends/clock.ts";

/**
 * Rings at the earliest of the instants that were asked for; whoever has later ones asks again then.
 */
export class Alarm {
  readonly #clock: Clock;
  readonly #off: AbortSignal;
  readonly #ring: () => void;
  /** Instants that are being slept for, the earliest last. */
  readonly #sleeping: number[] = [];

  /** @param off ends all waits: it rings no more. */
  constructor(clock: Clock, off: AbortSignal, ring: () => void) {
    this.#clock = clock;
    this.#off = off;
    this.#ring = ring;
  }

  /** Asks for an instant of the clock; Infinity = none. */
  at(atMs: number): void {
    if (atMs < (this.#sleeping.at(-1) ?? Infinity)) void this.#sleep(atMs);
  }

  async #sleep(atMs: number): Promise<void> {
    this.#sleeping.push(atMs);
    await this.#clock.sleepUntil(atMs, this.#off);
    this.#sleeping.splice(this.#sleeping.indexOf(atMs), 1);
    if (!this.#off.aborted) this.#ring();
  }
}
