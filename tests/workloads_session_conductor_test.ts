import { assert, assertEquals } from "@std/assert";
import type { SessionEnd } from "../metrics/run_replay.ts";
import { type ConductorOptions, SessionConductor } from "../workloads/session_conductor.ts";
import { namesOf, plannerSession, play, sessionOf } from "./support/sessions.ts";

const OPTIONS: ConductorOptions = { seed: 1, load: 0, slots: 1, repeats: false };

/** A conductor and the ends of its sessions. */
function conduct(
  sessions: ConstructorParameters<typeof SessionConductor>[0],
  options: Partial<ConductorOptions> = {},
) {
  const ends: SessionEnd[] = [];
  const conductor = new SessionConductor(sessions, {
    ...OPTIONS,
    onSession: (end) => ends.push(end),
    ...options,
  });
  return { conductor, ends };
}

Deno.test("a turn leaves its delay after the end of all that it waits for", () => {
  const { conductor, ends } = conduct([plannerSession()]);
  const sent = play(conductor, () => ({ ms: 100 }));
  assertEquals(
    sent.map(({ turn, startMs, endMs }) => [turn.position, startMs, endMs]),
    [[0, 0, 100], [1, 110, 210], [3, 115, 215], [2, 230, 330], [4, 335, 435], [5, 436, 536]],
  );
  const whole = { load: 0, session: "planner", user: 0, startMs: 0, endMs: 536 };
  assertEquals(ends, [{ ...whole, sent: 6, notSent: 0, end: "done" }]);
  assert(conductor.isDone);
});

Deno.test("a join waits for the latest of its branches, whichever that is", () => {
  const { conductor } = conduct([plannerSession()]);
  const sent = play(conductor, ({ position }) => ({ ms: position === 3 ? 1000 : 10 }));
  const branch = sent.find(({ turn }) => turn.position === 3)!;
  const join = sent.find(({ turn }) => turn.position === 4)!;
  assertEquals(join.startMs - branch.endMs, 5);
});

Deno.test("delays are capped, the first one of a session too", () => {
  const session = sessionOf("a", [{ delayMs: 90_000 }, { delayMs: 90_000 }, { delayMs: 500 }]);
  const starts = (idleCapMs?: number) =>
    play(
      conduct([session], idleCapMs === undefined ? {} : { idleCapMs }).conductor,
      () => ({ ms: 1 }),
    )
      .map(({ startMs }) => startMs);
  assertEquals(starts(1000), [1000, 2001, 2502]);
  assertEquals(starts(), [90_000, 180_001, 180_502]);
});

Deno.test("a slot takes the next session when the whole tree has ended, the background included", () => {
  const { conductor, ends } = conduct([plannerSession("a"), plannerSession("b")]);
  const sent = play(conductor, ({ position }) => ({ ms: position === 5 ? 5000 : 10 }));
  const [first, second] = ends;
  assertEquals(second!.startMs, first!.endMs);
  const later = sent.filter(({ turn }) => turn.use.name === second!.session);
  assertEquals(later[0]!.startMs, first!.endMs);
});

Deno.test("so many sessions are alive as there are slots, from their turns of the ramp on", () => {
  const sessions = Array.from({ length: 20 }, (_, i) => sessionOf(`s${i}`, [{}, {}, {}]));
  const { conductor, ends } = conduct(sessions, { slots: 4, rampUpMs: 400 });
  play(conductor, ({ index }) => ({ ms: 10 + index * 7 % 50 }));
  assertEquals(ends.length, 20);
  // From then on a slot is empty.
  const emptied = ends.map(({ endMs }) => endMs).toSorted((a, b) => a - b).at(-4);
  assertEquals(conductor.idleFromMs, emptied);
  assertEquals(new Set(ends.map(({ session }) => session)).size, 20);
  assertEquals(ends.filter(({ startMs }) => startMs % 100 === 0).length >= 4, true);
  for (const { startMs } of ends) {
    const alive = ends.filter((end) => end.startMs <= startMs && end.endMs > startMs).length;
    assert(alive <= 4, `${alive} alive`);
  }
});

Deno.test("a failed turn ends its session: others finish, the rest is counted and not sent", () => {
  const { conductor, ends } = conduct([plannerSession("a"), sessionOf("b", [{}])], { seed: 3 });
  const sent = play(conductor, ({ use, position }) => ({
    ms: position === 3 ? 400 : 50,
    how: use.name === "a" && position === 1 ? "failed" : "ok",
  }));
  const a = ends.find(({ session }) => session === "a")!;
  assertEquals(
    sent.filter(({ turn }) => turn.use.name === "a").map(({ turn }) => turn.position),
    [0, 1, 3],
  );
  const running = sent.find(({ turn }) => turn.use.name === "a" && turn.position === 3)!;
  assertEquals([a.end, a.sent, a.notSent, a.endMs], ["failed", 3, 3, running.endMs]);
  assertEquals(ends.find(({ session }) => session === "b")!.end, "done");
});

