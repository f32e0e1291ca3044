/**
 * The way out of a sending thread, some answers per message: one message for each would cost the
 * thread that reads more than reading the answer did.
 *
 * @module
 */
import type { Clock } from "../backends/clock.ts";
import { FULL_PACK, Packer, SPARE_PACKS } from "./load_exchange_pack.ts";
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
  /**
   * Answers wait a moment for others, and then for memory of those before to come back: they are not
   * copied sooner than they can be decoded. The last messages of a load and of a thread go behind all
   * answers, others at once.
   */
  send(message: FromThread): void;
  /** The thread's transport leaves bodies where they were collected. */
  readonly holds: true;
  /** Takes back memory of answers that were decoded. */
  giveBack(memory: ArrayBuffer): void;
  /** Whether answers wait for no others: somebody waits for each of them. */
  promptly(on: boolean): void;
  /** Waits for nothing any more: what is left of the run may be given up. */
  hurry(): void;
}

/** @param post sends to the other thread. */
export function createOutbox(
  clock: Clock,
  post: (message: FromThread, transfer: ArrayBuffer[]) => void,
): Outbox {
  // When memory with several views is first transferred in a thread, V8 drops all optimized code that
  // reads typed arrays: now, while there is none, and not when the first answers are sent.
  new Uint8Array(1).subarray(0).buffer.transfer();
  const packer = new Packer();
  let waiting = false;
  let prompt = false;
  /** When the first and the last of those that wait have come. */
  let firstMs = 0;
  let lastMs = 0;
  /** Answers that have waited for others long enough. */
  let due = 0;
  /** Packs on their way, and how many may be. */
  let away = 0;
  let mostAway = SPARE_PACKS;
  /** Messages behind all answers. */
  const last: FromThread[] = [];

  const postDue = (): void => {
    while (due > 0 && away < mostAway) {
      const pack = packer.take(Math.min(due, FULL_PACK));
      due -= pack.count;
      away++;
      post({ kind: "pack", pack }, [pack.memory]);
    }
    if (packer.count === 0) { for (const message of last.splice(0)) post(message, []); }
  };
  const flush = (): void => {
    waiting = false;
    due = packer.count;
    postDue();
  };
  const wait = async (): Promise<void> => {
    while (waiting) {
      const untilMs = Math.min(lastMs + QUIET_MS, firstMs + PATIENCE_MS);
      if (clock.now() >= untilMs) return flush();
      await clock.sleepUntil(untilMs);
    }
  };
  return {
    holds: true,
    giveBack(memory) {
      packer.giveBack(memory);
      away--;
      postDue();
    },
    promptly(on) {
      prompt = on;
    },
    hurry() {
      mostAway = Infinity;
      postDue();
    },
    send(message) {
      if (message.kind === "ended" || message.kind === "closed") {
        last.push(message);
        return flush();
      }
      if (message.kind !== "exchange") return post(message, []);
      packer.add(message);
      // Those of a witness wait for what comes next: the other thread need not wake for them alone.
      if (!isWitness(message.departure)) {
        if (prompt) return flush();
        lastMs = clock.now();
        if (!waiting) {
          waiting = true;
          firstMs = lastMs;
          void wait();
        }
      }
      // One pack, not all, or their decoding would keep the core for a tenth of a second.
      if (packer.bytes > HELD_BYTES && due === 0) {
        due = Math.min(packer.count, FULL_PACK);
        postDue();
      }
    },
  };
}
