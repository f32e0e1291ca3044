import { assert, assertEquals, assertRejects } from "@std/assert";
import type { Exchange } from "../backends/transport.ts";
import { arrivalTimes } from "../workloads/load_arrival.ts";
import type { CancelSpec, ClosedLoad, Load, OpenLoad, Stop } from "../workloads/load.ts";
import type { ShareEnd } from "../workloads/load_agenda.ts";
import { runLoad } from "../workloads/load_runner.ts";
import type { Departure } from "../workloads/order.ts";
import { FakeClock } from "./support/fake_clock.ts";
import { fakeTransport } from "./support/fake_transport.ts";

interface Setup {
  readonly load: Load;
  readonly stop: Stop;
  readonly serviceMs?: (n: number) => number;
  readonly poolSize?: number;
  readonly graceMs?: number;
  readonly workers?: number;
  readonly worker?: number;
  /** The count that several workers share. */
  readonly takeNext?: () => number;
  /** From this request on nobody answers. */
  readonly refusedFrom?: number;
  /** Start of the load; the clock begins at 0. */
  readonly originMs?: number;
  /** Presses Ctrl-C at this time. */
  readonly stopAtMs?: number;
  readonly abortAtMs?: number;
  readonly withoutArrivals?: boolean;
  readonly thinkMs?: (user: number, k: number) => number;
  readonly firstMs?: (n: number) => number;
  readonly maxPrefill?: number;
  readonly cancel?: CancelSpec;
  readonly leaves?: (departure: Departure) => boolean;
  /** Too much waits to be decoded, in this span of time. */
  readonly crowded?: readonly [fromMs: number, toMs: number];
}

interface Outcome {
  readonly end: ShareEnd;
  readonly departures: readonly Departure[];
  readonly exchanges: readonly Exchange[];
  readonly dropped: readonly { readonly departure: Departure; readonly reason: string }[];
  readonly sentMs: readonly number[];
  readonly mostInFlight: number;
  /** How often each request's prompt had been sent before. */
  readonly passes: readonly number[];
  readonly items: readonly number[];
  /** Turns of the event loop that were waited for. */
  readonly turns: number;
  readonly endedMs: number;
}

async function play(setup: Setup): Promise<Outcome> {
  const clock = new FakeClock();
  const transport = fakeTransport(
    clock,
    setup.serviceMs ?? (() => 100),
    setup.refusedFrom,
    setup.firstMs,
  );
  const stop = new AbortController();
  const abort = new AbortController();
  const departures: Departure[] = [];
  const exchanges: Exchange[] = [];
  const dropped: { departure: Departure; reason: string }[] = [];
  const passes: number[] = [];
  const items: number[] = [];
  let queue = 0;
  let turns = 0;
  const { load } = setup;
  const over = new AbortController();
  const press = async (atMs: number | undefined, controller: AbortController) => {
    if (atMs === undefined) return;
    await clock.sleepUntil(atMs, over.signal);
    controller.abort();
  };
  const pressed = [press(setup.stopAtMs, stop), press(setup.abortAtMs, abort)];
  const running = runLoad({
    load,
    stop: setup.stop,
    worker: setup.worker ?? 0,
    workers: setup.workers ?? 1,
    poolSize: setup.poolSize ?? 1000,
    timeoutMs: 0,
    graceMs: setup.graceMs ?? 30_000,
    ...(setup.maxPrefill === undefined ? {} : { maxPrefill: setup.maxPrefill }),
    ...(setup.cancel === undefined ? {} : { cancel: setup.cancel }),
  }, {
    clock,
    transport,
    nextTurn: () => Promise.resolve(void turns++),
    originMs: setup.originMs ?? 0,
    requestOf(item, _index, pass) {
      passes.push(pass);
      items.push(item);
      return { method: "POST", url: `item/${item}`, headers: {} };
    },
    ...(load.kind === "open" && !setup.withoutArrivals
      ? { arrivals: arrivalTimes(load, 0, 0) }
      : {}),
    takeNext: setup.takeNext ?? (() => queue++),
    ...(setup.thinkMs === undefined ? {} : { thinkMs: setup.thinkMs }),
    ...(setup.leaves === undefined ? {} : { leaves: setup.leaves }),
    onExchange(departure, exchange) {
      departures.push(departure);
      exchanges.push(exchange);
    },
    crowded: () => {
      const [fromMs, toMs] = setup.crowded ?? [0, 0];
      return clock.now() >= fromMs && clock.now() < toMs;
    },
    onDropped: (departure, reason) => void dropped.push({ departure, reason }),
    stopSignal: stop.signal,
    abortSignal: abort.signal,
  });
  const end = await clock.run(running);
  const endedMs = clock.now();
  over.abort();
  await Promise.all(pressed);
  return {
    end,
    departures,
    exchanges,
    dropped,
    sentMs: transport.sent.map(({ atMs }) => atMs),
    mostInFlight: transport.mostInFlight(),
    passes,
    items,
    turns,
    endedMs,
  };
}

