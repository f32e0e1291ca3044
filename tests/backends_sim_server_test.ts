import {
  assert,
  assertEquals,
  assertGreater,
  assertGreaterOrEqual,
  assertMatch,
  assertRejects,
  assertStringIncludes,
} from "@std/assert";
import { systemClock } from "../backends/clock.ts";
import { SIM_CERTIFICATE } from "../backends/sim_certificate.ts";
import type { SimLoop } from "../backends/sim_loop.ts";
import { platformLoop } from "../backends/sim_loop_platform.ts";
import type { SimOptions } from "../backends/sim_options.ts";
import { type SimServer, startSimServer } from "../backends/sim_server.ts";
import { post, type RawAnswer, talk } from "./support/raw_client.ts";
import { testOnLoops } from "./support/sim_loops.ts";

/** What the servers of the running test stand on. */
let loop: SimLoop;

function test(name: string, fn: () => Promise<void>): void {
  testOnLoops(name, (given) => {
    loop = given;
    return fn();
  });
}

async function withServer(
  options: Partial<SimOptions>,
  test: (server: SimServer) => Promise<void>,
): Promise<void> {
  const server = await startSimServer({ ttft: "1", itl: "0", loop, ...options });
  try {
    await test(server);
  } finally {
    await server.stop();
  }
}

const STREAM = { prompt: "hello", max_tokens: 6, stream: true };

function complete(server: SimServer, body: unknown = STREAM): Promise<Response> {
  return fetch(`${server.url}/v1/completions`, { method: "POST", body: JSON.stringify(body) });
}

/** Text pieces of a stream, `[DONE]` included. */
async function events(response: Response): Promise<string[]> {
  const lines = (await response.text()).split(/\r?\n/).filter((line) => line.startsWith("data: "));
  return lines.map((line) => {
    const data = line.slice("data: ".length);
    return data === "[DONE]" ? data : JSON.parse(data).choices[0].text;
  });
}

/** Waits until the server has noticed something that happens after the client is served. */
async function eventually(holds: () => boolean): Promise<void> {
  for (let turn = 0; turn < 5000 && !holds(); turn++) {
    await new Promise((resolve) => setTimeout(resolve, 1));
  }
  assert(holds());
}

test("startSimServer streams what is in its truth log", async () => {
  await withServer({ itl: "1" }, async (server) => {
    const response = await fetch(`${server.url}/v1/completions`, {
      method: "POST",
      body: JSON.stringify(STREAM),
      headers: { "x-request-id": "abc" },
    });
    const texts = await events(response);
    assertEquals([texts.length, texts.at(-1)], [7, "[DONE]"]);
    await eventually(() => server.truth()[0]?.end === "done");
    const [request] = server.truth();
    assert(request !== undefined);
    assertEquals(request.writeTokens, [1, 2, 3, 4, 5, 6]);
    assertEquals(
      [request.serial, request.requestId, request.requestedTokens, request.promptTokens],
      [1, "abc", 6, 2],
    );
    const stamps = [request.arrivalMs, request.completeMs, ...request.writeMs, request.endMs ?? 0];
    assertEquals(stamps, stamps.toSorted((a, b) => a - b));
    request.writeMs.forEach((atMs, index) => assertGreaterOrEqual(atMs, request.plannedMs[index]!));
    // Planned 1 ms apart, whatever the machine made of it.
    request.plannedMs.slice(1).forEach((atMs, index) =>
      assertEquals(Math.round((atMs - request.plannedMs[index]!) * 1000), 1000)
    );
  });
});

test("startSimServer gives the same answers for the same seed and order", async () => {
  const answers: string[] = [];
  for (const seed of [5, 5, 6]) {
    await withServer({ seed }, async (server) => {
      answers.push(await (await complete(server)).text());
    });
  }
  assertEquals(answers[0], answers[1]);
  assert(answers[0] !== answers[2]);
});

