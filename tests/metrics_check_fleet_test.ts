import { assert, assertAlmostEquals, assertEquals, assertStringIncludes } from "@std/assert";
import type { Check } from "../metrics/check.ts";
import { fleetPartOf } from "../metrics/summary_fleet_part.ts";
import { fleetIsBroken, planOfPart } from "../metrics/summary_fleet.ts";
import { summarize, type Summary } from "../metrics/summary.ts";
import { leftOutFor, usedRepeats } from "../metrics/compare_measured.ts";
import { createRecord } from "./support/create_record.ts";
import { createRun } from "./support/create_run.ts";
import { createFleetRun, createPart, type FleetFields } from "./support/create_fleet.ts";

const OPEN = [{ label: "8 req/s", kind: "open", ratePerSec: 8, stopDurationMs: 60_000 }] as const;
const LOST = { lost: { atMs: 15_000, reason: "nothing was heard of it for 30 s" } };

const fleet = (fields: FleetFields = {}): Summary => summarize(createFleetRun(fields));

function check(fields: FleetFields, name: string): Check | undefined {
  const { loads: [load], checks } = fleet(fields);
  return [...load!.checks, ...checks].find((one) => one.name === name);
}

Deno.test("a fleet that was all there counts as asked", () => {
  const summary = fleet();
  const { fleet: found, verdict } = summary.loads[0]!;
  assert(found?.asAsked);
  assertEquals([found.lost, found.missingShare, found.hosts], [0, 0, 4]);
  assertEquals(found.present, [{ fromMs: 0, agents: 4, share: 1 }]);
  assertEquals(found.agents.map(({ share }) => share), [0.25, 0.25, 0.25, 0.25]);
  assertEquals(fleetIsBroken(summary), false);
  assertEquals(verdict?.reasons, undefined);
  for (const name of ["fleet", "fleet_start", "fleet_clocks", "fleet_versions"]) {
    assert(check({}, name)!.ok, name);
  }
  assertEquals(check({}, "fleet_records"), undefined);
  assertEquals(check({}, "fleet_leader"), undefined);
});

Deno.test("one client has no fleet, and none of its checks", () => {
  const summary = summarize(createRun([createRecord()]));
  assertEquals(summary.loads[0]!.fleet, undefined);
  assertEquals(
    [...summary.loads[0]!.checks, ...summary.checks].filter(({ name }) => name.includes("fleet")),
    [],
  );
  assertEquals(fleetIsBroken(summary), false);
});

Deno.test("a lost agent makes the run invalid: which share is missing, and from when on", () => {
  const summary = fleet({ parts: { 2: { ...LOST, sent: 20 } } });
  const { fleet: found, checks } = summary.loads[0]!;
  assert(fleetIsBroken(summary));
  assertEquals([found!.asAsked, found!.lost], [false, 1]);
  assertEquals(found!.present, [
    { fromMs: 0, agents: 4, share: 1 },
    { fromMs: 15_000, agents: 3, share: 0.75 },
  ]);
  assertAlmostEquals(found!.missingShare, 0.25 * 45 / 60);
  const { ok, message } = checks.find(({ name }) => name === "fleet")!;
  assertEquals(ok, false);
  assertEquals(
    message,
    "The load is not the one that was asked for, as 1 of 4 agents was lost: agent 2 (node-2) " +
      "15.0 s after the start of the load (nothing was heard of it for 30 s), so that its share, " +
      "4 of 16 users, is missing from the results altogether (it had told of 20 requests), and " +
      "whether it sent more is not known. All of the load was there at first, 75.0 % from 15.0 s on",
  );
  const { sentence, soundness, standing } = summary.answer;
  assertStringIncludes(sentence, "16 users: ");
  assertEquals(standing, "none");
  assertStringIncludes(
    soundness,
    "Does not count as asked: agent 2 (node-2) was lost 15.0 s after the start of the load (all of " +
      "the load was there at first, 75.0 % from 15.0 s on).",
  );
});

