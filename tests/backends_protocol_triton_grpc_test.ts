import { assertEquals, assertRejects, assertStringIncludes, assertThrows } from "@std/assert";
import { grpcFrame } from "../backends/grpc_frames.ts";
import {
  modelConfigResponse,
  modelInferRequest,
  modelInferResponse,
  modelQuery,
  modelStreamInferResponse,
  readyResponse,
} from "../backends/kserve_messages.ts";
import {
  numberTensor,
  rawOutputs,
  readNumbers,
  readTexts,
  type Tensor,
} from "../backends/kserve_tensors.ts";
import type { Ask, GenerationRequest, Target } from "../backends/protocol.ts";
import { modelConfig, preprocess, tritonTurbomind } from "../backends/protocol_triton_grpc.ts";
import { modelReady, serverReady } from "./support/triton_calls.ts";
import { cannedRequest, protocolContract } from "./support/protocol_contract.ts";

const TARGET: Target = { baseUrl: "grpc://127.0.0.1:9000", headers: {} };
/** As `prepare` returns it: three prompt tokens, and the token that would end the answer. */
const PREPARED: Partial<GenerationRequest> = {
  model: "",
  promptTokenIds: [1, 15, 16],
  extraBody: { eos_token_id: 2 },
};

function response(tensors: readonly Tensor[]): string {
  return modelStreamInferResponse.encode({
    infer_response: { model_name: "turbomind", ...rawOutputs(tensors) },
  }).toHex();
}

function step(ids: readonly number[]): string {
  return response([
    numberTensor("output_ids", "UINT32", { values: ids, shape: [1, 1, ids.length] }),
    numberTensor("sequence_length", "UINT32", { values: [ids.length] }),
  ]);
}

const ONE = step([1, 15, 16, 17]);
const TWO = step([1, 15, 16, 17, 18]);
const FINAL = "122e0a09747572626f6d696e641201311a0137221b0a15747269746f6e5f66696e616c5f726573706f" +
  "6e736512020801";

function body(...messages: readonly string[]): Uint8Array {
  const frames = messages.map((hex) => grpcFrame(Uint8Array.fromHex(hex)));
  return Uint8Array.fromHex(frames.map((frame) => frame.toHex()).join(""));
}

protocolContract({
  protocol: tritonTurbomind,
  request: PREPARED,
  withoutSampling: {
    stop: "stop texts are refused, see below",
  },
  bodies: [
    {
      name: "counts come from sequence_length, the repeated last response adds nothing (T7)",
      body: body(ONE, TWO, TWO),
      request: { outputTokens: 2, length: "forced" },
      expected: {
        tokens: 2,
        source: "counter",
        ticks: [1, 2],
        events: 3,
        promptTokens: 3,
      },
    },
    {
      name: "a step of several tokens",
      body: body(step([1, 15, 16, 17, 18, 19]), step([1, 15, 16, 17, 18, 19, 20])),
      expected: { tokens: 4, ticks: [3, 4] },
    },
    {
      name: "a flagged empty response at the end",
      body: body(ONE, TWO, FINAL),
      expected: { tokens: 2, ticks: [1, 2], events: 3 },
    },
    {
      name: "tokens that the session held before",
      body: body(ONE, TWO),
      request: { extraBody: { eos_token_id: 2, step: 1 } },
      expected: { tokens: 1, ticks: [1] },
    },
    {
      name: "values in the message instead of raw bytes",
      body: body(
        modelStreamInferResponse.encode({
          infer_response: {
            outputs: [{
              name: "sequence_length",
              datatype: "UINT32",
              shape: [1n, 1n],
              contents: { uint_contents: [5] },
            }],
          },
        }).toHex(),
      ),
      expected: { tokens: 2 },
    },
    {
      name: "error_message under status OK (T5)",
      body: body("0a04626f6f6d"),
      expected: { outcome: "engine_error", message: "boom" },
    },
    {
      name: "one token more than forced is this engine's habit",
      body: body(ONE, TWO),
      request: { outputTokens: 1, length: "forced" },
      expected: { tokens: 2 },
    },
    {
      name: "fewer than forced",
      body: body(ONE, TWO),
      request: { outputTokens: 3, length: "forced" },
      expected: { outcome: "wrong_length" },
    },
    {
      name: "a clean end without any token",
      body: body(FINAL),
      expected: { outcome: "wrong_length" },
    },
    {
      name: "a tensor whose bytes are missing",
      body: body(
        modelStreamInferResponse.encode({
          infer_response: {
            outputs: [{ name: "sequence_length", datatype: "UINT32", shape: [1n] }],
          },
        }).toHex(),
      ),
      expected: { outcome: "protocol_error", message: "sequence_length" },
    },
  ],
});

