/**
 * Prefix caches, replicas and calls of tools, as a client of the simulated server sees them.
 */
import { assert, assertEquals, assertLess, assertRejects, assertStringIncludes } from "@std/assert";
import { findProtocol } from "../backends/protocols.ts";
import { createSimEngine } from "../backends/sim_engine.ts";
import { SIM_DEFAULTS, type SimOptions } from "../backends/sim_options.ts";
import { type SimServer, startSimServer } from "../backends/sim_server.ts";
import { createJob, runJob } from "./support/create_job.ts";
import { FakeClock } from "./support/fake_clock.ts";
import { askServer, PAIRS, TOKENS } from "./support/sim_exchange.ts";

const user = (content: string) => [{ role: "user" as const, content }];

async function withServer(
  options: Partial<SimOptions>,
  test: (server: SimServer) => Promise<void>,
): Promise<void> {
  const server = await startSimServer({ ttft: "1", itl: "0", ...options });
  try {
    await test(server);
  } finally {
    await server.stop();
  }
}

/** A server's answer to a call without a body. */
async function call(server: SimServer, path: string, method = "POST") {
  const response = await fetch(server.url + path, { method });
  return { status: response.status, text: await response.text() };
}

/** What each protocol says is cached of a prompt of 100 tokens that was sent before. */
const REPORTED = new Set([
  "openai-completions",
  "openai-chat",
  "lmdeploy-chat",
  "lmdeploy-completions",
  "sglang",
  "llamacpp",
]);

for (const { engine, protocol } of PAIRS) {
  Deno.test(`${protocol.name} reads how much of a prompt was cached`, async () => {
    await withServer({ engine, prefixCache: true }, async (server) => {
      const messages = user("word".repeat(100));
      const first = await askServer(server, protocol, { messages });
      const second = await askServer(server, protocol, { messages });
      const reported = REPORTED.has(protocol.name);
      assertEquals(
        [first.cachedTokens, second.cachedTokens],
        reported ? [0, 96] : [undefined, undefined],
      );
      assertEquals(server.truth().map(({ cachedTokens }) => cachedTokens), [0, 96]);
      const { promptTokens, cachedTokens, cacheTokens } = server.stats().load;
      assertEquals([promptTokens, cachedTokens, cacheTokens], [200, 96, 96]);
    });
  });
}

Deno.test("startSimServer counts the contents of all messages together", async () => {
  await withServer({ prefixCache: true, cacheBlock: 4 }, async (server) => {
    const chat = findProtocol("openai-chat");
    const messages = [
      { role: "system" as const, content: "word".repeat(8) + "ab" },
      { role: "user" as const, content: "cd" + "word".repeat(3) + "é" },
    ];
    const { promptTokens } = await askServer(server, chat, { messages });
    assertEquals(promptTokens?.tokens, 13);
    // The same bytes with another border share what lies before it.
    const text = messages.map(({ content }) => content).join("");
    const { cachedTokens } = await askServer(server, chat, { messages: user(text) });
    assertEquals(cachedTokens, 12);
    assertStringIncludes(
      (await call(server, "/metrics", "GET")).text,
      'vllm:prefix_cache_hits_total{engine="0",model_name="simulated"} 12\n',
    );
  });
});

Deno.test("startSimServer takes ids for a prompt", async () => {
  await withServer({ prefixCache: true }, async (server) => {
    const ask = (last: number) =>
      askServer(server, findProtocol("openai-completions"), {
        promptTokenIds: [...Array.from({ length: 39 }, (_, id) => id), last],
      });
    assertEquals([(await ask(1)).cachedTokens, (await ask(2)).cachedTokens], [0, 32]);
  });
});

Deno.test("startSimServer empties its caches as vLLM and SGLang do", async () => {
  const messages = user("word".repeat(100));
  for (
    const { engine, path, no, done } of [
      {
        engine: "openai",
        path: "/reset_prefix_cache",
        no: { status: 200, text: '{"success":false}' },
        done: { status: 200, text: '{"success":true}' },
      },
      { engine: "sglang", path: "/flush_cache", no: { status: 400 }, done: { status: 200 } },
    ]
  ) {
    await withServer({ engine, prefixCache: true }, async (server) => {
      const ask = () => askServer(server, findProtocol("openai-chat"), { messages });
      await ask();
      assertEquals({ ...await call(server, path), ...done }, await call(server, path));
      assertEquals((await ask()).cachedTokens, 0);
      assertEquals((await ask()).cachedTokens, 96);
      assertEquals((await call(server, path, "DELETE")).status, 405);
    });
    const faults = ["reset-fails"];
    await withServer({ engine, prefixCache: true, faults }, async (server) => {
      const ask = () => askServer(server, findProtocol("openai-chat"), { messages });
      await ask();
      const said = await call(server, path);
      assertEquals({ ...said, ...no }, said);
      assertEquals((await ask()).cachedTokens, 96);
      assertEquals(server.truth()[0]?.faults, []);
    });
  }
  await withServer({ engine: "tgi" }, async (server) => {
    assertEquals((await call(server, "/reset_prefix_cache")).status, 404);
  });
});

Deno.test("createSimEngine empties no cache while a request holds it", async () => {
  const clock = new FakeClock();
  const engine = createSimEngine({ ...SIM_DEFAULTS, prefixCache: true, clock });
  const done = runJob(engine, createJob());
  assertEquals(engine.resetCache(), false);
  await clock.run(done);
  assertEquals(engine.resetCache(), true);
  await engine.stop();
});

