/**
 * PPL LLM server over gRPC.
 *
 * @module
 */
import { readErrorBody } from "./error_message.ts";
import { grpcRequest } from "./grpc_request.ts";
import { plainPrompt } from "./protocol_fields.ts";
import { readPplEvent } from "./protocol_ppl_event.ts";
import {
  PPL_PATH,
  pplBatch,
  type PplChoosing,
  pplChoosing,
  type PplRequest,
  pplRequest,
  type PplStopping,
  pplStopping,
} from "./protocol_ppl_messages.ts";
import type { Input } from "./protobuf.ts";
import type { GenerationRequest, Protocol, Sampling } from "./protocol.ts";

/**
 * The protocol `ppl`: one request per call, one response per token.
 *
 * Responses are counted, not texts: the bytes of an incomplete character come with an empty text and
 * the token's id. `extraBody` takes fields by their names in the `.proto`, those of
 * `choosing_parameters` and `stopping_parameters` also without their message. Temperature 0 asks for
 * the most likely token; without sampling parameters the server does the same.
 */
export const ppl: Protocol = {
  name: "ppl",
  title: "PPL LLM server (gRPC)",
  description: "Generation call of the PPL LLM server, which listens on port 23333 or 10086. " +
    "Older servers speak ppl-v1; the two are not compatible.",
  carrier: "grpc",
  path: PPL_PATH,
  forcesLength: true,
  lengthTolerance: 0,
  tokenSource: "ids",
  takesTokenIds: true,
  usesRequestId: true,
  endMark: "flag",
  framing: () => "grpc",
  buildRequest(request, target) {
    const one: Input<PplRequest> = {
      ...pplPrompt(request, "ppl"),
      choosing_parameters: choosingOf(request.sampling),
      stopping_parameters: pplStoppingOf(request),
    };
    const parts = {
      choosing_parameters: pplChoosing.fieldNames,
      stopping_parameters: pplStopping.fieldNames,
    };
    const req = [withExtraFields(one, request.extraBody, { names: pplRequest.fieldNames, parts })];
    return grpcRequest(target, target.endpoint ?? PPL_PATH, pplBatch.encode({ req }));
  },
  readEvent: readPplEvent,
  readError: readErrorBody,
};

/** Id and prompt, as text or as token ids; alike in both versions. */
export function pplPrompt(
  request: GenerationRequest,
  protocol: string,
): { readonly id: bigint } & Pick<Input<PplRequest>, "prompt" | "tokens"> {
  if (request.sampling.stop !== undefined && request.sampling.stop.length > 0) {
    throw new TypeError(
      `Cannot send the stop text ${JSON.stringify(request.sampling.stop[0])} over ${protocol}: ` +
        "the server ends at its end-of-sequence token or at the length only",
    );
  }
  const id = BigInt.asUintN(64, request.requestId);
  return request.promptTokenIds === undefined
    ? { id, prompt: plainPrompt(request) }
    : { id, tokens: { ids: request.promptTokenIds } };
}

/** The requested length. */
export function pplStoppingOf(request: GenerationRequest): Input<PplStopping> {
  return {
    max_new_tokens: request.outputTokens,
    ignore_eos_token: request.length === "forced",
  };
}

function choosingOf(sampling: Sampling): Input<PplChoosing> | undefined {
  const { temperature, topP, topK, seed } = sampling;
  if (temperature === 0) {
    // As the server treats it anyway; a top_p of 0 is proto3's default and needs no byte.
    return { top_k: 1, repetition_penalty: 1, seed: seed === undefined ? undefined : BigInt(seed) };
  }
  if ((temperature ?? topP ?? topK ?? seed) === undefined) return undefined;
  return {
    temperature: temperature ?? 1,
    top_k: topK,
    top_p: topP ?? 1,
    do_sample: true,
    seed: seed === undefined ? undefined : BigInt(seed),
    repetition_penalty: 1,
  };
}

/** Names of a message's fields, and of the fields of the messages in it. */
interface FieldNames {
  readonly names: readonly string[];
  readonly parts: Readonly<Record<string, readonly string[]>>;
}

/**
 * Merges the user's own fields over a message: `null` removes one, an object is merged.
 *
 * @throws {TypeError} when the message has no such field.
 */
export function withExtraFields<T extends object>(
  value: T,
  extra: Readonly<Record<string, unknown>> = {},
  { names, parts }: FieldNames,
): T {
  const merged = { ...value } as Record<string, unknown>;
  const setInPart = (part: string, name: string, given: unknown): void => {
    if (!parts[part]!.includes(name)) throw unknownField(name);
    merged[part] = { ...merged[part] as object | undefined, [name]: given ?? undefined };
  };
  const unknownField = (name: string): TypeError => {
    const known = [...names, ...Object.values(parts).flat()].join(", ");
    return new TypeError(`Cannot send the field "${name}" to PPL: known are ${known}`);
  };
  for (const [name, given] of Object.entries(extra)) {
    if (names.includes(name)) {
      if (parts[name] === undefined || typeof given !== "object" || given === null) {
        merged[name] = given ?? undefined;
      } else for (const [inner, each] of Object.entries(given)) setInPart(name, inner, each);
    } else {
      const part = Object.keys(parts).find((each) => parts[each]!.includes(name));
      if (part === undefined) throw unknownField(name);
      setInPart(part, name, given);
    }
  }
  return merged as T;
}
