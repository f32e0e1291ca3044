import { assertEquals } from "@std/assert";
import { type EndedRequest, unpackExchanges } from "../workloads/load_exchange_pack.ts";
import type { FromThread } from "../workloads/load_messages.ts";
import { createOutbox } from "../workloads/load_outbox.ts";
import { FakeClock } from "./support/fake_clock.ts";
import { cannedExchange } from "./support/protocol_contract.ts";

function ended(index: number, user = 0): EndedRequest {
  return {
    departure: { index, user, item: 0, intendedMs: 0 },
    exchange: cannedExchange("hi"),
    originMs: 0,
  };
}

/** What was posted: indexes of answers, or the kind of another message. */
function posted(messages: readonly FromThread[]): unknown[] {
  return messages.map((message) =>
    message.kind === "pack"
      ? unpackExchanges(message.pack).map(({ departure }) => departure.index)
      : message.kind
  );
}

Deno.test("createOutbox puts answers together, and loses and reorders none", async () => {
  const clock = new FakeClock();
  const messages: FromThread[] = [];
  let buffers = 0;
  const { send } = createOutbox(clock, (message, transfer) => {
    messages.push(message);
    buffers += transfer.length;
  });
  for (let i = 0; i < 3; i++) send({ kind: "exchange", ...ended(i) });
  assertEquals(posted(messages), []);
  await clock.run(clock.sleepUntil(80));
  assertEquals(posted(messages), [[0, 1, 2]]);
  send({ kind: "exchange", ...ended(3) });
  send({ kind: "closed" });
  assertEquals(posted(messages).slice(1), [[3], "closed"]);
  await clock.run(clock.sleepUntil(200));
  assertEquals(messages.length, 3);
  assertEquals(buffers, 2);
});

Deno.test("createOutbox waits for the end of a burst, but not for long", async () => {
  const clock = new FakeClock();
  const messages: FromThread[] = [];
  const { send } = createOutbox(clock, (message) => void messages.push(message));
  const sendUntil = async (untilMs: number) => {
    for (let index = 0; clock.now() < untilMs; index++) {
      send({ kind: "exchange", ...ended(index) });
      await clock.run(clock.sleepUntil(clock.now() + 5));
    }
  };
  await sendUntil(100);
  assertEquals(messages.length, 0);
  await clock.run(clock.sleepUntil(130));
  assertEquals(messages.length, 1);
  await sendUntil(390);
  assertEquals(messages.length > 1, true);
});

Deno.test("createOutbox does not let answers pile up", () => {
  const messages: FromThread[] = [];
  const { send } = createOutbox(new FakeClock(), (message) => void messages.push(message));
  const sent = 5000;
  for (let i = 0; i < sent; i++) send({ kind: "exchange", ...ended(i) });
  const indexes = posted(messages).flat();
  assertEquals(indexes, Array.from({ length: indexes.length }, (_, i) => i));
  // Packs of 32 in 264 KiB each; 16 MiB of them may wait.
  assertEquals(indexes.length > sent - 70 * 32, true);
});

Deno.test("createOutbox sends answers of a witness with others, and with what is sent at once", async () => {
  const clock = new FakeClock();
  const messages: FromThread[] = [];
  const { send } = createOutbox(clock, (message) => void messages.push(message));
  send({ kind: "exchange", ...ended(0, -1) });
  await clock.run(clock.sleepUntil(1000));
  assertEquals(posted(messages), []);
  send({ kind: "exchange", ...ended(1) });
  await clock.run(clock.sleepUntil(1100));
  assertEquals(posted(messages), [[0, 1]]);
  send({ kind: "exchange", ...ended(2, -1) });
  send({ kind: "closed" });
  assertEquals(posted(messages).slice(1), [[2], "closed"]);
});
