import { assert, assertEquals, assertRejects, assertThrows } from "@std/assert";
import { openaiCompletions } from "../backends/protocol_openai_completions.ts";
import type { WireRequest } from "../backends/protocol.ts";
import type { ReplayLoad } from "../workloads/load.ts";
import { Orders } from "../workloads/load_orders.ts";
import { runLoad } from "../workloads/load_runner.ts";
import { type LoadThreads, openThreads } from "../workloads/load_threads.ts";
import { shareWires } from "../workloads/load_wires.ts";
import type { Departure, Order, OrderDesk, OrderSource } from "../workloads/order.ts";
import { startCompletionsServer } from "./support/completions_server.ts";
import { FakeClock } from "./support/fake_clock.ts";
import { fakeTransport } from "./support/fake_transport.ts";

const SESSIONS: ReplayLoad = {
  ...{ kind: "replay", mode: "sessions", users: 4, speedup: 1 },
  ...{ maxInFlight: 0, overflow: "wait" },
};
const SCHEDULE: ReplayLoad = { ...SESSIONS, mode: "schedule", users: 0 };

interface Played {
  /** What happened, and when. */
  readonly log: readonly string[];
  readonly sentMs: readonly number[];
  readonly departures: readonly Departure[];
  readonly endedMs: number;
}

interface Game {
  readonly load?: ReplayLoad;
  readonly durationMs?: number;
  readonly stopAtMs?: number;
  readonly serviceMs?: (n: number) => number;
  /** Called when the load starts and after each answer. */
  readonly play: (
    give: (index: number, atMs: number) => void,
    orders: Orders,
    ended?: number,
  ) => void;
}

/** Runs orders on a clock of the test. */
async function run(
  { load = SESSIONS, durationMs, stopAtMs, serviceMs, play }: Game,
): Promise<Played> {
  const clock = new FakeClock();
  const transport = fakeTransport(clock, serviceMs ?? (() => 100));
  const log: string[] = [];
  const departures: Departure[] = [];
  const stop = new AbortController();
  const over = new AbortController();
  const orders = new Orders(({ sent, revoked }) => {
    for (let i = 0; i < sent.length; i += 2) log.push(`sent ${sent[i]} at ${sent[i + 1]}`);
    for (const index of revoked) log.push(`revoked ${index} at ${clock.now()}`);
  });
  const give = (index: number, intendedMs: number) => {
    orders.give({
      departure: { index, user: 0, item: 0, intendedMs },
      wire: { method: "POST", url: `${index}`, headers: {} },
    });
  };
  const pressed = (async () => {
    if (stopAtMs === undefined) return;
    await clock.sleepUntil(stopAtMs, over.signal);
    stop.abort();
  })();
  play(give, orders);
  await clock.run(runLoad({
    load,
    stop: durationMs === undefined ? {} : { durationMs },
    ...{ worker: 0, workers: 1, poolSize: 1, timeoutMs: 0, graceMs: 30_000 },
  }, {
    clock,
    transport,
    nextTurn: () => Promise.resolve(),
    originMs: 0,
    requestOf: () => {
      throw new Error("orders bring their own requests");
    },
    orders,
    takeNext: () => 0,
    onExchange(departure) {
      departures.push(departure);
      log.push(`answer ${departure.index} at ${clock.now()}`);
      play(give, orders, departure.index);
    },
    onDropped: ({ index }, reason) => log.push(`dropped ${index}: ${reason}`),
    stopSignal: stop.signal,
    abortSignal: new AbortController().signal,
  }));
  const endedMs = clock.now();
  over.abort();
  await pressed;
  return { log, departures, endedMs, sentMs: transport.sent.map(({ atMs }) => atMs) };
}

Deno.test("orders leave at their instants, from the end of what they wait for", async () => {
  const { log, departures, endedMs } = await run({
    play(give, orders, ended) {
      if (ended === undefined) give(0, 30);
      // Its end and 250 ms.
      else if (ended === 0) give(1, 130 + 250);
      // Too late: at once.
      else if (ended === 1) {
        give(2, 400);
        orders.finish();
      }
    },
  });
  assertEquals(log, [
    "sent 0 at 30",
    "answer 0 at 130",
    "sent 1 at 380",
    "answer 1 at 480",
    "sent 2 at 480",
    "answer 2 at 580",
  ]);
  assertEquals(departures.map(({ intendedMs }) => intendedMs), [30, 380, 400]);
  assertEquals(endedMs, 580);
});

