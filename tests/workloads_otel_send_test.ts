import { assert, assertEquals, assertRejects } from "@std/assert";
import type { RequestRecord } from "../backends/record.ts";
import { createOtelObserver } from "../workloads/otel_observer.ts";
import { sendSpans } from "../workloads/otel_send.ts";
import { planOtel } from "../workloads/otel_target.ts";
import { keepSecret } from "../workloads/secret.ts";
import { UserError } from "../workloads/user_error.ts";
import { createFailure, createRecord } from "./support/create_record.ts";
import { createRun } from "./support/create_run.ts";
import { FakeClock } from "./support/fake_clock.ts";
import { inTempFolder, runCli } from "./support/run_cli.ts";
import { startSimServer } from "../mod.ts";

interface Post {
  readonly atMs: number;
  readonly path: string;
  readonly headers: Headers;
  readonly body: string;
}

/** A collector that answers as it is told, and keeps what it gets. */
async function withCollector(
  use: (collector: { readonly url: string; readonly posts: Post[] }) => Promise<void>,
  answer: (post: Post, number: number) => Response = () => Response.json({}),
): Promise<void> {
  const posts: Post[] = [];
  const server = Deno.serve(
    { hostname: "127.0.0.1", port: 0, onListen: () => {} },
    async (request) => {
      const post = {
        atMs: Date.now(),
        path: new URL(request.url).pathname,
        headers: request.headers,
        body: await request.text(),
      };
      posts.push(post);
      return answer(post, posts.length);
    },
  );
  try {
    await use({ url: `http://127.0.0.1:${server.addr.port}`, posts });
  } finally {
    await server.shutdown();
  }
}

function spansOf({ body }: Post): { name: string; spanId: string; parentSpanId?: string }[] {
  const { resourceSpans } = JSON.parse(body);
  return resourceSpans.flatMap(({ scopeSpans }: { scopeSpans: { spans: object[] }[] }) =>
    scopeSpans.flatMap(({ spans }) => spans)
  );
}

const never = new AbortController().signal;

Deno.test("a collector that is busy is asked again when it says so", async () => {
  await withCollector(
    async ({ url, posts }) => {
      const clock = new FakeClock();
      const sent = await clock.run(
        sendSpans({ url, headers: { "x-key": "k" } }, "{}", { signal: never, clock }),
      );
      assertEquals(sent.failure, undefined);
      assertEquals(posts.length, 3);
      // 7 s as it asked for, then our own 1 s.
      assertEquals(clock.now(), 8000);
      assertEquals(posts[0]!.headers.get("x-key"), "k");
      assertEquals(posts[0]!.headers.get("content-type"), "application/json");
    },
    (_, number) =>
      number === 1
        ? new Response("", { status: 429, headers: { "retry-after": "7" } })
        : new Response("", { status: number === 2 ? 503 : 200 }),
  );
});

Deno.test("a collector that refuses is not asked again, and its words are told", async () => {
  keepSecret("collector-key-1");
  await withCollector(async ({ url, posts }) => {
    const sent = await sendSpans({ url, headers: {} }, "{}", { signal: never });
    assertEquals(sent.failure, "it answered 401: no such key ***");
    assertEquals(posts.length, 1);
  }, () => Response.json({ code: 16, message: "no such key collector-key-1" }, { status: 401 }));
});

Deno.test("a collector that wants more time than there is, is not waited for", async () => {
  await withCollector(
    async ({ url, posts }) => {
      const sent = await sendSpans({ url, headers: {} }, "{}", { signal: never });
      assertEquals(sent.failure, "it answered 503: HTML page without a title");
      assertEquals(posts.length, 1);
    },
    () => new Response("<html>", { status: 503, headers: { "retry-after": "3600" } }),
  );
});

Deno.test("a redirect is not followed: the key is for one address", async () => {
  await withCollector(async (other) => {
    await withCollector(async ({ url }) => {
      const target = { url, headers: { authorization: "Bearer k" } };
      const sent = await sendSpans(target, "{}", { signal: never });
      assertEquals(sent.failure, "it answered 307");
      assertEquals(other.posts.length, 0);
    }, () => new Response("", { status: 307, headers: { location: other.url } }));
  });
});

