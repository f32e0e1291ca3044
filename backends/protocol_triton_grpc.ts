/**
 * LMDeploy's TurboMind behind Triton Inference Server, over gRPC (KServe v2).
 *
 * @module
 */
import { readErrorBody } from "./error_message.ts";
import { grpcAnswer, grpcRequest } from "./grpc_request.ts";
import {
  kservePath,
  type ModelConfig,
  modelConfigResponse,
  modelInferRequest,
  modelInferResponse,
  modelQuery,
} from "./kserve_messages.ts";
import { numberTensor, rawInputs, readNumbers, type Tensor, textTensor } from "./kserve_tensors.ts";
import { plainPrompt } from "./protocol_fields.ts";
import type { Ask, GenerationRequest, Protocol, Target, WireRequest } from "./protocol.ts";
import { readStreamEvent } from "./protocol_triton_event.ts";

const MODEL = "turbomind";
const PREPROCESSING = "preprocessing";
/** Context that LMDeploy's own client requests. */
const SESSION_LENGTH = 2048;

/**
 * The protocol `triton-turbomind`: one bidirectional call per prompt.
 *
 * `prepare` asks the server to tokenize the prompt (model `preprocessing`) and for the id of its
 * end-of-sequence token, all before the timed call; the request that it returns must be used for
 * `buildRequest` and `readEvent`. The chat template of the served model is not applied. Tokens are
 * counted from `sequence_length`; texts would cost one call per token (model `postprocessing`) and
 * are not requested.
 *
 * `extraBody` replaces the value of an input by its name (`repetition_penalty`, `session_len`,
 * `random_seed`, `step`, …) or removes it (`null`); with `eos_token_id` the server is not asked for it.
 */
export const tritonTurbomind: Protocol = {
  name: "triton-turbomind",
  title: "Triton TurboMind (gRPC)",
  description: "LMDeploy's TurboMind models behind Triton Inference Server, which listens for " +
    "gRPC on port 33337 there. Prompts are tokenized by the server before the timed call.",
  carrier: "grpc",
  path: kservePath("ModelStreamInfer"),
  forcesLength: true,
  lengthTolerance: 1,
  tokenSource: "counter",
  takesTokenIds: true,
  usesRequestId: true,
  endMark: "eof",
  framing: () => "grpc",
  buildRequest: buildStreamRequest,
  readEvent: readStreamEvent,
  readError: readErrorBody,
  listModels: async (target, ask) => {
    const { name } = await modelConfig(target, MODEL, ask);
    return [name || MODEL];
  },
  prepare,
};

function buildStreamRequest(request: GenerationRequest, target: Target): WireRequest {
  const { promptTokenIds: ids, sampling, outputTokens } = request;
  const eos = request.extraBody?.["eos_token_id"];
  if (ids === undefined || ids.length === 0 || typeof eos !== "number") {
    throw new TypeError(
      "Cannot build the request: triton-turbomind needs the prompt's token ids and eos_token_id, " +
        "which prepare() asks the server for",
    );
  }
  if (sampling.stop !== undefined && sampling.stop.length > 0) {
    throw new TypeError(
      `Cannot send the stop text ${JSON.stringify(sampling.stop[0])} to triton-turbomind: ` +
        "it takes token ids, in extraBody",
    );
  }
  const session = sessionId(request);
  // The server would divide by a temperature of 0; a single candidate means the same.
  const greedy = sampling.temperature === 0;
  const topK = greedy ? 1 : sampling.topK;
  const one = (value: bigint | number) => ({ values: [value] });
  const eosList = { values: [eos, 1], shape: [1, 2, 1] };
  const inputs: readonly Tensor[] = [
    numberTensor("input_ids", "UINT32", { values: ids }),
    numberTensor("input_lengths", "UINT32", one(ids.length)),
    numberTensor("request_output_len", "UINT32", one(outputTokens)),
    numberTensor("runtime_top_p", "FP32", one(sampling.topP ?? 1)),
    numberTensor("temperature", "FP32", one(greedy ? 1 : sampling.temperature ?? 1)),
    numberTensor("repetition_penalty", "FP32", one(1)),
    numberTensor("step", "INT32", one(0)),
    ...(topK === undefined ? [] : [numberTensor("runtime_top_k", "UINT32", one(topK))]),
    // The same pair of token and end offset: a bad word to force the length, else a stop word.
    numberTensor(
      request.length === "forced" ? "bad_words_list" : "stop_words_list",
      "INT32",
      eosList,
    ),
    numberTensor("session_len", "UINT32", one(SESSION_LENGTH)),
    numberTensor("START", "INT32", one(1)),
    numberTensor("END", "INT32", one(1)),
    numberTensor("CORRID", "UINT64", one(session)),
    numberTensor("STOP", "INT32", one(0)),
    numberTensor(
      "random_seed",
      "UINT64",
      one(sampling.seed === undefined ? session : BigInt.asUintN(64, BigInt(sampling.seed))),
    ),
  ];
  const message = modelInferRequest.encode({
    model_name: request.model || MODEL,
    id: `${session}`,
    parameters: new Map([
      ["sequence_id", { int64_param: session }],
      ["sequence_start", { bool_param: true }],
      ["sequence_end", { bool_param: true }],
    ]),
    ...rawInputs(replaceInputs(inputs, request.extraBody)),
  });
  return grpcRequest(target, target.endpoint ?? kservePath("ModelStreamInfer"), message);
}

