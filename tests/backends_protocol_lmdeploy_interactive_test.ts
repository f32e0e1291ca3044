import { assertEquals } from "@std/assert";
import {
  lmdeployInteractive,
  lmdeploySessionId,
} from "../backends/protocol_lmdeploy_interactive.ts";
import { cannedRequest, protocolContract } from "./support/protocol_contract.ts";

protocolContract({
  protocol: lmdeployInteractive,
  bodies: [
    {
      name: "three lines, the last without text",
      body: '{"text":"Hel","tokens":1,"finish_reason":null}\n' +
        '{"text":"lo","tokens":2,"finish_reason":null}\n' +
        '{"text":"","tokens":2,"finish_reason":"length"}\n',
      request: { outputTokens: 2, length: "forced" },
      expected: {
        text: "Hello",
        tokens: 2,
        source: "counter",
        ticks: [1, 2],
        tickSource: "counter",
        events: 3,
        finishReason: "length",
      },
    },
    {
      name: "counter that jumps, input tokens, no final line end (T7, T8)",
      body: '{"text":"Hé","tokens":3,"input_tokens":9,"history_tokens":0,"finish_reason":null}\n' +
        '{"text":"漢","tokens":4,"input_tokens":9,"history_tokens":0,"finish_reason":"stop"}',
      expected: { text: "Hé漢", tokens: 4, ticks: [3, 4], promptTokens: 9, finishReason: "stop" },
    },
    {
      name: "text held back while a character is incomplete (T9)",
      body: '{"text":"","tokens":1,"finish_reason":null}\n' +
        '{"text":"","tokens":2,"finish_reason":null}\n' +
        '{"text":"漢","tokens":3,"finish_reason":"length"}\n',
      expected: { text: "漢", tokens: 3, ticks: [1, 2, 3] },
    },
    {
      name: "one token more than forced, as some versions give",
      body: '{"text":"abcde","tokens":5,"finish_reason":"length"}\n',
      request: { outputTokens: 4, length: "forced" },
      expected: { tokens: 5 },
    },
    {
      name: "two tokens more than forced",
      body: '{"text":"abcdef","tokens":6,"finish_reason":"length"}\n',
      request: { outputTokens: 4, length: "forced" },
      expected: { outcome: "wrong_length", message: "6 tokens delivered (by counter), 4 forced" },
    },
    {
      name: "over the session length: length reached with no token (T5)",
      body: '{"text":"","tokens":0,"finish_reason":"length"}\n',
      request: { length: "forced" },
      expected: { outcome: "wrong_length", message: "0 tokens" },
    },
    {
      name: "end of body without a finish reason",
      body: '{"text":"Hel","tokens":1,"finish_reason":null}\n',
      expected: { outcome: "truncated", message: "without an end mark", tokens: 1 },
    },
    {
      name: "finish reason error",
      body: '{"text":"Hel","tokens":1,"finish_reason":null}\n' +
        '{"text":"internal error happened","tokens":1,"finish_reason":"error"}\n',
      expected: { outcome: "engine_error", message: "internal error happened" },
    },
    {
      name: "error under status 200, as up to 0.5 (T5)",
      body: '{"object":"error","message":"The model `x` does not exist","code":404}',
      expected: { outcome: "engine_error", message: "The model `x` does not exist" },
    },
    {
      name: "whole answer",
      stream: false,
      body: '{"text":"Hello","tokens":2,"input_tokens":5,"finish_reason":"length"}',
      request: { outputTokens: 2, length: "forced" },
      expected: { text: "Hello", tokens: 2, source: "counter", promptTokens: 5 },
    },
    {
      name: "refused with a list of what is wrong",
      status: 422,
      body: '{"detail":[{"loc":["body","prompt"],"msg":"field required"}]}',
      expected: { outcome: "http_error", message: "field required" },
    },
    {
      name: "not JSON",
      body: "hello\n",
      expected: { outcome: "protocol_error", message: "hello" },
    },
  ],
});

Deno.test("lmdeployInteractive sends the fields of the call", () => {
  const { url, body } = lmdeployInteractive.buildRequest(
    cannedRequest({ length: "forced", sampling: { topK: 1 } }),
    { baseUrl: "http://127.0.0.1:23333/v1", headers: {} },
  );
  assertEquals(url, "http://127.0.0.1:23333/v1/chat/interactive");
  assertEquals(JSON.parse(new TextDecoder().decode(body)), {
    prompt: "Hello there",
    session_id: 8,
    interactive_mode: false,
    stream: true,
    request_output_len: 4,
    ignore_eos: true,
    top_k: 1,
  });
});

Deno.test("lmdeploySessionId gives positive exact numbers that differ between neighbours (T32)", () => {
  const rows: [bigint, number][] = [
    [0n, 1],
    [1n, 2],
    [BigInt(Number.MAX_SAFE_INTEGER) - 1n, Number.MAX_SAFE_INTEGER],
    [BigInt(Number.MAX_SAFE_INTEGER), 1],
  ];
  for (const [id, session] of rows) assertEquals(lmdeploySessionId(id), session);
  const base = (1n << 63n) - 2n;
  const sessions = [0n, 1n, 2n, 3n].map((step) => lmdeploySessionId(base + step));
  assertEquals(new Set(sessions).size, 4);
  assertEquals(sessions.every((id) => Number.isSafeInteger(id) && id >= 1), true);
});
