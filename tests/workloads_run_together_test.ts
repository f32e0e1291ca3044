/** Several machines that send one workload: the same as one machine does. */
import { assert, assertEquals, assertRejects } from "@std/assert";
import type { Run } from "../metrics/run.ts";
import { type BenchOptions, measureBench } from "../workloads/run_bench.ts";
import type { Together } from "../workloads/run_together.ts";
import { UserError } from "../workloads/user_error.ts";
import {
  FLEETS,
  plannedOf,
  QUICK,
  recordsOf,
  sameOf,
  sendTogether,
  takeBodies,
  togetherOf,
  withServer,
} from "./support/together.ts";

const SCHEDULES: Readonly<Record<string, BenchOptions>> = {
  "poisson, two loads": { rate: [300, 600], requests: 41 },
  "constant, until a time": { rate: [200], arrival: "constant", duration: 0.15 },
  "stages": { rateStages: "50..400@0.15s,400@0.05s" },
  "all at once": { rate: [Infinity], requests: 25 },
  "each once": { rate: [400], once: true, prompts: 23 },
  "a mix for two models": {
    ...{ rate: [400], requests: 37, models: "base:70,chat:30" },
    mix: "short:60=synthetic:8/2,long:40=synthetic:64/6",
  },
};

for (const [name, options] of Object.entries(SCHEDULES)) {
  Deno.test(`one schedule on 1, 2, 4 and 8 machines: ${name}`, async () => {
    await withServer(async (server) => {
      const alone = await sendTogether(server.url, 0, options);
      const bodies = takeBodies(server);
      const same = sameOf(alone.runs, plannedOf);
      assert(same.length > 15);
      for (const agents of [1, ...FLEETS]) {
        const { runs } = await sendTogether(server.url, agents, options);
        assertEquals(sameOf(runs, plannedOf), same, `${agents} machines`);
        assertEquals(takeBodies(server), bodies, `${agents} machines`);
        for (const [agent, { records, header }] of runs.entries()) {
          assert(
            records.every(({ index, phase }) => phase === "warmup" || index % agents === agent),
          );
          assertEquals(header.part, { fleet: "test", run: "run", agent, agents });
          assertEquals(header.loads, alone.runs[0]!.header.loads);
        }
      }
    });
  });
}

const CLOSED: Readonly<Record<string, BenchOptions>> = {
  "one count": { concurrency: [6], requests: 50 },
  "two loads, the second with a ramp": { concurrency: [3, 9], requests: 31, rampUp: 0.05 },
  "fewer requests than users": { concurrency: [12], requests: 7 },
  "with think time": { concurrency: [5], requests: 20, thinkTime: "uniform:1ms:9ms" },
};

for (const [name, options] of Object.entries(CLOSED)) {
  Deno.test(`users on several machines send exactly their count: ${name}`, async () => {
    await withServer(async (server) => {
      const { runs: alone } = await sendTogether(server.url, 0, options);
      const users = (load: number) => alone[0]!.header.loads[load]!.users!;
      for (const agents of [2, 8]) {
        const { runs } = await sendTogether(server.url, agents, options);
        for (const load of alone[0]!.header.loads.keys()) {
          const records = recordsOf(runs).filter((one) => one.load === load);
          assertEquals(records.length, options.requests, `${agents} machines`);
          // User u's request number k is the same everywhere, and no number comes twice.
          const of = Map.groupBy(records, ({ user }) => user);
          for (const [user, own] of of) {
            const indices = own.map(({ index }) => index).toSorted((a, b) => a - b);
            assertEquals(indices, indices.map((_, k) => user + k * users(load)));
          }
          const first = Math.min(users(load), options.requests!);
          if (options.rampUp === undefined) assertEquals(of.size, first, `${agents} machines`);
        }
        for (const [agent, { records }] of runs.entries()) {
          assert(records.every(({ user }) => user % agents === agent));
        }
      }
    });
  });
}

Deno.test("users on any number of machines send each prompt once", async () => {
  await withServer(async (server) => {
    const options: BenchOptions = {
      concurrency: [5],
      once: true,
      prompts: 30,
      outputTokens: "uniform:2:9",
    };
    await sendTogether(server.url, 0, options);
    const bodies = takeBodies(server);
    assertEquals(bodies.length, 30);
    for (const agents of FLEETS) {
      const { runs, log } = await sendTogether(server.url, agents, options);
      assertEquals(takeBodies(server), bodies, `${agents} machines`);
      assertEquals(recordsOf(runs).map(({ index }) => index).toSorted((a, b) => a - b), [
        ...Array(30).keys(),
      ]);
      assertEquals(log.leased.reduce((sum, { count }) => sum + count, 0), 25);
    }
  });
});

Deno.test("users without a number wait for the next portion, and go on", async () => {
  await withServer(async (server) => {
    const options: BenchOptions = { concurrency: [4], requests: 40 };
    let slow = 0;
    const { runs, log } = await sendTogether(server.url, 2, options, {
      async onLease() {
        if (++slow > 2) await new Promise((resolve) => setTimeout(resolve, 60));
      },
    });
    const records = recordsOf(runs);
    assertEquals(records.length, 40);
    assert(log.leased.length > 4);
    // Who waited was due when it would have left.
    assert(records.some(({ sentMs = 0, intendedMs }) => sentMs - intendedMs > 20));
    assert(runs.every(({ ends }) => ends[0]!.sendingEndMs > 0));
  });
});