test("startSimServer answers whole when no stream is asked for", async () => {
  await withServer({}, async (server) => {
    const response = await complete(server, { ...STREAM, stream: false });
    assertEquals(response.headers.get("content-type"), "application/json");
    const body = await response.json();
    assertEquals(body.usage.completion_tokens, 6);
    assertEquals(body.choices[0].text.split(" ").length - 1, 6);
    await eventually(() => server.truth()[0]?.end === "done");
    assertEquals(server.truth()[0]?.writeTokens, [6]);
  });
});

test("startSimServer answers /truth, /stats, /clock, /health and /metrics", async () => {
  await withServer({ model: "tiny" }, async (server) => {
    const get = async (path: string) => await (await fetch(server.url + path)).text();
    await (await complete(server)).text();
    await (await complete(server)).text();
    await eventually(() => server.truth().every(({ end }) => end === "done"));
    const lines = (await get("/truth")).trimEnd().split("\n").map((line) => JSON.parse(line));
    assertEquals(lines, JSON.parse(JSON.stringify(server.truth())));
    const stats = JSON.parse(await get("/stats"));
    assertEquals(stats.load.requests, 2);
    assertEquals(stats.load.outputTokens, 12);
    assertEquals(stats.clientPorts.length, 2);
    assertEquals(stats.lateness.writes, 12);
    assertGreaterOrEqual(stats.connections.accepted, 1);
    const before = server.truth()[0]?.endMs ?? 0;
    assertGreater(JSON.parse(await get("/clock")).nowMs, before);
    assertEquals(await get("/health"), "");
    assertStringIncludes(
      await get("/metrics"),
      'vllm:generation_tokens_total{engine="0",model_name="tiny"} 12\n',
    );
    await (await fetch(`${server.url}/truth/reset`, { method: "POST" })).body?.cancel();
    assertEquals([server.truth(), server.stats().clientPorts], [[], []]);
    const missing = await fetch(`${server.url}/nope`);
    assertEquals([missing.status, (await missing.json()).error], [404, "Not found: GET /nope"]);
  });
});

test("startSimServer shows reuse: a kept connection keeps its client port", async () => {
  await withServer({}, async (server) => {
    const twice = post("/v1/completions", STREAM) + post("/v1/completions", STREAM);
    await talk(server.port, [twice], (soFar) => soFar.split("[DONE]").length === 3);
    await talk(server.port, [post("/v1/completions", STREAM)], (soFar) => soFar.includes("[DONE]"));
    const [first, second, third] = server.stats().clientPorts;
    assertEquals(first, second);
    assert(second !== third);
  });
});

test("startSimServer checks key, model and context (T38, T43)", async () => {
  const guarded = { apiKey: "secret", model: "tiny", maxModelLen: 10 };
  await withServer(guarded, async (server) => {
    const ask = async (body: unknown, key?: string) => {
      const headers: HeadersInit = key === undefined ? {} : { authorization: `Bearer ${key}` };
      const url = `${server.url}/v1/completions`;
      const response = await fetch(url, { method: "POST", body: JSON.stringify(body), headers });
      await response.body?.cancel();
      return response.status;
    };
    assertEquals(await ask(STREAM), 401);
    assertEquals(await ask(STREAM, "None"), 401);
    assertEquals(await ask(STREAM, "secret"), 200);
    assertEquals(await ask({ ...STREAM, model: "tiny" }, "secret"), 200);
    assertEquals(await ask({ ...STREAM, model: "huge" }, "secret"), 404);
    // 2 tokens of prompt and 9 make 11.
    assertEquals(await ask({ ...STREAM, max_tokens: 9 }, "secret"), 400);
    assertEquals(server.truth().length, 2);
  });
});

