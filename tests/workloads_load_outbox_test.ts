import { assertEquals } from "@std/assert";
import {
  type EndedRequest,
  SPARE_PACKS,
  unpackExchanges,
} from "../workloads/load_exchange_pack.ts";
import type { EndedMessage, FromThread } from "../workloads/load_messages.ts";
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

/** More than may be posted at once. */
const MANY = 1000;

Deno.test("createOutbox copies answers into packs no sooner than others were decoded", async () => {
  const clock = new FakeClock();
  const order: unknown[] = [];
  const away: ArrayBuffer[] = [];
  const outbox = createOutbox(clock, (message) => {
    // Now, since its memory is used again.
    order.push(...posted([message]));
    if (message.kind === "pack") away.push(message.pack.memory);
  });
  for (let i = 0; i < MANY; i++) outbox.send({ kind: "exchange", ...ended(i) });
  await clock.run(clock.sleepUntil(300));
  outbox.send({ kind: "ended" } as EndedMessage);
  outbox.send({ kind: "dropped", departure: ended(0).departure, reason: "" });
  assertEquals(order.splice(SPARE_PACKS), ["dropped"]);
  while (away.length > 0) {
    assertEquals(away.length <= SPARE_PACKS, true);
    outbox.giveBack(away.shift()!);
  }
  assertEquals(order.flat(), [...Array.from({ length: MANY }, (_, i) => i), "ended"]);
});

Deno.test("createOutbox waits for no memory when it is to hurry", () => {
  const messages: FromThread[] = [];
  const outbox = createOutbox(new FakeClock(), (message) => void messages.push(message));
  for (let i = 0; i < MANY; i++) outbox.send({ kind: "exchange", ...ended(i) });
  outbox.send({ kind: "ended" } as EndedMessage);
  assertEquals(messages.length, SPARE_PACKS);
  outbox.hurry();
  assertEquals(posted(messages).at(-1), "ended");
  assertEquals(posted(messages).flat().length, MANY + 1);
});

Deno.test("createOutbox does not wait for the end of a burst when much waits", () => {
  const messages: FromThread[] = [];
  const { send } = createOutbox(new FakeClock(), (message) => void messages.push(message));
  const mebibyte = "x".repeat(2 ** 20);
  for (let i = 0; i < 20; i++) {
    send({ kind: "exchange", ...ended(i), exchange: cannedExchange(mebibyte) });
  }
  assertEquals(posted(messages), [[0], [1], [2], [3]]);
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

Deno.test("createOutbox waits for no other answer where somebody waits for each", () => {
  const messages: FromThread[] = [];
  const outbox = createOutbox(new FakeClock(), (message) => void messages.push(message));
  outbox.promptly(true);
  outbox.send({ kind: "exchange", ...ended(0) });
  outbox.send({ kind: "exchange", ...ended(1) });
  assertEquals(posted(messages), [[0], [1]]);
  // Those of a witness wait all the same.
  outbox.send({ kind: "exchange", ...ended(2, -1) });
  assertEquals(messages.length, 2);
  outbox.promptly(false);
  outbox.send({ kind: "exchange", ...ended(3) });
  assertEquals(messages.length, 2);
  outbox.send({ kind: "closed" });
  assertEquals(posted(messages).slice(2), [[2, 3], "closed"]);
});
