import { assertEquals } from "@std/assert";
import { llamacpp } from "../backends/protocol_llamacpp.ts";
import { cannedRequest, protocolContract } from "./support/protocol_contract.ts";

const FIRST = 'data: {"index":0,"content":" ki","tokens":[496],"stop":false,"id_slot":-1,' +
  '"tokens_predicted":1,"tokens_evaluated":13}\n\n';
const JOINED = 'data: {"index":0,"content":" 漢","tokens":[351],"stop":false,"id_slot":-1,' +
  '"tokens_predicted":4,"tokens_evaluated":13}\n\n';
const LAST = 'data: {"index":0,"content":"","tokens":[],"id_slot":0,"stop":true,' +
  '"tokens_predicted":4,"tokens_evaluated":13,"stop_type":"limit",' +
  '"timings":{"cache_n":5,"prompt_n":8,"prompt_ms":13.8,"predicted_n":4}}\n\n';

protocolContract({
  protocol: llamacpp,
  bodies: [
    {
      name: "a counter in every event, three tokens joined in one (T7)",
      body: FIRST + JOINED + LAST,
      request: { length: "forced" },
      expected: {
        text: " ki 漢",
        tokens: 4,
        source: "counter",
        ticks: [1, 4],
        events: 3,
        promptTokens: 13,
        cachedTokens: 5,
        finishReason: "limit",
      },
    },
    {
      name: "older servers: ids in the events, the total at the end",
      body: (FIRST + JOINED).replace(/,"tokens_predicted":\d,"tokens_evaluated":13/g, "") + LAST,
      request: { length: "forced" },
      expected: { tokens: 4, source: "counter", tickSource: "ids", ticks: [1, 2] },
    },
    {
      name: "comments while the prompt is computed",
      body: `:\n\n${FIRST}:\n\n${LAST}`,
      expected: { tokens: 4, events: 2 },
    },
    {
      name: "JSON error in place of the stream",
      status: 400,
      body: '{"error":{"code":400,"message":"Prompt contains invalid tokens",' +
        '"type":"invalid_request_error"}}',
      expected: { outcome: "http_error", message: "Prompt contains invalid tokens" },
    },
    {
      name: "error in the stream (T6)",
      body: FIRST +
        'data: {"error":{"code":500,"message":"slot failed","type":"server_error"}}\n\n',
      expected: { outcome: "engine_error", message: "slot failed" },
    },
    { name: "breaks off", body: FIRST, expected: { outcome: "truncated", tokens: 1 } },
    {
      name: "connection dropped right after the last event",
      body: FIRST + JOINED + LAST,
      end: { kind: "cut", message: "connection reset" },
      request: { length: "forced" },
      expected: { tokens: 4 },
    },
    {
      name: "whole answer",
      stream: false,
      body: '{"index":0,"content":" ki lu","tokens":[496,465],"stop":true,"tokens_predicted":2,' +
        '"tokens_evaluated":3,"stop_type":"eos"}',
      expected: { text: " ki lu", tokens: 2, source: "counter", promptTokens: 3 },
    },
  ],
});

Deno.test("llamacpp switches the prompt cache off and asks for ids", () => {
  const { body } = llamacpp.buildRequest(
    cannedRequest({ length: "forced", promptTokenIds: [5, 6, 7] }),
    { baseUrl: "http://127.0.0.1:8080", headers: {} },
  );
  assertEquals(JSON.parse(new TextDecoder().decode(body)), {
    prompt: [5, 6, 7],
    n_predict: 4,
    ignore_eos: true,
    stream: true,
    cache_prompt: false,
    return_tokens: true,
  });
});