test("startSimServer sends the same with and without prepared tokens", async () => {
  const seen: unknown[] = [];
  const body = { ...STREAM, max_tokens: 20 };
  for (const path of ["/v1/completions", "/v1/chat/completions"]) {
    // Both mean one token an event; only the plain number is known to mean nothing else.
    for (const tokensPerEvent of ["1", "constant:1"]) {
      const batch = { ttft: undefined, itl: undefined, stepMs: 1, tokensPerEvent };
      await withServer(batch as unknown as Partial<SimOptions>, async (server) => {
        const answers = await Promise.all(Array.from({ length: 3 }, async () => {
          const messages = [{ role: "user", content: "hello" }];
          const response = await fetch(server.url + path, {
            method: "POST",
            body: JSON.stringify({ ...body, messages }),
          });
          return await response.text();
        }));
        await eventually(() => server.truth().every(({ end }) => end === "done"));
        const written = server.truth().map(({ writeTokens, writeMs, plannedMs }) => {
          writeMs.forEach((atMs, i) => assertGreaterOrEqual(atMs, plannedMs[i]!));
          return writeTokens;
        });
        seen.push([answers.sort(), written, server.stats().load.outputTokens]);
      });
    }
    assertEquals(seen[0], seen[1]);
    assertEquals((seen[0] as unknown[])[2], 60);
    seen.length = 0;
  }
});

test("startSimServer has every token in the log, also while it streams", async () => {
  const batch = { ttft: undefined, itl: undefined, stepMs: 1, faults: ["stall"] };
  await withServer(batch as unknown as Partial<SimOptions>, async (server) => {
    const text = JSON.stringify({ ...STREAM, max_tokens: 20 });
    using connection = await Deno.connect({ hostname: "127.0.0.1", port: server.port });
    await connection.write(new TextEncoder().encode(post("/v1/completions", text)));
    await eventually(() => server.truth()[0]?.writeTokens.length === 10);
  });
});

test("startSimServer notices that a client left, and frees its place", async () => {
  await withServer({ faults: ["endless"], itl: "1", maxBatch: 1 }, async (server) => {
    await talk(server.port, [post("/v1/completions", STREAM)], (soFar) => soFar.includes("data:"));
    await eventually(() => server.truth()[0]?.end === "gone");
    assertEquals(server.stats().load.running, 0);
  });
});

test("startSimServer joins events in one write, and stamps that write (T8)", async () => {
  await withServer({ eventsPerWrite: 4, tokensPerEvent: "2" }, async (server) => {
    const texts = await events(await complete(server, { ...STREAM, max_tokens: 18 }));
    assertEquals(texts.length, 9 + 1);
    await eventually(() => server.truth()[0]?.end === "done");
    assertEquals(server.truth()[0]?.writeTokens, [8, 16, 18]);
  });
});

test("startSimServer can end lines in CR LF", async () => {
  await withServer({ crlf: true }, async (server) => {
    const text = await (await complete(server)).text();
    assertEquals(text.replaceAll("\r\n", "").includes("\n"), false);
    assertEquals(text.split("\r\n\r\n").length - 1, 7);
  });
});

test("startSimServer holds text back until characters are whole (T7, T9)", async () => {
  const body = { ...STREAM, max_tokens: 60 };
  await withServer({ utf8: "events", seed: 1 }, async (server) => {
    const texts = await events(await complete(server, body));
    assertEquals(texts.length, 61);
    assertGreater(texts.filter((text) => text === "").length, 5);
  });
  await withServer({ faults: ["hold-utf8"], seed: 1, tokenIds: true }, async (server) => {
    const answer = await (await complete(server, body)).text();
    const texts = await events(new Response(answer));
    assertEquals(texts.includes(""), false);
    // The ids of held tokens come with the event that has their text.
    const ids = [...answer.matchAll(/"token_ids":\[([^\]]*)\]/g)].map(([, list = ""]) => list);
    assertEquals(ids.join(",").split(",").length, 60);
    await eventually(() => server.truth()[0]?.end === "done");
    const written = server.truth()[0]?.writeTokens ?? [];
    assertEquals([written.length, written.at(-1)], [texts.length - 1, 60]);
  });
});

