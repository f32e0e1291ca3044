import { assertEquals } from "@std/assert";
import type { TimerQueue } from "../backends/clock.ts";
import { openTimeline } from "../backends/sim_timeline.ts";
import { FakeClock } from "./support/fake_clock.ts";

/** Opens a timeline on a fake clock, lets `plan` fill it and runs it up to `untilMs`. */
async function fired(
  plan: (
    timeline: ReturnType<typeof openTimeline>,
    note: (name: string) => void,
    clock: FakeClock,
  ) => void,
  untilMs: number,
): Promise<string[]> {
  const clock = new FakeClock();
  const timeline = openTimeline({ clock });
  const log: string[] = [];
  plan(timeline, (name) => log.push(`${name}@${clock.now()}`), clock);
  await clock.run(new Promise<void>((resolve) => timeline.at(untilMs, resolve)));
  await timeline.stop();
  return log;
}

Deno.test("openTimeline fires in the order of due times, not of adding", async () => {
  const log = await fired((timeline, note) => {
    for (const dueMs of [5, 1, 4, 2, 3, 9, 7]) timeline.at(dueMs, () => note(`${dueMs}`));
  }, 8);
  assertEquals(log, ["1@1", "2@2", "3@3", "4@4", "5@5", "7@7"]);
});

Deno.test("openTimeline wakes up for an entry that is due before the one it waits for", async () => {
  const log = await fired((timeline, note) => {
    timeline.at(100, () => note("late"));
    queueMicrotask(() => timeline.at(10, () => note("early")));
  }, 200);
  assertEquals(log, ["early@10", "late@100"]);
});

Deno.test("openTimeline keeps an entry that names its next due time", async () => {
  const log = await fired((timeline, note) => {
    const entry = {
      dueMs: 10,
      heapIndex: -1,
      fire(): number | undefined {
        note("tick");
        return entry.dueMs < 30 ? entry.dueMs + 10 : undefined;
      },
    };
    timeline.add(entry);
  }, 100);
  assertEquals(log, ["tick@10", "tick@20", "tick@30"]);
});

Deno.test("openTimeline forgets removed entries, wherever they are in the heap", async () => {
  const log = await fired((timeline, note) => {
    const takeBack = [6, 1, 5, 2, 4, 3].map((dueMs) => timeline.at(dueMs, () => note(`${dueMs}`)));
    takeBack[1]!();
    takeBack[4]!();
    takeBack[4]!();
    timeline.at(2, () => takeBack[0]!());
  }, 10);
  assertEquals(log, ["2@2", "3@3", "5@5"]);
});

Deno.test("openTimeline alternates between entries that are due at once", async () => {
  const log = await fired((timeline, note) => {
    for (const name of ["a", "b"]) {
      let left = 3;
      timeline.add({
        dueMs: 1,
        heapIndex: -1,
        fire() {
          note(name);
          return --left > 0 ? 1 : undefined;
        },
      });
    }
  }, 2);
  assertEquals(log.map((each) => each[0]).join(""), "ababab");
});

Deno.test("openTimeline does not spin for an entry that is never due", async () => {
  const log = await fired((timeline, note) => {
    timeline.at(Infinity, () => note("never"));
    timeline.at(3, () => note("once"));
  }, 5);
  assertEquals(log, ["once@3"]);
});

Deno.test("openTimeline adds its timer queue to a loop that takes one", async () => {
  const log: string[] = [];
  let timers: TimerQueue | undefined;
  let nowMs = 0;
  const timeline = openTimeline({
    clock: { now: () => nowMs, sleepUntil: () => Promise.reject(new Error("nobody sleeps")) },
    addTimers(given) {
      timers = given;
      return () => log.push("removed");
    },
  });
  assertEquals(timers!.dueMs(), Infinity);
  for (const dueMs of [5, 3]) timeline.at(dueMs, () => log.push(`${dueMs}`));
  assertEquals(timers!.dueMs(), 3);
  nowMs = 4;
  timers!.fire();
  assertEquals([log, timers!.dueMs()], [["3"], 5]);
  await timeline.stop();
  assertEquals([log, timers!.dueMs()], [["3", "removed"], Infinity]);
});
