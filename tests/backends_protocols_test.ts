import { assertEquals, assertStrictEquals, assertThrows } from "@std/assert";
import { findProtocol, PROTOCOLS } from "../backends/protocols.ts";

Deno.test("PROTOCOLS has no name twice", () => {
  const names = PROTOCOLS.map((protocol) => protocol.name);
  assertEquals([...new Set(names)], names);
});

Deno.test("findProtocol() finds every listed protocol", () => {
  for (const protocol of PROTOCOLS) assertStrictEquals(findProtocol(protocol.name), protocol);
});

Deno.test("findProtocol() names what is known", () => {
  const { message } = assertThrows(() => findProtocol("openai"), TypeError, '"openai"');
  for (const { name } of PROTOCOLS) assertEquals(message.includes(name), true, name);
});
