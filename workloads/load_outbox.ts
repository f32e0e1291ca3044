/**
 * What a sending thread says, a few answers in one message: a message of its own for each would
 * cost the thread that reads more than reading the answer did.
 *
 * @module
 */
import type { Clock } from "../backends/clock.ts";
import { packExchanges } from "./exchange_pack.ts";
import type { EndedRequest, FromThread } from "./load_messages.ts";

/** Answers in one message at most. */
const FULL = 32;
/**
 * So long an answer waits for others: longer than the burst in which the users of a batching engine
 * send again. On a machine with few cores, decoding answers right then would take the core from
 * those sends.
 */
const PATIENCE_MS = 25;

/**
 * A way of posting that holds answers back for a moment; everything else goes out at once, behind
 * the answers that came before it.
 */
export function createOutbox(
  clock: Clock,
  post: (message: FromThread, transfer: ArrayBuffer[]) => void,
): (message: FromThread) => void {
  let ended: EndedRequest[] = [];
  const flush = (): void => {
    if (ended.length === 0) return;
    const pack = packExchanges(ended);
    post({ kind: "pack", pack }, [pack.numbers.buffer, pack.readEnds.buffer, pack.bodies.buffer]);
    ended = [];
  };
  return (message) => {
    if (message.kind !== "exchanges") {
      flush();
      return post(message, []);
    }
    if (ended.length === 0) void clock.sleepUntil(clock.now() + PATIENCE_MS).then(flush);
    ended.push(...message.ended);
    if (ended.length >= FULL) flush();
  };
}
