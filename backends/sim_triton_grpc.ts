/**
 * LMDeploy's TurboMind models behind Triton, as the simulated engine plays them over gRPC.
 *
 * @module
 */
import { messageOf } from "./error_message.ts";
import { GRPC_STATUS } from "./grpc_status.ts";
import {
  type InferTensor,
  kservePath,
  modelConfigResponse,
  type ModelInferRequest,
  modelInferRequest,
  modelInferResponse,
  modelMetadataResponse,
  modelQuery,
  modelStreamInferResponse,
  readyResponse,
} from "./kserve_messages.ts";
import {
  numberTensor,
  rawOutputs,
  readNumbers,
  readTexts,
  type Tensor,
  type TensorType,
  textTensor,
} from "./kserve_tensors.ts";
import { simPromptTokens } from "./sim_prompt.ts";
import type { SimJob, SimProtocol, SimReply, SimRequest, SimStream } from "./sim_protocol.ts";
import { textOfTokens } from "./sim_tokens.ts";

const MODEL = "turbomind";
const PREPROCESSING = "preprocessing";
const POSTPROCESSING = "postprocessing";
const BOS = 1;
const EOS = 2;

const INPUTS: readonly (readonly [name: string, type: TensorType])[] = [
  ["input_ids", "UINT32"],
  ["input_lengths", "UINT32"],
  ["request_output_len", "UINT32"],
];
const OUTPUTS: readonly (readonly [name: string, type: TensorType])[] = [
  ["output_ids", "UINT32"],
  ["sequence_length", "UINT32"],
];

/** The calls of `inference.GRPCInferenceService` that TurboMind's client makes. */
export const simTritonGrpc: SimProtocol = {
  name: "triton-turbomind",
  matches: (_method, path) => path === STREAM || path in UNARY,
  accept(request) {
    try {
      return (UNARY[request.path] ?? acceptStream)(request);
    } catch (error) {
      return status(
        GRPC_STATUS.INVALID_ARGUMENT,
        messageOf(error),
      );
    }
  },
  event(stream, tokens) {
    const session = sessionOf(stream.job);
    for (const { id } of tokens) append(session, id);
    return response(stream);
  },
  // The backend repeats its last response when a request ends.
  closing: (stream) => response(stream),
  errorEvent: (_stream, message) => failed(message),
  errorReply: (_status, message) => ok(failed(message)),
  whole: (stream) => ok(response(stream)),
};

const STREAM = kservePath("ModelStreamInfer");

const UNARY: Readonly<Record<string, (request: SimRequest) => SimReply>> = {
  [kservePath("ServerLive")]: () => ok(readyResponse.encode({ ready: true })),
  [kservePath("ServerReady")]: () => ok(readyResponse.encode({ ready: true })),
  [kservePath("ModelReady")]: ({ body }) => {
    const { name } = modelQuery.decode(body);
    return ok(readyResponse.encode({ ready: name === MODEL || name in AUXILIARY }));
  },
  [kservePath("ModelMetadata")]: ({ body }) => {
    const { name } = modelQuery.decode(body);
    if (name !== MODEL) return unknown(name);
    const describe = ([tensor, datatype]: readonly [string, TensorType]) => ({
      name: tensor,
      datatype,
      shape: [-1n, -1n],
    });
    return ok(modelMetadataResponse.encode({
      name,
      versions: ["1"],
      platform: MODEL,
      inputs: INPUTS.map(describe),
      outputs: OUTPUTS.map(describe),
    }));
  },
  [kservePath("ModelConfig")]: ({ body }) => {
    const { name } = modelQuery.decode(body);
    if (name !== MODEL) return unknown(name);
    return ok(modelConfigResponse.encode({
      config: {
        name,
        max_batch_size: 1,
        instance_group: [{ name, count: 48, kind: 2 }],
        parameters: new Map([["model_name", { string_value: "internlm" }]]),
        backend: MODEL,
        model_transaction_policy: { decoupled: true },
      },
    }));
  },
  [kservePath("ModelInfer")]: ({ body }) => {
    const request = modelInferRequest.decode(body);
    const { model_name, id } = request;
    const infer = AUXILIARY[model_name];
    if (infer === undefined) return unknown(model_name);
    const outputs = rawOutputs(infer(request));
    return ok(modelInferResponse.encode({ model_name, model_version: "1", id, ...outputs }));
  },
};

