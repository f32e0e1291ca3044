import { assertEquals, assertStrictEquals } from "@std/assert";
import { openaiCompletions } from "../backends/protocol_openai_completions.ts";
import type { GenerationRequest } from "../backends/protocol.ts";
import { cannedRequest, protocolContract } from "./support/protocol_contract.ts";

/** A chunk as vLLM writes it; `rest` goes beside `choices`. */
function chunk(text: string, finish: string | null = null, rest: object = {}): string {
  return `data: ${
    JSON.stringify({
      id: "cmpl-1",
      object: "text_completion",
      created: 1700000000,
      model: "m-1",
      choices: [{ index: 0, text, logprobs: null, finish_reason: finish, stop_reason: null }],
      ...rest,
    })
  }\n\n`;
}

function usage(output: number, rest: object = {}): object {
  return {
    usage: { prompt_tokens: 6, total_tokens: 6 + output, completion_tokens: output, ...rest },
  };
}

const DONE = "data: [DONE]\n\n";
const USAGE_CHUNK = `data: {"id":"cmpl-1","choices":[],"usage":${
  JSON.stringify({ prompt_tokens: 6, total_tokens: 10, completion_tokens: 4 })
}}\n\n`;

protocolContract({
  protocol: openaiCompletions,
  bodies: [
    {
      name: "vLLM, usage in its own chunk with choices [] (T11)",
      body: chunk(" Paris") + chunk(" is") + chunk(" big", "length") + USAGE_CHUNK + DONE,
      expected: {
        text: " Paris is big",
        tokens: 4,
        source: "usage",
        ticks: [1, 2, 3],
        tickSource: "event",
        events: 5,
        finishReason: "length",
        promptTokens: 6,
      },
    },
    {
      name: "usage on the last choice (llama.cpp, vLLM 0.4): the gap stays (T10)",
      body: chunk("a") + chunk("b") + chunk("c", "length", usage(4)) + DONE,
      expected: { text: "abc", tokens: 4, source: "usage", ticks: [1, 2, 3], promptTokens: 6 },
    },
    {
      name: "usage on every chunk counts several tokens in one event (T7, T10)",
      body: chunk("a", null, usage(1)) + chunk("bc", null, usage(3)) +
        chunk("d", "length", usage(4)) + USAGE_CHUNK + DONE,
      expected: {
        text: "abcd",
        tokens: 4,
        source: "counter",
        ticks: [1, 3, 4],
        tickSource: "counter",
        finishReason: "length",
      },
    },
    {
      name: "usage on every chunk: an empty text with a higher total is a token (T9)",
      body: chunk("", null, usage(1)) + chunk("é", null, usage(2)) +
        chunk("", "length", usage(2)) + DONE,
      expected: { text: "é", tokens: 2, source: "counter", ticks: [1, 2] },
    },
    {
      name: "token ids count where the text is empty (T9)",
      body: `data: ${
        JSON.stringify({
          choices: [{ index: 0, text: "", token_ids: [11, 12], prompt_token_ids: [1, 2] }],
        })
      }\n\ndata: ${
        JSON.stringify({ choices: [{ index: 0, text: "x", output_ids: [13] }] })
      }\n\ndata: ${
        JSON.stringify({
          choices: [{ index: 0, text: "y", token_ids: [14], finish_reason: "length" }],
        })
      }\n\n${DONE}`,
      expected: { text: "xy", tokens: 4, source: "ids", ticks: [2, 3, 4], tickSource: "ids" },
    },
    {
      name: "usage wins over fewer ids",
      body: `data: {"choices":[{"text":"x","token_ids":[1]}]}\n\n` +
        `data: {"choices":[{"text":"y","token_ids":[2],"finish_reason":"length"}]}\n\n` +
        USAGE_CHUNK + DONE,
      expected: { tokens: 4, source: "usage", ticks: [1, 2], tickSource: "ids" },
    },
    {
      name: "no usage at all: events, and no verdict on the length (T7)",
      body: chunk("a") + chunk("b", "length") + DONE,
      request: { length: "forced" },
      expected: { text: "ab", tokens: 2, source: "event", ticks: [1, 2] },
    },
    {
      name: "usage filled with zeros is no count",
      body: chunk("a", null, usage(0)) + chunk("b", "length", usage(0)) + DONE,
      expected: { tokens: 2, source: "event", ticks: [1, 2], tickSource: "event" },
    },
    {
      name: "usage null on the other chunks (LMDeploy)",
      body: chunk("a", null, { usage: null }) + chunk("b", "length", { usage: null }) +
        USAGE_CHUNK + DONE,
      expected: { tokens: 4, source: "usage", ticks: [1, 2] },
    },
    {
      name: "cached tokens",
      body: chunk("a", "stop") +
        `data: ${
          JSON.stringify({
            choices: [],
            ...usage(1, { prompt_tokens_details: { cached_tokens: 5 } }),
          })
        }\n\n` + DONE,
      expected: { tokens: 1, promptTokens: 6, cachedTokens: 5, finishReason: "stop" },
    },
    {
      name: "no space after data:, CRLF, comments, byte order mark",
      body: `\ufeff: ping\r\n\r\n${
        (chunk("ü") + chunk("日本", "length") + DONE).replaceAll("data: ", "data:")
          .replaceAll("\n", "\r\n")
      }`,
      expected: { text: "ü日本", tokens: 2, events: 3 },
    },
    {
      name: "[DONE] missing, finish reason and clean end",
      body: chunk("a") + chunk("b", "length"),
      expected: { tokens: 2 },
    },
    {
      name: "[DONE] without a line end",
      body: chunk("a") + "data: [DONE]",
      expected: { tokens: 1 },
    },
    {
      name: "no end mark",
      body: chunk("a") + chunk("b"),
      expected: { outcome: "truncated", message: "without an end mark", events: 2, tokens: 2 },
    },
    {
      name: "ends inside an event",
      body: chunk("a", "length") + 'data: {"choices":[{"te',
      expected: { outcome: "truncated", message: "inside an event", ticks: [1] },
    },
    {
      name: "cut after the finish reason, without [DONE]",
      body: chunk("a", "length"),
      end: { kind: "cut", message: "connection reset" },
      expected: { outcome: "truncated", message: "connection reset" },
    },
    {
      name: "error event under 200 wins over tokens (T6)",
      body: chunk("a") + 'data: {"error":{"message":"out of memory","type":"x","code":500}}\n\n' +
        DONE,
      expected: { outcome: "engine_error", message: "out of memory", tokens: 1 },
    },
    {
      name: "flat error event",
      body: 'data: {"object":"error","message":"no room","code":503}\n\n' + DONE,
      expected: { outcome: "engine_error", message: "no room" },
    },
    {
      name: "JSON error in place of the stream under 200 (T5)",
      body: '{"object":"error","message":"The model m-1 does not exist","code":404}',
      expected: { outcome: "engine_error", message: "m-1 does not exist" },
    },
    {
      name: "unknown JSON in place of the stream",
      body: '{"status":"busy"}\n',
      expected: { outcome: "engine_error", message: '{"status":"busy"}' },
    },
    {
      name: "a whole answer in place of the stream",
      body: JSON.stringify({ choices: [{ text: "abc", finish_reason: "length" }], ...usage(4) }),
      expected: { text: "abc", tokens: 4, source: "usage", ticks: [4], finishReason: "length" },
    },
    {
      name: "zero tokens and a finish reason (T5)",
      body: chunk("", "length") + DONE,
      expected: { outcome: "wrong_length", message: "0 tokens delivered, 4 requested", ticks: [] },
    },
    {
      name: "not JSON",
      body: chunk("a") + "data: oops\n\n" + chunk("b", "length") + DONE,
      expected: { outcome: "protocol_error", message: 'event 2, "oops"' },
    },
    {
      name: "no stream at all",
      body: "<html><h1>Welcome</h1></html>",
      expected: { outcome: "protocol_error", message: "Welcome" },
    },
    {
      name: "only comments",
      body: ": ping\n\n: ping\n\n",
      expected: { outcome: "truncated", message: "without an end mark", events: 0 },
    },
    {
      name: "empty body",
      body: "",
      expected: { outcome: "truncated", message: "without an end mark", events: 0 },
    },
    {
      name: "refused",
      status: 404,
      body: '{"error":{"message":"The model\\n`x` does not exist.","code":404}}',
      expected: { outcome: "http_error", message: "The model `x` does not exist." },
    },
    {
      name: "non-streaming",
      stream: false,
      body: JSON.stringify({ choices: [{ text: "abcd", finish_reason: "length" }], ...usage(4) }),
      request: { length: "forced" },
      expected: {
        text: "abcd",
        tokens: 4,
        source: "usage",
        ticks: [4],
        tickSource: "usage",
        promptTokens: 6,
      },
    },
    {
      name: "non-streaming error under 200",
      stream: false,
      body: '{"object":"error","message":"too long","code":400}',
      expected: { outcome: "engine_error", message: "too long" },
    },
    {
      name: "forced length missed",
      body: chunk("a") + chunk("b", "length") + USAGE_CHUNK + DONE,
      request: { length: "forced", outputTokens: 16 },
      expected: { outcome: "wrong_length", message: "4 tokens delivered (by usage), 16 forced" },
    },
    {
      name: "a cap that was not used up",
      body: chunk("a") + chunk("b", "stop") + USAGE_CHUNK + DONE,
      request: { outputTokens: 16 },
      expected: { tokens: 4, finishReason: "stop" },
    },
  ],
});

