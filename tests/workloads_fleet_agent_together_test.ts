/** What an agent asks for the requests of a load. */
import { assertEquals } from "@std/assert";
import type { LeaderLine } from "../workloads/fleet_agent_line.ts";
import { createTogether } from "../workloads/fleet_agent_together.ts";
import { packMessage, readMessage } from "../workloads/fleet_codec.ts";
import { LeaseBook } from "../workloads/fleet_lead_lease.ts";
import type { LeaseAsk } from "../workloads/fleet_messages.ts";
import { leaseAskShape } from "../workloads/fleet_shape_agent.ts";

Deno.test("a load that ends by time alone has requests for as long as they are asked for", async () => {
  const book = new LeaseBook(2);
  const line = {
    ask(_subject: string, message: unknown) {
      const read = readMessage<LeaseAsk>(packMessage(message), leaseAskShape, { at: "lease" });
      return Promise.resolve("value" in read ? book.answer(read.value) : read);
    },
  } as unknown as LeaderLine;
  const { lease } = createTogether({
    ...{ line, share: { fleet: "f", run: "r", agent: 0, agents: 2 } },
    ...{ clock: { now: () => 0 }, fromLeader: (ms: number) => ms, originMs: () => 0 },
    stopping: new AbortController().signal,
  });
  const ask = { want: 40, limit: Infinity };
  assertEquals(await lease(0, ask), { from: 0, count: 40 });
  assertEquals(await lease(0, ask), { from: 40, count: 40 });
});
