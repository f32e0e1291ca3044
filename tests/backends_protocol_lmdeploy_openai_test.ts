import { assertEquals, assertRejects } from "@std/assert";
import { lmdeployChat, lmdeployCompletions } from "../backends/protocol_lmdeploy_openai.ts";
import type { WireRequest } from "../backends/protocol.ts";
import { cannedRequest, protocolContract } from "./support/protocol_contract.ts";

const ROLE = 'data: {"id":"3","model":"internlm","choices":[{"index":0,' +
  '"delta":{"role":"assistant"},"finish_reason":null}]}\n\n';
const DONE = "data: [DONE]\n\n";

function chunk(content: string, finish: string | null = null, usage?: object): string {
  return `data: ${
    JSON.stringify({
      id: "3",
      object: "chat.completion.chunk",
      choices: [{ index: 0, delta: { role: "assistant", content }, finish_reason: finish }],
      ...(usage !== undefined && { usage }),
    })
  }\n\n`;
}

protocolContract({
  protocol: lmdeployChat,
  bodies: [
    {
      name: "v0.1: role chunk before anything is generated, no usage (T4)",
      body: ROLE + chunk("Hel") + chunk("lo") + chunk("", "length") + DONE,
      request: { length: "forced" },
      expected: {
        text: "Hello",
        tokens: 2,
        source: "event",
        ticks: [1, 2],
        tickSource: "event",
        events: 5,
        finishReason: "length",
      },
    },
    {
      name: "v0.1: over the session length, an empty success (T5)",
      body: ROLE + chunk("", "length") + DONE,
      request: { length: "forced" },
      expected: { outcome: "wrong_length", message: "0 tokens" },
    },
    {
      name: "v0.6: usage on every chunk, one token more than forced",
      body: chunk("a", null, { prompt_tokens: 6, completion_tokens: 2 }) +
        chunk("b", null, { prompt_tokens: 6, completion_tokens: 5 }) +
        chunk("", "length", { prompt_tokens: 6, completion_tokens: 5 }) + DONE,
      request: { length: "forced" },
      expected: { text: "ab", tokens: 5, source: "counter", ticks: [2, 5], promptTokens: 6 },
    },
    {
      name: "newest: usage in a separate chunk (T11)",
      body: chunk("a") + chunk("b", "length") +
        'data: {"choices":[],"usage":{"prompt_tokens":6,"completion_tokens":4}}\n\n' + DONE,
      request: { length: "forced" },
      expected: { text: "ab", tokens: 4, source: "usage", promptTokens: 6 },
    },
    {
      name: "finish reason error",
      body: chunk("a") + chunk("", "error") + DONE,
      expected: { outcome: "engine_error", message: "finish reason error" },
    },
    {
      name: "error under status 200 in place of the stream (T5)",
      body: '{"object":"error","message":"The model `x` does not exist.","code":404}',
      expected: { outcome: "engine_error", message: "The model `x` does not exist." },
    },
    {
      name: "whole answer",
      stream: false,
      body: '{"choices":[{"index":0,"message":{"role":"assistant","content":"Hello"},' +
        '"finish_reason":"length"}],"usage":{"prompt_tokens":6,"completion_tokens":4}}',
      request: { length: "forced" },
      expected: { text: "Hello", tokens: 4, source: "usage", promptTokens: 6 },
    },
  ],
});

protocolContract({
  protocol: lmdeployCompletions,
  bodies: [
    {
      name: "first chunk without text",
      body: 'data: {"choices":[{"index":0,"text":"","finish_reason":null}]}\n\n' +
        'data: {"choices":[{"index":0,"text":"Hi","finish_reason":null}]}\n\n' +
        'data: {"choices":[{"index":0,"text":"","finish_reason":"stop"}]}\n\n' + DONE,
      expected: { text: "Hi", tokens: 1, source: "event", ticks: [1], events: 4 },
    },
  ],
});

Deno.test("lmdeployChat sends the prompt as one string, each in its own session (T32)", () => {
  const { url, body } = lmdeployChat.buildRequest(
    cannedRequest({
      messages: [
        { role: "system", content: "Be brief" },
        { role: "user", content: "Hello" },
      ],
      length: "forced",
    }),
    { baseUrl: "http://127.0.0.1:23333", headers: {} },
  );
  assertEquals(url, "http://127.0.0.1:23333/v1/chat/completions");
  assertEquals(JSON.parse(new TextDecoder().decode(body)), {
    model: "m-1",
    messages: "Be brief\nHello",
    max_tokens: 4,
    ignore_eos: true,
    session_id: 8,
    stream: true,
    stream_options: { include_usage: true },
  });
});

Deno.test("lmdeployChat lists models at the server's root (T43)", async () => {
  const asked: WireRequest[] = [];
  const ask = (request: WireRequest) => {
    asked.push(request);
    return Promise.resolve({
      status: 200,
      body: new TextEncoder().encode('{"object":"list","data":[{"id":"internlm-7b"}]}'),
    });
  };
  const target = { baseUrl: "http://127.0.0.1:23333/v1/chat/completions", headers: {} };
  assertEquals(await lmdeployChat.listModels?.(target, ask), ["internlm-7b"]);
  assertEquals(asked[0]?.url, "http://127.0.0.1:23333/v1/models");
  await assertRejects(
    () =>
      lmdeployChat.listModels!(
        target,
        () => Promise.resolve({ status: 401, body: new Uint8Array() }),
      ),
    TypeError,
    "401",
  );
});