const closed = (users: number, rampUpMs = 0): ClosedLoad => ({
  kind: "closed",
  users,
  rampUpMs,
  sequence: "disjoint",
});

const open = (changes: Partial<OpenLoad> = {}): OpenLoad => ({
  kind: "open",
  arrival: "constant",
  ratePerSec: 10,
  shape: 1,
  maxInFlight: 0,
  overflow: "wait",
  ...changes,
});

Deno.test("runLoad() asks for nothing more while too much waits to be decoded", async () => {
  const { sentMs, dropped } = await play({
    load: closed(2),
    stop: { requests: 6 },
    crowded: [50, 230],
  });
  // Looked at every 20 ms.
  assertEquals([sentMs, dropped], [[0, 0, 240, 240, 340, 340], []]);
  const stopped = await play({
    load: closed(2),
    stop: { requests: 6 },
    crowded: [50, Infinity],
    stopAtMs: 200,
  });
  assertEquals([stopped.sentMs, stopped.endedMs], [[0, 0], 200]);
  assertEquals(
    stopped.dropped.map(({ reason }) => reason),
    Array(2).fill("answers waited to be decoded until the sending ended"),
  );
});

Deno.test("runLoad() closed: each user sends its next request when its last has ended", async () => {
  const { sentMs, mostInFlight, departures } = await play({
    load: closed(2),
    stop: { requests: 6 },
  });
  assertEquals(sentMs, [0, 0, 100, 100, 200, 200]);
  assertEquals(mostInFlight, 2);
  assertEquals(departures.map(({ intendedMs }) => intendedMs), [0, 0, 100, 100, 200, 200]);
  assertEquals(departures.map(({ index }) => index).sort(), [0, 1, 2, 3, 4, 5]);
});

Deno.test("runLoad() closed: user i starts at i/N of the ramp-up", async () => {
  const { sentMs, end } = await play({ load: closed(4, 40), stop: { requests: 4 } });
  assertEquals(sentMs, [0, 10, 20, 30]);
  assertEquals(end.rampEndMs, 30);
  const later = await play({ load: closed(4, 40), stop: { requests: 4 }, originMs: 50 });
  assertEquals(later.sentMs, [50, 60, 70, 80]);
});

Deno.test("runLoad() closed: the steady window ends when the first user has nothing left", async () => {
  // User 0 is done at 100, user 1 has a second request until 200.
  const { end } = await play({ load: closed(2), stop: { requests: 3 } });
  assertEquals(end.sendingEndMs, 100);
});

Deno.test("runLoad() closed: users of all threads draw on one count and stop together", async () => {
  for (const workers of [1, 3]) {
    let taken = 0;
    const shares = await Promise.all(Array.from({ length: workers }, (_, worker) =>
      play({
        load: closed(6),
        stop: { requests: 50 },
        workers,
        worker,
        // Answers of very different length.
        serviceMs: (n) => n % 5 === 0 ? 900 : 100,
        takeNext: () => taken++,
      })));
    const departures = shares.flatMap(({ departures }) => departures);
    assertEquals(departures.length, 50);
    assertEquals(new Set(departures.map(({ index }) => index)).size, 50);
    for (const { index, item, user } of departures) {
      assertEquals([index % 6, item], [user, index]);
    }
    // No user goes on alone: none begins after another one found nothing left.
    const [firstMs] = shares.map(({ end }) => end.sendingEndMs).toSorted((a, b) => a - b);
    if (workers > 1) continue; // Each share of a test has a clock of its own.
    assert(Math.max(...departures.map(({ intendedMs }) => intendedMs)) <= firstMs!, `${firstMs}`);
  }
});

