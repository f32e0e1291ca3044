import { assert, assertEquals } from "@std/assert";
import { metricOf } from "../metrics/load_figures.ts";
import type { Run } from "../metrics/run.ts";
import type { SessionEnd } from "../metrics/run_replay.ts";
import { summarize } from "../metrics/summary.ts";
import { createLanes, LANE_REQUESTS } from "../metrics/summary_lanes.ts";
import { createFailure, createRecord } from "./support/create_record.ts";
import { createRun } from "./support/create_run.ts";
import { createSessionsRun } from "./support/create_sessions.ts";

const PLAN = { label: "2 sessions", kind: "closed", users: 2, replay: "sessions" } as const;

function end(fields: Partial<SessionEnd>): SessionEnd {
  return {
    ...{ load: 0, session: "a", user: 0, startMs: 0, endMs: 1000, sent: 1, notSent: 0 },
    ...{ end: "done", ...fields },
  };
}

function runOf(sessions: readonly SessionEnd[], count = 4): Run {
  const records = Array.from(
    { length: count },
    (_, index) => createRecord({ index, sentMs: index * 1000, session: "a", turn: index + 1 }),
  );
  const durationMs = 10_000;
  return { ...createRun(records, { loads: [PLAN], ends: [{ durationMs }] }), sessions };
}

Deno.test("sessions: ends, rates, and the times of those that were done", () => {
  const { sessions } = summarize(
    runOf([
      end({ endMs: 2000 }),
      end({ session: "b", startMs: 1000, endMs: 5000 }),
      end({ session: "c", endMs: 100, end: "failed", notSent: 3 }),
      end({ session: "d", endMs: 9000, end: "cut", notSent: 5, leftOut: 2 }),
      end({ session: "e", endMs: 200, end: "context", notSent: 1 }),
    ]),
    { percentiles: [50] },
  ).loads[0]!;
  assertEquals(sessions!.ends, { done: 2, failed: 1, context: 1, cut: 1 });
  assertEquals([sessions!.perHour, sessions!.turnsPerSec], [720, 0.4]);
  assertEquals([sessions!.time.count, sessions!.time.median], [2, 3000]);
  assertEquals([sessions!.turnsCompleted, sessions!.turnsNotSent, sessions!.turnsLeftOut], [
    ...[4, 9, 2],
  ]);
});

Deno.test("sessions: single requests have none", () => {
  const load = summarize(createRun([createRecord()])).loads[0]!;
  assertEquals([load.sessions, load.contextTooLong, load.prefix, load.lanes], [
    ...[undefined, undefined, undefined, undefined],
  ]);
});

Deno.test("sessions: above 1 % of context too long, the run did not measure the trace", () => {
  const check = (overflow: number) => {
    const records = Array.from(
      { length: 200 },
      (_, index) =>
        index < overflow
          ? createFailure("http_error", { index, session: "a", contextTooLong: true })
          : createRecord({ index, session: "a" }),
    );
    return summarize(createRun(records, { loads: [PLAN] })).loads[0]!.checks
      .find(({ name }) => name === "context_too_long");
  };
  assertEquals(check(0), undefined);
  assertEquals(check(2)!.ok, true);
  assertEquals(check(3)!.ok, false);
  assert(check(3)!.message.includes("did not measure what the trace holds"));
});

Deno.test("sessions: a cache share that differs by more than 5 points is a warning", () => {
  const check = (cachedTokens: number | undefined, askedCachedShare?: number) => {
    const record = createRecord({
      ...{ contentTokens: 100, expectedCachedTokens: 60, cachedTokens },
      promptTokens: { tokens: 100, source: "usage" },
    });
    const header = askedCachedShare === undefined ? {} : { askedCachedShare };
    return summarize(createRun([record], { header })).loads[0]!.checks
      .find(({ name }) => name === "prefix_cache")!;
  };
  assertEquals([check(56).ok, check(65).ok], [true, true]);
  assertEquals([check(50).ok, check(70).ok], [false, false]);
  assertEquals(check(undefined).message.startsWith("The server does not say"), true);
  // What was asked for counts, not what a cache without end has.
  assertEquals([check(60, 0.4).ok, check(42, 0.4).ok], [false, true]);
});

