/**
 * What an agent delivers: in the background while the run goes on, and the rest before it leaves.
 *
 * @module
 */
import { onAbort, patientClock } from "../backends/clock.ts";
import { defined } from "../backends/defined.ts";
import { messageOf, oneLine } from "../backends/error_message.ts";
import { packDelivered } from "./fleet_codec.ts";
import type { FleetBus } from "./fleet_bus.ts";
import type { AgentDone } from "./fleet_messages.ts";
import { storeRecords } from "./fleet_records.ts";
import { cleanMessage } from "./secret.ts";

/** After the measurement an agent tries so many times longer than `lostMs` to tell its results. */
const DELIVER_TIMES = 2;
/** After a second Ctrl-C it tries no longer than this. */
const ABORTED_MS = 3000;
/** Of a reason that is told to others. */
const REASON_CHARS = 500;

/** Why something failed, for others: cleaned and short. */
export function reasonOf(error: unknown): string {
  return oneLine(cleanMessage(messageOf(error)), REASON_CHARS);
}

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
    const data = packDelivered(message);
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

/** What is told last. */
export interface Leaving {
  readonly run: string;
  readonly lostMs: number;
  /** Record file that the leader wants; absent = none. */
  readonly records: string | undefined;
  readonly done: AgentDone;
  /** Second Ctrl-C. */
  readonly aborted: AbortSignal;
  readonly onProgress: (text: string) => void;
}

/**
 * Delivers what is left, then the record file, then that the agent leaves; or gives up: nobody waits for
 * ever for a network that does not come back.
 */
export async function leaveRun(
  bus: Pick<FleetBus, "store">,
  outbox: Outbox,
  { run, lostMs, records, done, aborted, onProgress }: Leaving,
): Promise<void> {
  const storing = new AbortController();
  const patience = new Patience(DELIVER_TIMES * lostMs, () => {
    storing.abort();
    outbox.giveUp();
  });
  const forget = onAbort(aborted, () => patience.shorten(ABORTED_MS));
  try {
    await outbox.settled();
    let told = done;
    if (records !== undefined && outbox.failure === undefined) {
      try {
        const file = await storeRecords(bus, { run, agent: done.agent, path: records }, {
          signal: storing.signal,
          onProgress: (text) => {
            patience.renew();
            onProgress(text);
          },
        });
        told = { ...done, file };
      } catch (error) {
        told = { ...done, ...defined({ fileFailure: done.fileFailure ?? reasonOf(error) }) };
      }
    }
    outbox.add(`done.${done.agent}`, told, `done-${done.agent}`);
    await outbox.settled();
  } finally {
    patience.end();
    forget();
  }
}

/** Gives up when nothing has gone on for a while. */
class Patience {
  readonly #giveUp: () => void;
  readonly #over = new AbortController();
  #ms: number;
  #untilMs = 0;

  constructor(ms: number, giveUp: () => void) {
    this.#ms = ms;
    this.#giveUp = giveUp;
    this.renew();
    void this.#wait();
  }

  /** It goes on. */
  renew(): void {
    this.#untilMs = patientClock.now() + this.#ms;
  }

  /** Not longer than this any more. */
  shorten(ms: number): void {
    this.#ms = ms;
    this.renew();
    void this.#wait();
  }

  end(): void {
    this.#over.abort();
  }

  async #wait(): Promise<void> {
    while (patientClock.now() < this.#untilMs && !this.#over.signal.aborted) {
      await patientClock.sleepUntil(this.#untilMs, this.#over.signal);
    }
    if (!this.#over.signal.aborted) this.#giveUp();
  }
}