Deno.test("what a lost agent had sent may be in the results", () => {
  const parts = { 2: { lost: { ...LOST.lost, counted: true as const } } };
  const { message } = check({ parts, loads: OPEN }, "fleet")!;
  assertStringIncludes(message, "its share, 25.0 %, was not sent from then on");
  assertStringIncludes(message, "what it had sent is in the results");
});

Deno.test("an agent that was lost with nothing left to send breaks nothing", () => {
  const late = { lost: { atMs: 60_000, reason: "it was killed", counted: true as const } };
  assertEquals(fleetIsBroken(fleet({ parts: { 2: late } })), false);
  // Its results never came.
  const gone = { lost: { atMs: 60_000, reason: "it was killed" } };
  assert(fleetIsBroken(fleet({ parts: { 2: gone } })));
  // Two users for four agents: the last two have none.
  const few = [{ label: "2 users", users: 2 }];
  assertEquals(fleetIsBroken(fleet({ loads: few, parts: { 3: LOST } })), false);
  assert(fleetIsBroken(fleet({ loads: few, parts: { 1: LOST } })));
});

Deno.test("an agent that is lost before a load has no part in it", () => {
  const before = { lost: { atMs: -5, reason: "its machine went down" }, sent: 0 };
  const summary = fleet({ parts: { 0: before, 1: before, 2: before, 3: before } });
  assertEquals(summary.loads[0]!.fleet!.present, [{ fromMs: 0, agents: 0, share: 0 }]);
  assertEquals(summary.loads[0]!.fleet!.missingShare, 1);
  const { message } = check({ parts: { 0: before } }, "fleet")!;
  assertStringIncludes(message, "agent 0 (node-0) before the load (its machine went down)");
  assertStringIncludes(message, "75.0 % of the load was there");
});

Deno.test("an agent of which nothing was told is lost, and one that is none of them is nobody", () => {
  const parts = [createPart(0), createPart(1), createPart(3), createPart(7), createPart(3)];
  const { fleet: found } = fleet({ fleetEnd: { parts } }).loads[0]!;
  assertEquals(found!.agents.map(({ lost }) => lost?.reason), [
    ...[undefined, undefined, "nothing was heard of it", undefined],
  ]);
  assertEquals(found!.asAsked, false);
});

Deno.test("of many lost agents the first are named", () => {
  const parts = Object.fromEntries(
    [...Array(900).keys()].map((i) => [i, { lost: { atMs: 10_000 + i, reason: "gone" } }]),
  );
  const loads = [{ label: "2000 users", users: 2000 }];
  const { message } = check({ agents: 1000, parts, loads }, "fleet")!;
  assertStringIncludes(message, "as 900 of 1,000 agents were lost: agent 0 (node-0) 10.0 s");
  assertStringIncludes(message, "; and 897 more. ");
  assertStringIncludes(message, "in 900 steps 10.0 % from 10.9 s on");
  assert(message.length < 1000);
});

Deno.test("uneven shares are those of whole users and requests", () => {
  const shares = (loads: NonNullable<FleetFields["loads"]>) =>
    fleet({ loads }).loads[0]!.fleet!.agents.map(({ share }) => share);
  assertEquals(shares([{ label: "5 users", users: 5 }]), [0.4, 0.2, 0.2, 0.2]);
  assertEquals(shares([{ label: "8 req/s", kind: "open", stopRequests: 2 }]), [0.5, 0.5, 0, 0]);
  assertEquals(shares(OPEN), [0.25, 0.25, 0.25, 0.25]);
});