Deno.test("a machine without users, or without requests, takes part and ends", async () => {
  await withServer(async (server) => {
    for (const options of [{ concurrency: [1, 3], requests: 9 }, { rate: [100], requests: 3 }]) {
      const { runs, log } = await sendTogether(server.url, 4, { ...options, warmup: undefined! });
      assertEquals(recordsOf(runs).length, options.requests * (options.concurrency?.length ?? 1));
      const idle = runs[3]!;
      assertEquals(recordsOf([idle]).length, 0);
      assertEquals(
        idle.ends.map(({ skipped, interrupted, durationMs }) => [skipped, interrupted, durationMs]),
        idle.ends.map(() => [undefined, false, 0]),
      );
      assert(log.met.includes("3 begin 0"));
    }
  });
});

Deno.test("a load that must not be sent is skipped, the next one is sent", async () => {
  await withServer(async (server) => {
    const { runs } = await sendTogether(server.url, 2, { concurrency: [2, 4], requests: 8 }, {
      skipped: (load) => load === 0,
    });
    for (const { ends } of runs) {
      assertEquals(ends.map(({ skipped }) => skipped), [true, undefined]);
    }
    assertEquals(recordsOf(runs).map(({ load }) => load), Array(8).fill(1));
  });
});

Deno.test("machines start at the common instant, each by its own clock", async () => {
  await withServer(async (server) => {
    const { runs } = await sendTogether(server.url, 4, { rate: [200], requests: 20 });
    const startsMs = runs.map(({ ends }) => ends[0]!.startedAtMs!);
    // In microseconds, of which each machine rounds the last.
    assert(Math.max(...startsMs) - Math.min(...startsMs) < 0.01);
  });
});

Deno.test("whole prompts of a warm-up are dealt; short ones, too, with headers of their own", async () => {
  await withServer(async (server) => {
    const options = { concurrency: [4], requests: 8, warmup: 10, sessionHeader: "x-session" };
    for (const warmup of [10, undefined!]) {
      await sendTogether(server.url, 0, { ...options, warmup });
      const bodies = takeBodies(server);
      for (const agents of [2, 8]) {
        server.heads.splice(0);
        const { runs } = await sendTogether(server.url, agents, { ...options, warmup });
        assertEquals(takeBodies(server), bodies, `${agents} machines`);
        const count = warmup ?? 4;
        assertEquals(
          recordsOf(runs, "warmup").map(({ index }) => index).toSorted((a, b) => a - b),
          [...Array(count).keys()],
        );
        const marks = server.heads.map((head) => head.get("x-session")).filter((one) =>
          one?.endsWith("question") === false
        );
        assertEquals(new Set(marks).size, count + 8);
        assert(marks.every((mark) => mark!.startsWith("run-")));
      }
    }
  });
});

Deno.test("each machine of a schedule warms up, however few are in flight", async () => {
  await withServer(async (server) => {
    const { runs } = await sendTogether(server.url, 4, {
      rate: [100],
      requests: 12,
      warmup: undefined!,
    });
    for (const run of runs) assert(recordsOf([run], "warmup").length > 0);
  });
});

/** The other machine of two never comes. */
async function sendAlone(
  url: string,
  stops: (signal: AbortController) => Partial<Together>,
): Promise<Run> {
  const stop = new AbortController();
  const [one] = togetherOf(1).all;
  const together = { ...one!, share: { ...one!.share, agents: 2 }, ...stops(stop) };
  return await measureBench(url, { ...QUICK, concurrency: [4], requests: 20 }, {
    stopSignal: stop.signal,
    together,
  });
}

Deno.test("a machine that waits for others obeys Ctrl-C", async () => {
  await withServer(async (server) => {
    for (const point of ["meet", "begin"] as const) {
      const run = sendAlone(server.url, (stop) => ({
        [point](load: number, ...rest: unknown[]) {
          assertEquals(load, 0);
          const signal = rest.at(-1) as AbortSignal;
          setTimeout(() => stop.abort(), 20);
          return new Promise((resolve) =>
            signal.addEventListener("abort", () => resolve(undefined))
          );
        },
      }));
      const { exitCode } = await assertRejects(() => run, UserError, "Interrupted before anything");
      assertEquals(exitCode, 130);
    }
  });
});

Deno.test("users who wait for a portion obey Ctrl-C, and end when there is none", async () => {
  await withServer(async (server) => {
    const stopped = await sendAlone(server.url, (stop) => ({
      lease() {
        setTimeout(() => stop.abort(), 250);
        return new Promise(() => {});
      },
    }));
    // First requests need no portion.
    assertEquals(stopped.records.map(({ user }) => user).toSorted(), [0, 2]);
    assertEquals(stopped.ends.map(({ interrupted }) => interrupted), [true]);

    const over = await sendAlone(server.url, () => ({ lease: () => Promise.resolve(undefined) }));
    assertEquals(over.records.length, 2);
    assertEquals(over.ends.map(({ interrupted }) => interrupted), [false]);

    await assertRejects(
      () => sendAlone(server.url, () => ({ lease: () => Promise.reject(new Error("gone")) })),
      Error,
      "gone",
    );
  });
});

Deno.test("threads without users do not end the full load", async () => {
  await withServer(async (server) => {
    for (const [agents, users] of [[0, 1], [2, 2]] as const) {
      const options = { concurrency: [users], requests: 9, workers: 2 };
      const { runs } = await sendTogether(server.url, agents, options);
      assert(runs.every(({ ends }) => ends[0]!.sendingEndMs > 0));
    }
  });
});