Deno.test("runLoad() closed: the ramp-up lasts until the last user's request has left", async () => {
  const all = await play({ load: closed(4, 400), stop: { requests: 40 } });
  assertEquals(all.end.rampEndMs, 300);
  // The count is used up before user 3 comes: there is no steady window.
  const few = await play({ load: closed(4, 400), stop: { requests: 4 } });
  assertEquals(few.sentMs, [0, 100, 100, 200]);
  assert(few.end.rampEndMs >= few.end.sendingEndMs, JSON.stringify(few.end));
});

Deno.test("runLoad() closed: users whose connection is refused do not spin", async () => {
  const few = await play({ load: closed(2), stop: { durationMs: 1000 }, refusedFrom: 0 });
  assertEquals(few.sentMs.length, 2 * 10);
  // However many there are, they ask about once a millisecond.
  const many = await play({ load: closed(2000), stop: { durationMs: 10_000 }, refusedFrom: 0 });
  assertEquals(many.sentMs.length, 2000 * 5);
  // Ctrl-C does not wait for the pause.
  const stopped = await play({ load: closed(9000), stop: {}, refusedFrom: 0, stopAtMs: 50 });
  assertEquals(stopped.endedMs, 50);
});

const thinking = (users: number): ClosedLoad => ({
  ...closed(users),
  thinkTime: { kind: "fixed", ms: 1 },
});

Deno.test("runLoad() closed: users think between an answer and their next request", async () => {
  const { sentMs, departures, end } = await play({
    load: thinking(2),
    stop: { requests: 6 },
    thinkMs: (user, k) => 1000 * k + user,
  });
  // Answers take 100 ms: the first request at once, the next ones as drawn from the end on.
  assertEquals(sentMs, [0, 0, 1100, 1101, 3200, 3202]);
  // Think time is no lateness.
  assertEquals(departures.map(({ intendedMs }) => intendedMs), sentMs);
  // Nobody thinks of a request that will not be sent.
  assertEquals(end, { rampEndMs: 0, sendingEndMs: 3300 });
});

Deno.test("runLoad() closed: who still thinks when the duration ends sends nothing more", async () => {
  const { sentMs, end, endedMs } = await play({
    load: thinking(2),
    stop: { durationMs: 1000 },
    thinkMs: (user) => user === 0 ? 300 : 2000,
  });
  assertEquals(sentMs, [0, 0, 400, 800]);
  assertEquals([end.sendingEndMs, endedMs], [1000, 1000]);
  // Ctrl-C does not wait for the end of thinking.
  const stopped = await play({ load: thinking(1), stop: {}, thinkMs: () => 9000, stopAtMs: 150 });
  assertEquals([stopped.sentMs, stopped.end.sendingEndMs, stopped.endedMs], [[0], 150, 150]);
});

Deno.test("runLoad() closed: users who end thinking at once leave one by one", async () => {
  const { sentMs, turns } = await play({
    load: thinking(3),
    stop: { requests: 6 },
    thinkMs: () => 50,
  });
  assertEquals(sentMs, [0, 0, 0, 150, 150, 150]);
  // Two for each request, and one in which the last of three first ones was still waiting.
  assert(turns >= 6, `${turns}`);
});

Deno.test("runLoad() closed: many who think leave in the order of their instants", async () => {
  const { sentMs, endedMs } = await play({
    load: thinking(40),
    stop: { durationMs: 2000 },
    thinkMs: (user, k) => (user * 7919 + k * 104_729) % 1500,
  });
  assert(sentMs.length > 80, `${sentMs.length}`);
  assertEquals(sentMs, sentMs.toSorted((a, b) => a - b));
  assert(endedMs >= 2000);
});

Deno.test("runLoad() measured concurrency is the one asked for (T48)", async () => {
  const { mostInFlight } = await play({ load: closed(300), stop: { requests: 900 } });
  assertEquals(mostInFlight, 300);
});

Deno.test("runLoad() duration: nothing starts after it, what is in flight drains (T20)", async () => {
  const { sentMs, exchanges, end, endedMs } = await play({
    load: closed(1),
    stop: { durationMs: 250 },
  });
  assertEquals(sentMs, [0, 100, 200]);
  assertEquals(exchanges.map((exchange) => exchange.end.kind), [
    "complete",
    "complete",
    "complete",
  ]);
  assertEquals(endedMs, 300);
  assertEquals(end.sendingEndMs, 250);
});

