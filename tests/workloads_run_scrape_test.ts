import { assertEquals, assertRejects } from "@std/assert";
import { systemClock } from "../backends/clock.ts";
import type { BenchPlan } from "../workloads/bench_plan.ts";
import { findEndpoints, isPublicService } from "../workloads/run_scrape.ts";
import { askEndpoint, type Endpoint, MOST_BYTES, openForScrapes } from "../workloads/scrape_ask.ts";
import { openScraper } from "../workloads/scrape_sampler.ts";
import { planServerMetrics } from "../workloads/bench_server_metrics.ts";
import { keepSecret } from "../workloads/secret.ts";
import { UserError } from "../workloads/user_error.ts";

const TEXT = '# TYPE vllm:num_requests_running gauge\nvllm:num_requests_running{m="x"} 3\n';

/** What a server was asked. */
interface Asked {
  readonly url: string;
  readonly headers: ReadonlyMap<string, string>;
}

/** Servers on free ports, by what they answer; gives what they were asked, too. */
async function withServers(
  answers: readonly ((request: Request) => Response | Promise<Response>)[],
  use: (urls: readonly string[], asked: readonly Asked[]) => Promise<void>,
): Promise<void> {
  const asked: Asked[] = [];
  const stop = new AbortController();
  const { signal } = stop;
  const servers = answers.map((answer) =>
    Deno.serve({ hostname: "127.0.0.1", port: 0, signal, onListen() {} }, (request) => {
      asked.push({ url: request.url, headers: new Map(request.headers) });
      return answer(request);
    })
  );
  try {
    await use(servers.map(({ addr }) => `http://127.0.0.1:${addr.port}`), asked);
  } finally {
    // A graceful end would wait for the answers that never end.
    stop.abort();
    for (const server of servers) await server.finished;
  }
}

const at = (path: string, text: string) => (request: Request) =>
  new URL(request.url).pathname === path
    ? new Response(text)
    : new Response("not here", { status: 404 });

function planOf(url: string, metrics: string, fields: Partial<BenchPlan> = {}) {
  const serverMetrics = planServerMetrics(metrics);
  return {
    plan: {
      ...{ url, protocol: "openai-chat", insecure: false, proxyLocal: false },
      ...(serverMetrics === undefined ? {} : { serverMetrics }),
      ...{ apiKey: "sk-never-here-123", headers: { "x-mine": "never" } },
      ...fields,
    } as BenchPlan,
  };
}

const shownOf = (sides: readonly (readonly Endpoint[])[]) =>
  sides.map((endpoints) => endpoints.map(({ shown }) => shown));

Deno.test("planServerMetrics reads auto, off, and addresses", () => {
  assertEquals(planServerMetrics("auto"), { auto: true, urls: [] });
  assertEquals(planServerMetrics("off"), undefined);
  assertEquals(planServerMetrics("auto, node:9400,http://h/x?a=1#b,node:9400"), {
    auto: true,
    urls: ["http://node:9400/metrics", "http://h/x?a=1"],
  });
  for (
    const wrong of ["off,auto", "", "ftp://h/metrics", "http://", "http://h/?key=***", "u:p@h:9400"]
  ) {
    const error = (() => {
      try {
        return planServerMetrics(wrong);
      } catch (error) {
        return error;
      }
    })();
    assertEquals(error instanceof UserError, true, wrong);
  }
  // No encoding, and no mistake of the program.
  assertEquals(planServerMetrics("http://u:%zz@h")?.urls, ["http://u:%zz@h/metrics"]);
});

Deno.test("findEndpoints takes /metrics of each server that has metrics, and asks without any key", async () => {
  await withServers([
    at("/metrics", TEXT),
    // A list of models, a page and a text of another kind are none; trtllm-serve has them elsewhere.
    (request) =>
      new URL(request.url).pathname === "/prometheus/metrics"
        ? new Response(TEXT)
        : Response.json({ iterations: [] }),
    () =>
      new Response("<!doctype html><title>x</title>", { headers: { "content-type": "text/html" } }),
    () => new Response("ok 1\n"),
    () => new Response(TEXT, { status: 503 }),
  ], async (urls, asked) => {
    const [first = "", ...more] = urls.map((url) => `${url}/v1`);
    const plan = planOf(first, "auto", {
      urls: [first, ...more].map((url) => ({ url, query: "k=1" })),
    });
    assertEquals(shownOf(await findEndpoints([plan])), [
      [`${urls[0]}/metrics`, `${urls[1]}/prometheus/metrics`],
    ]);
    for (const { url, headers } of asked) {
      assertEquals([new URL(url).search, headers.get("authorization")], ["", undefined]);
      assertEquals([headers.get("x-mine"), headers.get("cookie")], [undefined, undefined]);
    }
  });
});

