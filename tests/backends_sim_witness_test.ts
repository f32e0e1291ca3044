import { assertEquals } from "@std/assert";
import { PROTOCOLS } from "../backends/protocols.ts";
import { loadSimProtocol } from "../backends/sim_protocol_of.ts";
import { findSimProtocol } from "../backends/sim_protocols.ts";

Deno.test("loadSimProtocol loads what findSimProtocol finds, but one version of PPL", async () => {
  for (const { name, carrier } of PROTOCOLS) {
    const found = name === "ppl-v1" || carrier === "inprocess" ? undefined : findSimProtocol(name);
    assertEquals(await loadSimProtocol(name), found, name);
    assertEquals(found === undefined, name === "ppl-v1" || carrier === "inprocess", name);
  }
  assertEquals(await loadSimProtocol("toString"), undefined);
});