Deno.test("runLoad() duration: nothing starts at its very end", async () => {
  const { sentMs } = await play({ load: closed(1), stop: { durationMs: 200 } });
  assertEquals(sentMs, [0, 100]);
  // The same, where the timer of the end has not fired.
  const late = await play({ load: closed(1), stop: { durationMs: 250 }, originMs: -250 });
  assertEquals(late.sentMs, []);
});

Deno.test("runLoad() no time left means do not start, never no limit (T20)", async () => {
  // Users 2 and 3 would start at 200 and 300 of a run of 150.
  const { sentMs } = await play({ load: closed(4, 400), stop: { durationMs: 150 } });
  assertEquals(sentMs, [0, 100, 100]);
});

Deno.test("runLoad() closed: a thread that was held up starts nothing after the deadline (T20)", async () => {
  // The load began 300 ms ago and takes 250: the timer of its end has not fired either.
  const { sentMs, end } = await play({
    load: closed(2),
    stop: { durationMs: 250 },
    originMs: -300,
  });
  assertEquals(sentMs, []);
  assertEquals(end.sendingEndMs, 250);
});

Deno.test("runLoad() grace: what outlives it is cancelled", async () => {
  const { exchanges, endedMs } = await play({
    load: closed(1),
    stop: { durationMs: 100 },
    serviceMs: () => 10_000,
    graceMs: 500,
  });
  assertEquals(exchanges.map((exchange) => exchange.end.kind), ["cancelled"]);
  assertEquals(endedMs, 600);
});

Deno.test("runLoad() more users than requests: nobody fails (T27)", async () => {
  const { departures } = await play({ load: closed(8), stop: { requests: 3 } });
  assertEquals(departures.length, 3);
});

Deno.test("runLoad() open: leaves on the absolute schedule whatever the server does (T19)", async () => {
  const { sentMs, departures } = await play({
    load: open(),
    stop: { requests: 4 },
    serviceMs: () => 5000,
  });
  assertEquals(sentMs, [0, 100, 200, 300]);
  assertEquals(departures.map(({ intendedMs }) => intendedMs), [0, 100, 200, 300]);
});

Deno.test("runLoad() open: the schedule begins with the load, and so does the time of its end", async () => {
  const { sentMs, end } = await play({ load: open(), stop: { requests: 3 }, originMs: 50 });
  assertEquals(sentMs, [50, 150, 250]);
  assertEquals(end, { rampEndMs: 0, sendingEndMs: 200 });
});

Deno.test("runLoad() begins again with the pool's first item, and counts how often", async () => {
  for (const load of [closed(1), open()]) {
    const { passes, items } = await play({ load, stop: { requests: 5 }, poolSize: 2 });
    assertEquals(items, [0, 1, 0, 1, 0]);
    assertEquals(passes, [0, 0, 1, 1, 2]);
  }
});

Deno.test("runLoad() open: what would leave at the end of the duration or later does not", async () => {
  for (const [durationMs, sent] of [[200, 2], [250, 3]] as const) {
    assertEquals((await play({ load: open(), stop: { durationMs } })).sentMs.length, sent);
    // A thread that was held up for longer than the load takes.
    const late = await play({ load: open(), stop: { durationMs }, originMs: -1000 });
    assert(late.sentMs.length <= sent, `${late.sentMs}`);
  }
});

Deno.test("runLoad() open: every request waits for a turn of the event loop", async () => {
  // One for each departure, and one after each answer.
  assertEquals((await play({ load: open(), stop: { requests: 3 } })).turns, 6);
});

Deno.test("runLoad() open: cannot do without arrivals", async () => {
  const error = await assertRejects(() =>
    play({ load: open(), stop: { requests: 1 }, withoutArrivals: true })
  );
  assertEquals((error as Error).message, "Cannot run an open load without arrivals");
});

Deno.test("runLoad() closed: only a user's first request waits for a turn of the event loop", async () => {
  // One for the first departure, and one after each of the three answers.
  const { turns } = await play({ load: closed(1), stop: { requests: 3 } });
  assertEquals(turns, 4);
});

