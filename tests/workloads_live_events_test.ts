import { assertEquals, assertRejects } from "@std/assert";
import { LiveEvents, MOST_READERS } from "../workloads/live_events.ts";
import { FakeClock } from "./support/fake_clock.ts";

/** A reader that takes what it is sent when it is told to. */
function createSink() {
  const sent: string[] = [];
  const waiting: (() => void)[] = [];
  const state = { destroyed: false, ended: false };
  return {
    ...{ sent, state },
    take: () => waiting.splice(0).forEach((done) => done()),
    write: (text: string, done: () => void) => void (sent.push(text), waiting.push(done)),
    end(text: string, done: () => void) {
      sent.push(text);
      state.ended = true;
      waiting.push(done);
    },
    destroy: () => void (state.destroyed = true),
  };
}

function create() {
  const clock = new FakeClock();
  let rendered = 0;
  const events = new LiveEvents({ clock, everyMs: 1000, render: () => `<${++rendered}>` });
  return { clock, events, rendered: () => rendered };
}

Deno.test("nothing is rendered while nobody looks, and once for all who do", async () => {
  const { clock, events, rendered } = create();
  await pass(clock, 5000);
  assertEquals(rendered(), 0);
  const [one, other] = [createSink(), createSink()];
  const leave = events.add(one)!;
  one.take();
  assertEquals(one.sent, ["retry: 1000\n\n<1>"], "at once");
  const leaveToo = events.add(other)!;
  other.take();
  assertEquals(other.sent, ["retry: 1000\n\n<1>"], "it is new enough");
  await pass(clock, 1000);
  assertEquals([one.sent.at(-1), other.sent.at(-1), rendered()], ["<2>", "<2>", 2]);
  leave();
  leaveToo();
  await pass(clock, 5000);
  assertEquals(rendered(), 2);
  await assertRejects(() => clock.run(new Promise(() => {})), Error, "Nobody waits");
});

Deno.test("a slow reader misses updates, and is left when it takes nothing for long", async () => {
  const { clock, events } = create();
  const [slow, quick] = [createSink(), createSink()];
  events.add(slow);
  events.add(quick);
  for (let second = 0; second < 3; second++) {
    quick.take();
    await pass(clock, 1000);
  }
  assertEquals([slow.sent.length, quick.sent.length], [1, 4]);
  slow.take();
  quick.take();
  await pass(clock, 1000);
  assertEquals(slow.sent.at(-1), quick.sent.at(-1), "the newest, not the next");
  for (let second = 0; second < 25; second++) {
    quick.take();
    await pass(clock, 1000);
  }
  assertEquals([slow.state.destroyed, slow.sent.length], [true, 2]);
  assertEquals([quick.state.destroyed, events.readers], [false, 1]);
  await end(events, quick);
});

Deno.test("there is room for some readers only", async () => {
  const { events } = create();
  const sinks = Array.from({ length: MOST_READERS + 1 }, createSink);
  const added = sinks.map((sink) => events.add(sink) !== undefined);
  assertEquals(added.indexOf(false), MOST_READERS);
  assertEquals(sinks.at(-1)!.sent, []);
  await end(events, ...sinks);
});

Deno.test("at the end readers take the last event, and slow ones do not hold up the program", async () => {
  const { clock, events } = create();
  const [quick, slow] = [createSink(), createSink()];
  events.add(quick);
  events.add(slow);
  let over = false;
  const ending = events.end("<last>", 300).then(() => over = true);
  quick.take();
  assertEquals([quick.sent.at(-1), slow.sent.at(-1)], ["<last>", "<last>"]);
  await pass(clock, 299);
  assertEquals(over, false);
  await pass(clock, 1);
  await ending;
  assertEquals(
    [quick, slow].map(({ state }) => state),
    Array(2).fill({
      ...{ destroyed: true, ended: true },
    }),
  );
  assertEquals(events.add(createSink()), undefined, "nobody comes after it");
  await assertRejects(() => clock.run(new Promise(() => {})), Error, "Nobody waits");
});

async function pass(clock: FakeClock, ms: number): Promise<void> {
  await clock.run(clock.sleepUntil(clock.now() + ms));
}

async function end(
  events: LiveEvents,
  ...sinks: readonly ReturnType<typeof createSink>[]
): Promise<void> {
  const ending = events.end("", 0);
  for (const sink of sinks) sink.take();
  await ending;
}