Deno.test("a late start is told, and breaks the load where more than 1 % of it was missing", () => {
  const little = { parts: { 1: { lateMs: 1200 } }, loads: OPEN };
  const { ok, message } = check(little, "fleet_start")!;
  assertEquals(ok, false);
  assertStringIncludes(message, "Agent 1 (node-1) began 1.20 s after the common instant");
  assertStringIncludes(message, "what was due before was sent late, all at once");
  // 0.25 · 1.2 s of 60 s.
  assertEquals(fleetIsBroken(fleet(little)), false);
  const much = fleet({ parts: { 1: { lateMs: 3600 } }, loads: OPEN });
  assert(fleetIsBroken(much));
  assertStringIncludes(
    much.answer.soundness,
    "Does not count as asked: agents began late, and 1.5 % of the load was missing.",
  );
  // 20 ms blur a schedule, and no users.
  assertEquals(check({ parts: { 1: { lateMs: 20 } }, loads: OPEN }, "fleet_start")!.ok, false);
  assertEquals(check({ parts: { 1: { lateMs: 20 } } }, "fleet_start")!.ok, true);
});

Deno.test("clocks are held against what they blur", () => {
  const clock = { offsetMs: -3000, uncertaintyMs: 8, samples: 30, driftPpm: 100 };
  const far = { parts: { 3: { clock } } };
  assertEquals(check(far, "fleet_clocks")!.ok, true);
  const { ok, message } = check({ ...far, loads: OPEN }, "fleet_clocks")!;
  assertEquals(ok, false);
  // 100 ppm of a minute are 6 ms.
  assertEquals(
    message,
    "By the clock, departures are within ±14.0 ms of the common schedule (worst: agent 3 (node-3), " +
      "half of the smallest of 30 round trips, drift of 100 ppm over the load included); no latency " +
      "mixes two clocks: that blurs their common schedule",
  );
  const { clock: _, ...never } = createPart(1);
  const unknown = [createPart(0), never, createPart(2), createPart(3)];
  assertStringIncludes(
    check({ fleetEnd: { parts: unknown } }, "fleet_clocks")!.message,
    "The clocks of 1 of 4 agents were never compared",
  );
});

Deno.test("versions that differ are named, and transports that differ are said", () => {
  const { ok, message } = check({ machines: { 1: { version: "0.0.9" } } }, "fleet_versions")!;
  assertEquals(ok, false);
  assertStringIncludes(message, "the leader is 0.1.0, agent 1 (node-1) 0.0.9");
  assertStringIncludes(
    check({ machines: { 1: { transport: "fetch" } } }, "fleet_versions")!.message,
    "and send over epoll and fetch",
  );
});

Deno.test("a record file that is incomplete is named with its reason", () => {
  const { ok, message } = check(
    { parts: { 2: { fileFailure: "no space left on device" } } },
    "fleet_records",
  )!;
  assertEquals(ok, false);
  assertStringIncludes(message, "(agent 2 (node-2): no space left on device)");
});

Deno.test("a leader that was away matters where it gives out requests", () => {
  const fleetEnd = { disconnectedMs: 5100 };
  assertEquals(check({ fleetEnd }, "fleet_leader")!.ok, true);
  const leased = { fleetEnd, loads: [{ label: "16 users", users: 16, stopRequests: 400 }] };
  const { ok, message } = check(leased, "fleet_leader")!;
  assertEquals(ok, false);
  assertStringIncludes(message, "not connected to NATS for 5.10 s of this load");
});

Deno.test("the verdict on a load is that of its worst agent", () => {
  const bound = {
    1: { verdict: "client-bound", causes: ["the reading thread was busy"], clientError: 0.3 },
    2: { verdict: "suspect" },
  } as const;
  const { verdict, fleet: found } = fleet({ parts: bound }).loads[0]!;
  assertEquals(verdict?.kind, "client-bound");
  assertStringIncludes(verdict!.message, "1 of 4 agents was the limit");
  assertEquals(verdict!.reasons[0], {
    rule: "agents",
    kind: "client-bound",
    message: "agent 1 (node-1): the reading thread was busy",
    advice: "give these agents cores of their own, or deal the load to more agents",
  });
  assertEquals(found!.worstClientError, { agent: 1, share: 0.3 });
  assertEquals(fleet({ parts: { 2: { verdict: "suspect" } } }).loads[0]!.verdict?.kind, "suspect");
});