function bodyOf(overrides: Partial<GenerationRequest> = {}): unknown {
  const { body } = openaiCompletions.buildRequest(cannedRequest(overrides), {
    baseUrl: "http://h:1",
    headers: {},
  });
  return JSON.parse(new TextDecoder().decode(body));
}

Deno.test("openaiCompletions.buildRequest() forces a length by three fields", () => {
  assertEquals(bodyOf({ length: "forced", sampling: { temperature: 0 } }), {
    model: "m-1",
    prompt: "Hello there",
    max_tokens: 4,
    min_tokens: 4,
    ignore_eos: true,
    temperature: 0,
    stream: true,
    stream_options: { include_usage: true },
  });
});

Deno.test("openaiCompletions.buildRequest() caps by max_tokens alone and asks no usage of a whole answer", () => {
  assertEquals(bodyOf({ stream: false, model: "" }), {
    prompt: "Hello there",
    max_tokens: 4,
    stream: false,
  });
});

Deno.test("openaiCompletions.buildRequest() sends ids, or all messages joined by line feeds", () => {
  const messages = [
    { role: "system", content: "Be brief" },
    { role: "user", content: "Hi" },
  ] as const;
  assertEquals((bodyOf({ messages }) as { prompt: string }).prompt, "Be brief\nHi");
  assertEquals((bodyOf({ promptTokenIds: [5, 6] }) as { prompt: number[] }).prompt, [5, 6]);
});

Deno.test("openaiCompletions.buildRequest() merges extraBody into nested objects", () => {
  const body = bodyOf({
    extraBody: { stream_options: { continuous_usage_stats: true }, model: null },
  }) as Record<string, unknown>;
  assertEquals(body.stream_options, { include_usage: true, continuous_usage_stats: true });
  assertStrictEquals("model" in body, false);
});

Deno.test("openaiCompletions.buildRequest() maps every sampling parameter", () => {
  const sampling = { temperature: 0.5, topP: 0.9, topK: 20, seed: 3, stop: ["\n"] };
  const body = bodyOf({ sampling }) as Record<string, unknown>;
  const { temperature, top_p, top_k, seed, stop } = body;
  assertEquals({ temperature, top_p, top_k, seed, stop }, {
    temperature: 0.5,
    top_p: 0.9,
    top_k: 20,
    seed: 3,
    stop: ["\n"],
  });
});
