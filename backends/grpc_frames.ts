/**
 * gRPC's length-prefixed messages: a flag byte, four bytes of length (big endian), the message.
 *
 * @module
 */
import type { CutOptions, EventSink } from "./event_sink.ts";

/** Bytes in front of every message. */
export const GRPC_PREFIX_BYTES = 5;

/** Puts the prefix of an uncompressed message in front of it. */
export function grpcFrame(message: Uint8Array): Uint8Array<ArrayBuffer> {
  const frame = new Uint8Array(GRPC_PREFIX_BYTES + message.length);
  new DataView(frame.buffer).setUint32(1, message.length);
  frame.set(message, GRPC_PREFIX_BYTES);
  return frame;
}

/**
 * Cuts a body into messages; each is a view into the body, not a copy. The rest of an incomplete
 * message at the end is passed on as unterminated, with its prefix.
 *
 * @returns bytes consumed: the end of the last complete message, or of the body when `final`.
 * @throws {SyntaxError} at a compressed message or an unknown flag.
 */
export function cutGrpcFrames(
  body: Uint8Array,
  onEvent: EventSink<Uint8Array>,
  { final = true }: CutOptions = {},
): number {
  const view = new DataView(body.buffer, body.byteOffset, body.byteLength);
  let at = 0;
  while (at + GRPC_PREFIX_BYTES <= body.length) {
    const flag = view.getUint8(at);
    if (flag !== 0) {
      throw new SyntaxError(
        `Cannot read the gRPC message at byte ${at}: flag ${flag}, where only 0 (uncompressed) is expected`,
      );
    }
    const end = at + GRPC_PREFIX_BYTES + view.getUint32(at + 1);
    if (end > body.length) break;
    onEvent(body.subarray(at + GRPC_PREFIX_BYTES, end), end, true);
    at = end;
  }
  if (!final) return at;
  if (at < body.length) onEvent(body.subarray(at), body.length, false);
  return body.length;
}