Deno.test("what was taken and not given is withdrawn when its session fails", () => {
  const { conductor, ends } = conduct([plannerSession()]);
  const first = conductor.take()!;
  conductor.give(first.index);
  conductor.ended(first.index, 100, "ok");
  const [helper, other] = [conductor.take()!, conductor.take()!];
  assertEquals([helper.position, other.position], [1, 3]);
  assert(conductor.give(helper.index));
  conductor.ended(helper.index, 200, "context");
  assert(conductor.isDone);
  assert(!conductor.give(other.index));
  assertEquals(ends.map(({ end, sent, notSent }) => [end, sent, notSent]), [["context", 2, 4]]);
});

Deno.test("the end of the load cuts sessions, and lets those end that have nothing left to send", () => {
  const sessions = [sessionOf("long", [{}, {}, {}]), sessionOf("short", [{}])];
  const { conductor, ends } = conduct(sessions, { slots: 2, repeats: true });
  const sent = play(conductor, ({ use }) => ({ ms: use.name === "short" ? 150 : 100 }), {
    stopMs: 120,
  });
  assertEquals(sent.length, 3);
  assertEquals(
    ends.map(({ session, end, sent, notSent }) => [session, end, sent, notSent]).toSorted(),
    [["long", "cut", 2, 1], ["short", "done", 1, 0]],
  );
});

Deno.test("what was given and did not leave was not sent", () => {
  const { conductor, ends } = conduct([sessionOf("a", [{}, {}])]);
  const turn = conductor.take()!;
  conductor.give(turn.index);
  conductor.stop();
  conductor.revoked(turn.index);
  assertEquals(ends.map(({ end, sent, notSent }) => [end, sent, notSent]), [["cut", 0, 2]]);
  assert(conductor.isDone);
});