Deno.test("runLoad() open, limit, wait: the lateness shows", async () => {
  const { sentMs, departures, mostInFlight } = await play({
    load: open({ maxInFlight: 1 }),
    stop: { requests: 3 },
    serviceMs: () => 250,
  });
  assertEquals(sentMs, [0, 250, 500]);
  assertEquals(departures.map(({ intendedMs }) => intendedMs), [0, 100, 200]);
  assertEquals(mostInFlight, 1);
});

Deno.test("runLoad() open, limit: each worker keeps to its share, and every one can send", async () => {
  const most = async (maxInFlight: number, workers: number) => {
    const shares = Array.from({ length: workers }, (_, worker) =>
      play({
        load: open({ maxInFlight, ratePerSec: 1000 }),
        stop: { requests: 40 },
        workers,
        worker,
      }));
    return (await Promise.all(shares)).map(({ mostInFlight }) => mostInFlight);
  };
  assertEquals(await most(4, 1), [4]);
  assertEquals(await most(4, 2), [2, 2]);
  assertEquals(await most(5, 2), [2, 2]);
  assertEquals(await most(1, 2), [1, 1]);
});

Deno.test("runLoad() open, limit, drop: what finds no slot is counted, not sent", async () => {
  const { sentMs, dropped } = await play({
    load: open({ maxInFlight: 1, overflow: "drop" }),
    stop: { requests: 4 },
    serviceMs: () => 150,
  });
  assertEquals(sentMs, [0, 200]);
  assertEquals(dropped.map(({ departure }) => departure.index), [1, 3]);
  assertEquals(dropped[0]!.reason, "1 requests were in flight");
});

Deno.test("runLoad() open, duration: arrivals still waiting at the end are dropped", async () => {
  const { sentMs, dropped } = await play({
    load: open({ maxInFlight: 1 }),
    stop: { durationMs: 250 },
    serviceMs: () => 400,
  });
  assertEquals(sentMs, [0]);
  assertEquals(dropped.map(({ departure }) => departure.intendedMs), [100, 200]);
  assertEquals(dropped[0]!.reason, "no slot was free before the sending ended");
});

Deno.test("runLoad() the same arrivals whatever the number of workers", async () => {
  const one = await play({ load: open({ arrival: "poisson" }), stop: { requests: 9 } });
  const shares = await Promise.all(
    [0, 1].map((worker) =>
      play({ load: open({ arrival: "poisson" }), stop: { requests: 9 }, workers: 2, worker })
    ),
  );
  assertEquals(shares.map(({ sentMs }) => sentMs.length), [5, 4]);
  assertEquals(shares.flatMap(({ sentMs }) => sentMs).sort((a, b) => a - b), one.sentMs);
});

Deno.test("runLoad() interrupt: stops sending, lets requests in flight end", async () => {
  const loads = [[closed(2), [0, 0, 100, 100]], [open({ ratePerSec: 20 }), [0, 50, 100]]] as const;
  for (const [load, sent] of loads) {
    const { exchanges, sentMs, endedMs } = await play({
      load,
      stop: { requests: 1000 },
      stopAtMs: 130,
    });
    assertEquals(sentMs, sent);
    assert(exchanges.every((exchange) => exchange.end.kind === "complete"));
    assert(endedMs < 300, `${endedMs}`);
  }
});

Deno.test("runLoad() second interrupt: cancels what is in flight", async () => {
  const { exchanges, endedMs } = await play({
    load: closed(2),
    stop: { requests: 1000 },
    serviceMs: () => 60_000,
    stopAtMs: 100,
    abortAtMs: 200,
  });
  assertEquals(exchanges.map((exchange) => exchange.end.kind), ["cancelled", "cancelled"]);
  assertEquals(endedMs, 200);
});

Deno.test("runLoad() prefill limit: others wait for the first bytes, and what held them is said", async () => {
  const { sentMs, departures, mostInFlight } = await play({
    load: open({ ratePerSec: 100 }),
    stop: { requests: 5 },
    maxPrefill: 2,
    firstMs: () => 50,
    serviceMs: () => 500,
  });
  // Due at 0, 10, 20 …; two at a time before their first bytes.
  assertEquals(sentMs, [0, 10, 50, 60, 100]);
  assertEquals(departures.map(({ intendedMs }) => intendedMs), [0, 10, 20, 30, 40]);
  assertEquals(departures.map(({ heldMs }) => heldMs), [undefined, undefined, 30, 30, 60]);
  assertEquals(mostInFlight, 5);
});