Deno.test("startSimServer hands requests to its replicas by turns", async () => {
  await withServer({ prefixCache: true, replicas: 3 }, async (server) => {
    const messages = user("word".repeat(100));
    const cached: unknown[] = [];
    for (let i = 0; i < 5; i++) {
      const record = await askServer(server, findProtocol("openai-chat"), { messages });
      cached.push(record.cachedTokens);
    }
    assertEquals(cached, [0, 0, 0, 96, 96]);
    assertEquals(server.truth().map(({ replica }) => replica), [0, 1, 2, 0, 1]);
    const { replicas = [], ...all } = server.stats().load;
    assertEquals(replicas.map(({ requests }) => requests), [2, 2, 1]);
    assertEquals([all.requests, all.cachedTokens, all.outputTokens], [5, 192, 5 * TOKENS]);
  });
});

Deno.test("startSimServer keeps what has the same header on one replica", async () => {
  const options = { prefixCache: true, replicas: 4, routeBy: "X-Session-ID" };
  await withServer(options, async (server) => {
    const ask = (session: string) =>
      askServer(server, findProtocol("openai-chat"), { messages: user(session.repeat(100)) }, {
        headers: { "x-session-id": session },
      });
    const sessions = Array.from({ length: 12 }, (_, i) => `session-${i}`);
    for (const session of [...sessions, ...sessions]) await ask(session);
    const replicas = server.truth().map(({ replica }) => replica);
    assertEquals(replicas.slice(0, 12), replicas.slice(12));
    assertEquals(new Set(replicas).size, 4);
    assert(server.truth().slice(12).every(({ cachedTokens }) => cachedTokens > 200));
  });
});

Deno.test("createSimEngine gives each replica a batch of its own", async () => {
  const clock = new FakeClock();
  const engine = createSimEngine({ ...SIM_DEFAULTS, clock, maxBatch: 1, replicas: 2 });
  const jobs = [0, 1, 2].map(() => runJob(engine, createJob()));
  const { running, waiting, replicas = [] } = engine.load();
  assertEquals([running, waiting], [2, 1]);
  assertEquals(replicas.map((each) => [each.running, each.waiting]), [[1, 1], [1, 0]]);
  const [first, second, third] = await clock.run(Promise.all(jobs));
  assertEquals(first?.plannedMs, second?.plannedMs);
  assertLess(first!.plannedMs.at(-1)!, third!.plannedMs[0]!);
  await engine.stop();
});

Deno.test("startSimServer refuses a cache without room for a block, and no replica", async () => {
  const small = { prefixCache: true, cacheTokens: 15 };
  await assertRejects(() => startSimServer(small), RangeError, "a block alone has 16");
  await assertRejects(() => startSimServer({ replicas: 0 }), RangeError, "at least 1");
});

const TOOLS = [{ type: "function", function: { name: "search", parameters: {} } }];

Deno.test("startSimServer answers with a call where tools are offered", async () => {
  for (const more of [{}, { reasoning: 3 }, { utf8: "joined" as const }]) {
    await withServer({ toolCalls: true, ...more }, async (server) => {
      const ask = async (stream: boolean, extra: object = {}) => {
        const response = await fetch(`${server.url}/v1/chat/completions`, {
          method: "POST",
          body: JSON.stringify({ messages: user("hi"), max_tokens: 9, stream, ...extra }),
        });
        return await response.text();
      };
      const whole = JSON.parse(await ask(false, { tools: TOOLS })).choices[0];
      assertEquals([whole.finish_reason, whole.message.content], ["tool_calls", null]);
      const [{ id, type, function: { name, arguments: given } }] = whole.message.tool_calls;
      assertEquals([id, type, name], ["call_1", "function", "search"]);
      assert(JSON.parse(given).text.length > 4);

      const events = (await ask(true, { tools: TOOLS })).split("\n\n")
        .filter((event) => event.startsWith("data: {")).map((event) => JSON.parse(event.slice(6)));
      const calls = events.flatMap(({ choices: [choice] }) => choice.delta.tool_calls ?? []);
      assertEquals(calls.filter((part) => part.id !== undefined).length, 1);
      assertEquals([calls[0].id, calls[0].function.name], ["call_2", "search"]);
      const text = calls.map((part) => part.function.arguments).join("");
      assert(JSON.parse(text).text.length > 4, text);
      assertEquals(events.at(-1).choices[0].finish_reason, "tool_calls");

      const plain = JSON.parse(await ask(false, { tools: TOOLS, tool_choice: "none" })).choices[0];
      assertEquals([plain.finish_reason, plain.message.tool_calls], ["length", undefined]);
      assertEquals(JSON.parse(await ask(false)).choices[0].finish_reason, "length");
    });
  }
});

Deno.test("openai-chat counts the tokens of a call as tokens (T12)", async () => {
  await withServer({ toolCalls: true, itl: "1" }, async (server) => {
    const record = await askServer(server, findProtocol("openai-chat"), {
      extraBody: { tools: TOOLS },
    });
    assertEquals(record.outcome, { kind: "ok" });
    assertEquals(record.outputTokens, { tokens: TOKENS, source: "usage" });
    assertEquals(record.tickTokens.at(-1), TOKENS);
  });
});

Deno.test("startSimServer counts a call that the conversation repeats", async () => {
  await withServer({}, async (server) => {
    const response = await fetch(`${server.url}/v1/chat/completions`, {
      method: "POST",
      body: JSON.stringify({
        max_tokens: 1,
        messages: [{
          role: "assistant",
          content: null,
          tool_calls: [{ id: "call_1", function: { name: "find", arguments: "word".repeat(5) } }],
        }, { role: "tool", tool_call_id: "call_1", content: "word" }],
      }),
    });
    assertEquals((await response.json()).usage.prompt_tokens, 7);
  });
});
