/**
 * All that holds in a run, as its leader tells it.
 *
 * @module
 */
import type { FleetBus } from "./fleet_bus.ts";
import type { Beat } from "./fleet_messages.ts";
import { packMessage } from "./fleet_codec.ts";

/** Higher than that of any beat of a leader that was killed. */
export const LAST_BEAT: number = Number.MAX_SAFE_INTEGER;

/** The beats of a run. */
export class Beats {
  readonly #bus: FleetBus;
  #beat: Beat;

  constructor(bus: FleetBus, run: string) {
    this.#bus = bus;
    this.#beat = { run, number: 0, stop: false, abort: false, over: false };
  }

  /** The newest one. */
  get now(): Beat {
    return this.#beat;
  }

  /** Changes what holds, and says so at once. */
  change(change: Partial<Omit<Beat, "run" | "number">>): void {
    this.#beat = { ...this.#beat, ...change };
    this.send();
  }

  /** Says it again. */
  send(): void {
    this.#beat = { ...this.#beat, number: this.#beat.number + 1 };
    this.#bus.publish(`${this.#beat.run}.beat`, packMessage(this.#beat));
  }
}