Deno.test("one agent's own file is judged by its share", () => {
  const records = Array.from(
    { length: 60 },
    (_, index) => createRecord({ index, sentMs: index * 150 }),
  );
  const part = { fleet: "night", run: "r1", agent: 1, agents: 4 };
  const loads = [{ label: "5 users", users: 5, stopRequests: 100 }];
  const of = (header: object) =>
    summarize(createRun(records, { header, loads })).loads[0]!.checks
      .filter(({ ok }) => !ok).map(({ name }) => name);
  assert(of({}).includes("requests"));
  assert(of({}).includes("concurrency"));
  assertEquals(of({ part }).filter((name) => ["requests", "concurrency"].includes(name)), []);
  const { checks, loads: [load] } = summarize(createRun(records, { header: { part }, loads }));
  assertStringIncludes(
    checks.find(({ name }) => name === "fleet_part")!.message,
    "Agent 1 of the 4 of fleet night",
  );
  assertEquals(load!.plan.users, 5);
  const { soundness } = summarize(createRun(records, { header: { part }, loads })).answer;
  assertStringIncludes(
    soundness,
    "These are the figures of agent 1 of 4, which sent its share only.",
  );
  const plan = {
    label: "x",
    kind: "open",
    ratePerSec: 8,
    maxInFlight: 6,
    stopRequests: 9,
  } as const;
  assertEquals(planOfPart(plan, part), {
    ...{ label: "x", kind: "open", ratePerSec: 2, maxInFlight: 2 },
  });
  assertEquals(planOfPart(plan, undefined), plan);
});

Deno.test("an agent tells its part from its own summary", () => {
  const { loads: [load] } = summarize(createRun([createRecord(), createRecord({ index: 1 })]));
  assertEquals(fleetPartOf(load!, { agent: 2, lateMs: 0.5 }), {
    ...{ agent: 2, lateMs: 0.5, sent: 2, completed: 2, failed: 0, outputTokens: 10 },
  });
  const bracket = { low: 80, high: 101 };
  const ttft = load!.metrics.find(({ name }) => name === "ttft")!;
  const metrics = [{ ...ttft, brackets: { mean: bracket, median: bracket, percentiles: [] } }];
  const reason = { rule: "r", kind: "suspect", message: "why", advice: "" } as const;
  const judged = {
    ...load!,
    metrics,
    verdict: { kind: "suspect" as const, message: "", reasons: [reason] },
  };
  const { clientError, verdict, causes } = fleetPartOf(judged, { agent: 2, lateMs: 0 });
  assertEquals([clientError, verdict, causes], [0.2, "suspect", ["why"]]);
});

Deno.test("what a lost agent had is no mistake of the record and nobody else's", () => {
  const load = { label: "16 users", users: 16, stopRequests: 500 };
  const header = { dataset: { ...createRun([]).header.dataset, prompts: 1000 } };
  const found = (parts: NonNullable<FleetFields["parts"]>) =>
    fleet({ loads: [load], parts, header }).loads[0]!.checks
      .filter(({ ok }) => !ok).map(({ name }) => name);
  assert(found({}).includes("requests") && found({}).includes("concurrency"));
  assertEquals(
    found({ 2: LOST }).filter((name) => ["requests", "concurrency"].includes(name)),
    [],
  );
});

Deno.test("a load that lost an agent is not compared", () => {
  const run = 0;
  const of = (parts: NonNullable<FleetFields["parts"]>) =>
    ({
      ...{ run, position: 0, load: fleet({ parts }).loads[0]! },
    }) as unknown as Parameters<typeof leftOutFor>[0];
  const [good, bad] = [of({}), of({ 2: LOST })];
  assertEquals([leftOutFor(good), leftOutFor(bad)], [undefined, "fleet not complete"]);
  assertEquals(usedRepeats([good, bad]), [good]);
});