Deno.test("findEndpoints takes Triton's statistics of the model that is asked for", async () => {
  const stats = '{"model_stats":[{"name":"m","inference_stats":{"success":{"count":1,"ns":2}}}]}';
  await withServers([at("/v2/models/my%20m/stats", stats)], async ([url = ""]) => {
    const protocol = "triton-vllm";
    const [found] = await findEndpoints([planOf(url, "auto", { protocol, model: "my m" })]);
    assertEquals(shownOf([found!]), [[`${url}/v2/models/my%20m/stats`]]);
  });
  await withServers([at("/v2/models/vllm_model/stats", stats)], async ([url = ""]) => {
    const [found] = await findEndpoints([planOf(url, "auto", { protocol: "triton-vllm" })]);
    assertEquals(shownOf([found!]), [[`${url}/v2/models/vllm_model/stats`]]);
  });
});

Deno.test("findEndpoints: not off the network's edge, not over gRPC, and not when it is off", async () => {
  assertEquals(await findEndpoints([planOf("https://api.example.com", "auto")]), [[]]);
  assertEquals(
    await findEndpoints([planOf("grpc://127.0.0.1:1", "auto", { protocol: "triton-turbomind" })]),
    [[]],
  );
  assertEquals(await findEndpoints([planOf("http://127.0.0.1:1", "off")]), [[]]);
  // Nobody is there, and nobody asked.
  assertEquals(await findEndpoints([planOf("http://127.0.0.1:1", "auto")]), [[]]);
  const kinds = [
    "https://api.example.com",
    "https://8.8.8.8",
    "https://[2001:db8::1]:8000",
    "https://100.128.0.1",
    "nonsense",
  ];
  assertEquals(kinds.filter((url) => !isPublicService(url)), []);
  const own = [
    "http://api.example.com",
    "https://localhost:8443",
    "https://10.1.2.3",
    "https://172.20.0.2",
    "https://192.168.1.1",
    "https://100.64.0.1",
    "https://[fd00::1]",
    "https://[fe80::1]",
    "https://gateway",
    "https://llm.default.svc",
    "https://llm.default.svc.cluster.local",
  ];
  assertEquals(own.filter(isPublicService), []);
});

Deno.test("findEndpoints: what was named must be there, and says why it is not", async () => {
  await withServers(
    [at("/metrics", TEXT), () => new Response("", { status: 401 })],
    async ([a, b]) => {
      assertEquals(shownOf(await findEndpoints([planOf(a!, `${a}/metrics`)])), [[`${a}/metrics`]]);
      // Its password is of its address, and shown nowhere.
      const secret = `http://me:pass-1234567@${new URL(a!).host}/metrics`;
      const [[endpoint] = []] = await findEndpoints([planOf("http://127.0.0.1:1", secret)]);
      assertEquals(endpoint, {
        url: `${a}/metrics`,
        shown: `${a}/metrics`,
        authorization: "Basic bWU6cGFzcy0xMjM0NTY3",
      });
      // Named and found at once: read once.
      assertEquals(shownOf(await findEndpoints([planOf(a!, `auto,${a}`)])), [[`${a}/metrics`]]);
      await assertRejects(
        () => findEndpoints([planOf(a!, `${a}/other`)]),
        UserError,
        `Cannot read --server-metrics ${a}/other: status 404`,
      );
      await assertRejects(
        () => findEndpoints([planOf(a!, b!)]),
        UserError,
        "status 401: an API key is never sent to a metrics endpoint",
      );
    },
  );
});

