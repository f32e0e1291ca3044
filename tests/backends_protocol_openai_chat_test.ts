import { assertEquals, assertThrows } from "@std/assert";
import { decodeExchange } from "../backends/decode.ts";
import { openaiChat } from "../backends/protocol_openai_chat.ts";
import {
  cannedExchange,
  cannedOptions,
  cannedRequest,
  protocolContract,
} from "./support/protocol_contract.ts";

function chunk(delta: object, finish: string | null = null, rest: object = {}): string {
  return `data: ${
    JSON.stringify({
      id: "chatcmpl-1",
      object: "chat.completion.chunk",
      created: 1,
      model: "m-1",
      choices: [{ index: 0, delta, logprobs: null, finish_reason: finish }],
      ...rest,
    })
  }\n\n`;
}

const ROLE = chunk({ role: "assistant", content: "" });
const DONE = "data: [DONE]\n\n";

function usageChunk(output: number, rest: object = {}): string {
  const usage = { prompt_tokens: 9, completion_tokens: output, ...rest };
  return `data: ${JSON.stringify({ choices: [], usage })}\n\n`;
}

protocolContract({
  protocol: openaiChat,
  bodies: [
    {
      name: "role chunk carries no token (T4)",
      body: ROLE + chunk({ content: "Hi" }) + chunk({ content: "" }, "length") + usageChunk(1) +
        DONE,
      expected: { text: "Hi", tokens: 1, source: "usage", ticks: [1], events: 5, promptTokens: 9 },
    },
    {
      name: "role chunk without content, id only (LMDeploy 0.1)",
      body: 'data: {"id":"3","model":"x","choices":[{"index":0,"delta":{"role":"assistant"},' +
        '"finish_reason":null}]}\n\n' + chunk({ role: "assistant", content: "Hel" }) +
        chunk({ role: "assistant", content: "lo" }, "length") + DONE,
      expected: { text: "Hello", tokens: 2, source: "event", ticks: [1, 2] },
    },
    {
      name: "content null (llama.cpp)",
      body: chunk({ role: "assistant", content: null }) + chunk({ content: "a" }) +
        chunk({}, "length") + usageChunk(1) + DONE,
      expected: { text: "a", tokens: 1, ticks: [1], finishReason: "length" },
    },
    {
      name: "thinking counts as output and is no answer",
      body: ROLE + chunk({ reasoning_content: "hm" }) + chunk({ reasoning: "so" }) +
        chunk({ content: "4" }, "stop") +
        usageChunk(3, { completion_tokens_details: { reasoning_tokens: 2 } }) + DONE,
      expected: { text: "4", tokens: 3, ticks: [1, 2, 3], reasoningTokens: 2 },
    },
    {
      name: "running usage starts at 0 on the role chunk",
      body: chunk({ role: "assistant", content: "" }, null, { usage: { completion_tokens: 0 } }) +
        chunk({ content: "ab" }, null, { usage: { completion_tokens: 2 } }) +
        chunk({ content: "c" }, "length", { usage: { completion_tokens: 3 } }) + usageChunk(3) +
        DONE,
      expected: { text: "abc", tokens: 3, source: "counter", ticks: [2, 3] },
    },
    {
      name: "no [DONE] (LightLLM)",
      body: chunk({ role: "assistant", content: "a" }) + chunk({ content: "b" }, "length"),
      expected: { text: "ab", tokens: 2 },
    },
    {
      name: "error event nested",
      body: ROLE + 'data: {"error":{"message":"engine died","code":500}}\n\n' + DONE,
      expected: { outcome: "engine_error", message: "engine died" },
    },
    {
      name: "choices null or missing",
      body: ROLE + 'data: {"choices":null}\n\ndata: {}\n\ndata: {"choices":[null]}\n\n' +
        chunk({ content: "a" }, "stop") + DONE,
      expected: { text: "a", tokens: 1, ticks: [1] },
    },
    {
      name: "detail in place of an answer",
      body: 'data: {"detail":"Not Found"}\n\n' + DONE,
      expected: { outcome: "engine_error", message: "Not Found" },
    },
    {
      name: "non-streaming with thinking",
      stream: false,
      body: JSON.stringify({
        object: "chat.completion",
        choices: [{
          index: 0,
          message: { role: "assistant", content: "4", reasoning_content: "hm" },
          finish_reason: "stop",
        }],
        usage: {
          prompt_tokens: 9,
          completion_tokens: 4,
          prompt_tokens_details: { cached_tokens: 8 },
        },
      }),
      expected: {
        text: "4",
        tokens: 4,
        source: "usage",
        ticks: [4],
        cachedTokens: 8,
        finishReason: "stop",
      },
    },
    {
      name: "non-streaming, cut",
      stream: false,
      body: '{"choices":[{"message":{"cont',
      end: { kind: "cut", message: "connection reset" },
      expected: { outcome: "truncated", message: "connection reset" },
    },
    {
      name: "non-streaming, not JSON",
      stream: false,
      body: "busy",
      expected: { outcome: "protocol_error", message: '"busy"' },
    },
    {
      name: "refused with FastAPI's list",
      status: 422,
      body: '{"detail":[{"loc":["body","messages"],"msg":"Field required","type":"missing"}]}',
      expected: { outcome: "http_error", message: "body.messages: Field required" },
    },
  ],
});

Deno.test("openaiChat stamps the first token before the first answer where it thinks", () => {
  const body = ROLE + chunk({ reasoning: "hm" }) + chunk({ content: "4" }, "stop") + DONE;
  let end = 0;
  const cuts = [ROLE, chunk({ reasoning: "hm" }), chunk({ content: "4" }, "stop"), DONE]
    .map((part) => end += part.length);
  const record = decodeExchange(
    cannedExchange(body, { cuts }),
    openaiChat,
    cannedRequest(),
    cannedOptions(),
  );
  assertEquals(
    [record.firstEventMs, record.firstTokenMs, record.firstAnswerMs, record.lastTokenMs],
    [10, 20, 30, 30],
  );
});

Deno.test("openaiChat.buildRequest() sends roles and contents, and nothing else of a message", () => {
  const messages = [
    { role: "system", content: "Be brief", more: 1 },
    { role: "user", content: "Hi" },
  ] as const;
  const wire = openaiChat.buildRequest(cannedRequest({ messages }), {
    baseUrl: "https://h/v1/chat/completions",
    headers: {},
  });
  assertEquals(wire.url, "https://h/v1/chat/completions");
  assertEquals(JSON.parse(new TextDecoder().decode(wire.body)).messages, [
    { role: "system", content: "Be brief" },
    { role: "user", content: "Hi" },
  ]);
});

Deno.test("openaiChat.buildRequest() refuses token ids and empty chats", () => {
  const target = { baseUrl: "http://h", headers: {} };
  assertThrows(
    () => openaiChat.buildRequest(cannedRequest({ promptTokenIds: [1, 2] }), target),
    TypeError,
    "2 token ids",
  );
  assertThrows(
    () => openaiChat.buildRequest(cannedRequest({ messages: [] }), target),
    TypeError,
    "0 messages",
  );
});