/** Positive in 63 bits, as `sequence_id` is signed; 0 would mean "no sequence" to Triton. */
function sessionId(request: GenerationRequest): bigint {
  const id = BigInt.asUintN(63, request.requestId);
  if (id === 0n) {
    throw new TypeError("Cannot use the request id 0 as a Triton sequence: ids start at 1");
  }
  return id;
}

/** Optional inputs, sent only with a value in `extra`. */
const OPTIONAL_INPUTS: Readonly<Record<string, "FP32" | "UINT32">> = {
  runtime_top_k: "UINT32",
  len_penalty: "FP32",
  beam_search_diversity_rate: "FP32",
  top_p_decay: "FP32",
  top_p_min: "FP32",
};

function replaceInputs(
  inputs: readonly Tensor[],
  extra: Readonly<Record<string, unknown>> = {},
): readonly Tensor[] {
  const replaced = [...inputs];
  for (const [name, value] of Object.entries(extra)) {
    if (name === "eos_token_id") continue;
    const at = replaced.findIndex((tensor) => tensor.name === name);
    const datatype = replaced[at]?.datatype ?? OPTIONAL_INPUTS[name];
    if (datatype === undefined || datatype === "BYTES") {
      throw new TypeError(
        `Cannot send the input "${name}" to triton-turbomind: known are eos_token_id, ${
          [...inputs.map((tensor) => tensor.name), ...Object.keys(OPTIONAL_INPUTS)].join(", ")
        }`,
      );
    }
    if (value === null) {
      if (at >= 0) replaced.splice(at, 1);
    } else if (typeof value !== "number") {
      throw new TypeError(`Cannot send ${JSON.stringify(value)} as ${name}: expected a number`);
    } else {
      const tensor = numberTensor(name, datatype, { values: [value] });
      if (at < 0) replaced.push(tensor);
      else replaced[at] = tensor;
    }
  }
  return replaced;
}

/** Asked once per server, and again only after a failure. */
const eosOf = new WeakMap<Target, Promise<number>>();

async function prepare(
  request: GenerationRequest,
  target: Target,
  ask: Ask,
): Promise<GenerationRequest> {
  let eos: unknown = request.extraBody?.["eos_token_id"];
  if (typeof eos !== "number") {
    let asked = eosOf.get(target);
    if (asked === undefined) {
      asked = askEos(target, request.model || MODEL, ask);
      eosOf.set(target, asked);
      asked.catch(() => eosOf.delete(target));
    }
    eos = await asked;
  }
  const promptTokenIds = request.promptTokenIds ??
    await preprocess(target, plainPrompt(request), ask);
  return { ...request, promptTokenIds, extraBody: { ...request.extraBody, eos_token_id: eos } };
}

async function askEos(target: Target, model: string, ask: Ask): Promise<number> {
  const { model_transaction_policy } = await modelConfig(target, model, ask);
  if (model_transaction_policy?.decoupled !== true) {
    throw new Error(`Cannot stream from the model ${model}: it is not decoupled`);
  }
  const eos = (await preprocess(target, "<EOS>", ask)).at(-1);
  if (eos === undefined) {
    throw new Error("Cannot learn the end-of-sequence token: preprocessing of <EOS> gave no id");
  }
  return eos;
}

/**
 * Asks the server to tokenize a text; the ids include the beginning-of-sequence token.
 *
 * @throws {Error} when the server refuses or returns none.
 */
export async function preprocess(target: Target, text: string, ask: Ask): Promise<number[]> {
  const query = { model_name: PREPROCESSING, ...rawInputs([textTensor("QUERY", text)]) };
  const request = grpcRequest(target, kservePath("ModelInfer"), modelInferRequest.encode(query));
  const answer = modelInferResponse.decode(await askGrpc(request, ask));
  const read = (name: string) => readNumbers(answer.outputs, answer.raw_output_contents, name);
  const ids = read("INPUT_ID");
  if (ids === undefined) {
    throw new Error(`Cannot tokenize with ${target.baseUrl}: no INPUT_ID in the answer`);
  }
  // Rows are padded with the end-of-sequence token.
  return [...ids.subarray(0, read("REQUEST_INPUT_LEN")?.[0] ?? ids.length)];
}

/** The configuration of a model; `parameters` holds `model_name`, the chat template's name. */
export async function modelConfig(target: Target, model: string, ask: Ask): Promise<ModelConfig> {
  const request = grpcRequest(
    target,
    kservePath("ModelConfig"),
    modelQuery.encode({ name: model }),
  );
  const { config } = modelConfigResponse.decode(await askGrpc(request, ask));
  if (config === undefined) {
    throw new Error(`Cannot read the configuration of the model ${model}: the answer is empty`);
  }
  return config;
}

async function askGrpc(request: WireRequest, ask: Ask): Promise<Uint8Array> {
  const { status, body } = await ask(request);
  if (status === 0) return grpcAnswer(body);
  throw new Error(
    `Cannot call ${request.url}: gRPC status ${status}, ${new TextDecoder().decode(body)}`,
  );
}
