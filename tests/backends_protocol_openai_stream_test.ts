import { assertEquals, assertThrows } from "@std/assert";
import { readOpenaiEvent } from "../backends/protocol_openai_stream.ts";
import type { EngineEvent } from "../backends/protocol.ts";

const READS: readonly { name: string; data: string; event: EngineEvent }[] = [
  { name: "the end mark, which is no token (T34)", data: "[DONE]", event: { end: true } },
  { name: "an empty object as nothing", data: "{}", event: {} },
  { name: "choices [] (T11)", data: '{"choices":[]}', event: {} },
  { name: "a text", data: '{"choices":[{"text":"a","finish_reason":null}]}', event: { text: "a" } },
  {
    name: "a role-only delta (T4)",
    data: '{"choices":[{"delta":{"role":"assistant"}}]}',
    event: {},
  },
  {
    name: "running usage as a counter",
    data: '{"choices":[{"text":""}],"usage":{"completion_tokens":2}}',
    event: { usage: { outputTokens: 2 }, totalTokens: 2, source: "counter" },
  },
  {
    name: "usage beside a finish reason as a total only (T10)",
    data: '{"choices":[{"text":"z","finish_reason":"stop"}],"usage":{"completion_tokens":2}}',
    event: { text: "z", finishReason: "stop", usage: { outputTokens: 2 } },
  },
  {
    name: "every field of usage",
    data: '{"choices":[],"usage":{"prompt_tokens":9,"completion_tokens":4,' +
      '"prompt_tokens_details":{"cached_tokens":8},' +
      '"completion_tokens_details":{"reasoning_tokens":3}}}',
    event: {
      usage: { promptTokens: 9, outputTokens: 4, cachedTokens: 8, reasoningTokens: 3 },
    },
  },
  {
    name: "usage with null and nonsense",
    data: '{"choices":[],"usage":{"prompt_tokens":null,"completion_tokens":-1,' +
      '"prompt_tokens_details":null}}',
    event: { usage: {} },
  },
  {
    name: "ids of vLLM before running usage only when there is none",
    data: '{"choices":[{"text":"a","token_ids":[1,2]}]}',
    event: { text: "a", newTokens: 2, source: "ids" },
  },
  {
    name: "empty and null ids as no statement",
    data: '{"choices":[{"text":"a","token_ids":null,"output_ids":[]}]}',
    event: { text: "a" },
  },
  {
    name: "thinking under both names",
    data: '{"choices":[{"delta":{"content":null,"reasoning_content":"a"}},' +
      '{"delta":{"reasoning":"b"}}]}',
    event: { reasoning: "ab" },
  },
  {
    name: "timings of llama.cpp",
    data: '{"choices":[],"timings":{"prompt_ms":1.5,"cache_n":0,"name":"x"}}',
    event: { timings: { prompt_ms: 1.5, cache_n: 0 } },
  },
  { name: "an error as text", data: '{"error":"boom"}', event: { error: "boom" } },
  {
    name: "an error beside choices",
    data: '{"error":{"message":"boom"},"choices":[{"text":"a"}]}',
    event: { error: "boom", text: "a" },
  },
  {
    name: "error null as none",
    data: '{"error":null,"choices":[{"text":"a"}]}',
    event: { text: "a" },
  },
  {
    name: "a message beside choices as no error",
    data: '{"message":"x","choices":[{"text":"a"}]}',
    event: { text: "a" },
  },
  {
    name: "a message with a code in place of an answer",
    data: '{"message":"too long","code":400}',
    event: { error: "too long" },
  },
];

for (const { name, data, event } of READS) {
  Deno.test(`readOpenaiEvent() reads ${name}`, () => assertEquals(readOpenaiEvent(data), event));
}

Deno.test("readOpenaiEvent() throws at anything but an object", () => {
  for (const data of ["", "[", "[DONE", "[1]", "null", "3", '"a"', "{"]) {
    assertThrows(() => readOpenaiEvent(data), SyntaxError);
  }
});
