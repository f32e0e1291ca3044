/**
 * The requests that a machine may send of a recording's load, where several draw on one count.
 *
 * @module
 */
import { systemClock } from "../backends/clock.ts";
import type { LeasedPortion } from "./agent_share.ts";
import { type AskForPortion, Lease } from "./load_lease.ts";
import type { TurnAllowance } from "./session_turn.ts";

/** What an allowance follows from. */
export interface LeasedTurnsOptions {
  readonly ask: AskForPortion;
  /** Requests of the whole load. */
  readonly limit: number;
  /** Sessions that are alive on this machine at once. */
  readonly slots: number;
  /** Requests that this machine has at all. */
  readonly usable: number;
  /** It may be open again, or closed for good. */
  readonly onChange: () => void;
}

/** Leased requests; which of a machine's requests they are does not matter. */
export class LeasedTurns implements TurnAllowance {
  readonly #lease: Lease;
  #taken = 0;
  /** Given before the newest portion, and with it. */
  #before = 0;
  #given = 0;
  #over = false;

  constructor({ ask, limit, slots, usable, onChange }: LeasedTurnsOptions) {
    this.#lease = new Lease({
      ...{ ask, limit, reserved: 0, users: slots, usable },
      taken: () => this.#taken,
      now: () => systemClock.now(),
      tell: (portion) => {
        this.#add(portion);
        onChange();
      },
    });
  }

  get isOpen(): boolean | undefined {
    if (this.#taken < this.#given) return true;
    return this.#over ? false : undefined;
  }

  /** What a question has failed with. */
  get failure(): unknown {
    return this.#lease.failure;
  }

  take(): void {
    if (++this.#taken > this.#before) this.#lease.low();
  }

  giveBack(): void {
    this.#taken--;
  }

  /** Resolves when the first portion is there. */
  prepare(): Promise<void> {
    return this.#lease.open();
  }

  #add(portion: LeasedPortion | undefined): void {
    if (portion === undefined) {
      this.#over = true;
      return;
    }
    this.#before = this.#given;
    this.#given += portion.count;
  }
}