/** Inputs of a built request: `name type shape values`. */
function inputsOf(overrides: Partial<GenerationRequest>): string[] {
  const request = cannedRequest({ ...PREPARED, ...overrides });
  const { body } = tritonTurbomind.buildRequest(request, TARGET);
  const { inputs, raw_input_contents } = modelInferRequest.decode(body!);
  return inputs.map(({ name, datatype, shape }, i) => {
    const raw = raw_input_contents[i]!;
    const view = new DataView(raw.buffer, raw.byteOffset, raw.length);
    const width = datatype === "UINT64" ? 8 : 4;
    const values = Array.from({ length: raw.length / width }, (_, at) => {
      if (datatype === "UINT64") return view.getBigUint64(at * 8, true);
      return datatype === "FP32" ? view.getFloat32(at * 4, true) : view.getInt32(at * 4, true);
    });
    return `${name} ${datatype} [${shape}] ${values}`;
  });
}

Deno.test("triton-turbomind sends the inputs in the order of LMDeploy's client", () => {
  assertEquals(inputsOf({ outputTokens: 64, length: "forced", requestId: 9n }), [
    "input_ids UINT32 [1,3] 1,15,16",
    "input_lengths UINT32 [1,1] 3",
    "request_output_len UINT32 [1,1] 64",
    "runtime_top_p FP32 [1,1] 1",
    "temperature FP32 [1,1] 1",
    "repetition_penalty FP32 [1,1] 1",
    "step INT32 [1,1] 0",
    "bad_words_list INT32 [1,2,1] 2,1",
    "session_len UINT32 [1,1] 2048",
    "START INT32 [1,1] 1",
    "END INT32 [1,1] 1",
    "CORRID UINT64 [1,1] 9",
    "STOP INT32 [1,1] 0",
    "random_seed UINT64 [1,1] 9",
  ]);
});

Deno.test("triton-turbomind stops at the end-of-sequence token unless the length is forced", () => {
  const cap = inputsOf({ length: "cap", sampling: { topK: 40, topP: 0.75, temperature: 0.5 } });
  assertEquals(cap.slice(3, 9), [
    "runtime_top_p FP32 [1,1] 0.75",
    "temperature FP32 [1,1] 0.5",
    "repetition_penalty FP32 [1,1] 1",
    "step INT32 [1,1] 0",
    "runtime_top_k UINT32 [1,1] 40",
    "stop_words_list INT32 [1,2,1] 2,1",
  ]);
});

Deno.test("triton-turbomind takes inputs of the user's by name", () => {
  const extraBody = { eos_token_id: 2, session_len: 4096, START: null, len_penalty: 0.5 };
  const inputs = inputsOf({ extraBody });
  assertEquals(inputs.filter((input) => /^(session_len|START|len_penalty)/.test(input)), [
    "session_len UINT32 [1,1] 4096",
    "len_penalty FP32 [1,1] 0.5",
  ]);
  const rows: readonly [Record<string, unknown>, string][] = [
    [{ eos_token_id: 2, topk: 1 }, 'Cannot send the input "topk"'],
    [{ eos_token_id: 2, step: "0" }, 'Cannot send "0" as step'],
    [{}, "needs the prompt's token ids and eos_token_id"],
  ];
  for (const [wrong, part] of rows) {
    assertThrows(() => inputsOf({ extraBody: wrong }), TypeError, part);
  }
  assertThrows(() => inputsOf({ sampling: { stop: ["x"] } }), TypeError, 'the stop text "x"');
});

Deno.test("triton-turbomind gives each request its own sequence, never 0 (T32)", () => {
  const parametersOf = (requestId: bigint) => {
    const request = cannedRequest({ ...PREPARED, requestId });
    const { body } = tritonTurbomind.buildRequest(request, TARGET);
    const { id, parameters } = modelInferRequest.decode(body!);
    return [
      id,
      ...[...parameters].map(([name, value]) => [name, value.int64_param, value.bool_param]),
    ];
  };
  assertEquals(parametersOf(2n ** 63n + 5n), [
    "5",
    ["sequence_id", 5n, undefined],
    ["sequence_start", undefined, true],
    ["sequence_end", undefined, true],
  ]);
  assertThrows(() => parametersOf(2n ** 63n), TypeError, "ids start at 1");
});

