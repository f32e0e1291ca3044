import { assert, assertEquals } from "@std/assert";
import type { Order } from "../workloads/order.ts";
import { Lookahead } from "../workloads/session_lookahead.ts";
import { ScheduleConductor, scheduleOf } from "../workloads/session_schedule.ts";
import { SessionConductor } from "../workloads/session_conductor.ts";
import type { TurnSource } from "../workloads/session_turn.ts";
import { sessionOf } from "./support/sessions.ts";

const MIB = 2 ** 20;

/** A desk, a maker of prompts and timers, all of which do nothing by themselves. */
function bench(source: TurnSource, { bytes = MIB, mostWaitingBytes = 4 * MIB } = {}) {
  let nowMs = 0;
  let timer: { readonly atMs: number; readonly action: () => void } | undefined;
  let finished = 0;
  const given: number[] = [];
  const makings: {
    readonly index: number;
    readonly done: () => void;
    readonly fail: () => void;
  }[] = [];
  const failures: unknown[] = [];
  let made = 0;
  const lookahead = new Lookahead({
    source,
    mostWaitingBytes,
    make({ index }) {
      const { promise, resolve, reject } = Promise.withResolvers<Order["wire"]>();
      makings.push({
        index,
        done: () => {
          made++;
          resolve({ method: "POST", url: "", headers: {}, body: new Uint8Array(bytes) });
        },
        fail: () => reject(new Error("refused")),
      });
      return promise;
    },
    onFailure: (error) => failures.push(error),
    later(action, delayMs) {
      timer = { atMs: nowMs + delayMs, action };
      return () => timer = undefined;
    },
  });
  const settle = () => new Promise((resolve) => setTimeout(resolve, 0));
  return {
    lookahead,
    given,
    makings,
    failures,
    made: () => made,
    finished: () => finished,
    desk: {
      now: () => nowMs,
      give: ({ departure }: Order) => void given.push(departure.index),
      finish: () => void finished++,
    },
    /** Lets all prompts be made that are asked for. */
    async makeAll() {
      do {
        makings.splice(0).forEach(({ done }) => done());
        await settle();
      } while (makings.length > 0);
    },
    async makeOne() {
      makings.shift()!.done();
      await settle();
    },
    async failOne() {
      makings.shift()!.fail();
      await settle();
    },
    /** Moves the clock on to the next timer, which must be no later than that. */
    async passTo(atMs: number) {
      nowMs = atMs;
      const due = timer;
      if (due !== undefined && due.atMs <= atMs) {
        timer = undefined;
        due.action();
      }
      await settle();
    },
    timerMs: () => timer?.atMs,
  };
}

function rowsAt(...instants: readonly number[]): TurnSource {
  const sessions = instants.map((atMs, i) => sessionOf(`${i}`, [{ atMs }]));
  return new ScheduleConductor(scheduleOf(sessions, { speedup: 1 }));
}

Deno.test("prompts are made two seconds ahead and given a moment before they are due", async () => {
  const one = bench(rowsAt(0, 10_000, 10_000));
  void one.lookahead.prepare();
  await one.makeAll();
  assertEquals([one.made(), one.given], [1, []]);
  one.lookahead.start(one.desk);
  assertEquals([one.given, one.timerMs()], [[0], 8000]);
  await one.passTo(8000);
  await one.makeAll();
  assertEquals([one.made(), one.given, one.timerMs()], [3, [0], 9950]);
  await one.passTo(9950);
  assertEquals(one.given, [0, 1, 2]);
});

Deno.test("what waits for its departure is bounded in bytes", async () => {
  const one = bench(rowsAt(0, ...Array.from({ length: 20 }, () => 1000)));
  one.lookahead.start(one.desk);
  await one.makeAll();
  assert(one.made() <= 5, `${one.made()} prompts of a MiB are made`);
  for (const index of one.given) one.lookahead.left(index);
  await one.makeAll();
  assert(one.made() <= 6, `${one.made()} prompts of a MiB are made`);
  // Due ones go ahead of the rest, as those before them leave.
  await one.passTo(950);
  for (let left = 0; left < one.given.length; left++) {
    one.lookahead.left(one.given[left]!);
    await one.makeAll();
    await one.passTo(1000);
  }
  assertEquals(one.given.toSorted((a, b) => a - b), Array.from({ length: 21 }, (_, i) => i));
});

Deno.test("orders that do not leave hold back those that come after", async () => {
  const one = bench(rowsAt(...Array.from({ length: 200 }, () => 0)));
  one.lookahead.start(one.desk);
  await one.makeAll();
  assert(one.given.length <= 4 + 16, `${one.given.length} are given`);
});

Deno.test("what was withdrawn is not given, and the last answer finishes the load once", async () => {
  const failing = sessionOf("a", [{}, { delayMs: 1000 }, { waitsFor: [0], delayMs: 1500 }]);
  const source = new SessionConductor([failing, sessionOf("b", [{ delayMs: 9000 }])], {
    ...{ seed: 0, load: 0, slots: 2, repeats: false },
  });
  const one = bench(source);
  one.lookahead.start(one.desk);
  await one.makeAll();
  source.ended(0, 0, "ok");
  one.lookahead.pump();
  await one.makeAll();
  assertEquals([one.made(), one.given], [3, [0]]);
  await one.passTo(950);
  assertEquals(one.given, [0, 1]);
  source.ended(1, 1000, "failed");
  one.lookahead.pump();
  await one.passTo(1450);
  assertEquals([one.given, one.finished()], [[0, 1], 0]);
  await one.passTo(7000);
  await one.makeAll();
  await one.passTo(8950);
  assertEquals(one.given, [0, 1, 3]);
  source.ended(3, 9010, "ok");
  one.lookahead.pump();
  one.lookahead.finish();
  assertEquals(one.finished(), 1);
});

Deno.test("a prompt that cannot be made ends the load with its error", async () => {
  const one = bench(rowsAt(0, 0));
  one.lookahead.start(one.desk);
  await one.failOne();
  await one.makeAll();
  assertEquals([one.failures.length, one.finished(), one.given], [1, 1, []]);
  // Before the load has begun: then it is over as soon as it does.
  const early = bench(rowsAt(0));
  const ready = early.lookahead.prepare();
  await early.failOne();
  await ready;
  assertEquals([early.failures.length, early.finished()], [1, 0]);
  early.lookahead.start(early.desk);
  assertEquals(early.finished(), 1);
});

Deno.test("a foreseen prompt is made while its predecessor runs, and given without another one", async () => {
  const source = new SessionConductor(
    [sessionOf("a", [{}, {}])],
    { seed: 0, load: 0, slots: 1, repeats: false, canForesee: () => true },
  );
  const one = bench(source);
  one.lookahead.start(one.desk);
  await one.makeOne();
  assertEquals(one.given, [0]);
  await one.makeAll();
  assertEquals([one.made(), one.given], [2, [0]]);
  source.ended(0, 30, "ok");
  one.lookahead.pump();
  await one.passTo(31);
  assertEquals([one.made(), one.given], [2, [0, 1]]);
});