/** The models around the engine, which TurboMind's client asks one call at a time. */
const AUXILIARY: Readonly<Record<string, (request: ModelInferRequest) => readonly Tensor[]>> = {
  [PREPROCESSING]({ inputs, raw_input_contents }) {
    const query = readTexts(inputs, raw_input_contents, "QUERY")?.[0];
    if (query === undefined) throw new Error("Expected the input QUERY");
    const ids = tokenize(query);
    return [
      numberTensor("INPUT_ID", "UINT32", { values: ids }),
      numberTensor("REQUEST_INPUT_LEN", "UINT32", { values: [ids.length] }),
    ];
  },
  [POSTPROCESSING]({ inputs, raw_input_contents }) {
    const numbers = (name: string) => readNumbers(inputs, raw_input_contents, name);
    const ids = numbers("TOKENS_BATCH");
    if (ids === undefined) throw new Error("Expected the input TOKENS_BATCH");
    // Named a length, it is where the client's text ends so far: the tokens after it are wanted.
    const from = numbers("sequence_length")?.[0] ?? 0;
    return [textTensor("OUTPUT", textOfTokens(ids.subarray(from)), [1])];
  },
};

/** As many ids as the simulated engine counts for a text; their values do not matter. */
function tokenize(text: string): number[] {
  if (text === "<BOS>") return [BOS];
  if (text === "<EOS>") return [EOS];
  return [BOS, ...Array.from({ length: simPromptTokens(text) }, (_, i) => 3 + i % 250)];
}

function acceptStream({ body }: SimRequest): SimJob | SimReply {
  const request = modelInferRequest.decode(body);
  const { inputs, raw_input_contents } = request;
  if (request.model_name !== MODEL) {
    return ok(failed(`Request for unknown model: '${request.model_name}' is not found`));
  }
  const numbers = (name: string) => readNumbers(inputs, raw_input_contents, name);
  const ids = numbers("input_ids");
  const length = numbers("input_lengths")?.[0] ?? ids?.length;
  const maxTokens = numbers("request_output_len")?.[0];
  if (ids === undefined || length === undefined || maxTokens === undefined) {
    const missing = INPUTS.map(([name]) => name).filter((name) => !has(inputs, name)).join(", ");
    return ok(failed(`Inputs are missing: ${missing}`));
  }
  const promptIds = [...ids.subarray(0, length)];
  return {
    model: "",
    promptTokens: promptIds.length,
    promptIds,
    maxTokens,
    minTokens: 0,
    // With its end-of-sequence token forbidden it can end only at the length.
    ignoreEos: has(inputs, "bad_words_list"),
    stream: true,
    extra: {
      session: openSession(request, promptIds, {
        step: numbers("step")?.[0] ?? 0,
        room: Math.max(numbers("session_len")?.[0] ?? 0, promptIds.length + maxTokens),
      }),
    },
  };
}

function has(inputs: readonly InferTensor[], name: string): boolean {
  return inputs.some((input) => input.name === name);
}

/** Ids of prompt and answer so far, which every response repeats, with the unused room. */
interface Session {
  readonly model_name: string;
  readonly id: string;
  /** Tokens that the session held before. */
  readonly step: number;
  readonly ids: DataView<ArrayBuffer>;
  length: number;
}

function openSession(
  { model_name, id }: ModelInferRequest,
  promptIds: readonly number[],
  { step, room }: { readonly step: number; readonly room: number },
): Session {
  const ids = new DataView(new ArrayBuffer(4 * room));
  const session: Session = { model_name, id, step, ids, length: 0 };
  for (const each of promptIds) append(session, each);
  return session;
}

function append(session: Session, id: number): void {
  const at = 4 * session.length++;
  // An endless generation runs out of room, but keeps counting.
  if (at < session.ids.byteLength) session.ids.setUint32(at, id, true);
}

function sessionOf(job: SimJob): Session {
  return job.extra["session"] as Session;
}

function response({ job }: SimStream): Uint8Array {
  const { model_name, id, step, ids, length } = sessionOf(job);
  const outputs = rawOutputs([
    {
      name: "output_ids",
      datatype: "UINT32",
      shape: [1, 1, ids.byteLength / 4],
      raw: new Uint8Array(ids.buffer),
    },
    numberTensor("sequence_length", "UINT32", { values: [step + length] }),
  ]);
  return modelStreamInferResponse.encode({
    infer_response: { model_name, model_version: "1", id, ...outputs },
  });
}

function failed(message: string): Uint8Array {
  return modelStreamInferResponse.encode({ error_message: message });
}

function ok(body: Uint8Array): SimReply {
  return { status: GRPC_STATUS.OK, contentType: "application/grpc", body };
}

function unknown(model: string): SimReply {
  return status(GRPC_STATUS.NOT_FOUND, `Request for unknown model: '${model}' is not found`);
}

function status(code: number, message: string): SimReply {
  return { status: code, contentType: "text/plain", body: message };
}