Deno.test("a collector that is not there is a failure, and an interrupt ends the waiting", async () => {
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const { port } = listener.addr;
  listener.close();
  const target = { url: `http://127.0.0.1:${port}`, headers: {} };
  const clock = new FakeClock();
  const sent = await clock.run(sendSpans(target, "{}", { signal: never, clock }));
  assertEquals(sent.failure, "Connection refused");
  assertEquals(clock.now(), 3500, "500, 1000 and 2000 ms between four attempts");
  const stop = new AbortController();
  stop.abort();
  const stopped = await sendSpans(target, "{}", { signal: stop.signal });
  assertEquals(stopped.failure, "it was interrupted");
});

/** A run of two loads told to an observer; returns what it notes. */
async function observed(
  url: string,
  records: readonly RequestRecord[],
  { mostRequests, times = { startedAtMs: 1_796_074_279_343.5 } }: {
    readonly mostRequests?: number;
    readonly times?: { readonly startedAtMs?: number };
  } = {},
): Promise<readonly string[]> {
  const notes: string[] = [];
  const observer = createOtelObserver({
    ...{ target: { url, headers: {} }, signal: never, note: (line) => notes.push(line) },
    ...(mostRequests === undefined ? {} : { mostRequests }),
  });
  const { header, ends } = createRun(records, { loads: [{}, {}] });
  await observer.check();
  observer.onHeader(header);
  for (const end of ends) {
    for (const record of records) if (record.load === end.load) observer.onRecord(record);
    await observer.onLoadEnd({ ...end, ...times });
  }
  await observer.finish();
  return notes;
}

function records(count: number, load = 0): RequestRecord[] {
  return Array.from({ length: count }, (_, index) => createRecord({ index, load }));
}

Deno.test("spans are sent in batches after their load, warm-ups left out", async () => {
  await withCollector(async ({ url, posts }) => {
    const warm = createRecord({ phase: "warmup" });
    const failed = createFailure("timeout", { load: 1 });
    const notes = await observed(url, [warm, ...records(1100), failed]);
    const sizes = posts.map((post) => spansOf(post).length);
    // The question at the start, 1,100 requests and their load, one request and its load, the run.
    assertEquals(sizes, [0, 512, 512, 77, 2, 1]);
    const spans = posts.flatMap(spansOf);
    assertEquals(new Set(spans.map(({ spanId }) => spanId)).size, 1104);
    const ids = new Set(spans.map(({ spanId }) => spanId));
    const orphans = spans.filter(({ parentSpanId }) =>
      parentSpanId !== undefined && !ids.has(parentSpanId)
    );
    assertEquals(orphans, []);
    assertEquals(notes, [`Spans:   1,104 spans sent to ${url}`]);
  });
});

Deno.test("what a collector refuses of a batch is told", async () => {
  const partialSuccess = { rejectedSpans: "3", errorMessage: "too many" };
  await withCollector(
    async ({ url }) => {
      const notes = await observed(url, records(10));
      assertEquals(notes, [
        `Spans:   10 of 13 spans sent to ${url}; the last reason: too many`,
      ]);
    },
    (_, number) => Response.json(number === 2 ? { partialSuccess } : {}),
  );
});

Deno.test("a collector that fails loses spans, not the run", async () => {
  await withCollector(async ({ url, posts }) => {
    const notes = await observed(url, records(1100));
    assertEquals(notes, [
      `The collector at ${url} does not take spans: it answered 404: nothing here; the run goes on`,
      `Spans:   0 of 1,103 spans sent to ${url}; the last reason: it answered 404: nothing here`,
    ]);
    // A batch that fails ends its load.
    assertEquals(posts.length, 4);
  }, () => new Response("nothing here", { status: 404 }));
});

