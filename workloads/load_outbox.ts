/**
 * The way out of a sending thread, some answers per message: one message for each would cost the
 * thread that reads more than reading the answer did.
 *
 * @module
 */
import type { Collect } from "../backends/buffers.ts";
import type { Clock } from "../backends/clock.ts";
import { Packer } from "./load_exchange_pack.ts";
import type { FromThread } from "./load_messages.ts";

/**
 * How long an answer waits for others: longer than the burst in which the users of a batching engine
 * send again. On a machine with few cores, decoding answers right then would take the core from
 * those sends.
 */
const PATIENCE_MS = 25;

/** Sends what a thread reports. */
export interface Outbox {
  /** Sends at once, behind all answers that came before; answers wait a moment for others. */
  send(message: FromThread): void;
  /** Where the thread's transport puts finished bodies. */
  readonly collect: Collect;
  /** Takes back memory of answers that were decoded. */
  giveBack(memory: ArrayBuffer): void;
}

/** @param post sends to the other thread. */
export function createOutbox(
  clock: Clock,
  post: (message: FromThread, transfer: ArrayBuffer[]) => void,
): Outbox {
  const packer = new Packer();
  let waiting = false;
  const postReady = (): void => {
    for (const pack of packer.takeReady()) post({ kind: "pack", pack }, [pack.memory]);
  };
  const flush = (): void => {
    waiting = false;
    packer.close();
    postReady();
  };
  return {
    collect: packer.collect,
    giveBack: (memory) => packer.giveBack(memory),
    send(message) {
      if (message.kind !== "exchange") {
        flush();
        return post(message, []);
      }
      if (!waiting) {
        waiting = true;
        void clock.sleepUntil(clock.now() + PATIENCE_MS).then(() => waiting && flush());
      }
      packer.add(message);
      postReady();
    },
  };
}
