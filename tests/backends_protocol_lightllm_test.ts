import { assertEquals, assertThrows } from "@std/assert";
import { lightllm } from "../backends/protocol_lightllm.ts";
import { lightllmTgi } from "../backends/protocol_lightllm_tgi.ts";
import { cannedRequest, protocolContract } from "./support/protocol_contract.ts";

const FIRST = 'data:{"token":{"id":278,"text":" the","logprob":-0.61,"special":false,' +
  '"count_output_tokens":1,"prompt_tokens":6},"generated_text":null,"finished":false,' +
  '"finish_reason":null,"details":null}\n\n';
const LAST = 'data:{"token":{"id":29897,"text":")","logprob":-0.07,"special":false,' +
  '"count_output_tokens":2,"prompt_tokens":6},"generated_text":null,"finished":true,' +
  '"finish_reason":"length","details":null}\n\n';

protocolContract({
  protocol: lightllm,
  withoutSampling: { seed: "LightLLM takes no seed" },
  bodies: [
    {
      name: "one event per token, without a space after data:",
      body: FIRST + LAST,
      request: { outputTokens: 2, length: "forced" },
      expected: {
        text: " the)",
        tokens: 2,
        source: "counter",
        ticks: [1, 2],
        events: 2,
        promptTokens: 6,
        finishReason: "length",
      },
    },
    {
      name: "older servers give no reason; the flag ends it, whatever the connection does then",
      body: FIRST + LAST.replace('"length"', "null"),
      end: { kind: "cut", message: "connection reset" },
      request: { outputTokens: 2, length: "forced" },
      expected: { tokens: 2, events: 2 },
    },
    {
      name: "empty text of an incomplete character (T9)",
      body: FIRST.replace('" the"', '""') + LAST,
      expected: { text: ")", tokens: 2, ticks: [1, 2] },
    },
    {
      name: "connection breaks after 200, as when the prompt is too long",
      body: "",
      end: { kind: "cut", message: "connection reset" },
      expected: { outcome: "truncated", message: "connection reset" },
    },
    {
      name: "ends cleanly without `finished`",
      body: FIRST,
      expected: { outcome: "truncated", message: "without an end mark", tokens: 1 },
    },
    {
      name: "stopped early although forced (T2)",
      body: FIRST + LAST.replace('"length"', '"stop"'),
      request: { outputTokens: 4, length: "forced" },
      expected: { outcome: "wrong_length", message: "2 tokens delivered (by counter), 4 forced" },
    },
    {
      name: "whole answer",
      stream: false,
      body: '{"generated_text":[" the)"],"count_output_tokens":2,"finish_reason":"length",' +
        '"prompt_tokens":6}',
      request: { outputTokens: 2, length: "forced" },
      expected: { text: " the)", tokens: 2, source: "counter", promptTokens: 6 },
    },
    {
      name: "error under status 200 in place of a whole answer (T5)",
      stream: false,
      body: '{"message":"the prompt is too long"}',
      expected: { outcome: "engine_error", message: "the prompt is too long" },
    },
    {
      name: "status 417",
      status: 417,
      body: '{"message":"max_new_tokens must be at least 1"}',
      expected: { outcome: "http_error", message: "max_new_tokens must be at least 1" },
    },
  ],
});

const TGI_FIRST = 'data:{"token":{"id":278,"text":" the","logprob":-0.6,"special":false,' +
  '"count_output_tokens":1},"generated_text":null,"finished":false,"finish_reason":null,' +
  '"details":null}\n\n';
const TGI_LAST = 'data:{"token":{"id":29897,"text":")","logprob":-0.1,"special":false,' +
  '"count_output_tokens":2},"generated_text":" the)","finished":true,"finish_reason":"length",' +
  '"details":{"generated_tokens":2,"finish_reason":"length","prompt_tokens":6}}\n\n';

protocolContract({
  protocol: lightllmTgi,
  withoutSampling: { seed: "LightLLM takes no seed" },
  bodies: [
    {
      name: "TGI's events with LightLLM's counter",
      body: TGI_FIRST + TGI_LAST,
      request: { outputTokens: 2, length: "forced" },
      expected: {
        text: " the)",
        tokens: 2,
        source: "counter",
        ticks: [1, 2],
        promptTokens: 6,
        finishReason: "length",
      },
    },
    {
      name: "without the counter: ids, one an event",
      body: (TGI_FIRST + TGI_LAST).replace(/,"count_output_tokens":\d/g, ""),
      request: { outputTokens: 2, length: "forced" },
      expected: { text: " the)", tokens: 2, source: "ids" },
    },
    { name: "breaks off", body: TGI_FIRST, expected: { outcome: "truncated", tokens: 1 } },
    {
      name: "whole answer in a list of one",
      stream: false,
      body:
        '[{"generated_text":" the)","details":{"generated_tokens":2,"finish_reason":"length"}}]',
      request: { outputTokens: 2, length: "forced" },
      expected: { text: " the)", tokens: 2, source: "usage", finishReason: "length" },
    },
  ],
});

Deno.test("lightllm always sends parameters, and samples only when asked (T24)", () => {
  const target = { baseUrl: "http://127.0.0.1:8000/generate_stream", headers: {} };
  const rows = [
    [{}, { do_sample: false }],
    [{ temperature: 0 }, { do_sample: false }],
    [{ temperature: 0.5 }, { do_sample: true, temperature: 0.5 }],
    [{ topP: 0.9 }, { do_sample: true, top_p: 0.9 }],
    [{ temperature: 0, topK: 4 }, { do_sample: false, top_k: 4 }],
  ] as const;
  for (const [sampling, expected] of rows) {
    const { url, body } = lightllm.buildRequest(
      cannedRequest({ length: "forced", sampling }),
      target,
    );
    assertEquals(url, "http://127.0.0.1:8000/generate_stream");
    assertEquals(JSON.parse(new TextDecoder().decode(body)), {
      inputs: "Hello there",
      parameters: { max_new_tokens: 4, min_new_tokens: 4, ignore_eos: true, ...expected },
    });
  }
  const whole = lightllm.buildRequest(cannedRequest({ stream: false }), target);
  assertEquals(whole.url, "http://127.0.0.1:8000/generate");
});

Deno.test("lightllm merges extraBody into parameters and keeps the forced length", () => {
  const { body } = lightllm.buildRequest(
    cannedRequest({
      length: "forced",
      extraBody: { parameters: { frequency_penalty: 1, do_sample: null } },
    }),
    { baseUrl: "http://127.0.0.1:8000", headers: {} },
  );
  assertEquals(JSON.parse(new TextDecoder().decode(body)).parameters, {
    max_new_tokens: 4,
    min_new_tokens: 4,
    ignore_eos: true,
    frequency_penalty: 1,
  });
});

Deno.test("lightllm refuses a seed", () => {
  assertThrows(
    () =>
      lightllm.buildRequest(cannedRequest({ sampling: { seed: 1 } }), {
        baseUrl: "http://127.0.0.1:1",
        headers: {},
      }),
    TypeError,
    "--extra-body",
  );
});