Deno.test("orders of one instant leave as they came, and a later one for an earlier instant first", async () => {
  const { log } = await run({
    play(give, orders, ended) {
      if (ended !== undefined) return;
      for (const index of [0, 1, 2]) give(index, 500);
      give(3, 700);
      // Given while those are slept for.
      give(4, 20);
      give(5, 500);
      orders.finish();
    },
  });
  assertEquals(log.filter((line) => line.startsWith("sent")), [
    "sent 4 at 20",
    ...[0, 1, 2, 5].map((index) => `sent ${index} at 500`),
    "sent 3 at 700",
  ]);
});

Deno.test("orders: stopped, what was not due comes back, and what is given then, too", async () => {
  const { log, endedMs } = await run({
    stopAtMs: 150,
    serviceMs: () => 200,
    play(give, orders, ended) {
      if (ended === undefined) { for (const index of [0, 1, 2]) give(index, index * 100); }
      else if (ended === 1) {
        give(3, 1000);
        orders.finish();
      }
    },
  });
  assertEquals(log, [
    "sent 0 at 0",
    "sent 1 at 100",
    "revoked 2 at 150",
    "answer 0 at 200",
    "answer 1 at 300",
    "revoked 3 at 300",
  ]);
  assertEquals(endedMs, 300);
});

Deno.test("orders: what is due when the duration ends does not leave", async () => {
  const { log } = await run({
    durationMs: 200,
    play(give, orders, ended) {
      if (ended !== undefined) return;
      for (const index of [0, 1, 2]) give(index, index * 150);
      orders.finish();
    },
  });
  assertEquals(log.filter((line) => !line.startsWith("answer")), [
    "sent 0 at 0",
    "sent 1 at 150",
    "revoked 2 at 200",
  ]);
});

Deno.test("orders of a schedule keep a limit in flight, by waiting or by dropping", async () => {
  const schedule = (overflow: ReplayLoad["overflow"], stopAtMs?: number) =>
    run({
      load: { ...SCHEDULE, maxInFlight: 1, overflow },
      ...(stopAtMs === undefined ? {} : { stopAtMs }),
      serviceMs: () => 150,
      play(give, orders, ended) {
        if (ended !== undefined) return;
        for (const index of [0, 1, 2]) give(index, index * 100);
        orders.finish();
      },
    });
  const waited = await schedule("wait");
  assertEquals(waited.sentMs, [0, 150, 300]);
  assertEquals(waited.departures.map(({ intendedMs }) => intendedMs), [0, 100, 200]);
  const dropped = await schedule("drop");
  assertEquals(dropped.sentMs, [0, 200]);
  assert(dropped.log.includes("dropped 1: 1 requests were in flight"), `${dropped.log}`);
  const { log } = await schedule("wait", 120);
  assert(log.includes("dropped 1: no slot was free before the sending ended"), `${log}`);
  assert(log.includes("revoked 2 at 120"), `${log}`);
});

/** A turn of a session: what waits for it, and how long after its end. */
interface Turn {
  readonly index: number;
  readonly session: number;
  readonly left: number;
}

/** Sessions of turns that follow each other `delayMs` after the last one's answer was decoded. */
class Sessions implements OrderSource {
  readonly log: string[] = [];
  readonly lateMs: number[] = [];
  readonly #turns = new Map<number, Turn>();
  #desk: OrderDesk | undefined;
  #next = 0;
  alive: number;
  stopped = false;

  constructor(
    readonly wireOf: (index: number) => WireRequest,
    readonly options: { sessions: number; turns: number; delayMs: number },
  ) {
    this.alive = options.sessions;
  }

  start(desk: OrderDesk): void {
    this.#desk = desk;
    for (let session = 0; session < this.options.sessions; session++) {
      this.#give(session, this.options.turns, 0);
    }
  }

  sent(index: number, sentMs: number): void {
    this.log.push(`sent ${index}`);
    this.lateMs.push(sentMs);
  }

  stop(): void {
    this.stopped = true;
    this.log.push("stop");
  }

  revoked(index: number): void {
    this.log.push(`revoked ${index}`);
  }

