import { assertEquals } from "@std/assert";
import type { Exchange, SendOptions, Transport } from "../backends/transport.ts";
import { finishExchange } from "../backends/exchange.ts";
import { epochOriginMs } from "../backends/clock.ts";
import type { WireRequest } from "../backends/protocol.ts";
import type { ServerScrapes } from "../metrics/run_server.ts";
import {
  createScrapeThread,
  type FromScrapeThread,
  type ToScrapeThread,
} from "../workloads/scrape_worker.ts";
import { FakeClock } from "./support/fake_clock.ts";

/** What an endpoint does with a question: its answer and how long it takes. */
interface Answer {
  readonly afterMs: number;
  readonly text?: string;
  readonly status?: number;
}

/** A thread with endpoints that answer by the fake clock. */
function createThread(
  answerOf: (url: string, number: number) => Answer,
  urls: readonly string[] = ["http://a/metrics"],
  tellsNewest = true,
) {
  const clock = new FakeClock();
  const told: FromScrapeThread[] = [];
  const asked: { url: string; atMs: number; headers: Readonly<Record<string, string>> }[] = [];
  let open = 0;
  let most = 0;
  const send = async (request: WireRequest, options: SendOptions): Promise<Exchange> => {
    const sentMs = clock.now();
    const { afterMs, text = "", status = 200 } = answerOf(
      request.url,
      asked.filter(({ url }) => url === request.url).length,
    );
    asked.push({ url: request.url, atMs: sentMs, headers: request.headers });
    most = Math.max(most, ++open);
    await clock.sleepUntil(sentMs + Math.min(afterMs, options.timeoutMs), options.signal);
    open--;
    const late = afterMs > options.timeoutMs;
    const end = options.signal?.aborted
      ? { kind: "cancelled", message: "cancelled" } as const
      : late
      ? { kind: "timeout", message: `no answer within ${options.timeoutMs / 1000} s` } as const
      : { kind: "complete" } as const;
    return finishExchange({
      ...{ sentMs, endMs: clock.now(), status, contentType: "text/plain", end },
      ...{ firstByteMs: late ? undefined : clock.now(), headers: undefined, connection: "new" },
    }, logOf(text));
  };
  const transport: Transport = { send, close: () => Promise.resolve() };
  const handle = createScrapeThread((message) => told.push(message), {
    ...{ clock, open: () => Promise.resolve(transport) },
  });
  const tell = (message: ToScrapeThread) => clock.run(handle(message));
  const wait = (ms: number) => clock.run(clock.sleepUntil(clock.now() + ms));
  const opened = tell({
    ...{ kind: "open", periodMs: 1000, timeoutMs: 10_000, transport: {}, tellsNewest },
    endpoints: urls.map((url) => ({ url, shown: url })),
  });
  const finish = async (): Promise<readonly ServerScrapes[]> => {
    await tell({ kind: "finish", startEpochMs: epochOriginMs(), waitMs: 2000 });
    const last = told.at(-1)!;
    return last.kind === "finished" ? last.scrapes : [];
  };
  return { clock, told, asked, opened, tell, wait, finish, most: () => most };
}

function logOf(text: string) {
  const body = new TextEncoder().encode(text);
  return {
    body,
    readMs: new Float64Array(),
    readEnds: new Uint32Array(),
  } as unknown as Parameters<typeof finishExchange>[1];
}

const running = (value: number) =>
  `# TYPE vllm:num_requests_running gauge\nvllm:num_requests_running ${value}\n`;

Deno.test("the scrape thread asks before a load, each second, and after it", async () => {
  const thread = createThread((_, i) => ({ afterMs: 20, text: running(i) }));
  await thread.opened;
  await thread.tell({ kind: "begin" });
  assertEquals(thread.told.map(({ kind }) => kind), ["opened", "newest", "begun"]);
  await thread.wait(3500);
  const [scrapes] = await thread.finish();
  assertEquals(thread.asked.map(({ atMs }) => atMs), [0, 1000, 2000, 3000, 3520]);
  assertEquals(scrapes!.families[0]!.series[0]!.values, [0, 1, 2, 3, 4]);
  assertEquals([scrapes!.slowestMs, scrapes!.failed], [20, undefined]);
  const newest = thread.told.flatMap((one) => one.kind === "newest" ? [one.server.running] : []);
  assertEquals(newest, [0, 1, 2, 3]);
  // It rests until the next load.
  await thread.wait(5000);
  assertEquals(thread.asked.length, 5);
  assertEquals(Object.keys(thread.asked[0]!.headers), ["accept"]);
});

