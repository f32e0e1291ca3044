/** An agent of a fleet against a leader that is a script, and a server that is simulated. */
import { assert, assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import { systemClock } from "../backends/clock.ts";
import { startSimServer } from "../backends/sim_server.ts";
import { parseSlo } from "../metrics/summary_slo.ts";
import { createAccumulator } from "../metrics/summary.ts";
import type { Host } from "../workloads/command.ts";
import { joinFleet } from "../workloads/fleet_agent.ts";
import { readRecordFile } from "../workloads/record_file.ts";
import { EXIT, UserError } from "../workloads/user_error.ts";
import { agentHost, QUIET_PLAN } from "./support/agent_host.ts";
import { MemoryServer } from "./support/memory_bus.ts";
import { type Script, ScriptedLeader } from "./support/scripted_leader.ts";

/** A leader, a server and some agents; all end with the test. */
async function withFleet(
  script: Partial<Script>,
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
  const sim = await startSimServer({ ttft: "3", itl: "1" });
  const folder = await Deno.makeTempDir({ prefix: "tokometer-test-" });
  const server = new MemoryServer(systemClock);
  const leader = new ScriptedLeader(server.connect(), {
    ...{ agents: 1, urls: [sim.url], beatMs: 50, leadMs: 150 },
    ...script,
    options: { ...QUIET_PLAN, ...script.options },
  });
  await leader.begin();
  try {
    await use({
      ...{ leader, server, folder },
      join(name, host = agentHost()) {
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

/** One open load of half a second and more. */
const OPEN = { rate: [50], requests: 30, arrival: "constant" };
/** One that takes long enough to be interrupted. */
const LONG = { rate: [50], duration: 20, arrival: "constant", grace: 1 };

/** Requests of the measured part in an agent's own file. */
async function requestsIn(folder: string): Promise<number> {
  const { records } = await readRecordFile(`${folder}/records.jsonl`);
  return records.filter(({ phase, outcome }) => phase === "measure" && outcome.kind === "ok")
    .length;
}

Deno.test("users of two agents draw on one count, which comes out exactly", async () => {
  const options = { concurrency: [4], requests: 60 };
  await withFleet({ agents: 2, options }, async ({ leader, join }) => {
    assertEquals(await Promise.all([join("a").code, join("b").code]), [0, 0]);
    const sent = leader.ends.map(({ part }) => part.completed);
    assertEquals(sent[0]! + sent[1]!, 60);
    assert(leader.leases.length >= 2);
  });
});

Deno.test("an agent whose leader falls silent sends no more, keeps its file, and exits with 6", async () => {
  await withFleet({ options: LONG, plan: { lostMs: 700 } }, async ({ leader, folder, join }) => {
    const host = agentHost();
    const { code } = join("a", host);
    await leader.until(() => leader.updates.some(({ completed }) => completed > 0));
    leader.silent = true;
    assertEquals(await code, EXIT.invalid);
    assertStringIncludes(host.notes.join("\n"), "its leader was not heard of for");
    // A leader that comes back finds all that was sent.
    await leader.until(() => leader.dones.length === 1);
    assertStringIncludes(leader.dones[0]!.reason ?? "", "its leader was not heard of");
    const [end] = leader.ends;
    assertEquals(end?.end.interrupted, true);
    assertEquals(end?.part.completed, await requestsIn(`${folder}/a`));
    assert(end!.end.durationMs < 15_000);
  });
});

Deno.test("a cut shorter than that changes nothing, and everything is delivered once", async () => {
  await withFleet({ options: OPEN, plan: { lostMs: 20_000 } }, async ({ leader, folder, join }) => {
    const { code, bus } = join("a");
    await leader.until(() => leader.beat.load === 0);
    bus.link(false);
    const mending = setTimeout(() => bus.link(true), 1500);
    assertEquals(await code, 0);
    clearTimeout(mending);
    await leader.until(() => leader.dones.length === 1);
    assertEquals(leader.ends.map(({ part }) => part.completed), [30]);
    assertEquals(leader.dones[0]?.reason, undefined);
    assertEquals(await requestsIn(`${folder}/a`), 30);
  });
});

Deno.test("an agent that is cut off for longer tells its results when the network is back", async () => {
  await withFleet({ options: LONG, plan: { lostMs: 500 } }, async ({ leader, folder, join }) => {
    const { code, bus } = join("a");
    await leader.until(() => leader.updates.some(({ completed }) => completed > 0));
    bus.link(false);
    const mending = setTimeout(() => bus.link(true), 1200);
    assertEquals(await code, EXIT.invalid);
    clearTimeout(mending);
    await leader.until(() => leader.dones.length === 1);
    assertEquals(leader.ends[0]?.part.completed, await requestsIn(`${folder}/a`));
  });
});

Deno.test("an agent that stays cut off ends all the same, and its file has everything", async () => {
  await withFleet({ options: LONG, plan: { lostMs: 400 } }, async ({ leader, folder, join }) => {
    const host = agentHost();
    const { code, bus } = join("a", host);
    await leader.until(() => leader.updates.some(({ completed }) => completed > 0));
    bus.link(false);
    assertEquals(await code, EXIT.invalid);
    assertStringIncludes(host.notes.join("\n"), "Not all results reached memory");
    assertStringIncludes(host.notes.join("\n"), "the record file has them");
    assertEquals(leader.ends, []);
    assert(await requestsIn(`${folder}/a`) > 0);
  });
});

Deno.test("Ctrl-C at an agent is told at once, and what was in flight is in the results", async () => {
  await withFleet({ options: LONG }, async ({ leader, folder, join }) => {
    const host = agentHost();
    const { code } = join("a", host);
    await leader.until(() => leader.updates.some(({ completed }) => completed > 0));
    host.interrupt();
    assertEquals(await code, EXIT.interrupted);
    await leader.until(() => leader.dones.length === 1);
    const leaving = leader.updates.find(({ leaving }) => leaving !== undefined);
    assertEquals(leaving?.leaving, "it was interrupted on its machine");
    assertEquals(leader.dones[0]?.reason, "it was interrupted on its machine");
    assertEquals(leader.ends[0]?.part.completed, await requestsIn(`${folder}/a`));
  });
});

Deno.test("an agent obeys: stop, stop at once, over, and that it is lost", async () => {
  const cases = [
    [{ stop: true, why: "agent 1 is lost" }, 0, undefined],
    [{ stop: true, abort: true }, 0, undefined],
    [{ over: true }, 0, undefined],
    [{ lost: [0] }, EXIT.invalid, "the leader has given it up"],
  ] as const;
  await Promise.all(cases.map(async ([change, code, reason]) => {
    // Answers that would take a minute are cancelled.
    const options = "abort" in change ? { ...LONG, grace: 60, outputTokens: "60000" } : LONG;
    await withFleet({ options }, async ({ leader, join }) => {
      const host = agentHost();
      const joined = join("a", host);
      await leader.until(() => leader.beat.load === 0);
      await leader.until(() => leader.updates.some(({ sent }) => sent > 0));
      leader.change(change);
      assertEquals(await joined.code, code);
      await leader.until(() => leader.dones.length === 1);
      assertEquals(leader.dones[0]?.reason, reason);
      assertEquals(leader.ends[0]?.end.interrupted, true);
      if ("why" in change) {
        assertStringIncludes(host.notes.join(), "The run stops: agent 1 is lost");
      }
    });
  }));
});

Deno.test("a load that is left out is not sent, and the next one is", async () => {
  const options = { ...OPEN, rate: [50, 60] };
  await withFleet({ options, begins: false }, async ({ leader, join }) => {
    const { code } = join("a");
    const ready = (load: number) =>
      leader.readies.some((one) => one.load === load && one.point === "begin");
    await leader.until(() => ready(0));
    leader.change({ skip: { load: 0, reason: "another one could not" } });
    await leader.until(() => ready(1));
    leader.change({ load: 1, beginAtMs: leader.now() + 150 });
    assertEquals(await code, 0);
    await leader.until(() => leader.ends.length === 2);
    assertEquals(leader.ends.map(({ end }) => end.skipped), [true, undefined]);
    assertEquals(leader.ends.map(({ part }) => part.sent), [0, 30]);
  });
});

Deno.test("loads of a search come from the leader, which also cuts them short", async () => {
  const open = { kind: "open", arrival: "constant", shape: 1, maxInFlight: 0, overflow: "wait" };
  const decided = [{ requests: 10 }, { durationMs: 20_000 }].map((stop, i) => ({
    ...{ load: { ...open, ratePerSec: 50 + i }, stop, probe: 50 + i },
  }));
  await withFleet({
    options: { rate: [50] },
    find: {
      ...{ goal: "curve", axis: "rate", maxFailures: 0, tolerance: 0.1 },
      ...{ first: 50, lowest: 50, highest: 400 },
    },
    decided: decided as unknown as NonNullable<Script["decided"]>,
  }, async ({ leader, join }) => {
    const { code } = join("a");
    await leader.until(() =>
      leader.updates.some(({ progress, completed }) => progress?.load === 1 && completed > 0)
    );
    leader.change({ cut: { load: 1, reason: "enough" } });
    assertEquals(await code, 0);
    await leader.until(() => leader.ends.length === 2);
    assertEquals(leader.ends.map(({ end }) => end.cutShort), [undefined, "enough"]);
    assertEquals(leader.ends[0]?.part.completed, 10);
    assertEquals(leader.prepared[0]?.header.find?.goal, "curve");
  });
});

Deno.test("an agent that cannot measure says why, and leaves with the same code", async () => {
  await withFleet({ options: OPEN, urls: ["http://127.0.0.1:9"] }, async ({ leader, join }) => {
    const error = await assertRejects(() => join("a").code, UserError);
    assertEquals(error.exitCode, EXIT.unreachable);
    await leader.until(() => leader.dones.length === 1);
    const [{ reason, exitCode } = {}] = leader.dones;
    assertEquals(exitCode, EXIT.unreachable);
    assertStringIncludes(reason ?? "", "127.0.0.1:9");
  });
});

Deno.test("a leader of another version refuses, and nothing is waited for", async () => {
  const why = "it is version 0.0.1, its leader 0.1.0: give both the same";
  await withFleet({ refuse: () => ({ kind: "refused", why }) }, async ({ leader, join }) => {
    const error = await assertRejects(() => join("a").code, UserError, why);
    assertEquals(error.exitCode, EXIT.usage);
    assertEquals(leader.hellos, []);
  });
});

Deno.test("where nobody leads, an agent waits as long as it was told, or until Ctrl-C", async () => {
  const server = new MemoryServer(systemClock);
  const late = () => joinFleet(server.connect(), { fleet: "f", waitMs: 300 }, agentHost());
  const error = await assertRejects(late, UserError, "there was none within 0.3 s (--wait)");
  assertEquals(error.exitCode, EXIT.unreachable);
  const host = agentHost();
  const waiting = joinFleet(server.connect(), { fleet: "f" }, host);
  host.interrupt();
  assertEquals(await waiting, EXIT.interrupted);
});

Deno.test("secrets come apart from the plan, and stay out of what is kept and told", async () => {
  const secrets = { options: { apiKey: "sk-quite-secret-1" } };
  await withFleet({ options: { ...OPEN, requests: 5 }, secrets }, async (fleet) => {
    const { leader, folder, join } = fleet;
    assertEquals(await join("a").code, 0);
    const told = JSON.stringify([leader.prepared, leader.ends, leader.dones, leader.updates]);
    assert(!told.includes("quite-secret"));
    const file = await Deno.readTextFile(`${folder}/a/records.jsonl`);
    assert(!file.includes("quite-secret"));
  });
});
