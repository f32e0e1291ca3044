/**
 * What an agent delivers in the background, in its order, while the run goes on.
 *
 * @module
 */
import { messageOf } from "../backends/error_message.ts";
import { packMessage } from "./fleet_codec.ts";
import type { FleetBus } from "./fleet_bus.ts";

/** Delivers one after another. */
export class Outbox {
  readonly #bus: Pick<FleetBus, "deliver">;
  readonly #run: string;
  readonly #giveUp = new AbortController();
  #last: Promise<void> = Promise.resolve();
  #failure: string | undefined;

  constructor(bus: Pick<FleetBus, "deliver">, run: string) {
    this.#bus = bus;
    this.#run = run;
  }

  /** Why something could not be delivered; absent = all was, so far. */
  get failure(): string | undefined {
    return this.#failure;
  }

  /** Queues a message; never waits. The same `id` is stored once. */
  add(subject: string, message: unknown, id: string): void {
    const data = packMessage(message);
    this.#last = this.#last.then(async () => {
      if (this.#failure !== undefined) return;
      try {
        await this.#bus.deliver(`${this.#run}.${subject}`, data, {
          id: `${this.#run}-${id}`,
          signal: this.#giveUp.signal,
        });
      } catch (error) {
        this.#failure = messageOf(error);
      }
    });
  }

  /** Waits until all is delivered or given up. */
  settled(): Promise<void> {
    return this.#last;
  }

  /** Tries no longer. */
  giveUp(): void {
    this.#giveUp.abort();
  }
}
