/** Several machines that replay one recording, and what one of them does for all. */
import { assert, assertEquals, assertRejects } from "@std/assert";
import { startSimServer } from "../backends/sim_server.ts";
import type { Run } from "../metrics/run.ts";
import type { BenchOptions } from "../workloads/run_bench.ts";
import { UserError } from "../workloads/user_error.ts";
import { agentFile, mooncakeRows } from "./support/recordings.ts";
import { inTempFolder } from "./support/run_cli.ts";
import {
  FLEETS,
  plannedOf,
  recordsOf,
  sameOf,
  sendTogether,
  takeBodies,
  withServer,
} from "./support/together.ts";

const REPLAY: BenchOptions = { dataset: "trace", idleCap: "5ms", outputTokens: undefined! };

/** A folder with so many sessions. */
async function withSessions(count: number, use: (folder: string) => Promise<void>): Promise<void> {
  await inTempFolder(async (folder) => {
    for (let i = 0; i < count; i++) {
      await Deno.writeTextFile(`${folder}/s${i}.json`, agentFile(`s${i}`));
    }
    await use(folder);
  });
}

/** `session/chain.turn` of each request of all machines. */
const turnsOf = (runs: readonly Run[]) =>
  sameOf(
    runs,
    ({ session, chain, turn, requestedTokens }) => [session, chain, turn, requestedTokens],
  );

Deno.test("a recorded schedule is dealt to 1, 2, 4 and 8 machines", async () => {
  await withServer(async (server) => {
    await inTempFolder(async (folder) => {
      const datasetPath = `${folder}/rows.jsonl`;
      await Deno.writeTextFile(datasetPath, mooncakeRows(19));
      const options: BenchOptions = { ...REPLAY, idleCap: undefined!, datasetPath, speedup: 4 };
      const { runs: alone } = await sendTogether(server.url, 0, options);
      const bodies = takeBodies(server);
      const same = sameOf(alone, plannedOf);
      assertEquals(same.length, 19);
      for (const agents of [1, ...FLEETS]) {
        const { runs } = await sendTogether(server.url, agents, options);
        assertEquals(sameOf(runs, plannedOf), same, `${agents} machines`);
        assertEquals(takeBodies(server), bodies, `${agents} machines`);
        // What a server may know of another machine's requests, nobody here knows.
        const expected = recordsOf(runs).some((one) => one.expectedCachedTokens !== undefined);
        assertEquals(expected, agents === 1);
      }
    });
  });
});

Deno.test("sessions are dealt to 1, 2, 4 and 8 machines, each whole to one of them", async () => {
  await withServer(async (server) => {
    await withSessions(5, async (datasetPath) => {
      const options: BenchOptions = { ...REPLAY, datasetPath, concurrency: [3] };
      const { runs: alone } = await sendTogether(server.url, 0, options);
      const bodies = takeBodies(server);
      assertEquals(bodies.length, 40);
      for (const agents of [1, ...FLEETS]) {
        const { runs } = await sendTogether(server.url, agents, options);
        assertEquals(turnsOf(runs), turnsOf(alone), `${agents} machines`);
        assertEquals(takeBodies(server), bodies, `${agents} machines`);
        const ends = runs.flatMap(({ sessions = [] }) => sessions);
        assertEquals(ends.map(({ session, end }) => `${session} ${end}`).toSorted(), [
          ...["s0 done", "s1 done", "s2 done", "s3 done", "s4 done"],
        ]);
        assertEquals(
          sameOf(
            runs,
            ({ session, chain, turn, expectedCachedTokens: had }) => [session, chain, turn, had],
          ),
          sameOf(
            alone,
            ({ session, chain, turn, expectedCachedTokens: had }) => [session, chain, turn, had],
          ),
        );
        const indices = recordsOf(runs).map(({ index }) => index);
        assertEquals(new Set(indices).size, 40);
        for (const [agent, { records }] of runs.entries()) {
          assert(
            records.every(({ user, index }) => user % agents === agent && index % agents === agent),
          );
        }
      }
    });
  });
});

