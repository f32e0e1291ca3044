import { assert, assertEquals, assertStrictEquals } from "@std/assert";
import { LogPool } from "../backends/buffers.ts";
import type { Exchange } from "../backends/transport.ts";
import {
  type EndedRequest,
  FULL_PACK,
  Packer,
  SPARE_PACKS,
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

/** An exchange whose body still lies in the blocks of `pool`, as a transport's does. */
function held(pool: LogPool, text: string): Exchange {
  const log = pool.take();
  const bytes = new TextEncoder().encode(text);
  log.append(bytes, 0, bytes.length);
  log.stamp(2.5);
  return { ...cannedExchange(text), ...log.finish() };
}

/** All that waits, as it arrives in the other thread. */
function sent(packer: Packer): EndedRequest[][] {
  const packs: EndedRequest[][] = [];
  while (packer.count > 0) {
    const pack = packer.take();
    packs.push(unpackExchanges(structuredClone(pack, { transfer: [pack.memory] })));
  }
  return packs;
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
  assertEquals(sent(packer), [all]);
  assertEquals([packer.count, packer.bytes], [0, 0]);
});

Deno.test("a body stays in its blocks until its pack is made", () => {
  const pool = new LogPool({ holds: true });
  const packer = new Packer();
  packer.add(ended(0, held(pool, "hello")));
  packer.add(ended(1, held(pool, "next")));
  assertEquals([packer.count, packer.bytes], [2, 9]);
  // In no way in flight any more.
  assertEquals([pool.open, pool.bytes, pool.blocks], [0, 0, 4]);
  const [one] = unpackExchanges(packer.take(1));
  assertEquals(new TextDecoder().decode(one!.exchange.body), "hello");
  assertEquals(one!.exchange.readMs, Float64Array.of(2.5));
  assertEquals(one!.exchange.readEnds, Uint32Array.of(5));
  assertEquals([packer.count, packer.bytes], [1, 4]);
  // In the blocks of the first one.
  packer.add(ended(2, held(pool, "third")));
  assertEquals([pool.open, pool.bytes, pool.blocks], [0, 0, 4]);
  const texts = sent(packer).flat().map(({ exchange }) => new TextDecoder().decode(exchange.body));
  assertEquals(texts, ["next", "third"]);
});

Deno.test("a pack is full when it holds as many answers, or as many bytes, as it can", () => {
  const pool = new LogPool({ holds: true });
  const packer = new Packer();
  for (let i = 0; i <= FULL_PACK; i++) packer.add(ended(i, held(pool, "x")));
  assertEquals(sent(packer).map((pack) => pack.length), [FULL_PACK, 1]);
  const long = "y".repeat(100_000);
  const huge = "z".repeat(1_000_001);
  const texts = [long, long, long, huge, "end"];
  texts.forEach((text, i) => packer.add(ended(i, held(pool, text))));
  const packs = sent(packer);
  assertEquals(packs.map((pack) => pack.length), [2, 1, 1, 1]);
  const arrived = packs.flat().map(({ exchange }) => new TextDecoder().decode(exchange.body));
  assert(arrived.every((text, i) => text === texts[i]));
});

Deno.test("memory that came back is used again, and freed where it is not kept", () => {
  const packer = new Packer();
  const memories = Array.from({ length: SPARE_PACKS + 1 }, (_, i) => {
    packer.add(ended(i, cannedExchange("x")));
    return packer.take().memory;
  });
  for (const memory of memories) packer.giveBack(memory);
  assertEquals(memories.map(({ detached }) => detached), [false, false, false, false, true]);
  packer.add(ended(0, cannedExchange("y")));
  assertStrictEquals(packer.take().memory, memories[SPARE_PACKS - 1]);
  // Of an answer that alone was larger than a pack, nothing is kept.
  const large = new ArrayBuffer(2_000_000);
  packer.giveBack(large);
  assert(large.detached);
});
