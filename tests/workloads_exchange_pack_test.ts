import { assertEquals } from "@std/assert";
import type { Exchange } from "../backends/transport.ts";
import { packExchanges, unpackExchanges } from "../workloads/exchange_pack.ts";
import type { EndedRequest } from "../workloads/load_messages.ts";
import { cannedExchange } from "./protocol_contract.ts";

function ended(index: number, exchange: Exchange): EndedRequest {
  return {
    departure: { index, user: index + 1, item: 7, intendedMs: index / 3 },
    exchange,
    originMs: 1.5 + index,
  };
}

Deno.test("unpackExchanges() gives what packExchanges() was given", () => {
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
  ];
  const pack = packExchanges(all);
  // What crosses to another thread.
  const arrived = structuredClone(pack, {
    transfer: [pack.numbers.buffer, pack.readEnds.buffer, pack.bodies.buffer],
  });
  const given = [
    ended(0, cannedExchange("data: 1\n\ndata: 22\n\n", { cuts: [9, 19] })),
    ...all.slice(1),
  ];
  assertEquals(unpackExchanges(arrived), given);
  assertEquals(unpackExchanges(packExchanges([])), []);
});