Deno.test("sessions on any number of machines send exactly the requests that were asked for", async () => {
  await withServer(async (server) => {
    await withSessions(3, async (datasetPath) => {
      for (const once of [true, undefined]) {
        const options: BenchOptions = { ...REPLAY, datasetPath, concurrency: [4], requests: 21 };
        for (const agents of [2, 8]) {
          const { runs } = await sendTogether(server.url, agents, { ...options, once: once! });
          assertEquals(recordsOf(runs).length, 21, `${agents} machines`);
        }
      }
    });
  });
});

Deno.test("sessions begin where they do on one machine", async () => {
  await withServer(async (server) => {
    await withSessions(4, async (datasetPath) => {
      const options: BenchOptions = { ...REPLAY, datasetPath, concurrency: [4], sessionStart: 0.7 };
      const { runs: alone } = await sendTogether(server.url, 0, options);
      const { runs } = await sendTogether(server.url, 2, options);
      assert(turnsOf(alone).length < 32);
      assertEquals(turnsOf(runs), turnsOf(alone));
    });
  });
});

Deno.test("the first machine empties the caches while all are quiet, and warms the prefixes", async () => {
  const server = await startSimServer({ ttft: "0", itl: "0", prefixCache: true, cacheBlock: 8 });
  try {
    const options: BenchOptions = {
      ...{ concurrency: [2, 4], requests: 16, dataset: "synthetic", inputTokens: "20" },
      ...{ prefixPools: "2:64", warmup: undefined!, resetCache: "vllm" },
    };
    const { runs, log } = await sendTogether(server.url, 4, options);
    for (const { ends } of runs) {
      assertEquals(ends.map(({ cacheNotReset }) => cacheNotReset), [undefined, undefined]);
    }
    const order = ["quiet 0", "reset 0", "begin 0", "quiet 1", "reset 1", "begin 1"];
    const points = log.met.map((one) => one.replace(/^\d+ /, ""));
    assertEquals(points, order.flatMap((point) => Array(4).fill(point)));
    // Each prompt finds its prefix.
    const records = recordsOf(runs);
    assertEquals(records.length, 32);
    assert(records.every(({ cachedTokens = 0 }) => cachedTokens >= 56));
    const beside = recordsOf(runs, "warmup").filter(({ load }) => load === 1);
    assertEquals(beside.length, 4 + 2);
  } finally {
    await server.stop();
  }
});

Deno.test("limits hold for all machines together", async () => {
  let open = 0;
  let most = 0;
  await withServer(async (server) => {
    for (const options of [{ maxInFlight: 5 }, { maxPrefill: 5, workers: 2 }]) {
      open = most = 0;
      const { runs } = await sendTogether(server.url, 4, {
        rate: [Infinity],
        requests: 30,
        ...options,
      });
      assertEquals(recordsOf(runs).filter(({ outcome }) => outcome.kind === "ok").length, 30);
      assert(most <= 5, `${most}`);
      assert(most > 1);
    }
    for (const options of [{ maxInFlight: 3 }, { maxPrefill: 3 }]) {
      await assertRejects(
        () => sendTogether(server.url, 4, { rate: [10], requests: 4, ...options }),
        UserError,
        "3 out to 4 agents: each needs a part of at least 1, give 4 or more",
      );
    }
  }, {
    async hold() {
      most = Math.max(most, ++open);
      await new Promise((resolve) => setTimeout(resolve, 5));
      open--;
    },
  });
});

Deno.test("only the first machine reads the server's metrics", async () => {
  const server = await startSimServer({ ttft: "1", itl: "0" });
  try {
    const { runs } = await sendTogether(server.url, 2, {
      concurrency: [2],
      requests: 8,
      serverMetrics: "auto",
    });
    assertEquals(runs.map(({ header }) => header.serverMetrics?.length), [1, undefined]);
    assertEquals(runs.map(({ ends }) => ends[0]!.scrapes?.length), [1, undefined]);
  } finally {
    await server.stop();
  }
});

Deno.test("threads of several machines draw on one count", async () => {
  await withServer(async (server) => {
    for (const transport of ["socket", "fetch"]) {
      const { runs } = await sendTogether(server.url, 2, {
        ...{ concurrency: [7], requests: 60, workers: 2, transport },
      });
      const records = recordsOf(runs);
      assertEquals(records.length, 60);
      assertEquals(new Set(records.map(({ user }) => user)).size, 7);
      assertEquals(new Set(records.map(({ index }) => index)).size, 60);
    }
  });
});
