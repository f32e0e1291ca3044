import { assertEquals, assertRejects } from "@std/assert";
import { tritonTrtllm, tritonVllm } from "../backends/protocol_triton_http.ts";
import { cannedRequest, protocolContract } from "./support/protocol_contract.ts";

const TRT = (text: string) =>
  `data: {"model_name":"ensemble","model_version":"1","sequence_end":false,"sequence_id":0,` +
  `"sequence_start":false,"text_output":"${text}"}\n\n`;

protocolContract({
  protocol: tritonTrtllm,
  bodies: [
    {
      name: "text only: events are counted and labelled (T7)",
      body: TRT("Hel") + TRT("lo") + TRT(""),
      request: { length: "forced" },
      expected: {
        text: "Hello",
        tokens: 2,
        source: "event",
        ticks: [1, 2],
        tickSource: "event",
        events: 3,
      },
    },
    {
      name: "error as an event",
      body: TRT("Hel") + 'data: {"error":"executor is gone"}\n\n',
      expected: { outcome: "engine_error", message: "executor is gone" },
    },
    {
      name: "unknown model",
      status: 404,
      body: '{"error":"Request for unknown model: \'ensemble\' is not found"}',
      expected: { outcome: "http_error", message: "'ensemble' is not found" },
    },
    {
      name: "connection lost",
      body: TRT("Hel"),
      end: { kind: "cut", message: "connection reset" },
      expected: { outcome: "truncated" },
    },
    {
      name: "whole answer",
      stream: false,
      body: '{"model_name":"ensemble","text_output":"Hello"}',
      expected: { text: "Hello", source: "event" },
    },
  ],
});

const VLLM = (text: string, tokens: number, reason: string) =>
  `data: {"finish_reason":"${reason}","model_name":"vllm_model","model_version":"1",` +
  `"num_input_tokens":6,"num_output_tokens":${tokens},"text_output":"${text}"}\n\n`;

protocolContract({
  protocol: tritonVllm,
  bodies: [
    {
      name: "counts of what is new, a reason at the end",
      body: VLLM("Hel", 1, "None") + VLLM("", 1, "None") + VLLM("lo", 2, "length"),
      request: { length: "forced" },
      expected: {
        text: "Hello",
        tokens: 4,
        source: "ids",
        ticks: [1, 2, 4],
        promptTokens: 6,
        finishReason: "length",
      },
    },
    {
      name: "before 24.12: text only",
      body: 'data: {"model_name":"vllm_model","text_output":"Hel"}\n\n',
      request: { length: "forced" },
      expected: { text: "Hel", tokens: 1, source: "event" },
    },
    {
      name: "error as an event (T6)",
      body: VLLM("Hel", 1, "None") + 'data: {"error":"Error generating stream: boom"}\n\n',
      expected: { outcome: "engine_error", message: "boom" },
    },
    {
      name: "whole answer",
      stream: false,
      body: '{"finish_reason":"length","model_name":"vllm_model","num_input_tokens":6,' +
        '"num_output_tokens":4,"text_output":"Hello"}',
      request: { length: "forced" },
      expected: { text: "Hello", tokens: 4, source: "ids", promptTokens: 6 },
    },
  ],
});

const TARGET = { baseUrl: "http://127.0.0.1:8000", headers: {} };

Deno.test("tritonTrtllm forces a length with an end id that never comes (T36)", () => {
  const { url, body } = tritonTrtllm.buildRequest(
    cannedRequest({ model: "", length: "forced", sampling: { temperature: 0 } }),
    TARGET,
  );
  assertEquals(url, "http://127.0.0.1:8000/v2/models/ensemble/generate_stream");
  assertEquals(JSON.parse(new TextDecoder().decode(body)), {
    text_input: "Hello there",
    max_tokens: 4,
    stream: true,
    temperature: 0,
    bad_words: "",
    stop_words: "",
    pad_id: 2,
    end_id: -1,
  });
});

Deno.test("tritonVllm packs sampling after extraBody is merged into it", () => {
  const { url, body } = tritonVllm.buildRequest(
    cannedRequest({
      model: "my/model",
      stream: false,
      length: "forced",
      extraBody: { sampling_parameters: { temperature: 0 }, return_finish_reason: null },
    }),
    TARGET,
  );
  assertEquals(url, "http://127.0.0.1:8000/v2/models/my%2Fmodel/generate");
  const { sampling_parameters: sampling, ...rest } = JSON.parse(new TextDecoder().decode(body));
  assertEquals(JSON.parse(sampling), {
    max_tokens: 4,
    min_tokens: 4,
    ignore_eos: true,
    temperature: 0,
  });
  assertEquals(rest, {
    text_input: "Hello there",
    stream: false,
    exclude_input_in_output: true,
    return_num_input_tokens: true,
    return_num_output_tokens: true,
  });
});

Deno.test("tritonVllm takes None for no reason", () => {
  const rows = [["None", undefined], ["", undefined], ["stop", "stop"]];
  for (const [reason, expected] of rows) {
    const data = JSON.stringify({ text_output: "a", finish_reason: reason });
    assertEquals(tritonVllm.readEvent(data, cannedRequest()).finishReason, expected);
  }
});

Deno.test("tritonTrtllm lists loaded models, the ensemble first", async () => {
  const answer = (text: string) => () =>
    Promise.resolve({ status: 200, body: new TextEncoder().encode(text) });
  const list = '[{"name":"preprocessing","state":"READY"},{"name":"ensemble","state":"READY"}]';
  assertEquals(await tritonTrtllm.listModels?.(TARGET, answer(list)), [
    "ensemble",
    "preprocessing",
  ]);
  await assertRejects(() => tritonTrtllm.listModels!(TARGET, answer("[]")), TypeError, "--model");
});