/** What a client sees of a stream of 6 tokens with a fault. */
async function withFault(fault: string, until?: (text: string) => boolean): Promise<
  RawAnswer & { readonly server: SimServer; readonly tokens: number }
> {
  const server = await startSimServer({ loop, ttft: "1", itl: "3", faults: [fault] });
  try {
    const complete = (text: string) => text.endsWith("\r\n0\r\n\r\n");
    const raw = await talk(server.port, [post("/v1/completions", STREAM)], until ?? complete);
    const tokens = raw.text.split('"text":').length - 1;
    return { ...raw, server, tokens };
  } finally {
    await server.stop();
  }
}

test("startSimServer injects faults before and in the stream (T5, T6)", async () => {
  // Fault, status seen, how the connection ended, tokens seen, [DONE] seen, body ended as HTTP does.
  const cases: [string, string, RawAnswer["end"], number, boolean, boolean][] = [
    ["cut", "200", "closed", 3, false, false],
    ["cut:1:5", "200", "closed", 5, false, false],
    ["truncate", "200", "open", 3, false, true],
    ["malformed-chunk", "200", "closed", 3, false, false],
    ["error-event", "200", "open", 3, true, true],
    // The broken event ends before its text, and the stream goes on.
    ["malformed-event", "200", "open", 6, true, true],
    ["missing-done", "200", "open", 6, false, true],
    ["comment-pings:1:1", "200", "open", 6, true, true],
    ["slow-headers:1:5", "200", "open", 6, true, true],
    ["empty", "200", "open", 1, true, true],
    ["early-stop", "200", "open", 3, true, true],
    ["one-more", "200", "open", 7, true, true],
    ["refuse", "", "reset", 0, false, false],
    ["not-http", "", "closed", 0, false, false],
  ];
  for (const [fault, status, end, tokens, done, whole] of cases) {
    const seen = await withFault(fault);
    assertEquals(
      [
        /^HTTP\/1\.1 (\d+)/.exec(seen.text)?.[1] ?? "",
        seen.end,
        seen.tokens,
        seen.text.includes("[DONE]"),
        seen.text.endsWith("\r\n0\r\n\r\n"),
      ],
      [status, end, tokens, done, whole],
      fault,
    );
    assertEquals(seen.server.truth()[0]?.faults, fault.split(":").slice(0, 1));
  }
});

test("startSimServer sends one event that is not JSON among good ones", async () => {
  const { text } = await withFault("malformed-event");
  const broken = text.split("\n").filter((line) => line.startsWith("data: {")).filter((line) => {
    try {
      return JSON.parse(line.slice("data: ".length)) === undefined;
    } catch {
      return true;
    }
  });
  assertEquals(broken.length, 1);
});

test("startSimServer resets in the middle of a stream", async () => {
  const { end, text, server } = await withFault("reset");
  assertEquals([end, text.includes("[DONE]")], ["reset", false]);
  assertEquals(server.truth()[0]?.end, "failed");
});

test("startSimServer stalls and hangs with the connection open", async () => {
  const stalled = await withFault("stall", (text) => text.split('"text":').length === 4);
  assertEquals([stalled.end, stalled.tokens], ["open", 3]);
  await withServer({ faults: ["hang"] }, async (server) => {
    using connection = await Deno.connect({ hostname: "127.0.0.1", port: server.port });
    await connection.write(new TextEncoder().encode(post("/v1/completions", STREAM)));
    await eventually(() => server.truth().length === 1);
    assertEquals(server.truth()[0]?.end, "running");
    connection.close();
    await eventually(() => server.truth()[0]?.end === "gone");
  });
});