Deno.test("findEndpoints: of two sides each has its own, and an exporter is of both", async () => {
  await withServers([
    at("/metrics", TEXT),
    at("/metrics", TEXT),
    at("/gpu", TEXT),
  ], async ([a, b, gpu]) => {
    const metrics = `${a},${b},${gpu}/gpu`;
    assertEquals(shownOf(await findEndpoints([planOf(a!, metrics), planOf(b!, metrics)])), [
      [`${a}/metrics`, `${gpu}/gpu`],
      [`${b}/metrics`, `${gpu}/gpu`],
    ]);
    assertEquals(shownOf(await findEndpoints([planOf(a!, "auto"), planOf(b!, "auto")])), [
      [`${a}/metrics`],
      [`${b}/metrics`],
    ]);
  });
});

Deno.test("askEndpoint: a password goes into its header, a redirect to no other host", async () => {
  await withServers([
    (request) => {
      const { pathname } = new URL(request.url);
      if (pathname === "/metrics/") {
        return new Response(TEXT + `# ${request.headers.get("authorization")}\n`);
      }
      const location = pathname === "/metrics" ? "/metrics/" : "http://127.0.0.2:1/metrics";
      return new Response(null, { status: 307, headers: { location } });
    },
  ], async ([url]) => {
    const transport = await openForScrapes({}, systemClock);
    const ask = (path: string, more: Partial<Endpoint> = {}) =>
      askEndpoint(transport, { url: url + path, shown: "", ...more }, { timeoutMs: 5000 });
    try {
      const answer = await ask("/metrics", { authorization: "Basic x" });
      assertEquals("text" in answer && answer.text.families.length, 1);
      const away = await ask("/away");
      assertEquals(
        "failure" in away && away.failure,
        "status 307 leads to http://127.0.0.2:1/metrics, which is not followed",
      );
    } finally {
      await transport.close();
    }
  });
});

Deno.test("askEndpoint gives up an answer without end, and one that is too large", async () => {
  const chunk = new TextEncoder().encode(`${"x".repeat(99)} 1\n`.repeat(10_000));
  let sent = 0;
  await withServers([
    () =>
      new Response(
        new ReadableStream({
          pull(controller) {
            sent += chunk.length;
            if (sent > 50 * 2 ** 20) return controller.close();
            controller.enqueue(chunk);
          },
        }),
      ),
    () => new Response(new ReadableStream({ pull: () => new Promise(() => {}) })),
  ], async ([large, endless]) => {
    const transport = await openForScrapes({}, systemClock);
    const ask = (url: string, timeoutMs: number) =>
      askEndpoint(transport, { url, shown: "" }, { timeoutMs });
    try {
      const answer = await ask(large!, 20_000);
      assertEquals("failure" in answer && answer.failure, "the answer is larger than 16 MiB");
      assertEquals(sent < 2 * MOST_BYTES + 2 ** 20, true);
      const never = await ask(endless!, 100);
      assertEquals("failure" in never, true);
    } finally {
      await transport.close();
    }
  });
});

Deno.test("openScraper reads over a load from its own thread, and keeps secrets out", async () => {
  keepSecret("sk-secret-9876543");
  let running = 0;
  await withServers([
    () =>
      new Response(
        `# TYPE vllm:num_requests_running gauge\nvllm:num_requests_running{k="sk-secret-9876543"} ${++running}\n`,
      ),
    () => new Response("", { status: 500 }),
  ], async ([a, b]) => {
    const newest: (number | undefined)[] = [];
    const scraper = await openScraper([{ url: a!, shown: "A" }, { url: b!, shown: "B" }], {
      ...{ transport: {}, periodMs: 3_600_000 },
      onNewest: ({ running }) => newest.push(running),
    });
    if (typeof scraper === "string") throw new Error(scraper);
    try {
      assertEquals(scraper.shown, ["A", "B"]);
      await scraper.begin();
      const [one, other] = (await scraper.finish(systemClock.now()))!;
      assertEquals(one!.families[0]!.series.map(({ labels, values }) => [labels, values]), [
        [{ k: "***" }, [1, 2]],
      ]);
      assertEquals(other!.failed, { count: 2, message: "status 500" });
      assertEquals(newest.includes(1), true);
      assertEquals(scraper.failure(), undefined);
    } finally {
      await scraper.close();
    }
  });
});