Deno.test("a collector that is slow holds a run up for so long only, and a report not at all", async () => {
  for (const patient of [false, true]) {
    const clock = new FakeClock();
    let posts = 0;
    const observer = createOtelObserver({
      ...{
        target: { url: "http://h", headers: {} },
        signal: never,
        note: () => {},
        clock,
        patient,
      },
      fetch: async () => {
        posts++;
        await clock.sleepUntil(clock.now() + 9000);
        return Response.json({});
      },
    });
    const all = records(5000);
    const { header, ends: [end] } = createRun(all);
    observer.onHeader(header);
    for (const record of all) observer.onRecord(record);
    await clock.run(observer.onLoadEnd({ ...end!, startedAtMs: 1_796_074_279_343.5 }));
    const { spans, sent, why } = observer.sent();
    assertEquals([posts, spans, sent], patient ? [10, 5001, 5001] : [4, 5001, 2048]);
    assertEquals(why, patient ? "" : "it took more than 30 s for the spans of a load");
  }
});

Deno.test("a load with more requests than are kept, and a file without times, are told", async () => {
  await withCollector(async ({ url }) => {
    const [note] = await observed(url, records(10), { mostRequests: 4 });
    assertEquals(
      note,
      `Spans:   7 of 13 spans sent to ${url}; the last reason: more than 4 requests of a load ` +
        "are not kept",
    );
    const old = await observed(url, records(10), { times: {} });
    assertEquals(old, [
      `Spans:   0 of 10 spans sent to ${url}; the last reason: the record file does not say when ` +
      "its loads began",
    ]);
  });
});

Deno.test("an address gets OTLP's path unless it has its own; others are refused", async () => {
  const pathOf = async (otel: string) =>
    (await planOtel({ otel, otelHeader: ["a: b"] })).url.replace(/^https?:\/\/h/, "");
  assertEquals(await pathOf("http://h:4318"), ":4318/v1/traces");
  assertEquals(await pathOf("https://h/otlp/"), "/otlp/v1/traces");
  assertEquals(await pathOf("https://h/api/v2/traces?x=1"), "/api/v2/traces?x=1");
  for (
    const [otel, why] of [
      ["h:4318", "OTLP over HTTP"],
      ["grpc://h:4318", "OTLP over HTTP"],
      ["http://h:4317", "gRPC"],
      ["http://u:hidden-password@h:4318", "--otel-header"],
    ] as const
  ) {
    const error = await assertRejects(() => planOtel({ otel, otelHeader: undefined }), UserError);
    assert(error.message.includes(why), error.message);
    assert(!error.message.includes("hidden-password"));
  }
});

Deno.test("bench --otel sends between the loads, without the server's key; report sends it again", async () => {
  const server = await startSimServer({ ttft: "2", itl: "0" });
  try {
    await withCollector(({ url, posts }) =>
      inTempFolder(async (folder) => {
        const out = `${folder}/run`;
        const { code, err } = await runCli([
          ...["bench", server.url, "--concurrency=1,2", "--requests=6", "--output-tokens=4"],
          ...["--no-witness", "--no-calibration", `--out=${out}`, "--api-key=server-key-77"],
          ...[`--otel=${url}`, "--otel-header=authorization: Bearer collector-key-88"],
        ]);
        assertEquals(code, 0, err);
        assert(err.includes(`Spans:   15 spans sent to ${url}/v1/traces`), err);
        const text = await Deno.readTextFile(`${out}/records.jsonl`);
        assert(!text.includes("collector-key-88"));
        for (const { path, headers, body } of posts) {
          assertEquals(path, "/v1/traces");
          assertEquals(headers.get("authorization"), "Bearer collector-key-88");
          assert(!body.includes("server-key-77") && !body.includes("collector-key-88"));
        }
        const begun = text.split("\n").flatMap((line) => {
          const { end } = JSON.parse(line || "{}");
          return end === undefined ? [] : [end.startedAtMs as number];
        });
        // The question before the run, a load, a load, the run.
        assertEquals(posts.length, 4);
        assert(posts[0]!.atMs < begun[0]! + 1);
        assert(posts[1]!.atMs > begun[0]! && posts[1]!.atMs < begun[1]! + 1);
        const first = posts.splice(0).flatMap(spansOf);
        const again = await runCli(["report", out, `--otel=${url}`]);
        assertEquals(again.code, 0, again.err);
        const second = posts.flatMap(spansOf);
        const ids = (spans: typeof first) => spans.map(({ spanId }) => spanId).toSorted();
        assertEquals(ids(second), ids(first));
      })
    );
  } finally {
    await server.stop();
  }
});