Deno.test("the scrape thread tells the newest values once a period, and only where they are wanted", async () => {
  const urls = ["http://a/metrics", "http://b/metrics", "http://c/metrics"];
  const newestOf = async (tellsNewest: boolean) => {
    const thread = createThread((_, i) => ({ afterMs: 20, text: running(i) }), urls, tellsNewest);
    await thread.opened;
    await thread.tell({ kind: "begin" });
    await thread.wait(3500);
    await thread.finish();
    return thread.told.filter(({ kind }) => kind === "newest").length;
  };
  assertEquals(await newestOf(true), 4);
  assertEquals(await newestOf(false), 0);
});

Deno.test("the scrape thread never asks an endpoint twice at once, and waits briefly for a slow one", async () => {
  const thread = createThread(
    (_, i) => i === 0 ? { afterMs: 5, text: running(0) } : { afterMs: 30_000 },
  );
  await thread.opened;
  await thread.tell({ kind: "begin" });
  await thread.wait(25_500);
  assertEquals(thread.most(), 1);
  // Asked at 1 s, given up at 11 s, asked at the next beat.
  assertEquals(thread.asked.map(({ atMs }) => atMs), [0, 1000, 11_000, 21_000]);
  const beforeMs = thread.clock.now();
  const [scrapes] = await thread.finish();
  assertEquals(thread.clock.now() - beforeMs, 2000);
  assertEquals(scrapes!.failed, {
    count: 3,
    message: "an answer was still missing 2 s after the load",
  });
  assertEquals([scrapes!.timeMs.length, scrapes!.slowestMs], [1, 10_000]);
});

Deno.test("the scrape thread takes what comes soon after the load, and asks once more", async () => {
  const thread = createThread((_, i) => ({ afterMs: i === 1 ? 1500 : 10, text: running(i) }));
  await thread.opened;
  await thread.tell({ kind: "begin" });
  await thread.wait(1500);
  const [scrapes] = await thread.finish();
  assertEquals(scrapes!.families[0]!.series[0]!.values, [0, 1, 2]);
  assertEquals(thread.asked.map(({ atMs }) => atMs), [0, 1000, 2500]);
});

Deno.test("the scrape thread: one endpoint that fails does not disturb the other", async () => {
  const thread = createThread(
    (url) =>
      url.includes("b/")
        ? { afterMs: 1, text: "<html>no</html>" }
        : url.includes("c/")
        ? { afterMs: 1, status: 500 }
        : { afterMs: 1, text: running(2) },
    ["http://a/m", "http://b/m", "http://c/m"],
  );
  await thread.opened;
  await thread.tell({ kind: "begin" });
  await thread.wait(1200);
  const [a, b, c] = await thread.finish();
  assertEquals([a!.timeMs.length, a!.failed], [3, undefined]);
  assertEquals(b!.failed, {
    count: 3,
    message: "the answer is no Prometheus text (text/plain): line 1, it has no name",
  });
  assertEquals(c!.failed, { count: 3, message: "status 500" });
});

Deno.test("the scrape thread begins each load anew, also where the last one was not finished", async () => {
  const thread = createThread((_, i) => ({ afterMs: 10, text: running(i) }));
  await thread.opened;
  await thread.tell({ kind: "begin" });
  await thread.wait(1500);
  await thread.tell({ kind: "begin" });
  await thread.wait(500);
  const [scrapes] = await thread.finish();
  assertEquals(scrapes!.families[0]!.series[0]!.values, [2, 3]);
  await thread.tell({ kind: "close" });
  assertEquals(thread.told.at(-1), { kind: "closed" });
});

Deno.test("the scrape thread says why it cannot read", async () => {
  const told: FromScrapeThread[] = [];
  const handle = createScrapeThread((message) => told.push(message), {
    ...{ clock: new FakeClock(), open: () => Promise.reject(new Error("no such authority")) },
  });
  await handle({
    ...{ kind: "open", periodMs: 1, timeoutMs: 1, transport: {}, endpoints: [], tellsNewest: true },
  });
  assertEquals(told, [{ kind: "absent", reason: "no such authority" }]);
});
