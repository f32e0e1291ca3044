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
import { isWitness } from "./load_witness.ts";

/**
 * An answer waits for others until none has ended for so long: until the burst is over in which the
 * users of a batching engine send again. Where cores are few, decoding answers right then would take
 * the core from those sends and from the first reads after them.
 */
const QUIET_MS = 25;
/** But no longer than this. */
const PATIENCE_MS = 250;
/** And not while so much waits. */
const HELD_BYTES: number = 16 * 2 ** 20;

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
  /** When the first and the last of those that wait have come. */
  let firstMs = 0;
  let lastMs = 0;
  const flush = (): void => {
    waiting = false;
    packer.close();
    postReady();
  };
  const postReady = (most?: number): void => {
    for (const pack of packer.takeReady(most)) post({ kind: "pack", pack }, [pack.memory]);
  };
  const wait = async (): Promise<void> => {
    while (waiting) {
      const untilMs = Math.min(lastMs + QUIET_MS, firstMs + PATIENCE_MS);
      if (clock.now() >= untilMs) return flush();
      await clock.sleepUntil(untilMs);
    }
  };
  return {
    collect: packer.collect,
    giveBack: (memory) => packer.giveBack(memory),
    send(message) {
      if (message.kind !== "exchange") {
        flush();
        return post(message, []);
      }
      packer.add(message);
      // Those of a witness wait for what comes next: the other thread need not wake for them alone.
      if (!isWitness(message.departure)) {
        lastMs = clock.now();
        if (!waiting) {
          waiting = true;
          firstMs = lastMs;
          void wait();
        }
      }
      // One, not all, or their decoding would keep the core for a tenth of a second.
      if (packer.bytes > HELD_BYTES) postReady(1);
    },
  };
}
