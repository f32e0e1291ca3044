import { assertEquals } from "@std/assert";
import { delay } from "@std/async";
import { DecodeQueue } from "../workloads/load_decode_queue.ts";
import type { EndedRequest } from "../workloads/load_exchange_pack.ts";
import { cannedExchange } from "./support/protocol_contract.ts";

function ended(index: number, text = "hi"): EndedRequest {
  return {
    departure: { index, user: 0, item: 0, intendedMs: 0 },
    exchange: cannedExchange(text),
    originMs: 0,
  };
}

for (const inline of [false, true]) {
  Deno.test(`DecodeQueue decodes later, in order, then empties the exchange (inline: ${inline})`, async () => {
    const decoded: number[] = [];
    const all = Array.from({ length: 600 }, (_, index) => ended(index, "x".repeat(index)));
    const queue = new DecodeQueue(({ departure, exchange }) => {
      assertEquals(exchange.body.length, departure.index);
      decoded.push(departure.index);
    }, { inline });
    for (const one of all.slice(0, 500)) queue.add(one);
    // Not while answers are still coming in.
    assertEquals(decoded, []);
    while (decoded.length < 100) await delay(1);
    for (const one of all.slice(500)) queue.add(one);
    while (decoded.length < all.length) await delay(1);
    assertEquals(decoded, all.map(({ departure }) => departure.index));
    for (const { exchange: { body, readMs, readEnds } } of all) {
      assertEquals([body.length, readMs.length, readEnds.length], [0, 0, 0]);
    }
  });
}

Deno.test("DecodeQueue drains at once what waits, and gives memory back after decoding", () => {
  const log: string[] = [];
  const queue = new DecodeQueue(({ departure }) => void log.push(`decode ${departure.index}`), {
    inline: false,
  });
  const last = ended(1);
  const memory = last.exchange.body.buffer;
  queue.add(ended(0));
  queue.add(last, (given) => void log.push(`back ${given === memory}`));
  queue.drain();
  assertEquals(log, ["decode 0", "decode 1", "back true"]);
  queue.add(ended(2));
  queue.drain();
  assertEquals(log.at(-1), "decode 2");
  assertEquals(log.length, 4);
});

Deno.test("DecodeQueue decodes nothing after it was closed", async () => {
  let decoded = 0;
  const queue = new DecodeQueue(() => void decoded++, { inline: false });
  queue.add(ended(0));
  queue.close();
  await delay(5);
  assertEquals(decoded, 0);
});
