import { assertEquals } from "@std/assert";
import { epollIsPermitted, startEpollSimLoop } from "../backends/sim_loop_epoll.ts";
import { startSimServer } from "../backends/sim_server.ts";
import { warmUpSimServer } from "../backends/sim_warm_up.ts";

function descriptors(): number {
  return [...Deno.readDirSync("/proc/self/fd")].length;
}

for (const options of [{ ttft: "20", itl: "20" }, { stepMs: 20 }]) {
  Deno.test({
    name: `warmUpSimServer leaves nothing behind: ${JSON.stringify(options)}`,
    ignore: !epollIsPermitted(),
    async fn() {
      const loop = startEpollSimLoop({ platformTurnMs: 0.2 });
      const before = descriptors();
      // What is ordered for the real server does not keep it from being warmed up.
      const given = {
        ...options,
        apiKey: "secret",
        faults: ["hang"],
        model: "tiny",
        maxModelLen: 4,
      };
      await warmUpSimServer(given, loop, { durationMs: 10 });
      assertEquals(descriptors(), before);
      const server = await startSimServer({ ...options, loop });
      const { load, connections } = server.stats();
      assertEquals([load.requests, load.outputTokens, connections.accepted], [0, 0, 0]);
      await server.stop();
      await loop.close();
    },
  });
}
