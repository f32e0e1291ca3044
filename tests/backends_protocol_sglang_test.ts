import { assertEquals } from "@std/assert";
import { sglang } from "../backends/protocol_sglang.ts";
import { cannedRequest, protocolContract } from "./support/protocol_contract.ts";

const FIRST =
  'data: {"text":" Paris","output_ids":[7],"meta_info":{"id":"a","finish_reason":null,' +
  '"prompt_tokens":6,"completion_tokens":1,"cached_tokens":4}}\n\n';
const LAST = 'data: {"text":" Paris is big","output_ids":[7,8,9],"meta_info":{"id":"a",' +
  '"finish_reason":{"type":"length","length":3},"prompt_tokens":6,"completion_tokens":3,' +
  '"cached_tokens":4,"e2e_latency":0.21}}\n\n';
const DONE = "data: [DONE]\n\n";

protocolContract({
  protocol: sglang,
  bodies: [
    {
      name: "the whole text in every event, a counter that jumps (T7)",
      body: FIRST + LAST + DONE,
      request: { outputTokens: 3, length: "forced" },
      expected: {
        text: " Paris is big",
        tokens: 3,
        source: "counter",
        ticks: [1, 3],
        promptTokens: 6,
        cachedTokens: 4,
        finishReason: "length",
        events: 3,
      },
    },
    {
      name: "incremental output: only what is new",
      body: FIRST + LAST.replace(" Paris is big", " is big").replace("[7,8,9]", "[8,9]") + DONE,
      request: { outputTokens: 3, length: "forced" },
      expected: { text: " Paris is big", tokens: 3, ticks: [1, 3] },
    },
    {
      name: "without ids",
      body: (FIRST + LAST).replace(/"output_ids":\[[^\]]*\],/g, "") + DONE,
      expected: { text: " Paris is big", tokens: 3 },
    },
    {
      name: "text held back (T9)",
      body: FIRST.replace('" Paris"', '""') + LAST + DONE,
      expected: { text: " Paris is big", tokens: 3, ticks: [1, 3] },
    },
    {
      name: "error in the stream under status 200 (T6)",
      body: `data: {"error":{"message":"The request is too long"}}\n\n${DONE}`,
      expected: { outcome: "engine_error", message: "The request is too long" },
    },
    {
      name: "aborted by the engine",
      body: FIRST + 'data: {"text":"","meta_info":{"finish_reason":{"type":"abort",' +
        '"message":"Out of memory"},"completion_tokens":1,"prompt_tokens":6}}\n\n' + DONE,
      expected: { outcome: "engine_error", message: "Out of memory" },
    },
    { name: "breaks off", body: FIRST, expected: { outcome: "truncated", tokens: 1 } },
    {
      name: "stopped early although forced (T2)",
      body: FIRST + LAST.replace('"type":"length","length":3', '"type":"stop"') + DONE,
      request: { outputTokens: 4, length: "forced" },
      expected: { outcome: "wrong_length", message: "3 tokens delivered (by counter), 4 forced" },
    },
    {
      name: "whole answer",
      stream: false,
      body: '{"text":" Paris","output_ids":[7,8],"meta_info":{"finish_reason":{"type":"length"},' +
        '"prompt_tokens":6,"completion_tokens":2,"cached_tokens":0}}',
      request: { outputTokens: 2, length: "forced" },
      expected: { text: " Paris", tokens: 2, source: "counter", promptTokens: 6, cachedTokens: 0 },
    },
  ],
});

Deno.test("sglang puts lengths and sampling into sampling_params", () => {
  const { url, body } = sglang.buildRequest(
    cannedRequest({ length: "forced", sampling: { temperature: 0 }, promptTokenIds: [1, 2] }),
    { baseUrl: "http://127.0.0.1:30000", headers: {} },
  );
  assertEquals(url, "http://127.0.0.1:30000/generate");
  assertEquals(JSON.parse(new TextDecoder().decode(body)), {
    input_ids: [1, 2],
    sampling_params: { max_new_tokens: 4, min_new_tokens: 4, ignore_eos: true, temperature: 0 },
    stream: true,
  });
});

Deno.test("sglang asks /get_model_info for the model", async () => {
  const names = await sglang.listModels?.(
    { baseUrl: "http://127.0.0.1:30000/generate", headers: {}, apiKey: "k" },
    ({ url, headers }) => {
      assertEquals(url, "http://127.0.0.1:30000/get_model_info");
      assertEquals(headers.authorization, "Bearer k");
      const body = new TextEncoder().encode('{"model_path":"/models/llama"}');
      return Promise.resolve({ status: 200, body });
    },
  );
  assertEquals(names, ["/models/llama"]);
});
