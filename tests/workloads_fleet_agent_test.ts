/** An agent of a fleet against a leader that is a script, and a server that is simulated. */
import { assert, assertEquals } from "@std/assert";
import { systemClock } from "../backends/clock.ts";
import { startSimServer } from "../backends/sim_server.ts";
import { parseSlo } from "../metrics/summary_slo.ts";
import { createAccumulator } from "../metrics/summary.ts";
import type { Host } from "../workloads/command.ts";
import { joinFleet } from "../workloads/fleet_agent.ts";
import { readRecordFile } from "../workloads/record_file.ts";
import { MemoryServer } from "./support/memory_bus.ts";
import { type Script, ScriptedLeader } from "./support/scripted_leader.ts";

const QUIET = {
  ...{ witness: false, gpu: "off", serverMetrics: "off", noCalibration: true, seed: 1, salt: "s" },
  ...{ transport: "fetch", workers: 0, outputTokens: "4", dataset: "synthetic", inputTokens: "8" },
  ...{ warmup: 0 },
};

/** A host that keeps what it is told, and whose Ctrl-C a test presses. */
function testHost(): Host & { readonly notes: string[]; readonly abort: () => void } {
  const [first, second] = [new AbortController(), new AbortController()];
  const notes: string[] = [];
  return {
    ...{ print() {}, progress() {}, stdoutIsTerminal: false, color: false, columns: 100 },
    note: (line) => void notes.push(line),
    ...{ interrupted: first.signal, aborted: second.signal, commandLine: ["agent"] },
    interrupt: () => first.abort(),
    abort: () => second.abort(),
    notes,
  };
}

/** A leader, a server and some agents; all end with the test. */
async function withFleet(
  script: Partial<Script> & { readonly agents?: number; readonly ttft?: string },
  use: (fleet: {
    readonly leader: ScriptedLeader;
    readonly server: MemoryServer;
    readonly folder: string;
    readonly join: (
      name: string,
      host?: Host,
    ) => { readonly code: Promise<number>; readonly bus: ReturnType<MemoryServer["connect"]> };
  }) => Promise<void>,
): Promise<void> {
  const sim = await startSimServer({ ttft: script.ttft ?? "3", itl: "1" });
  const folder = await Deno.makeTempDir({ prefix: "tokometer-test-" });
  const server = new MemoryServer(systemClock);
  const leader = new ScriptedLeader(server.connect(), {
    ...{ agents: 1, urls: [sim.url] },
    ...script,
    options: { ...QUIET, ...script.options },
  });
  await leader.begin();
  try {
    await use({
      ...{ leader, server, folder },
      join(name, host = testHost()) {
        const bus = server.connect();
        return { code: joinFleet(bus, { fleet: "f", folder: `${folder}/${name}` }, host), bus };
      },
    });
  } finally {
    leader.close();
    await sim.stop();
    await Deno.remove(folder, { recursive: true });
  }
}

Deno.test("two agents send one schedule, tell their parts, and leave", async () => {
  const options = { rate: [40], requests: 24, arrival: "constant", slo: "ttft:500" };
  await withFleet({ agents: 2, options }, async ({ leader, folder, join }) => {
    const codes = await Promise.all([join("a").code, join("b").code]);
    assertEquals(codes, [0, 0]);
    assertEquals(leader.ends.map(({ agent }) => agent).toSorted(), [0, 1]);
    assertEquals(leader.ends.map(({ part }) => part.completed), [12, 12]);
    assertEquals(leader.ends.map(({ part }) => part.outputTokens), [48, 48]);
    assertEquals(leader.dones.length, 2);
    assert(leader.dones.every(({ reason, fileFailure }) => reason ?? fileFailure === undefined));
    // What is delivered adds up to the load.
    const { header } = leader.prepared.find(({ agent }) => agent === 0)!;
    assertEquals(header.part, { fleet: "f", run: "run-1", agent: 0, agents: 2 });
    const { part: _, ...whole } = header;
    const all = createAccumulator(whole, { values: "histogram", slo: parseSlo("ttft:500") });
    for (const { state } of leader.ends) all.absorb(state!);
    all.end(leader.ends[0]!.end);
    assertEquals(all.summary().loads[0]?.counts.completed, 24);
    // Instants are those of the whole schedule.
    const files = await Promise.all(
      ["a", "b"].map((name) => readRecordFile(`${folder}/${name}/records.jsonl`)),
    );
    const measured = files.map(({ records }) =>
      records.filter(({ phase }) => phase === "measure").map(({ index }) => index)
        .toSorted((a, b) => a - b)
    );
    const [even, odd] = [0, 1].map((from) => Array.from({ length: 12 }, (_, i) => 2 * i + from));
    assertEquals(measured.toSorted((a, b) => a[0]! - b[0]!), [even, odd]);
    const starts = leader.ends.map(({ end }) => end.startedAtMs!);
    assert(Math.abs(starts[0]! - starts[1]!) < 50, "they began together");
    // The last update of each knows everything that was sent.
    for (const agent of [0, 1]) {
      const last = leader.updates.findLast((one) => one.agent === agent)!;
      assert(last.number >= 1);
    }
  });
});
