/** Agents and a scripted leader over a real NATS server, one of them through a link that is cut. */
import { assert, assertEquals } from "@std/assert";
import { startSimServer } from "../backends/sim_server.ts";
import { joinFleet } from "../workloads/fleet_agent.ts";
import type { FleetBus } from "../workloads/fleet_bus.ts";
import { connectBus } from "../workloads/fleet_nats.ts";
import { readRecordFile } from "../workloads/record_file.ts";
import { agentHost, QUIET_PLAN } from "./support/agent_host.ts";
import { natsTest, withNats } from "./support/nats.ts";
import { ScriptedLeader } from "./support/scripted_leader.ts";
import { openProxy } from "./support/tcp_proxy.ts";

natsTest("over NATS, a cut of an agent's link loses nothing, and counts stay exact", async () => {
  await withNats(async (server) => {
    const sim = await startSimServer({ ttft: "3", itl: "1" });
    const folder = await Deno.makeTempDir({ prefix: "tokometer-test-" });
    const proxy = openProxy(server.port);
    const buses: FleetBus[] = [];
    const connect = async (port: number, name: string) => {
      const bus = await connectBus({ servers: `nats://127.0.0.1:${port}`, fleet: "f", name });
      buses.push(bus);
      return bus;
    };
    const leader = new ScriptedLeader(await connect(server.port, "leader"), {
      ...{ agents: 2, urls: [sim.url], beatMs: 100, leadMs: 300 },
      options: { ...QUIET_PLAN, concurrency: [2], requests: 400 },
      plan: { lostMs: 20_000 },
    });
    await leader.begin();
    try {
      const codes = ["a", "b"].map(async (name) => {
        const bus = await connect(name === "a" ? server.port : proxy.port, name);
        return await joinFleet(bus, { fleet: "f", folder: `${folder}/${name}` }, agentHost());
      });
      await leader.until(() => leader.updates.some(({ completed }) => completed > 0));
      proxy.close();
      const mending = setTimeout(() => proxy.heal(), 700);
      assertEquals(await Promise.all(codes), [0, 0]);
      clearTimeout(mending);
      await leader.until(() => leader.dones.length === 2);
      assertEquals(leader.ends.length, 2);
      assertEquals(leader.ends.reduce((sum, { part }) => sum + part.completed, 0), 400);
      assert(leader.ends.every(({ part }) => part.clock !== undefined));
      const files = await Promise.all(
        ["a", "b"].map((name) => readRecordFile(`${folder}/${name}/records.jsonl`)),
      );
      const indices = files.flatMap(({ records }) =>
        records.filter(({ phase }) => phase === "measure").map(({ index }) => index)
      );
      // User i of two sends the requests i, i + 2, i + 4 …, as on one machine.
      assertEquals([indices.length, new Set(indices).size], [400, 400]);
      for (const { records } of files) {
        const own = records.filter(({ phase }) => phase === "measure");
        assertEquals(new Set(own.map(({ index }) => index % 2)).size, 1);
      }
    } finally {
      leader.close();
      for (const bus of buses) await bus.close();
      await proxy.end();
      await sim.stop();
      await Deno.remove(folder, { recursive: true });
    }
  });
});