  answered(index: number): void {
    this.log.push(`answer ${index}`);
    const { session, left } = this.#turns.get(index)!;
    if (left > 1 && !this.stopped) {
      this.#give(session, left - 1, this.#desk!.now() + this.options.delayMs);
    } else if (--this.alive === 0) this.#desk!.finish();
  }

  #give(session: number, left: number, intendedMs: number): void {
    const index = this.#next++;
    this.#turns.set(index, { index, session, left });
    this.#desk!.give({
      departure: { index, user: session, item: 0, intendedMs },
      wire: this.wireOf(index),
    });
  }
}

function wireOf(baseUrl: string, text: string): WireRequest {
  return openaiCompletions.buildRequest({
    model: "m",
    messages: [{ role: "user", content: text }],
    outputTokens: 3,
    length: "cap",
    stream: true,
    sampling: {},
    requestId: 1n,
  }, { baseUrl, headers: {} });
}

async function withThreads(
  { transport, workers, url }: { transport: string; workers: number; url: string },
  use: (threads: LoadThreads) => Promise<void>,
): Promise<void> {
  const threads = await openThreads({
    ...{ workers, transport, transportOptions: {}, protocol: openaiCompletions.name },
    target: { baseUrl: url, headers: {} },
    wires: shareWires([wireOf(url, "first")]),
    scheduled: true,
  });
  try {
    await use(threads);
  } finally {
    await threads.close();
  }
}

const NEVER = new AbortController().signal;
const JOB = {
  ...{ load: SESSIONS, stop: {}, seed: 1, loadNumber: 0, poolOffset: 0, poolSize: 1 },
  ...{ timeoutMs: 20_000, graceMs: 0, stopSignal: NEVER, abortSignal: NEVER },
};
const LINUX = Deno.build.os === "linux";

for (
  const [transport, workers] of [["socket", 0], ["socket", 2], ["fetch", 1], ["epoll", 2]] as const
) {
  Deno.test({
    name: `orders of sessions, over ${transport} in ${workers} threads: each after its last answer`,
    ignore: transport === "epoll" && !LINUX,
    async fn() {
      const server = startCompletionsServer();
      await withThreads({ transport, workers, url: server.url }, async (threads) => {
        for (let load = 0; load < 2; load++) {
          const source = new Sessions((index) => wireOf(server.url, `turn ${index}`), {
            ...{ sessions: 5, turns: 4, delayMs: 3 },
          });
          await threads.run({
            ...JOB,
            orders: source,
            onExchange({ index }, { body, end }) {
              assertEquals([end.kind, body.length > 0], ["complete", true]);
              source.answered(index);
            },
            onDropped: () => assert(false),
          });
          const all = Array.from({ length: 20 }, (_, index) => index);
          for (const word of ["sent", "answer"]) {
            const told = source.log.filter((line) => line.startsWith(word));
            assertEquals(told.toSorted(), all.map((index) => `${word} ${index}`).toSorted());
          }
          for (const index of all) {
            const [sent, answer] = ["sent", "answer"].map((word) =>
              source.log.indexOf(`${word} ${index}`)
            );
            assert(sent! < answer!, `${source.log}`);
          }
        }
      });
      await server.stop();
      const texts = server.bodies.map(({ prompt }) => prompt).toSorted();
      assertEquals(
        texts,
        Array.from({ length: 40 }, (_, i) => `turn ${i % 20}`).toSorted(),
      );
    },
  });
}

for (const [transport, workers] of [["socket", 0], ["socket", 2], ["epoll", 2]] as const) {
  Deno.test({
    name: `orders, over ${transport} in ${workers} threads: Ctrl-C revokes what has not left`,
    ignore: transport === "epoll" && !LINUX,
    async fn() {
      const server = startCompletionsServer();
      await withThreads({ transport, workers, url: server.url }, async (threads) => {
        const interrupt = new AbortController();
        const source = new Sessions((index) => wireOf(server.url, `${index}`), {
          ...{ sessions: 6, turns: 3, delayMs: 60_000 },
        });
        await threads.run({
          ...JOB,
          orders: source,
          stopSignal: interrupt.signal,
          onExchange({ index }) {
            source.answered(index);
            // The second turn of each session is given, and far from due.
            if (index === 5) interrupt.abort();
          },
          onDropped: () => assert(false),
        });
        const { log } = source;
        const stopped = log.indexOf("stop");
        const revoked = log.filter((line) => line.startsWith("revoked")).length;
        assert(stopped > 0 && revoked > 0, `${log}`);
        assert(log.findIndex((line) => line.startsWith("revoked")) > stopped, `${log}`);
        // All that was given was sent or came back.
        assertEquals(log.filter((line) => line.startsWith("sent")).length, 6);
        assertEquals(log.filter((line) => line.startsWith("answer")).length, 6);
        assert(revoked <= 6);
      });
      await server.stop();
    },
  });
}

