import { assert, assertEquals } from "@std/assert";
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

const NEVER = new AbortController().signal;

Deno.test("DecodeQueue drains what waits, and gives memory back after decoding", async () => {
  const log: string[] = [];
  const queue = new DecodeQueue(({ departure }) => void log.push(`decode ${departure.index}`), {
    inline: false,
  });
  const last = ended(1);
  const memory = last.exchange.body.buffer;
  queue.add(ended(0));
  queue.add(last, (given) => void log.push(`back ${given === memory}`));
  await queue.drain(NEVER);
  assertEquals(log, ["decode 0", "decode 1", "back true"]);
  queue.add(ended(2));
  await queue.drain(NEVER);
  assertEquals(log.at(-1), "decode 2");
  assertEquals(log.length, 4);
});

Deno.test("DecodeQueue pauses while it drains, and gives the rest up after an interrupt", async () => {
  const abort = new AbortController();
  const seen: string[] = [];
  let nowMs = 0;
  const queue = new DecodeQueue(({ departure, exchange: { end, body } }) => {
    // Slow to decode: as with bodies of many megabytes, each takes a slice of its own.
    nowMs += 300;
    seen.push(`${departure.index} ${end.kind} ${body.length}`);
    // What an interrupt does; it can come only while the queue pauses.
    if (departure.index === 1) setImmediate(() => abort.abort());
  }, { inline: false, now: () => nowMs });
  for (let i = 0; i < 20; i++) queue.add(ended(i, "x".repeat(5000)));
  await queue.drain(abort.signal);
  assertEquals(seen.length, 20);
  // One second more, of 300 ms each; an interrupt may be heard a turn later.
  const complete = seen.filter((line) => line.endsWith("complete 5000")).length;
  assert(complete >= 2 + 4 && complete <= 2 + 6, `${complete} were decoded`);
  assertEquals(seen.at(-1), "19 cancelled 0");
});

Deno.test("DecodeQueue decodes nothing after it was closed", async () => {
  let decoded = 0;
  const queue = new DecodeQueue(() => void decoded++, { inline: false });
  queue.add(ended(0));
  queue.close();
  await delay(5);
  assertEquals(decoded, 0);
});

/** Answers decoded in the first and the second slice; each look at the clock takes `lookMs`. */
async function slices(
  { count, bytes, inline, lookMs }: {
    readonly count: number;
    readonly bytes: number;
    readonly inline: boolean;
    readonly lookMs: number;
  },
): Promise<{ readonly first: number; readonly second: number; readonly looks: number }> {
  let looks = 0;
  let decoded = 0;
  const queue = new DecodeQueue(() => void decoded++, { inline, now: () => looks++ * lookMs });
  for (let i = 0; i < count; i++) queue.add(ended(i, "x".repeat(bytes)));
  // Timers fire in the order in which they are due: one of ours between two slices.
  while (decoded === 0) await delay(0);
  const first = decoded;
  const seen = looks;
  await delay(0);
  queue.close();
  return { first, second: decoded - first, looks: seen };
}

Deno.test("DecodeQueue stops a slice in time, and takes longer ones when many wait", async () => {
  // Slices of 1 ms, one longer for each 256 answers that wait, up to four.
  const row = { bytes: 5000, inline: false, lookMs: 0.25 };
  assertEquals(await slices({ ...row, count: 12 }), { first: 4, second: 4, looks: 6 });
  assertEquals((await slices({ ...row, count: 256 })).first, 7);
  assertEquals((await slices({ ...row, count: 2000 })).first, 15);
  // Of 0.2 ms where the same thread reads.
  assertEquals((await slices({ ...row, count: 12, inline: true, lookMs: 0.05 })).first, 4);
});

Deno.test("DecodeQueue looks at the clock only after some thousand bytes", async () => {
  const { first, looks } = await slices({ count: 500, bytes: 80, inline: false, lookMs: 0.001 });
  assertEquals(first, 500);
  assertEquals(looks, 1 + Math.floor(500 / Math.ceil(4096 / 80)));
});

Deno.test("DecodeQueue decodes in the next turn of the loop where somebody waits for each answer", async () => {
  for (const inline of [false, true]) {
    const decoded: number[] = [];
    const queue = new DecodeQueue(({ departure }) => void decoded.push(departure.index), {
      inline,
      prompt: true,
    });
    queue.add(ended(0));
    assertEquals(decoded, []);
    await new Promise((resolve) => setImmediate(resolve));
    assertEquals(decoded, [0]);
    queue.add(ended(1));
    queue.close();
    await new Promise((resolve) => setImmediate(resolve));
    assertEquals(decoded, [0]);
  }
});
