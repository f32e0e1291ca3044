import { assertEquals, assertThrows } from "@std/assert";
import { lmdeployGenerate } from "../backends/protocol_lmdeploy_generate.ts";
import { cannedRequest, protocolContract } from "./support/protocol_contract.ts";

const FIRST = 'data: {"text":" Par","output_ids":[7],"meta_info":{"prompt_tokens":6,' +
  '"completion_tokens":1,"finish_reason":null}}\n\n';
const LAST = 'data: {"text":"is.","output_ids":[8,9],"meta_info":{"prompt_tokens":6,' +
  '"completion_tokens":3,"finish_reason":{"type":"length"}}}\n\n';
const DONE = "data: [DONE]\n\n";

protocolContract({
  protocol: lmdeployGenerate,
  withoutSampling: { seed: "the call has no seed" },
  bodies: [
    {
      name: "deltas, a counter that jumps, [DONE]",
      body: FIRST + LAST + DONE,
      request: { outputTokens: 3, length: "forced" },
      expected: {
        text: " Paris.",
        tokens: 3,
        source: "counter",
        ticks: [1, 3],
        promptTokens: 6,
        finishReason: "length",
        events: 3,
      },
    },
    {
      name: "ids without a counter",
      body:
        'data: {"text":"a","output_ids":[1,2],"meta_info":{"finish_reason":{"type":"stop"}}}\n\n' +
        DONE,
      expected: { text: "a", tokens: 2, source: "ids", ticks: [2] },
    },
    {
      name: "finish reason and the end of the body, without [DONE]",
      body: FIRST + LAST,
      expected: { tokens: 3 },
    },
    {
      name: "error in the stream, then [DONE] (T6)",
      body: `${FIRST}data: {"error":{"message":"out of memory"}}\n\n${DONE}`,
      expected: { outcome: "engine_error", message: "out of memory" },
    },
    {
      name: "aborted",
      body: 'data: {"text":"","output_ids":[],"meta_info":{"completion_tokens":0,' +
        '"finish_reason":{"type":"abort","message":"session stopped"}}}\n\n' + DONE,
      expected: { outcome: "engine_error", message: "session stopped" },
    },
    {
      name: "whole answer",
      stream: false,
      body: '{"text":" Paris.","output_ids":[7,8,9],"meta_info":{"prompt_tokens":6,' +
        '"completion_tokens":3,"finish_reason":{"type":"length"}}}',
      request: { outputTokens: 3, length: "forced" },
      expected: { text: " Paris.", tokens: 3, promptTokens: 6, finishReason: "length" },
    },
  ],
});

Deno.test("lmdeployGenerate sends token ids in place of the text", () => {
  const { body } = lmdeployGenerate.buildRequest(
    cannedRequest({ promptTokenIds: [5, 6], length: "forced" }),
    { baseUrl: "http://127.0.0.1:23333", headers: {} },
  );
  assertEquals(JSON.parse(new TextDecoder().decode(body)), {
    input_ids: [5, 6],
    session_id: 8,
    max_tokens: 4,
    ignore_eos: true,
    stream: true,
  });
});

Deno.test("lmdeployGenerate refuses a seed", () => {
  assertThrows(
    () =>
      lmdeployGenerate.buildRequest(cannedRequest({ sampling: { seed: 1 } }), {
        baseUrl: "http://127.0.0.1:1",
        headers: {},
      }),
    TypeError,
    "lmdeploy-chat",
  );
});
