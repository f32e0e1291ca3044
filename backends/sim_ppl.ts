/**
 * The PPL LLM server as the simulated engine plays it, in both versions of its protocol.
 *
 * @module
 */
import { messageOf } from "./error_message.ts";
import { GRPC_STATUS } from "./grpc_status.ts";
import {
  PPL_PATH,
  PPL_STATUS,
  pplBatch,
  pplBatchedResponse,
  pplBatchV1,
  type PplResponse,
  type PplStopping,
  type PplTokens,
} from "./protocol_ppl_messages.ts";
import type { Input } from "./protobuf.ts";
import { simPromptTokens } from "./sim_prompt.ts";
import type {
  SimFinish,
  SimJob,
  SimProtocol,
  SimReply,
  SimRequest,
  SimStream,
  SimToken,
} from "./sim_protocol.ts";

/** Length of an answer to a request without one. */
const DEFAULT_NEW_TOKENS = 64;

/** Fields of both versions of a request. */
interface CommonRequest {
  readonly id: bigint;
  readonly prompt: string;
  readonly tokens?: PplTokens;
  readonly stopping_parameters?: PplStopping;
}

/** `Generation`, version 2. One response per token; a call must hold one request. */
export const simPpl: SimProtocol = playPpl("ppl", (body) => pplBatch.decode(body).req, 2);

/** `Generation`, version 1. */
export const simPplV1: SimProtocol = playPpl("ppl-v1", (body) => pplBatchV1.decode(body).req, 1);

function playPpl(
  name: string,
  readRequests: (body: Uint8Array) => readonly CommonRequest[],
  version: 1 | 2,
): SimProtocol {
  return {
    name,
    matches: (_method, path) => path === PPL_PATH,
    accept: (request) => accept(request, readRequests),
    event: (stream, tokens, last, finish) => event(stream, { tokens, last, finish, version }),
    errorEvent: (stream) => failed(idOf(stream.job)),
    // The engine refuses with FAILED under status OK.
    errorReply: () => ({ status: 0, contentType: "application/grpc", body: failed(0n) }),
    whole: (stream, tokens, finish) => ({
      status: 0,
      contentType: "application/grpc",
      body: event(stream, { tokens, last: true, finish, version }),
    }),
  };
}

function accept(
  { body }: SimRequest,
  readRequests: (body: Uint8Array) => readonly CommonRequest[],
): SimJob | SimReply {
  let requests: readonly CommonRequest[];
  try {
    requests = readRequests(body);
  } catch (error) {
    return refuse(messageOf(error));
  }
  const [request] = requests;
  if (request === undefined || requests.length > 1) {
    return refuse(`${requests.length} requests in one call, the simulated server takes one`);
  }
  const ids = request.prompt === "" ? request.tokens?.ids : undefined;
  const { max_new_tokens = 0, ignore_eos_token = false } = request.stopping_parameters ?? {};
  return {
    model: "",
    promptTokens: ids?.length ?? simPromptTokens(request.prompt),
    ...(ids === undefined ? { promptTexts: [request.prompt] } : { promptIds: ids }),
    maxTokens: max_new_tokens || DEFAULT_NEW_TOKENS,
    minTokens: 0,
    ignoreEos: ignore_eos_token,
    stream: true,
    extra: { id: request.id },
  };
}

function refuse(message: string): SimReply {
  return { status: GRPC_STATUS.INVALID_ARGUMENT, contentType: "text/plain", body: message };
}

function idOf(job: SimJob): bigint {
  return job.extra["id"] as bigint;
}

function event(
  { job, quirks }: SimStream,
  { tokens, last, finish, version }: {
    readonly tokens: readonly SimToken[];
    readonly last: boolean;
    readonly finish: SimFinish;
    readonly version: 1 | 2;
  },
): Uint8Array {
  const rsp = tokens.map((token, i): Input<PplResponse> => {
    const ends = last && i === tokens.length - 1 && !quirks.has("done:missing");
    // Ids are sent for prompts of ids, and where there is no text yet.
    const named = job.promptIds !== undefined || token.text === "" || quirks.has("token-ids");
    return {
      status: ends ? PPL_STATUS.finished : PPL_STATUS.processing,
      id: idOf(job),
      generated: job.promptIds === undefined ? token.text : "",
      tokens: named ? { ids: [token.id] } : undefined,
      detail: version === 1 ? undefined : {
        logprobs: -0.5,
        finish_reason: ends && finish === "stop" ? 1 : 0,
      },
    };
  });
  return pplBatchedResponse.encode({ rsp });
}

function failed(id: bigint): Uint8Array {
  return pplBatchedResponse.encode({ rsp: [{ status: PPL_STATUS.failed, id }] });
}