test("startSimServer answers errors of several shapes in place of a stream (T5)", async () => {
  const cases: [string, number][] = [["http-429", 429], ["http-500", 500], ["http-503", 503], [
    "json-error",
    200,
  ]];
  for (const [fault, status] of cases) {
    await withServer({ faults: [fault] }, async (server) => {
      const response = await complete(server);
      assertEquals(response.status, status);
      assertEquals(response.headers.get("retry-after"), status === 429 ? "1" : null);
      assertMatch((await response.json()).error.message, new RegExp(`Injected fault: ${fault}`));
      assertEquals(server.truth()[0]?.end, "failed");
    });
  }
});

test("startSimServer closes after a stream although it promised keep-alive", async () => {
  const { text, end } = await withFault("close-after-stream", () => false);
  assertEquals(end, "closed");
  assertStringIncludes(text, "connection: keep-alive");
  assertStringIncludes(text, "[DONE]\n\n\r\n0\r\n\r\n");
});

test("startSimServer sends comments that are not events, before the first token too", async () => {
  const { text } = await withFault("comment-pings:1:1");
  assertGreater(text.indexOf("data:"), text.indexOf(": ping\n\n"));
  assertGreater(text.indexOf(": ping\n\n"), 0);
});

test("startSimServer breaks answers that are not streamed as well", async () => {
  const body = { ...STREAM, stream: false };
  const ask = (port: number) =>
    talk(
      port,
      [post("/v1/completions", body)],
      (text) => text.endsWith("}") || text.endsWith("\n\n\n"),
    );
  await withServer({ faults: ["cut"] }, async ({ port }) => {
    const { text, end } = await ask(port);
    const promised = Number(/content-length: (\d+)/.exec(text)?.[1]);
    const [, sent = ""] = text.split("\r\n\r\n");
    assertEquals([end, sent.length], ["closed", Math.floor(promised / 2)]);
  });
  await withServer({ faults: ["error-event"] }, async (server) => {
    const response = await complete(server, body);
    assertEquals(response.status, 500);
    await response.body?.cancel();
  });
});

Deno.test("startSimServer breaks connections over TLS, and stops in the middle of a handshake", async () => {
  const server = await startSimServer({
    ...{ loop: platformLoop(systemClock), tls: true, ttft: "1", itl: "0" },
    faults: ["reset:1:3"],
  });
  using client = Deno.createHttpClient({ caCerts: [SIM_CERTIFICATE.cert] });
  const response = await fetch(`${server.url}/v1/completions`, {
    ...{ method: "POST", body: JSON.stringify(STREAM), client },
  });
  await assertRejects(() => response.text());
  await eventually(() => server.stats().connections.open === 0);
  // It says nothing, so the server does not know it yet.
  using mute = await Deno.connect({ port: server.port });
  using _other = await Deno.connectTls({
    ...{ hostname: "localhost", port: server.port, caCerts: [SIM_CERTIFICATE.cert] },
  });
  await eventually(() => server.stats().connections.open === 1);
  await server.stop();
  assertEquals(await mute.read(new Uint8Array(1)).catch(() => null), null);
});

test("startSimServer refuses options with which it could not run", async () => {
  const cases: [Partial<SimOptions>, RegExp][] = [
    [{ engine: "nope" }, /Cannot play the engine "nope": known are openai/],
    [{ prefillChunk: 0 }, /Cannot use prefillChunk 0: give a number of at least 1/],
    [{ stepMs: -1 }, /Cannot use stepMs -1: give a number of at least 0/],
    [{ earlyStop: 2 }, /probability in 0…1/],
    [{ itl: "soon" }, /Cannot read the distribution "soon"/],
  ];
  for (const [options, message] of cases) {
    assertMatch(
      (await assertRejects(() => startSimServer({ loop, ...options }), Error)).message,
      message,
    );
  }
  if (loop.name === "epoll") {
    await assertRejects(() => startSimServer({ loop, tls: true }), RangeError, "Cannot serve TLS");
  }
  const server = await startSimServer({ loop });
  const error = await assertRejects(() => startSimServer({ loop, port: server.port }), Error);
  await server.stop();
  assertStringIncludes(error.message, "EADDRINUSE");
});
