/**
 * One message of a TurboMind stream as an event. There is one message per token with all ids so far,
 * so the usual one is only scanned for the count; anything else is decoded with the tables of
 * `kserve_messages.ts`.
 *
 * @module
 */
import { modelStreamInferResponse } from "./kserve_messages.ts";
import { readNumbers } from "./kserve_tensors.ts";
import type { EngineEvent, GenerationRequest } from "./protocol.ts";
import { WireScan } from "./protobuf_scan.ts";

/** Tags: number of the field and wire type. */
const STREAM_RESPONSE = (2 << 3) | 2;
const RESPONSE_OUTPUT = (5 << 3) | 2;
const RESPONSE_RAW = (6 << 3) | 2;
const TENSOR_NAME = (1 << 3) | 2;
const TENSOR_CONTENTS = (5 << 3) | 2;

const SEQUENCE_LENGTH = "sequence_length";
const SEQUENCE_LENGTH_BYTES = new TextEncoder().encode(SEQUENCE_LENGTH);

const scan = new WireScan();

/** Reads a message of the stream. */
export function readStreamEvent(
  data: string | Uint8Array,
  request: GenerationRequest,
): EngineEvent {
  if (typeof data === "string") throw new SyntaxError("Cannot read text: Triton sends messages");
  let length = scanSequenceLength(data);
  if (length === undefined) {
    const { error_message, infer_response } = modelStreamInferResponse.decode(data);
    if (error_message !== "") return { error: error_message };
    if (infer_response === undefined) return {};
    const { outputs, raw_output_contents } = infer_response;
    length = readNumbers(outputs, raw_output_contents, SEQUENCE_LENGTH)?.[0];
    // Newer servers close with a response without outputs.
    if (length === undefined) return {};
  }
  const promptTokens = request.promptTokenIds?.length ?? 0;
  const step = Number(request.extraBody?.["step"] ?? 0);
  return {
    totalTokens: Math.max(0, length - promptTokens - step),
    source: "counter",
    usage: { promptTokens },
  };
}

/** The count of a message that has it as raw bytes behind the outputs' names; else `undefined`. */
export function scanSequenceLength(data: Uint8Array): number | undefined {
  scan.start(data);
  if (scan.small() !== STREAM_RESPONSE) return undefined;
  scan.enter();
  if (scan.end !== data.length) return undefined;
  let outputs = 0;
  let raws = 0;
  let wanted = -1;
  let rawAt = -1;
  while (scan.more) {
    const tag = scan.small();
    if (tag === RESPONSE_OUTPUT) {
      if (raws > 0) return undefined;
      const response = scan.enter();
      let names = 0;
      while (scan.more) {
        const inner = scan.small();
        if (inner !== TENSOR_NAME) {
          if (inner === TENSOR_CONTENTS) return undefined;
          scan.skip(inner);
        } else {
          if (names++ > 0) return undefined;
          if (scan.isBytes(SEQUENCE_LENGTH_BYTES) && wanted < 0) wanted = outputs;
        }
      }
      scan.leave(response);
      outputs++;
    } else if (tag === RESPONSE_RAW) {
      const response = scan.enter();
      if (raws++ === wanted && scan.end - scan.at === 4) rawAt = scan.at;
      scan.leave(response);
    } else scan.skip(tag);
  }
  return scan.ok && rawAt >= 0 ? scan.uint32At(rawAt) : undefined;
}
