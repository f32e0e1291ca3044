import { assertEquals, assertStrictEquals, assertThrows } from "@std/assert";
import { checkTakesTokenIds, findProtocol, PROTOCOLS } from "../backends/protocols.ts";
import { findSimProtocol } from "../backends/sim_protocols.ts";
import { protocolContract } from "./support/protocol_contract.ts";
import { preparedRequest, simulatedBodies } from "./support/simulated_bodies.ts";

for (const protocol of PROTOCOLS) {
  const label = "registered";
  const sim = findSimProtocol(protocol.name);
  if (sim === undefined) protocolContract({ protocol, label, bodies: [], withoutSampling: "any" });
  else {
    const request = await preparedRequest(protocol, sim);
    const bodies = simulatedBodies(protocol, sim, request);
    protocolContract({ protocol, label, bodies, request, withoutSampling: "any" });
  }
}

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

Deno.test("checkTakesTokenIds() refuses protocols of text and names those that take ids", () => {
  for (const protocol of PROTOCOLS) {
    if (protocol.takesTokenIds) checkTakesTokenIds(protocol);
    else {
      const { message } = assertThrows(() => checkTakesTokenIds(protocol), TypeError);
      const others = PROTOCOLS.filter(({ takesTokenIds }) => takesTokenIds).map(({ name }) => name);
      assertEquals(message.split(" are ")[1], others.join(", "), protocol.name);
    }
  }
});