Deno.test("runLoad() prefill limit: an answer without bytes makes room, too", async () => {
  const { sentMs } = await play({
    load: closed(3),
    stop: { requests: 3 },
    maxPrefill: 1,
    refusedFrom: 0,
  });
  assertEquals(sentMs, [0, 1, 2]);
});

Deno.test("runLoad() prefill limit: threads keep it together", async () => {
  const most = async (maxPrefill: number, workers: number) => {
    const shares = Array.from({ length: workers }, (_, worker) =>
      play({
        load: closed(12),
        stop: { requests: 24 },
        workers,
        worker,
        maxPrefill,
        // The answer begins with its end.
        firstMs: () => 100,
      }));
    return (await Promise.all(shares)).map(({ mostInFlight }) => mostInFlight);
  };
  assertEquals(await most(4, 1), [4]);
  assertEquals(await most(5, 2), [3, 2]);
  assertEquals(await most(3, 3), [1, 1, 1]);
});

Deno.test("runLoad() prefill limit: who waits when the sending ends is dropped", async () => {
  const { sentMs, dropped, endedMs } = await play({
    load: closed(3),
    stop: { durationMs: 70 },
    maxPrefill: 1,
    firstMs: () => 50,
    serviceMs: () => 200,
  });
  assertEquals(sentMs, [0, 50]);
  assertEquals(dropped.map(({ reason }) => reason), [
    "1 requests had no token until the sending ended",
  ]);
  assertEquals(endedMs, 250);
});

const LEAVE: CancelSpec = { share: 0.5, from: "sent", afterMs: 30 };
const planned = ({ end }: Exchange) => end.kind === "cancelled" ? end.planned ?? false : end.kind;

Deno.test("runLoad() users who leave: their requests are cancelled in time, others are not", async () => {
  const leaves = ({ index }: Departure) => index % 2 === 1;
  const sent = await play({ load: closed(1), stop: { requests: 4 }, cancel: LEAVE, leaves });
  // The user's next request follows at once.
  assertEquals(sent.sentMs, [0, 100, 130, 230]);
  assertEquals(sent.exchanges.map(planned), ["complete", true, "complete", true]);
  assertEquals(sent.endedMs, 260);
  const first = await play({
    load: open(),
    stop: { requests: 4 },
    cancel: { ...LEAVE, from: "first", afterMs: 20 },
    leaves,
    firstMs: (n) => 10 * n,
    serviceMs: (n) => n === 3 ? 45 : 1000,
  });
  assertEquals(first.sentMs, [0, 100, 200, 300]);
  // The last one's answer is there before its user would leave.
  assertEquals(
    first.exchanges.map((one) => [planned(one), one.endMs]).toSorted(([, a], [, b]) => +a! - +b!),
    [[true, 130], ["complete", 345], ["complete", 1000], ["complete", 1200]],
  );
});

Deno.test("runLoad() users who leave: an interrupt is no plan, and nobody is waited for", async () => {
  const { exchanges, endedMs } = await play({
    load: closed(2),
    stop: {},
    cancel: { ...LEAVE, afterMs: 60_000 },
    leaves: () => true,
    serviceMs: () => 90_000,
    abortAtMs: 500,
  });
  assertEquals(exchanges.map(planned), [false, false]);
  assertEquals(endedMs, 500);
  // The timers of those who would have left later are gone with the load.
  const over = await play({
    load: closed(2),
    stop: { requests: 2 },
    cancel: { ...LEAVE, afterMs: 60_000 },
    leaves: () => true,
  });
  assertEquals(over.endedMs, 100);
});

Deno.test("runLoad() users who leave keep nobody's place before the first token", async () => {
  const { sentMs, exchanges } = await play({
    load: closed(2),
    stop: { requests: 4 },
    maxPrefill: 1,
    cancel: LEAVE,
    leaves: () => true,
    firstMs: () => 1000,
    serviceMs: () => 2000,
  });
  assertEquals(sentMs, [0, 30, 60, 90]);
  assertEquals(exchanges.map(planned), [true, true, true, true]);
});