Deno.test("sessions are used again, each pass in another order, and each use has a name", () => {
  const sessions = ["a", "b", "c", "d", "e"].map((id) => sessionOf(id, [{}]));
  const { conductor } = conduct(sessions, { repeats: true, mostTurns: 15 });
  const names = play(conductor, () => ({ ms: 1 })).map(({ turn }) => turn.use.name);
  const passes = [names.slice(0, 5), names.slice(5, 10), names.slice(10)];
  const plain = (pass: readonly string[]) => pass.map((name) => name.replace(/#.*/, ""));
  for (const pass of passes) assertEquals(plain(pass).toSorted(), ["a", "b", "c", "d", "e"]);
  assertEquals(passes[1]!.every((name) => name.endsWith("#2")), true);
  assert(plain(passes[0]!).join() !== plain(passes[1]!).join());
});

Deno.test("what is sent follows from the seed, not from who answers first", () => {
  const sessions = Array.from({ length: 8 }, (_, i) => plannerSession(`s${i}`));
  const run = (seed: number, pace: number) =>
    namesOf(
      play(
        conduct(sessions, { seed, slots: 3, repeats: false }).conductor,
        ({ index }) => ({ ms: 5 + index * pace % 97 }),
      ),
    );
  assertEquals(run(1, 13).toSorted(), run(1, 41).toSorted());
  const firstOf = (seed: number) => run(seed, 13)[0];
  assert(new Set([1, 2, 3, 4, 5].map(firstOf)).size > 1);
});

Deno.test("a load stops at its number of requests, and lets those end that were taken", () => {
  const { conductor, ends } = conduct([sessionOf("a", [{}, {}, {}])], { mostTurns: 2 });
  assertEquals(play(conductor, () => ({ ms: 1 })).length, 2);
  assertEquals(ends.map(({ end, sent, notSent }) => [end, sent, notSent]), [["cut", 2, 1]]);
});

Deno.test("a session that begins in the middle sends as warm-up what its agents had sent last", () => {
  const turns = Array.from({ length: 40 }, () => ({ delayMs: 100 }));
  const sessions = Array.from({ length: 6 }, (_, i) => sessionOf(`s${i}`, turns));
  const { conductor, ends } = conduct(sessions, { slots: 3, sessionStart: 1 });
  const sent = play(conductor, () => ({ ms: 10 }));
  const begun = ends.filter(({ startMs }) => startMs === 0);
  assertEquals(begun.length, 3);
  assert(new Set(begun.map(({ leftOut }) => leftOut)).size > 1, "instants differ");
  for (const { session, leftOut = 0, sent: count, startMs } of begun) {
    const own = sent.filter(({ turn }) => turn.use.name === session);
    assertEquals([own[0]!.turn.phase, own[0]!.turn.position, startMs], ["warmup", leftOut - 1, 0]);
    assertEquals(own[0]!.startMs, 0);
    // The measured part goes on as recorded.
    assertEquals(own[1]!.startMs - own[0]!.endMs, 100);
    assertEquals(count, 40 - leftOut);
    assert(own.slice(1).every(({ turn }) => turn.phase === "measure"));
  }
  const later = ends.filter(({ startMs }) => startMs > 0);
  assertEquals(later.map(({ leftOut, sent }) => [leftOut, sent]), later.map(() => [undefined, 40]));
});

Deno.test("prompts of turns that follow at once are foreseen, and forgone when the session fails", () => {
  const session = sessionOf("a", [{}, { delayMs: 10 }, { delayMs: 60_000 }]);
  const { conductor } = conduct([session], { canForesee: () => true });
  const forgone: number[] = [];
  conductor.onForgone = (index) => forgone.push(index);
  assertEquals(conductor.foresee(), undefined);
  const first = conductor.take()!;
  conductor.give(first.index);
  const soon = conductor.foresee()!;
  assertEquals([soon.position, soon.index], [1, 1]);
  assertEquals(conductor.foresee(), undefined);
  conductor.ended(first.index, 5, "ok");
  const next = conductor.take()!;
  assertEquals([next.index, next.dueMs], [soon.index, 15]);
  conductor.give(next.index);
  // A minute is time enough.
  assertEquals(conductor.foresee(), undefined);

  const other = conduct([session], { canForesee: () => true }).conductor;
  other.onForgone = (index) => forgone.push(index);
  other.give(other.take()!.index);
  const lost = other.foresee()!;
  other.ended(0, 5, "failed");
  assertEquals(forgone, [lost.index]);
});

Deno.test("a slot without a connection waits before it takes the next session", () => {
  const sessions = Array.from({ length: 6 }, (_, i) => sessionOf(`s${i}`, [{}, {}]));
  const starts = (how: "refused" | "failed") => {
    const { conductor, ends } = conduct(sessions, { slots: 2 });
    play(conductor, () => ({ ms: 1, how }));
    assertEquals(ends.map(({ end }) => end), ends.map(() => "failed"));
    return ends.map(({ startMs }) => startMs);
  };
  assertEquals(starts("failed"), [0, 0, 1, 1, 2, 2]);
  assertEquals(starts("refused"), [0, 0, 101, 101, 202, 202]);
});

Deno.test("the first prompt of the session that takes the next slot is foreseen", () => {
  const sessions = [sessionOf("a", [{}]), sessionOf("b", [{}]), sessionOf("c", [{}])];
  const { conductor, ends } = conduct(sessions, { canForesee: () => true });
  const forgone: number[] = [];
  conductor.onForgone = (index) => forgone.push(index);
  conductor.give(conductor.take()!.index);
  const coming = conductor.foresee()!;
  assertEquals(conductor.foresee(), undefined);
  conductor.ended(0, 40, "ok");
  const next = conductor.take()!;
  assertEquals([next.index, next.use, next.dueMs], [coming.index, coming.use, 40]);
  conductor.give(next.index);
  const last = conductor.foresee()!;
  conductor.stop();
  assertEquals(forgone, [last.index]);
  conductor.ended(next.index, 50, "ok");
  assertEquals([ends.length, conductor.isDone], [2, true]);
});

Deno.test("what is ready when a session fails is never due, and counts for no limit", () => {
  const planner = plannerSession();
  const { conductor, ends } = conduct([planner, sessionOf("after", [{}, {}, {}])], {
    ...{ seed: 2, mostTurns: 4 },
  });
  // The session that comes first.
  const first = conductor.take()!;
  assertEquals(first.use.session, planner, "the seed takes the planner first");
  conductor.give(first.index);
  conductor.ended(first.index, 100, "ok");
  const helper = conductor.take()!;
  const other = conductor.take()!;
  conductor.give(helper.index);
  conductor.ended(helper.index, 120, "failed");
  // The slot has gone on; the other helper was withdrawn.
  assertEquals(conductor.give(other.index), false);
  const rest = play(conductor, () => ({ ms: 1 }));
  assertEquals(namesOf(rest), ["after 0", "after 1"]);
  assertEquals(ends.map(({ sent, notSent, end }) => [sent, notSent, end]), [
    [2, 4, "failed"],
    [2, 1, "cut"],
  ]);

  const single = conduct([plannerSession()]).conductor;
  single.give(single.take()!.index);
  single.ended(0, 100, "ok");
  single.give(single.take()!.index);
  assertEquals(single.nextDueMs(), 115);
  single.ended(1, 112, "failed");
  assertEquals(single.nextDueMs(), undefined);
});