Deno.test("sessions: a share that was asked for is judged without an expectation, too", () => {
  const check = (cachedTokens: number | undefined) => {
    const record = createRecord({ cachedTokens, promptTokens: { tokens: 100, source: "usage" } });
    const run = createRun([record], { header: { askedCachedShare: 0.6 } });
    return summarize(run).loads[0]!.checks.find(({ name }) => name === "prefix_cache")!;
  };
  assertEquals([check(60).ok, check(20).ok], [true, false]);
  assert(check(20).advice!.includes("its cache is too small, is off, was asked elsewhere"));
  assert(check(undefined).message.includes("60.0 % of the prompt tokens were asked"));
});

Deno.test("sessions: what stands before the salt is named where a cache was warm", () => {
  const advice = (saltScope: "session" | "load") => {
    const record = createRecord({
      ...{ contentTokens: 100, expectedCachedTokens: 10, cachedTokens: 60 },
      promptTokens: { tokens: 100, source: "usage" },
    });
    return summarize(createRun([record], { header: { saltScope } })).loads[0]!.checks
      .find(({ name }) => name === "prefix_cache")!.advice!;
  };
  assert(advice("session").includes("system messages, which stand before the salt"));
  assert(!advice("load").includes("system messages"));
});

Deno.test("sessions: a cache that was not emptied is told with its reason", () => {
  const check = (cacheNotReset?: string) =>
    summarize(createRun([createRecord()], {
      header: { resetCache: "vllm" },
      ends: [cacheNotReset === undefined ? {} : { cacheNotReset }],
    })).loads[0]!.checks.find(({ name }) => name === "cache_reset")!;
  assertEquals(check().ok, true);
  assertEquals([check("it answered 500").ok, check("it answered 500").message], [
    ...[false, "The prefix cache was not emptied before this load: it answered 500"],
  ]);
});

Deno.test("sessions: an end that failed is told with what was not sent", () => {
  const { checks } = summarize(runOf([end({}), end({ session: "b", end: "failed", notSent: 7 })]))
    .loads[0]!;
  const { ok, message } = checks.find(({ name }) => name === "sessions")!;
  assertEquals(ok, false);
  assert(message.includes("7 requests were not sent"), message);
});

Deno.test("sessions: a departure is late by what the plan did not hold it back for", () => {
  const check = (heldMs: number | undefined, values: "raw" | "histogram") => {
    const records = Array.from({ length: 20 }, (_, index) => {
      const intendedMs = index * 1000;
      return createRecord({ index, intendedMs, sentMs: intendedMs + 50, heldMs, session: "a" });
    });
    const run = createRun(records, { loads: [{ ...PLAN, maxPrefill: 1 }] });
    const [load] = summarize(run, { values }).loads;
    const waited = metricOf(load!, "held")!.distribution.median;
    return [load!.checks.find(({ name }) => name === "schedule_delay")!.ok, waited];
  };
  for (const values of ["raw", "histogram"] as const) {
    assertEquals(check(49, values), [true, 49]);
    assertEquals(check(undefined, values), [false, undefined]);
  }
});

Deno.test("sessions: ends of one load do not count in another, whenever values move", () => {
  const { header, records, ends } = createRun(
    [0, 1].map((load) => createRecord({ load, session: "a" })),
    { loads: [PLAN, PLAN] },
  );
  const sessions = [end({ load: 1 }), end({ load: 1, session: "b", end: "cut" })];
  for (const options of [{ values: "auto", rawTicks: 60 }, { values: "raw" }] as const) {
    const { loads } = summarize({ header, records, ends, sessions }, options);
    assertEquals(loads.map((load) => load.sessions!.ends), [
      { done: 0, failed: 0, context: 0, cut: 0 },
      { done: 1, failed: 0, context: 0, cut: 1 },
    ]);
  }
});

Deno.test("lanes: slots, their sessions, and chains with the main one first", () => {
  const run = createSessionsRun({ slots: 2, sessions: 2, turns: 3 });
  const { lanes } = summarize(run).loads[0]!;
  assertEquals([lanes!.slots, lanes!.every, lanes!.untilMs], [2, 1, undefined]);
  assertEquals(lanes!.lanes.map(({ user }) => user), [0, 1]);
  const [first, second] = lanes!.lanes[0]!.sessions;
  assert(first!.endMs <= second!.startMs);
  assertEquals(first!.chains.map(({ depth, turn }) => [depth, turn.length]), [
    ...[[0, 3], [1, 3], [1, 3]],
  ]);
  assertEquals(lanes!.lanes[1]!.sessions.map(({ end }) => end), ["failed", "context"]);
  const requests = lanes!.lanes.flatMap(({ sessions }) =>
    sessions.flatMap(({ chains }) => chains.flatMap(({ turn }) => turn))
  );
  assertEquals(requests.length, run.records.length);
});