/** A server without a network: knows the models of LMDeploy, writes down what it was asked. */
function fakeServer({ decoupled = true, failing = "" } = {}): { ask: Ask; asked: string[] } {
  const asked: string[] = [];
  const ask: Ask = ({ url, body = new Uint8Array(0) }) => {
    const method = url.split("/").at(-1)!;
    if (method === failing) {
      asked.push(`${method} fails`);
      return Promise.resolve({
        status: 14,
        body: new TextEncoder().encode("UNAVAILABLE: loading"),
      });
    }
    if (method === "ModelInfer") {
      const { inputs, raw_input_contents } = modelInferRequest.decode(body);
      const query = readTexts(inputs, raw_input_contents, "QUERY")![0]!;
      asked.push(`${method} ${query}`);
      // Padded with the end-of-sequence token, as in a batch.
      const ids = query === "<EOS>" ? [2, 2, 2] : [1, 300, 301, 2, 2];
      const outputs = rawOutputs([
        numberTensor("INPUT_ID", "UINT32", { values: ids }),
        numberTensor("REQUEST_INPUT_LEN", "UINT32", { values: [query === "<EOS>" ? 1 : 3] }),
      ]);
      return Promise.resolve({ status: 0, body: grpcFrame(modelInferResponse.encode(outputs)) });
    }
    asked.push(`${method} ${modelQuery.decode(body).name}`);
    const answer = method === "ModelConfig"
      ? modelConfigResponse.encode({
        config: { name: "turbomind", model_transaction_policy: { decoupled } },
      })
      : readyResponse.encode({ ready: true });
    return Promise.resolve({ status: 0, body: grpcFrame(answer) });
  };
  return { ask, asked };
}

Deno.test("prepare() tokenizes before the timed call and asks once for the rest (T17)", async () => {
  const { ask, asked } = fakeServer();
  const target = { ...TARGET };
  const request = cannedRequest({ model: "" });
  for (let i = 0; i < 2; i++) {
    const prepared = await tritonTurbomind.prepare!(request, target, ask);
    assertEquals(prepared.promptTokenIds, [1, 300, 301]);
    assertEquals(prepared.extraBody, { eos_token_id: 2 });
  }
  assertEquals(asked, [
    "ModelConfig turbomind",
    "ModelInfer <EOS>",
    "ModelInfer Hello there",
    "ModelInfer Hello there",
  ]);
});

Deno.test("prepare() asks for nothing that the request already has", async () => {
  const { ask, asked } = fakeServer();
  const prepared = await tritonTurbomind.prepare!(cannedRequest(PREPARED), { ...TARGET }, ask);
  assertEquals(prepared.promptTokenIds, [1, 15, 16]);
  assertEquals(asked, []);
});

Deno.test("prepare() reports the server's refusal, and asks again the next time", async () => {
  const target = { ...TARGET };
  const failing = fakeServer({ failing: "ModelConfig" });
  await assertRejects(
    () => tritonTurbomind.prepare!(cannedRequest({ model: "" }), target, failing.ask),
    Error,
    "gRPC status 14, UNAVAILABLE: loading",
  );
  const whole = fakeServer({ decoupled: false });
  await assertRejects(
    () => tritonTurbomind.prepare!(cannedRequest({ model: "" }), target, whole.ask),
    Error,
    "it is not decoupled",
  );
  const { ask } = fakeServer();
  const prepared = await tritonTurbomind.prepare!(cannedRequest({ model: "" }), target, ask);
  assertEquals(prepared.promptTokenIds?.length, 3);
});

Deno.test("serverReady(), modelReady(), modelConfig() and listModels() ask about a server", async () => {
  const { ask, asked } = fakeServer();
  assertEquals(await serverReady(TARGET, ask), true);
  assertEquals(await modelReady(TARGET, "turbomind", ask), true);
  assertEquals((await modelConfig(TARGET, "turbomind", ask)).name, "turbomind");
  assertEquals(await tritonTurbomind.listModels!(TARGET, ask), ["turbomind"]);
  assertEquals(asked.slice(0, 2), ["ServerReady ", "ModelReady turbomind"]);
});

Deno.test("preprocess() needs the ids in the answer", async () => {
  const empty: Ask = () => Promise.resolve({ status: 0, body: grpcFrame(new Uint8Array(0)) });
  await assertRejects(() => preprocess(TARGET, "hi", empty), Error, "no INPUT_ID");
});

Deno.test("readNumbers() and readTexts() refuse bytes that do not fit", () => {
  const tensors = [{ name: "x", datatype: "UINT32", shape: [1n], parameters: new Map() }];
  assertThrows(() => readNumbers(tensors, [new Uint8Array(3)], "x"), SyntaxError, "3 bytes");
  for (const bytes of [[1, 0, 0], [2, 0, 0, 0, 65]]) {
    const error = assertThrows(
      () => readTexts(tensors, [Uint8Array.from(bytes)], "x"),
      SyntaxError,
    );
    assertStringIncludes(error.message, "cut short");
  }
  assertEquals(readNumbers(tensors, [], "y"), undefined);
});
