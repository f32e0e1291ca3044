/** A leader and agents that only speak, on a clock that is moved by hand. */
import { assert, assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import type { LoadEnd, RunHeader } from "../metrics/run.ts";
import type { BenchPlan } from "../workloads/bench_plan.ts";
import { type LeadSettings, measureFleet } from "../workloads/fleet_lead.ts";
import type { LoadFinder } from "../workloads/run_finder.ts";
import type { MeasureHooks } from "../workloads/run_hooks.ts";
import { EXIT, UserError } from "../workloads/user_error.ts";
import { createHeader } from "./support/create_run.ts";
import { FakeClock } from "./support/fake_clock.ts";
import { playAgent, type PlayerEnd, type PlayerOptions } from "./support/fleet_player.ts";
import { type MemoryBus, MemoryServer } from "./support/memory_bus.ts";

const PLAN = { options: {}, loads: [], stops: [], warmups: [] } as unknown as BenchPlan;
const ORIGIN_MS = 1e12;

function twoLoads(fields: Partial<RunHeader> = {}): RunHeader {
  return createHeader({
    loads: [
      { label: "8 req/s", kind: "open", ratePerSec: 8, stopDurationMs: 5000 },
      { label: "16 req/s", kind: "open", ratePerSec: 16, stopDurationMs: 5000 },
    ],
    ...fields,
  });
}

/** What a test changes, and watches. */
interface Staged {
  readonly clock: FakeClock;
  readonly server: MemoryServer;
  readonly stop: AbortController;
  readonly abort: AbortController;
  readonly notes: string[];
  readonly ends: LoadEnd[];
  readonly headers: RunHeader[];
  readonly states: number[];
  readonly leader: MemoryBus;
  readonly buses: MemoryBus[];
  lead(
    settings?: Partial<LeadSettings>,
    hooks?: Partial<MeasureHooks>,
  ): Promise<{ readonly ends: readonly LoadEnd[] }>;
  agent(options?: Partial<PlayerOptions>): Promise<PlayerEnd>;
  run<T>(work: Promise<T>): Promise<T>;
  after(ms: number, action: () => void): void;
}

function stage(header: RunHeader = twoLoads()): Staged {
  const clock = new FakeClock({ io: false });
  const server = new MemoryServer(clock);
  const [stop, abort] = [new AbortController(), new AbortController()];
  const leader = server.connect();
  const staged: Staged = {
    ...{ clock, server, stop, abort, leader, buses: [] },
    ...{ notes: [], ends: [], headers: [], states: [] },
    lead(settings = {}, hooks = {}) {
      const measure = measureFleet(leader, {
        ...{ fleet: "f", agents: 2, urls: ["http://a"], options: { rate: [8, 16] }, files: [] },
        ...{ lostMs: 5000, ...settings },
      }, { clock, originMs: ORIGIN_MS });
      return measure(PLAN, {
        ...{ stopSignal: stop.signal, abortSignal: abort.signal, commandLine: ["bench"] },
        note: (line) => void staged.notes.push(line),
        onHeader: (header) => {
          staged.headers.push(header);
          return Promise.resolve();
        },
        onState: ({ load }) => void staged.states.push(load),
        onLoadEnd: (end) => void staged.ends.push(end),
        ...hooks,
      });
    },
    agent(options = {}) {
      const bus = server.connect();
      staged.buses.push(bus);
      const name = `n${staged.buses.length - 1}`;
      return playAgent({ bus, clock, originMs: ORIGIN_MS, name, header, ...options });
    },
    run: (work) => clock.run(work),
    after(ms, action) {
      void clock.sleepUntil(clock.now() + ms).then(action);
    },
  };
  return staged;
}

Deno.test("two agents send two loads that begin at one instant", async () => {
  const staged = stage();
  const [one, two, run] = await staged.run(Promise.all([
    staged.agent({ warmUpMs: 300 }),
    staged.agent({ warmUpMs: 900 }),
    staged.lead(),
  ]));
  assertEquals([one.kind, two.kind], ["over", "over"]);
  assertEquals(one.begun, two.begun);
  assertEquals(run.ends.map(({ load, interrupted, skipped }) => [load, interrupted, skipped]), [
    [0, false, undefined],
    [1, false, undefined],
  ]);
  assertEquals(run.ends[0]?.startedAtMs, one.begun[0]);
  assertEquals(staged.states, [0, 0, 1, 1]);
  const { parts } = run.ends[1]!.fleet!;
  assertEquals(parts.map(({ agent, sent, lost }) => [agent, sent, lost]), [
    [0, 10, undefined],
    [1, 10, undefined],
  ]);
  const [header] = staged.headers;
  assertEquals(header?.part, undefined);
  assertEquals(header?.fleet?.agents.map(({ file }) => file), [
    "/out/0/records.jsonl",
    "/out/1/records.jsonl",
  ]);
  assertEquals(header?.commandLine, ["bench"]);
  assertEquals(one.plan?.options, { rate: [8, 16] });
  assertEquals(staged.server.kept.size, 0, "the place of the leader is free");
  assertEquals(staged.server.delivered, [], "nothing of the run is left");
});

Deno.test("agents have the numbers of their ranks, the others those that are left", async () => {
  const staged = stage();
  const ends = await staged.run(Promise.all([
    staged.agent(),
    staged.agent({ rank: 0 }),
    staged.agent({ rank: 2 }),
    staged.lead({ agents: 3 }),
  ]));
  const numbers = ends.slice(0, 3).map((end) => (end as PlayerEnd).plan?.share.agent);
  assertEquals(numbers, [1, 0, 2]);
});

Deno.test("agents of another version, of a rank too many or a rank that is taken are refused", async () => {
  const staged = stage();
  const giveUp = new AbortController();
  const others = Promise.all([
    staged.agent({ version: "0.0.1" }),
    staged.agent({ rank: 2 }),
    (async () => {
      await staged.clock.sleepUntil(2000);
      return await staged.agent({ rank: 0, name: "twin" });
    })(),
    (async () => {
      await staged.clock.sleepUntil(9000);
      return await staged.agent({ name: "late", signal: giveUp.signal });
    })(),
  ]);
  const good = Promise.all([
    staged.agent({ rank: 0, name: "good" }),
    (async () => {
      await staged.clock.sleepUntil(6000);
      return await staged.agent({ rank: 1 });
    })(),
  ]);
  await staged.run(Promise.all([good, staged.lead()]));
  giveUp.abort();
  const [version, rank, twin, late] = await staged.run(others);
  assertEquals([version.kind, rank.kind, twin.kind, late.kind], [
    "refused",
    "refused",
    "refused",
    "no plan",
  ]);
  assertStringIncludes(version.why!, "it is version 0.0.1, its leader ");
  assertStringIncludes(rank.why!, "its rank is 2, and the run has 2 agents");
  assertStringIncludes(twin.why!, "rank 0 is taken by good");
  assertEquals(staged.notes.filter((line) => line.includes("was refused")).length, 3);
  assertEquals((await good).map(({ kind }) => kind), ["over", "over"]);
});

Deno.test("the requests of a closed load are given out exactly, and to all", async () => {
  const header = createHeader({
    loads: [{ label: "8 users", kind: "closed", users: 8, rampUpMs: 0, stopRequests: 50 }],
  });
  const staged = stage(header);
  const [one, two] = await staged.run(Promise.all([
    staged.agent({ leased: true, requests: 50, loadMs: 9000 }),
    staged.agent({ leased: true, requests: 50, loadMs: 12_000 }),
    staged.lead(),
  ]));
  const sent = [...one.sent[0]!, ...two.sent[0]!].toSorted((a, b) => a - b);
  assertEquals(sent, Array.from({ length: 50 }, (_, i) => i));
  assert(one.sent[0]!.length > 15 && two.sent[0]!.length > 15);
});

Deno.test("an agent that dies in the middle of a load is told of, and ends the run after it", async () => {
  const staged = stage();
  const [, , run] = await staged.run(Promise.all([
    staged.agent(),
    staged.agent({ diesAt: { load: 0, point: "middle" } }),
    staged.lead(),
  ]));
  const lost = staged.notes.find((line) => line.includes("is lost"));
  assertStringIncludes(lost ?? "", "Agent 1 (n1) is lost: nothing was heard of it for 5 seconds");
  const { parts } = run.ends[0]!.fleet!;
  assertEquals(parts[0]?.lost, undefined);
  const { atMs, counted } = parts[1]!.lost!;
  assert(atMs > 1000 && atMs < 4000, `heard last at ${atMs}`);
  assertEquals(counted, undefined);
  assert(parts[1]!.sent > 0, "what it had told stays");
  assertEquals(run.ends[0]?.interrupted, false);
  assertEquals([run.ends[1]?.skipped, run.ends[1]?.interrupted], [true, false]);
  assert(run.ends[1]!.fleet!.parts[1]!.lost!.atMs <= 0);
});

Deno.test("an agent that dies before the first load ends the run at once", async () => {
  const staged = stage();
  const work = Promise.all([
    staged.agent(),
    staged.agent({ diesAt: { load: 0, point: "ready" } }),
    staged.lead(),
  ]);
  const error = await assertRejects(() => staged.run(work), UserError, "agent 1 (n1) is lost");
  assertEquals(error.exitCode, EXIT.invalid);
});

Deno.test("an agent that cannot prepare ends the run with its own words and exit code", async () => {
  const staged = stage();
  const good = staged.agent({ preparingMs: 3000 });
  const bad = staged.agent({ fails: { reason: "Cannot reach http://a", exitCode: 3 } });
  const error = await assertRejects(() => staged.run(staged.lead()), UserError, "http://a");
  assertEquals(error.exitCode, EXIT.unreachable);
  const ends = await staged.run(Promise.all([good, bad]));
  assertEquals(ends.map(({ kind }) => kind), ["over", "over"]);
  assertStringIncludes(ends[0].lastBeat?.why ?? "", "Cannot reach");
});

Deno.test("an agent that says that it leaves is asked for its last word, and its exit code", async () => {
  const staged = stage();
  const good = staged.agent({ preparingMs: 8000 });
  const bad = staged.agent({
    preparingMs: 3000,
    update: { leaving: "Cannot reach http://a" },
    fails: { reason: "Cannot reach http://a", exitCode: 3 },
  });
  const error = await assertRejects(() => staged.run(staged.lead()), UserError, "http://a");
  assertEquals(error.exitCode, EXIT.unreachable);
  await staged.run(Promise.all([good, bad]));
});

Deno.test("agents that would send another load are refused with what differs", async () => {
  const staged = stage();
  const one = staged.agent();
  const two = staged.agent({ header: twoLoads({ seed: 7 }) });
  await assertRejects(
    () => staged.run(staged.lead()),
    UserError,
    "the seed of agent 1 is 7, of agent 0 0",
  );
  await staged.run(Promise.all([one, two]));
});

Deno.test("Ctrl-C once ends the load everywhere; what was sent counts", async () => {
  const staged = stage();
  staged.after(6000, () => staged.stop.abort());
  const [one, , run] = await staged.run(Promise.all([
    staged.agent(),
    staged.agent(),
    staged.lead(),
  ]));
  assertEquals(run.ends.map(({ interrupted, skipped }) => [interrupted, skipped]), [
    [true, undefined],
    [true, true],
  ]);
  assertEquals(one.lastBeat?.stop, true);
  assertEquals(staged.states, [0, 0]);
});

Deno.test("Ctrl-C twice waits for nobody who does not answer", async () => {
  const staged = stage();
  staged.after(4500, () => staged.buses[1]!.kill());
  staged.after(5000, () => staged.stop.abort());
  staged.after(6000, () => staged.abort.abort());
  const deaf = staged.agent();
  const mute = staged.agent();
  const run = await staged.run(staged.lead({ lostMs: 300_000 }));
  assertEquals(run.ends[0]?.interrupted, true);
  assertEquals(
    run.ends[0]?.fleet?.parts[1]?.lost?.reason,
    "it did not end at the second Ctrl-C",
  );
  void deaf;
  void mute;
});

Deno.test("Ctrl-C while agents are waited for ends at once", async () => {
  const staged = stage();
  staged.after(2000, () => staged.stop.abort());
  const error = await assertRejects(() => staged.run(staged.lead()), UserError, "Interrupted");
  assertEquals(error.exitCode, EXIT.interrupted);
  assertEquals(staged.server.kept.size, 0);
});

Deno.test("agents that do not come are not waited for for ever", async () => {
  const staged = stage();
  const alone = new AbortController();
  const agent = staged.agent({ signal: alone.signal });
  const error = await assertRejects(
    () => staged.run(staged.lead({ agentsWaitMs: 20_000 })),
    UserError,
    "1 of the 2 agents of the fleet f came within",
  );
  assertEquals(error.exitCode, EXIT.unreachable);
  alone.abort();
  await staged.run(agent);
});

Deno.test("a leader that is cut off goes on where the agents are when it is back", async () => {
  const staged = stage();
  staged.after(4000, () => staged.leader.link(false));
  staged.after(8000, () => staged.leader.link(true));
  const [one, two, run] = await staged.run(Promise.all([
    staged.agent(),
    staged.agent(),
    staged.lead(),
  ]));
  assertEquals([one.kind, two.kind], ["over", "over"]);
  assertEquals(run.ends.map(({ fleet }) => fleet?.parts.some(({ lost }) => lost)), [false, false]);
  assertEquals(run.ends[0]?.fleet?.disconnectedMs, 4000);
  assert(staged.notes.some((line) => line.includes("is reached again, after 4.0 s")));
});

Deno.test("an agent that is cut off for less than it takes to be lost is not lost", async () => {
  const staged = stage();
  staged.after(4000, () => staged.buses[1]!.link(false));
  staged.after(8000, () => staged.buses[1]!.link(true));
  const [, , run] = await staged.run(Promise.all([
    staged.agent(),
    staged.agent(),
    staged.lead(),
  ]));
  assertEquals(run.ends.map(({ fleet }) => fleet?.parts.some(({ lost }) => lost)), [false, false]);
});

Deno.test("results that come from a lost agent in time count, and the run is broken all the same", async () => {
  const header = createHeader({
    loads: [{ label: "8 req/s", kind: "open", ratePerSec: 8, stopDurationMs: 30_000 }],
  });
  const staged = stage(header);
  staged.after(5000, () => staged.buses[1]!.link(false));
  staged.after(18_000, () => staged.buses[1]!.link(true));
  const [, two, run] = await staged.run(Promise.all([
    staged.agent(),
    staged.agent(),
    staged.lead(),
  ]));
  assertEquals(two.kind, "leader lost");
  const { lost } = run.ends[0]!.fleet!.parts[1]!;
  assertEquals(lost?.counted, true);
  assertEquals(staged.states, [0, 0]);
});

Deno.test("an agent that does not begin what the others send is missing from it", async () => {
  const staged = stage();
  const [, , run] = await staged.run(Promise.all([
    staged.agent(),
    staged.agent({ end: { skipped: true }, part: { sent: 0, completed: 0 } }),
    staged.lead(),
  ]));
  const [first, second] = run.ends;
  const broken = first!.fleet!.parts.filter(({ lost }) => lost !== undefined);
  assertEquals(broken.map(({ lost }) => lost!.reason), ["it did not begin the load"]);
  assert(broken[0]!.lost!.atMs <= 0);
  assertEquals(second?.skipped, true);
});

Deno.test("results of another load than the one that goes on are not taken", async () => {
  const staged = stage();
  const [, , run] = await staged.run(Promise.all([
    staged.agent(),
    staged.agent({ stateOf: () => ({ schema: "tokometer.state/1", load: 1, parts: {} }) }),
    staged.lead(),
  ]));
  assertEquals(staged.states, [0]);
  const broken = run.ends[0]!.fleet!.parts.filter(({ lost }) => lost !== undefined);
  assertEquals(broken.map(({ lost }) => lost!.reason), [
    "its results cannot be read: it is of load 1",
  ]);
  assertEquals(broken[0]!.lost!.counted, undefined);
});

Deno.test("results that cannot be read are not said to count", async () => {
  const staged = stage();
  let told = 0;
  const [, , run] = await staged.run(Promise.all([
    staged.agent(),
    staged.agent(),
    staged.lead({}, {
      onState: () => {
        if (++told === 2) throw new TypeError("parts are no numbers");
      },
    }),
  ]));
  const parts = run.ends[0]!.fleet!.parts;
  const broken = parts.filter(({ lost }) => lost !== undefined);
  assertEquals(broken.map(({ lost }) => lost?.reason), [
    "its results cannot be read: parts are no numbers",
  ]);
  assertEquals(broken[0]!.lost?.counted, undefined);
});

Deno.test("a second leader is refused while the first lives", async () => {
  const staged = stage();
  const other = stage();
  const leads: string[] = [];
  const second = measureFleet(staged.server.connect(), {
    ...{ fleet: "f", agents: 2, urls: [], options: {}, files: [] },
    onLeads: () => void leads.push("second"),
  }, { clock: staged.clock, originMs: ORIGIN_MS });
  const first = staged.lead({ onLeads: () => void leads.push("first") });
  const agents = [staged.agent(), staged.agent()];
  const refused = assertRejects(
    () =>
      second(PLAN, {
        ...{ stopSignal: other.stop.signal, abortSignal: other.abort.signal, commandLine: [] },
      }),
    UserError,
    "Cannot lead the fleet f: process",
  );
  await staged.run(Promise.all([first, refused, ...agents]));
  assertEquals(leads, ["first"]);
});

Deno.test("a leader in place of a dead one sends its agents away, says so, and goes on", async () => {
  const staged = stage();
  const orphans = [staged.agent(), staged.agent()];
  const dead = staged.lead({ lostMs: 60_000 });
  dead.catch(() => {});
  let again: Promise<{ readonly ends: readonly LoadEnd[] }> | undefined;
  let young: Promise<PlayerEnd>[] = [];
  const notes: string[] = [];
  const next = new Promise<void>((resolve) =>
    staged.after(6000, () => {
      staged.leader.kill();
      again = measureFleet(staged.server.connect(), {
        ...{ fleet: "f", agents: 2, urls: [], options: {}, files: [], lostMs: 5000 },
      }, { clock: staged.clock, originMs: ORIGIN_MS })(PLAN, {
        ...{ stopSignal: new AbortController().signal, commandLine: [] },
        abortSignal: new AbortController().signal,
        note: (line) => void notes.push(line),
      });
      young = [staged.agent(), staged.agent()];
      resolve();
    })
  );
  await staged.run(next);
  const [run, ...ends] = await staged.run(Promise.all([again!, ...orphans, ...young]));
  assertEquals(ends.map(({ kind }) => kind), ["over", "over", "over", "over"]);
  assertStringIncludes(ends[0]!.lastBeat?.why ?? "", "its leader was lost");
  assertEquals(run.ends.length, 2);
  assert(
    notes.some((line) => /was lost during load 1; its 2 agents are told to end/.test(line)),
    notes.join("\n"),
  );
  assert(notes.some((line) => line.startsWith("2 of them have ended")), notes.join("\n"));
});

Deno.test("a leader asks a finder for loads, and each is a plan for all agents", async () => {
  const find = {
    ...{ goal: "curve", axis: "rate", tolerance: 0.05, maxFailures: 0 },
    ...{ first: 1, lowest: 1, highest: 4 },
  } as const;
  const header = createHeader({ find: find as RunHeader["find"] & object, loads: [] });
  const staged = stage(header);
  const rates = [1, 2, 4];
  const absorbed: number[] = [];
  const ended: number[] = [];
  const finder: LoadFinder = {
    begin: (answerMs) => {
      assertEquals(answerMs, 100);
      return find as NonNullable<RunHeader["find"]>;
    },
    open: () => {},
    next: () => {
      const rate = rates.shift();
      return rate === undefined ? undefined : {
        load: {
          ...{ kind: "open", arrival: "poisson", ratePerSec: rate, shape: 1 },
          ...{ maxInFlight: 0, overflow: "wait" },
        },
        stop: { durationMs: 3000 },
        probe: rate,
      };
    },
    plan: () => {},
    see: () => {},
    absorb: ({ load }) => void absorbed.push(load),
    whyStop: () => undefined,
    end: ({ load }) => void ended.push(load),
  };
  const [one, two, run] = await staged.run(Promise.all([
    staged.agent(),
    staged.agent(),
    staged.lead({}, { finder }),
  ]));
  assertEquals([one.kind, two.kind], ["over", "over"]);
  assertEquals(ended, [0, 1, 2]);
  assertEquals(absorbed, [0, 0, 1, 1, 2, 2]);
  assertEquals(run.ends.length, 3);
  assertEquals(one.begun.length, 3);
});

Deno.test("rubbish from a machine of the fleet changes nothing, and is told of once", async () => {
  const staged = stage();
  const rude = staged.server.connect();
  const say = (subject: string, text: string) =>
    rude.publish(subject, new TextEncoder().encode(text));
  staged.after(4000, () => {
    const run = [...staged.server.listeners].map(({ pattern }) => pattern)
      .find((pattern) => pattern[1] === "update")![0]!;
    for (const text of ["", "{", "null", '{"agent":99,"number":1}', '{"agent":-1}']) {
      for (const subject of ["update", "ready", "prepared", "lease", "next", "find", "secrets"]) {
        say(`${run}.${subject}`, text);
      }
      say("hello", text);
    }
    const lie = { agent: 0, load: 0, want: 1e9, limit: 1e12, number: 1 };
    say(`${run}.lease`, JSON.stringify({ ...lie, agent: 7 }));
  });
  const [one, two, run] = await staged.run(Promise.all([
    staged.agent(),
    staged.agent(),
    staged.lead(),
  ]));
  assertEquals([one.kind, two.kind], ["over", "over"]);
  assertEquals(run.ends.map(({ fleet }) => fleet?.parts.some(({ lost }) => lost)), [false, false]);
  const told = staged.notes.filter((line) => line.includes("cannot be read"));
  assertEquals(told.length, 7, told.join("\n"));
});
