import { assertEquals } from "@std/assert";
import { withinContext } from "../workloads/session_limit.ts";
import { ScheduleConductor, scheduleOf } from "../workloads/session_schedule.ts";
import { namesOf, plannerSession, play, sessionOf } from "./support/sessions.ts";

const SESSIONS = [
  sessionOf("a", [{ atMs: 0 }, { atMs: 4000 }]),
  sessionOf("b", [{ atMs: 1000 }]),
  sessionOf("c", [{ atMs: 1000 }]),
  sessionOf("d", [{ atMs: 9000 }]),
];

Deno.test("rows leave at their instants by the speedup, equal ones in the order of the file", () => {
  const rows = scheduleOf(SESSIONS, { speedup: 20 });
  const sent = play(new ScheduleConductor(rows), () => ({ ms: 100_000 }));
  assertEquals(namesOf(sent), ["a 0", "b 0", "c 0", "a 1", "d 0"]);
  assertEquals(sent.map(({ startMs }) => startMs), [0, 50, 50, 200, 450]);
  assertEquals(sent.map(({ turn }) => turn.use.order), [0, 1, 2, 0, 3]);
});

Deno.test("a part of the recording begins at once; its end is left out", () => {
  const rows = scheduleOf(SESSIONS, { speedup: 2, fromMs: 1000, toMs: 9000 });
  assertEquals(rows.map(({ session, dueMs }) => [session.id, dueMs]), [
    ["b", 0],
    ["c", 0],
    ["a", 1500],
  ]);
  assertEquals(scheduleOf(SESSIONS, { speedup: 1, fromMs: 9001 }), []);
});

Deno.test("a schedule goes on whatever fails, and stops where it is told to", () => {
  const rows = scheduleOf(SESSIONS, { speedup: 1 });
  const source = new ScheduleConductor(rows);
  assertEquals(play(source, () => ({ ms: 1, how: "failed" })).length, 5);
  assertEquals(source.isDone, true);
  assertEquals(play(new ScheduleConductor(rows, 2), () => ({ ms: 1 })).length, 2);
  const cut = new ScheduleConductor(rows);
  assertEquals(play(cut, () => ({ ms: 50 }), { stopMs: 2000 }).length, 3);
  assertEquals(cut.isDone, true);
});

Deno.test("requests beyond the context are left out with those that wait for them, and counted", () => {
  const long = sessionOf("long", [
    { inputTokens: 100 },
    { inputTokens: 200 },
    { inputTokens: 997 },
    { inputTokens: 400 },
  ]);
  const { sessions, skipped } = withinContext([long, plannerSession()], 1000);
  assertEquals(sessions.map(({ turns }) => turns.length), [2, 6]);
  assertEquals(Object.values(skipped), [1, 1]);
  // Of a helper alone the join is left out, and the other helper stays.
  const planner = plannerSession();
  const turns = planner.turns.map((turn, i) => ({
    ...turn,
    prompt: { ...turn.prompt, inputTokens: i === 2 ? 5000 : 64 },
  })) as typeof planner.turns;
  const [cut] = withinContext([{ ...planner, turns }], 1000).sessions;
  assertEquals(cut!.turns.map(({ chain, waitsFor }) => [chain, ...waitsFor]), [
    [0],
    [1, 0],
    [2, 0],
  ]);
  assertEquals(withinContext([long], 10).sessions, []);
});