Deno.test("lanes: a session has its requests in columns, its end, and when it began", () => {
  const lanes = createLanes(PLAN);
  const place = { session: "a#1", user: 1 };
  // Sub-agents may end before the main agent's first request does.
  lanes.add(
    createFailure("timeout", { ...place, index: 3, chain: 1, depth: 1, turn: 1, sentMs: 90 }),
  );
  lanes.add(createRecord({
    ...{ ...place, index: 2, turn: 2, intendedMs: 480, sentMs: 500, heldMs: 15 },
    ...{ ticks: [[550, 1], [600, 2]], endMs: 610, contentTokens: 70 },
  }));
  lanes.add(createRecord({ ...place, index: 1, turn: 1, sentMs: 20, ticks: [[60, 1], [70, 2]] }));
  lanes.add(createRecord({ index: 4, user: 1, session: "b#1", turn: 1, sentMs: 5 }));
  lanes.session(
    end({ session: "a#1", user: 1, startMs: 10, endMs: 620, end: "failed", notSent: 3 }),
  );
  const [lane, ...others] = lanes.result()!.lanes;
  assertEquals([lane!.user, others.length], [1, 0]);
  const [unended, ended] = lane!.sessions;
  // Without a line of its own, what its requests tell.
  assertEquals([unended!.session, unended!.startMs, unended!.endMs, unended!.end], [
    ...["b#1", 5, 145, undefined],
  ]);
  assertEquals(ended, {
    ...{ session: "a#1", startMs: 10, endMs: 620, end: "failed", notSent: 3 },
    chains: [
      {
        ...{ depth: 0, turn: [1, 2], intendedMs: [20, 480], sentMs: [20, 500], heldMs: [0, 15] },
        ...{ firstTokenMs: [60, 550], lastTokenMs: [70, 600], endMs: [70, 610] },
        ...{ outcome: ["ok", "ok"], promptTokens: [10, 70] },
      },
      {
        ...{ depth: 1, turn: [1], intendedMs: [90], sentMs: [90], heldMs: undefined },
        ...{ firstTokenMs: [null], lastTokenMs: [null], endMs: [100] },
        ...{ outcome: ["timeout"], promptTokens: [10] },
      },
    ],
  });
});

Deno.test("lanes: ends of sessions are thinned out as their requests are", () => {
  const lanes = createLanes({ ...PLAN, users: 40 });
  lanes.add(createRecord({ user: 8, session: "s8", turn: 1 }));
  for (let i = 0; i < 40; i++) lanes.add(createRecord({ user: i, session: `s${i}`, turn: 1 }));
  for (let i = 0; i < 20_000; i++) {
    lanes.session(end({ session: `x${i}`, user: i % 40, startMs: i, endMs: i + 1 }));
  }
  const { every, lanes: kept } = lanes.result()!;
  assertEquals(every, 4);
  assertEquals(kept.map(({ user }) => user), [0, 4, 8, 12, 16, 20, 24, 28, 32, 36]);
});

Deno.test("lanes: too many requests are thinned out by slots, then by time, in any order", () => {
  const lanesOf = (users: number, each: number, reversed: boolean) => {
    const lanes = createLanes({ ...PLAN, users });
    const records = Array.from({ length: users * each }, (_, i) =>
      createRecord({
        ...{ index: i, user: i % users, session: `s${i % users}`, turn: 1 },
        sentMs: 100 * Math.floor(i / users),
      }));
    for (const record of reversed ? records.reverse() : records) lanes.add(record);
    return lanes.result()!;
  };
  const count = ({ lanes }: ReturnType<typeof lanesOf>) =>
    lanes.reduce(
      (sum, { sessions }) =>
        sum + sessions.reduce((sum, { chains }) => sum + chains[0]!.turn.length, 0),
      0,
    );
  for (const [users, each] of [[64, 200], [2, 7000]] as const) {
    const found = lanesOf(users, each, false);
    assert(count(found) <= LANE_REQUESTS && count(found) > LANE_REQUESTS / 2.1, String(users));
    assertEquals(found.slots, users);
    assertEquals(lanesOf(users, each, true), found);
  }
  assertEquals(lanesOf(64, 200, false).every, 4);
  assertEquals(lanesOf(2, 7000, false).lanes.length, 2);
  assert(lanesOf(2, 7000, false).untilMs! < 700_000);
});
