import { assertEquals, assertLessOrEqual } from "@std/assert";
import type { Clock } from "../backends/clock.ts";
import { type StopReason, Watchdog, type WatchedExchange } from "../backends/watchdog.ts";
import { FakeClock } from "./support/fake_clock.ts";

/** An exchange that records when and why it was stopped. */
function createWatched(name: string, clock: Clock, stops: string[]): WatchedExchange {
  return { stop: (reason: StopReason) => stops.push(`${name} ${reason} at ${clock.now()}`) };
}

Deno.test("Watchdog stops each exchange at its own deadline, and no released one", async () => {
  const clock = new FakeClock();
  const watchdog = new Watchdog(clock);
  const stops: string[] = [];
  const exchanges = ["a", "b", "c", "d"].map((name) => createWatched(name, clock, stops));
  [300, 100, 200, Infinity].forEach((deadlineMs, i) => watchdog.watch(exchanges[i]!, deadlineMs));
  watchdog.release(exchanges[2]!);
  await clock.run(clock.sleepUntil(1000));
  assertEquals(stops, ["b timeout at 100", "a timeout at 300"]);
  assertEquals(watchdog.size, 1);
  watchdog.close();
  assertEquals(stops.slice(2), ["d cancelled at 1000"]);
});

Deno.test("Watchdog stops what a stopped exchange started, at its earlier deadline", async () => {
  const clock = new FakeClock();
  const watchdog = new Watchdog(clock);
  const stops: string[] = [];
  watchdog.watch(createWatched("late", clock, stops), 500);
  watchdog.watch({ stop: () => watchdog.watch(createWatched("next", clock, stops), 150) }, 100);
  await clock.run(clock.sleepUntil(1000));
  assertEquals(stops, ["next timeout at 150", "late timeout at 500"]);
});

Deno.test("Watchdog stops all exchanges of a signal, with one listener", () => {
  const watchdog = new Watchdog(new FakeClock());
  const stops: string[] = [];
  const [one, two] = [new AbortController(), new AbortController()];
  let listeners = 0;
  const { signal } = one;
  const add = signal.addEventListener.bind(signal);
  signal.addEventListener = (...args: Parameters<typeof add>) => {
    listeners++;
    add(...args);
  };
  const clock = new FakeClock();
  const exchanges = ["a", "b", "c", "d"].map((name) => createWatched(name, clock, stops));
  for (const exchange of exchanges.slice(0, 3)) watchdog.watch(exchange, Infinity, signal);
  watchdog.watch(exchanges[3]!, Infinity, two.signal);
  watchdog.release(exchanges[1]!);
  one.abort();
  assertEquals(stops, ["a cancelled at 0", "c cancelled at 0"]);
  assertEquals([listeners, watchdog.size], [1, 1]);
  watchdog.close();
});

Deno.test("Watchdog does not keep listening to signals of requests long over, while others go on", () => {
  const clock = new FakeClock();
  const watchdog = new Watchdog(clock);
  // Never idle: then nothing else would make it let go.
  watchdog.watch(createWatched("long", clock, []), Infinity);
  let listeners = 0;
  let most = 0;
  for (let i = 0; i < 1000; i++) {
    const { signal } = new AbortController();
    const { addEventListener: add, removeEventListener: remove } = signal;
    signal.addEventListener = (...args: Parameters<typeof add>) => {
      most = Math.max(most, ++listeners);
      add.apply(signal, args);
    };
    signal.removeEventListener = (...args: Parameters<typeof remove>) => {
      listeners--;
      remove.apply(signal, args);
    };
    const exchange = createWatched(`${i}`, clock, []);
    watchdog.watch(exchange, Infinity, signal);
    watchdog.release(exchange);
  }
  assertLessOrEqual(most, 64);
  watchdog.close();
  assertEquals(listeners, 0);
});

Deno.test("Watchdog sleeps no longer than timers can, and wakes nobody early", async () => {
  const clock = new FakeClock();
  const asked: number[] = [];
  const watchdog = new Watchdog({
    now: () => clock.now(),
    sleepUntil(atMs, signal) {
      asked.push(atMs - clock.now());
      return clock.sleepUntil(atMs, signal);
    },
  });
  const stops: string[] = [];
  watchdog.watch(createWatched("patient", clock, stops), 2 ** 32);
  await clock.run(clock.sleepUntil(2 ** 32 + 1));
  assertEquals(stops, [`patient timeout at ${2 ** 32}`]);
  for (const ms of asked) assertLessOrEqual(ms, 2 ** 31 - 1);
});

Deno.test("Watchdog leaves neither timer nor listener behind when nobody is watched", async () => {
  const clock = new FakeClock();
  let asleep = 0;
  const watchdog = new Watchdog({
    now: () => clock.now(),
    async sleepUntil(atMs, signal) {
      asleep++;
      await clock.sleepUntil(atMs, signal);
      asleep--;
    },
  });
  const { signal } = new AbortController();
  let listeners = 0;
  const { addEventListener, removeEventListener } = signal;
  signal.addEventListener = (...args: Parameters<typeof addEventListener>) => {
    listeners++;
    addEventListener.apply(signal, args);
  };
  signal.removeEventListener = (...args: Parameters<typeof removeEventListener>) => {
    listeners--;
    removeEventListener.apply(signal, args);
  };
  const watchAndRelease = () => {
    const exchanges = [{ stop() {} }, { stop() {} }];
    for (const exchange of exchanges) watchdog.watch(exchange, clock.now() + 60_000, signal);
    for (const exchange of exchanges) watchdog.release(exchange);
  };
  for (let i = 0; i < 10; i++) watchAndRelease();
  assertEquals([asleep, listeners], [2, 1]);
  await clock.run(clock.sleepUntil(5000));
  assertEquals([asleep, listeners], [0, 0]);
  watchAndRelease();
  watchdog.close();
  await clock.run(clock.sleepUntil(5001));
  assertEquals([asleep, listeners], [0, 0]);
});