Deno.test("orders: the end of the duration stops their source", async () => {
  const server = startCompletionsServer();
  await withThreads({ transport: "socket", workers: 1, url: server.url }, async (threads) => {
    const source = new Sessions((index) => wireOf(server.url, `${index}`), {
      ...{ sessions: 2, turns: 2, delayMs: 60_000 },
    });
    await threads.run({
      ...JOB,
      stop: { durationMs: 300 },
      orders: source,
      onExchange: ({ index }) => source.answered(index),
      onDropped: () => assert(false),
    });
    assertEquals(
      source.log.toSorted(),
      ["answer 0", "answer 1", "revoked 2", "revoked 3", "sent 0", "sent 1", "stop"],
    );
  });
  await server.stop();
});

for (const transport of ["socket", "fetch", "epoll"]) {
  Deno.test({
    name: `orders with bodies of 2 MB arrive whole over ${transport}`,
    ignore: transport === "epoll" && !LINUX,
    async fn() {
      const server = startCompletionsServer();
      const textOf = (index: number) => `${index} `.repeat(2 ** 20);
      await withThreads({ transport, workers: 1, url: server.url }, async (threads) => {
        const wires = new Map<number, WireRequest>();
        const source = new Sessions((index) => {
          const wire = wireOf(server.url, textOf(index % 10));
          wires.set(index, wire);
          return wire;
        }, { sessions: 2, turns: 2, delayMs: 20 });
        await threads.run({
          ...JOB,
          orders: source,
          onExchange({ index }, { end }) {
            assertEquals(end.kind, "complete");
            // Its memory went to the thread that sent it.
            assertEquals(wires.get(index)!.body!.length, 0);
            source.answered(index);
          },
          onDropped: () => assert(false),
        });
      });
      await server.stop();
      const prompts = server.bodies.map(({ prompt }) => prompt as string);
      assertEquals(prompts.length, 4);
      for (let index = 0; index < 4; index++) assert(prompts.includes(textOf(index)), `${index}`);
    },
  });
}

Deno.test("orders: what shares its memory keeps it", async () => {
  const server = startCompletionsServer();
  const memory = new Uint8Array(4096);
  const { body, ...head } = wireOf(server.url, "Hello");
  memory.set(body!, 100);
  await withThreads({ transport: "socket", workers: 1, url: server.url }, async (threads) => {
    const source = new Sessions(
      () => ({ ...head, body: memory.subarray(100, 100 + body!.length) }),
      { sessions: 3, turns: 1, delayMs: 0 },
    );
    await threads.run({
      ...JOB,
      orders: source,
      onExchange: ({ index }) => source.answered(index),
      onDropped: () => assert(false),
    });
  });
  await server.stop();
  assertEquals(server.bodies.map(({ prompt }) => prompt), ["Hello", "Hello", "Hello"]);
  assertEquals(memory.length, 4096);
});

Deno.test("orders need a source, and none follows the last", async () => {
  const server = startCompletionsServer();
  await withThreads({ transport: "socket", workers: 0, url: server.url }, async (threads) => {
    const job = { ...JOB, onExchange() {}, onDropped() {} };
    await assertRejects(() => threads.run(job), TypeError, "without their source");
    let order: Order | undefined;
    await threads.run({
      ...job,
      orders: {
        start(desk) {
          desk.finish();
          order = {
            departure: { index: 7, user: 0, item: 0, intendedMs: 0 },
            wire: wireOf("", ""),
          };
          assertThrows(() => desk.give(order!), RangeError, "Cannot give order 7");
        },
        ...{ sent() {}, stop() {}, revoked() {} },
      },
    });
  });
  await server.stop();
  assertEquals(server.bodies, []);
});
