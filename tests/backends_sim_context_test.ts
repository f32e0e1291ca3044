import { assertEquals, assertMatch, assertThrows } from "@std/assert";
import { findProtocol } from "../backends/protocols.ts";
import { CONTEXT_WORDS, contextWordsOf, roomFor } from "../backends/sim_context.ts";
import { SIM_ENGINES } from "../backends/sim_protocols.ts";
import { startSimServer } from "../backends/sim_server.ts";
import { askServer, PAIRS, TOKENS } from "./support/sim_exchange.ts";

/** 100 tokens. */
const PROMPT = "word".repeat(100);

const user = (content: string) => [{ role: "user" as const, content }];

/** What a client reads in each engine's refusal of that prompt, over its own call and OpenAI's chat. */
const SAID: Readonly<Record<string, readonly [status: number, said: RegExp]>> = {
  openai: [400, /^This model's maximum context length is 50 tokens\. .* contains 100 input tokens/],
  lightllm: [417, /^the input prompt token len 100 is too long > 50$/],
  "lightllm-tgi": [417, /is too long > 50$/],
  sglang: [
    400,
    /^The input \(100 tokens\) is longer than the model's context length \(50 tokens\)\./,
  ],
  tgi: [422, /^Input validation error: `inputs` must have less than 50 tokens\. Given: 100$/],
  "llama.cpp": [400, /^request \(100 tokens\) exceeds the available context size \(50 tokens\)/],
  amsv2: [400, /maximum context length is 50 tokens/],
  triton: [
    400,
    /prompt length \(100\.0\), query length \(0\) should not exceed max_num_tokens \(50\)/,
  ],
};

for (const { name: engine } of SIM_ENGINES.filter(({ name }) => name !== "lmdeploy")) {
  Deno.test(`startSimServer refuses what is too long as ${engine} does`, async () => {
    const server = await startSimServer({ engine, ttft: "1", itl: "0", maxModelLen: 50 });
    try {
      const own = PAIRS.filter((pair) => pair.engine === engine).map(({ protocol }) => protocol);
      for (const protocol of new Set([...own, findProtocol("openai-chat")])) {
        const whole = engine.startsWith("lightllm");
        const { outcome } = await askServer(server, protocol, {
          messages: user(PROMPT),
          stream: !whole,
        });
        const [status, said] = SAID[engine]!;
        assertEquals(outcome.kind === "http_error" && outcome.status, status, protocol.name);
        assertMatch("message" in outcome ? outcome.message : "", said);
        const fits = await askServer(server, protocol, {
          messages: user("word".repeat(50 - TOKENS)),
        });
        assertEquals(fits.outcome, { kind: "ok" }, protocol.name);
        assertEquals(fits.outputTokens?.tokens, TOKENS);
      }
      assertEquals(server.stats().load.requests, server.truth().length);
    } finally {
      await server.stop();
    }
  });
}

Deno.test("startSimServer breaks off LightLLM's stream, and answers nothing as LMDeploy", async () => {
  const light = await startSimServer({ engine: "lightllm", ttft: "1", itl: "0", maxModelLen: 50 });
  const empty = await startSimServer({ engine: "lmdeploy", ttft: "1", itl: "0", maxModelLen: 50 });
  try {
    const { outcome } = await askServer(light, findProtocol("lightllm"), {
      messages: user(PROMPT),
    });
    assertEquals(outcome.kind, "truncated");
    for (const name of ["lmdeploy-chat", "lmdeploy-interactive", "lmdeploy-generate"]) {
      for (const stream of [true, false]) {
        const record = await askServer(empty, findProtocol(name), {
          messages: user(PROMPT),
          stream,
        });
        assertEquals(
          [record.outcome.kind, record.outputTokens?.tokens ?? 0, record.finishReason],
          ["wrong_length", 0, "length"],
          `${name} ${stream}`,
        );
      }
    }
  } finally {
    await light.stop();
    await empty.stop();
  }
});

Deno.test("startSimServer says it in OpenAI's calls in the words that are asked for", async () => {
  for (const { name, status, stream } of CONTEXT_WORDS) {
    if (stream !== undefined) continue;
    const server = await startSimServer({ contextWords: name, maxModelLen: 50 });
    try {
      const response = await fetch(`${server.url}/v1/chat/completions`, {
        method: "POST",
        body: JSON.stringify({
          messages: [{ role: "user", content: PROMPT }],
          max_tokens: 5,
          stream: true,
        }),
      });
      const body = await response.json();
      assertEquals(response.status, status, name);
      const size = { promptTokens: 100, maxTokens: 5, limit: 50 };
      assertEquals(
        JSON.stringify(body).includes(JSON.stringify(contextWordsOf(name).message(size))),
        true,
      );
      if (name === "llama.cpp") {
        assertEquals([body.error.type, body.error.n_prompt_tokens, body.error.n_ctx], [
          "exceed_context_size_error",
          100,
          50,
        ]);
      }
      if (name === "openai") assertEquals(body.error.code, "context_length_exceeded");
      if (name === "sglang") assertEquals([body.object, body.code], ["error", 400]);
    } finally {
      await server.stop();
    }
  }
});

Deno.test("the words of each engine tell a prompt that is too long from one that leaves no room", () => {
  const said = (name: string, promptTokens: number) =>
    contextWordsOf(name).message({ promptTokens, maxTokens: 30, limit: 50 });
  const rows = {
    "vllm-0.10": ["is too large: 30. .* your request has 40 input tokens", "has 60 input tokens"],
    sglang: ["a total of 70 tokens: 40 tokens from", "The input \\(60 tokens\\) is longer"],
    tgi: ["must be <= 50. Given: 40 `inputs` tokens and 30", "must have less than 50 tokens"],
    lightllm: ["total len .* is too long > max_req_total_len:50", "len 60 is too long > 50"],
    openai: ["you requested 70 tokens \\(40 in", "your messages resulted in 60 tokens"],
  };
  for (const [name, [noRoom, tooLong]] of Object.entries(rows)) {
    assertMatch(said(name, 40), new RegExp(noRoom!));
    assertMatch(said(name, 60), new RegExp(tooLong!));
  }
});

Deno.test("roomFor leaves an answer what the context has, where only the prompt has to fit", () => {
  const room = (promptTokens: number, promptOnly?: true) =>
    roomFor({ promptTokens, maxTokens: 10, limit: 50 }, { ...(promptOnly && { promptOnly }) });
  assertEquals([room(40), room(41), room(40, true), room(45, true), room(50, true)], [
    10,
    undefined,
    10,
    5,
    undefined,
  ]);
  assertEquals(roomFor({ promptTokens: 9e9, maxTokens: 10, limit: 0 }, {}), 10);
});

Deno.test("contextWordsOf lists whose words there are for an unknown name", () => {
  assertThrows(() => contextWordsOf("nobody"), RangeError, "vllm, vllm-0.10, sglang, tgi, trtllm");
});
