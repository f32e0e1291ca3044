/** A leader and agents that only speak, over a real NATS server. */
import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { epochOriginMs, patientClock } from "../backends/clock.ts";
import type { LoadEnd, RunHeader } from "../metrics/run.ts";
import type { BenchPlan } from "../workloads/bench_plan.ts";
import { measureFleet } from "../workloads/fleet_lead.ts";
import { connectBus } from "../workloads/fleet_nats.ts";
import { createHeader } from "./support/create_run.ts";
import { playAgent, type PlayerEnd } from "./support/fleet_player.ts";
import { holdNats, natsTest } from "./support/nats.ts";
import { startNatsServer } from "../workloads/fleet_server.ts";

const PLAN = { options: {}, loads: [], stops: [], warmups: [] } as unknown as BenchPlan;
const never = new AbortController().signal;

function header(durationMs: number): RunHeader {
  return createHeader({
    loads: [{ label: "8 req/s", kind: "open", ratePerSec: 8, stopDurationMs: durationMs }],
  });
}

/** Leads two agents over a server. */
async function play(
  url: string,
  { durationMs, notes }: { readonly durationMs: number; readonly notes: string[] },
): Promise<{ readonly ends: readonly LoadEnd[]; readonly agents: readonly PlayerEnd[] }> {
  const buses = await Promise.all(
    [0, 1, 2].map((i) => connectBus({ servers: url, fleet: "f", name: `test ${i}` })),
  );
  const originMs = epochOriginMs();
  try {
    const players = buses.slice(1).map((bus, i) =>
      playAgent({
        bus,
        clock: patientClock,
        originMs,
        name: `n${i}`,
        rank: i,
        header: header(durationMs),
      })
    );
    const run = measureFleet(buses[0]!, {
      ...{ fleet: "f", agents: 2, urls: ["http://a"], options: {}, files: [] },
    })(PLAN, {
      ...{ stopSignal: never, abortSignal: never, commandLine: [] },
      note: (line) => void notes.push(line),
    });
    const [{ ends }, ...agents] = await Promise.all([run, ...players]);
    return { ends, agents };
  } finally {
    await Promise.all(buses.map((bus) => bus.close()));
  }
}

natsTest("a server that is started again in the middle of a load costs nothing", async () => {
  await holdNats();
  const store = await Deno.makeTempDir({ prefix: "tokometer-test-" });
  const first = await startNatsServer({ store });
  let second: Awaited<ReturnType<typeof startNatsServer>> | undefined;
  const notes: string[] = [];
  const again = (async () => {
    await patientClock.sleepUntil(patientClock.now() + 3000);
    await first.stop();
    second = await startNatsServer({ store, port: first.port });
  })();
  try {
    const { ends, agents } = await play(first.url, { durationMs: 3000, notes });
    await again;
    assertEquals(agents.map(({ kind }) => kind), ["over", "over"]);
    assertEquals(ends[0]?.fleet?.parts.map(({ sent, lost }) => [sent, lost]), [
      [10, undefined],
      [10, undefined],
    ]);
    assertEquals(ends[0]?.interrupted, false);
    assert(ends[0]!.fleet!.disconnectedMs! > 0);
    assertStringIncludes(notes.join("\n"), "is reached again, after ");
  } finally {
    await again;
    await second?.stop();
    await Deno.remove(store, { recursive: true });
  }
});
