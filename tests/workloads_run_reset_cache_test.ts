import { assert, assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import { startSimServer } from "../backends/sim_server.ts";
import { type BenchOptions, measureBench } from "../workloads/run_bench.ts";
import { UserError } from "../workloads/user_error.ts";

const QUIET: BenchOptions = {
  ...{ gpu: "off", witness: false, noCalibration: true, transport: "fetch", timeout: 30 },
  ...{ concurrency: [1], outputTokens: 2, workers: 0, requests: 1, warmup: 0 },
};

/** What a server was asked besides generations, as it came. */
interface Asked {
  readonly path: string;
  readonly key: string | null;
}

/** A server of completions whose other POSTs are answered by `reset`. */
async function withServer<T>(
  reset: (asked: Asked, count: number) => Response,
  work: (url: string, asked: Asked[]) => Promise<T>,
): Promise<T> {
  const asked: Asked[] = [];
  const server = Deno.serve({ port: 0, onListen: () => {} }, async (request) => {
    const { pathname, search } = new URL(request.url);
    if (request.method === "GET") return Response.json({ data: [{ id: "m" }] });
    await request.body?.cancel();
    if (!pathname.endsWith("/completions")) {
      const one = { path: pathname + search, key: request.headers.get("authorization") };
      asked.push(one);
      return reset(one, asked.length);
    }
    const choice = { index: 0, delta: { content: "a" }, finish_reason: "length" };
    const event = { choices: [choice], usage: { prompt_tokens: 1, completion_tokens: 2 } };
    return new Response(`data: ${JSON.stringify(event)}\n\ndata: [DONE]\n\n`, {
      headers: { "content-type": "text/event-stream" },
    });
  });
  try {
    return await work(`http://127.0.0.1:${server.addr.port}`, asked);
  } finally {
    await server.shutdown();
  }
}

/** Why the caches were not emptied before each load, with what the user was told. */
async function resetting(url: string | readonly string[], options: BenchOptions) {
  const notes: string[] = [];
  const { header, ends } = await measureBench(url, { ...QUIET, ...options }, {
    note: (line) => notes.push(line),
  });
  return { header, notes, why: ends.map(({ cacheNotReset }) => cacheNotReset) };
}

Deno.test("--reset-cache empties the simulated cache before each load and its warm-up", async () => {
  for (const [engine, resetCache] of [["openai", "vllm"], ["sglang", "sglang"]] as const) {
    const server = await startSimServer({
      ...{ ttft: "0", itl: "0", engine, prefixCache: true, cacheBlock: 1 },
    });
    try {
      // The same prompt in each load, which has it from the one before without a reset.
      const same = { ...QUIET, dataset: "synthetic", saltScope: "none", once: true } as const;
      const cached = async (options: BenchOptions) => {
        const loads = { ...same, requests: undefined, prompts: 1, concurrency: [1, 1] };
        const { requests: _, ...asked } = { ...loads, ...options };
        const { records, ends } = await measureBench(server.url, asked);
        assertEquals(ends.map(({ cacheNotReset }) => cacheNotReset), [undefined, undefined]);
        return records.map(({ cachedTokens = 0 }) => cachedTokens > 100);
      };
      assertEquals(await cached({}), [false, true]);
      assertEquals(await cached({ resetCache }), [false, false]);
    } finally {
      await server.stop();
    }
  }
});

Deno.test("vLLM: a 200 whose body says that it failed is a failure; without an external cache it is asked again", async () => {
  const says = (success: boolean) => Response.json({ success });
  await withServer(({ path }) => says(!path.includes("external")), async (url, asked) => {
    const { why, header } = await resetting(url, { resetCache: "vllm", apiKey: "sekret-key" });
    assertEquals(why, [undefined]);
    assertEquals(asked, [
      { path: "/reset_prefix_cache?reset_external=true", key: "Bearer sekret-key" },
      { path: "/reset_prefix_cache", key: "Bearer sekret-key" },
    ]);
    assertEquals(header.resetCache, "vllm");
  });
  // Busy at first.
  await withServer((_, count) => says(count > 4), async (url, asked) => {
    assertEquals((await resetting(url, { resetCache: "vllm" })).why, [undefined]);
    assertEquals(asked.length, 5);
  });
  // An older one has no body.
  await withServer(() => new Response(null), async (url, asked) => {
    assertEquals((await resetting(url, { resetCache: "vllm" })).why, [undefined]);
    assertEquals(asked.length, 1);
  });
});

Deno.test("what cannot be emptied is told and marked, and the run goes on", async () => {
  await withServer(() => new Response("Not Found", { status: 404 }), async (url, asked) => {
    const { why, notes } = await resetting(url, { resetCache: "vllm", concurrency: [1, 1] });
    assertEquals(why.length, 2);
    assertStringIncludes(
      why[1]!,
      "404 Not Found; vLLM has the call only with VLLM_SERVER_DEV_MODE",
    );
    assertEquals(
      notes.filter((line) => line.startsWith("The prefix cache was not emptied")).length,
      2,
    );
    assertEquals(asked.length, 4);
  });
  await withServer(
    (_, count) => new Response("busy", { status: count < 3 ? 400 : 200 }),
    async (url, asked) => {
      assertEquals((await resetting(url, { resetCache: "sglang" })).why, [undefined]);
      assertEquals(asked.map(({ path }) => path), Array(3).fill("/flush_cache"));
    },
  );
  // Nobody listens there.
  await withServer(() => new Response(null), async (url) => {
    const { why } = await resetting(url, { resetCache: "http://127.0.0.1:9/x?token=sekret-query" });
    assertStringIncludes(why[0]!, "POST http://127.0.0.1:9/x: ");
    assert(!why[0]!.includes("sekret"));
  });
});

Deno.test("a URL gets one POST as it is, and the key at the server's own host only", async () => {
  await withServer(() => new Response(null, { status: 204 }), async (other, askedThere) => {
    await withServer(() => new Response("no", { status: 400 }), async (url, asked) => {
      const key = { apiKey: "sekret-key" };
      const there = await resetting(url, { ...key, resetCache: `${other}/a/b?c=d` });
      assertEquals(there.why, [undefined]);
      assertEquals(askedThere, [{ path: "/a/b?c=d", key: null }]);
      assertEquals(there.header.resetCache, `${other}/a/b`);
      const here = await resetting(url, { ...key, resetCache: `${url}/mine` });
      assertEquals(asked, [{ path: "/mine", key: "Bearer sekret-key" }]);
      assertStringIncludes(here.why[0]!, "/mine: 400 no");
    });
  });
});

Deno.test("of several servers every one is asked, and the one that fails is named", async () => {
  const says = (success: boolean) => () => Response.json({ success });
  await withServer(() => new Response(null, { status: 401 }), async (bad, askedBad) => {
    await withServer(says(true), async (good, asked) => {
      const { why } = await resetting([good, bad], { resetCache: "vllm" });
      assertEquals([asked.length, askedBad.length], [1, 2]);
      assertEquals(why, [`POST ${bad}/reset_prefix_cache: 401`]);
    });
  });
});

Deno.test("--reset-cache refuses what it cannot ask", async () => {
  const refused = async (options: BenchOptions) =>
    (await assertRejects(() => measureBench("http://127.0.0.1:9", options), UserError)).message;
  assertStringIncludes(await refused({ resetCache: "tgi" }), "vllm, sglang, or a URL");
  assertStringIncludes(
    await refused({ resetCache: "vllm", protocol: "ppl" }),
    "the call goes over HTTP",
  );
});
