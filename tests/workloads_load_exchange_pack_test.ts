import { assert, assertEquals, assertStrictEquals } from "@std/assert";
import { LogPool } from "../backends/buffers.ts";
import type { Exchange } from "../backends/transport.ts";
import {
  type EndedRequest,
  FULL_PACK,
  Packer,
  PackReturns,
  unpackExchanges,
} from "../workloads/load_exchange_pack.ts";
import { cannedExchange } from "./support/protocol_contract.ts";

function ended(index: number, exchange: Exchange): EndedRequest {
  return {
    departure: { index, user: index + 1, item: 7, intendedMs: index / 3 },
    exchange,
    originMs: 1.5 + index,
  };
}

/** An exchange whose body was collected by `packer`, as a transport's is. */
function collected(packer: Packer, text: string): Exchange {
  const log = new LogPool(packer.collect).take();
  const bytes = new TextEncoder().encode(text);
  log.append(bytes, 0, bytes.length);
  log.stamp(2.5);
  return { ...cannedExchange(text), ...log.finish() };
}

/** What arrives in the other thread. */
function sent(packer: Packer): EndedRequest[][] {
  return packer.takeReady().map((pack) =>
    unpackExchanges(structuredClone(pack, { transfer: [pack.memory] }))
  );
}

Deno.test("a pack holds what was added to its packer", () => {
  const { firstByteMs: _, ...headless } = cannedExchange("", {
    status: 0,
    contentType: "",
    connection: "unknown",
    end: { kind: "connect_error", message: "connection refused" },
  });
  const all = [
    ended(0, cannedExchange("data: 1\n\ndata: 22\n\n", { cuts: [9, 19] })),
    ended(1, headless),
    ended(2, cannedExchange("é", { connection: "reused", connectMs: 0, contentType: "a/b" })),
    ended(3, cannedExchange("x", { end: { kind: "grpc_status", status: 13, message: "no" } })),
    ended(4, cannedExchange("", { firstByteMs: 0 })),
    ended(5, cannedExchange("y", { departedMs: 1002, readWidthMs: Float32Array.of(-0.25) })),
  ];
  const packer = new Packer();
  for (const one of all) packer.add(one);
  assertEquals(sent(packer), []);
  packer.close();
  assertEquals(sent(packer), [all]);
  packer.close();
  assertEquals(sent(packer), []);
});

Deno.test("a body that was collected in a pack is not copied into it again", () => {
  const packer = new Packer();
  const exchange = collected(packer, "hello");
  packer.add(ended(0, exchange));
  packer.close();
  const [pack] = packer.takeReady();
  assertStrictEquals(pack!.memory, exchange.body.buffer);
  const [one] = unpackExchanges(pack!);
  assertEquals(new TextDecoder().decode(one!.exchange.body), "hello");
  assertEquals(one!.exchange.readMs, Float64Array.of(2.5));
  assertEquals(one!.exchange.readEnds, Uint32Array.of(5));
});

Deno.test("a pack waits for the answers that lie in it", () => {
  const packer = new Packer();
  const early = collected(packer, "early");
  const late = collected(packer, "late");
  packer.add(ended(0, early));
  packer.close();
  assertEquals(sent(packer), []);
  // What ends meanwhile goes into the next one.
  packer.add(ended(1, collected(packer, "next")));
  packer.add(ended(2, late));
  const packs = sent(packer);
  assertEquals(packs.map((pack) => pack.map(({ departure }) => departure.index)), [[0, 2]]);
  packer.close();
  assertEquals(sent(packer).flat().map(({ departure }) => departure.index), [1]);
});

Deno.test("a pack is full when it holds as many answers, or as many bytes, as it can", () => {
  const packer = new Packer();
  for (let i = 0; i < FULL_PACK; i++) packer.add(ended(i, collected(packer, "x")));
  assertEquals(sent(packer).map((pack) => pack.length), [FULL_PACK]);
  const long = "y".repeat(100_000);
  const huge = "z".repeat(1_000_001);
  const texts = [long, long, long, huge, "end"];
  texts.forEach((text, i) => packer.add(ended(i, collected(packer, text))));
  packer.close();
  const packs = sent(packer);
  assertEquals(packs.map((pack) => pack.length), [2, 1, 1, 1]);
  const arrived = packs.flat().map(({ exchange }) => new TextDecoder().decode(exchange.body));
  assert(arrived.every((text, i) => text === texts[i]));
});

Deno.test("memory that came back is used again", () => {
  const packer = new Packer();
  const first = collected(packer, "first");
  packer.add(ended(0, first));
  packer.close();
  const [pack] = packer.takeReady();
  const memory = structuredClone(pack!.memory, { transfer: [pack!.memory] });
  packer.giveBack(memory);
  const second = collected(packer, "second");
  assertStrictEquals(second.body.buffer, memory);
  assertEquals(new TextDecoder().decode(second.body), "second");
  // Of an answer that alone was larger than a pack, nothing is kept.
  const large = new ArrayBuffer(2_000_000);
  packer.giveBack(large);
  packer.add(ended(1, second));
  packer.close();
  packer.takeReady();
  assert(collected(packer, "third").body.buffer !== large);
});

Deno.test("after a burst the memory that nobody would keep is freed at once", () => {
  const packer = new Packer();
  const memories = Array.from({ length: 20 }, () => {
    packer.add(ended(0, cannedExchange("x")));
    packer.close();
    return packer.takeReady()[0]!.memory;
  });
  const returns = new PackReturns();
  for (const _ of memories) returns.received();
  assertEquals(memories.map((memory) => returns.wants(memory)).filter(Boolean).length, 8);
  assertEquals(memories.filter(({ detached }) => detached).length, 12);
  // The next one was sent in memory that was there.
  returns.received();
  assertEquals([returns.wants(memories[0]!), returns.wants(memories[1]!)], [true, false]);
  assertEquals(returns.wants(new ArrayBuffer(8)), false);
});
