import { assertEquals, assertThrows } from "@std/assert";
import type { WireRequest } from "../backends/protocol.ts";
import { shareWires, WirePool } from "../workloads/load_wires.ts";

const encoder = new TextEncoder();
const HEADERS = { "content-type": "application/json" };

function wire(text: string | undefined, headers: Record<string, string> = HEADERS): WireRequest {
  const head = { method: "POST", url: "http://h/v1", headers: { ...headers } } as const;
  return text === undefined ? head : { ...head, body: encoder.encode(text) };
}

function all(pool: WirePool): WireRequest[] {
  return Array.from({ length: pool.length }, (_, i) => pool.at(i));
}

Deno.test("shared requests are what was put in, also in another thread's pool", () => {
  const large = "x".repeat(100_000);
  const wires = [
    ...[wire("a"), wire(""), wire(undefined), wire("b", { authorization: "k" }), wire(large)],
    ...Array.from({ length: 3000 }, (_, i) => wire(`${i}`.repeat(i % 50))),
    wire("other order", { b: "2", a: "1" }),
    wire("c", { a: "1", b: "2" }),
  ];
  const shared = shareWires(wires);
  const pool = new WirePool(structuredClone(shared));
  assertEquals(all(pool), wires);
  // Bodies are shared, and equal heads are one.
  assertEquals(shared.heads.length, 3);
  assertEquals(pool.kinds().length, 3);
  assertEquals(pool.kinds()[0], wires[0]);
  assertThrows(() => pool.at(wires.length), RangeError, `Cannot take request ${wires.length}`);
});

Deno.test("a request's body is its own: transports may transfer it", () => {
  const pool = new WirePool(shareWires([wire("hello")]));
  const { body } = pool.at(0);
  assertEquals(body!.buffer instanceof ArrayBuffer, true);
  body!.fill(0);
  assertEquals(pool.at(0), wire("hello"));
});

Deno.test("requests made ahead are given out once, the pool's end included", () => {
  const wires = ["a", "b", "c"].map((text) => wire(text));
  const pool = new WirePool(shareWires(wires));
  const [second, third, first] = pool.makeAhead(1, 5);
  assertEquals([first, second, third], wires);
  assertEquals(pool.at(1) === second, true);
  assertEquals(pool.at(1) === second, false);
  assertEquals(pool.at(0) === first, true);
  pool.makeAhead(0, 1);
  assertEquals(pool.at(2) === third, false);
  assertEquals(new WirePool(shareWires([])).makeAhead(0, 4), []);
});
