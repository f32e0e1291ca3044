/**
 * Messages of a fleet as bytes. What others send is read within bounds, and checked before it is used.
 *
 * @module
 */
import { messageOf } from "../backends/error_message.ts";
import { nodeModule } from "../backends/node_module.ts";
import type { Shape } from "./json_shape.ts";

const zipping = nodeModule<typeof import("node:zlib")>("node:zlib");

/** Most bytes of a message; what is delivered (states of a load) may have more. */
export const MOST_MESSAGE_BYTES: number = 1024 * 1024;
/** Most bytes of what is delivered, unpacked. */
export const MOST_DELIVERED_BYTES: number = 64 * 1024 * 1024;

/** A message as bytes. An infinite number is the word `inf`, as in files of options. */
export function packMessage(message: unknown): Uint8Array {
  return new TextEncoder().encode(
    JSON.stringify(message, (_, value) => value === Infinity ? "inf" : value),
  );
}

/** Less is not worth packing. */
const PACKED_FROM_BYTES = 4096;
/** What packed data begins with. */
const GZIP: readonly number[] = [0x1f, 0x8b];

/** What is delivered, as bytes: a large message is packed, and then a third as long. */
export function packDelivered(message: unknown): Uint8Array {
  const data = packMessage(message);
  return data.byteLength < PACKED_FROM_BYTES ? data : new Uint8Array(zipping().gzipSync(data));
}

/** A message that could be read, or why not. */
export type ReadMessage<T> = { readonly value: T } | { readonly problem: string };

/**
 * Reads a message.
 *
 * @param options `at`: what it is called in a problem; `most`: bytes that it may have.
 */
export function readMessage<T>(
  data: Uint8Array,
  shape: Shape,
  { at, most = MOST_MESSAGE_BYTES }: { readonly at: string; readonly most?: number },
): ReadMessage<T> {
  if (data.byteLength > most) {
    return { problem: `${at} has ${data.byteLength} bytes, more than ${most}` };
  }
  let value: unknown;
  try {
    value = JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(data));
  } catch (error) {
    return { problem: `${at} is no JSON: ${messageOf(error)}` };
  }
  const problem = shape(value, at);
  return problem === undefined ? { value: value as T } : { problem };
}

/**
 * Reads what was delivered.
 *
 * @param options `at`: what it is called in a problem; `most`: bytes that it may have, unpacked.
 */
export function readDelivered<T>(
  data: Uint8Array,
  shape: Shape,
  { at, most = MOST_DELIVERED_BYTES }: { readonly at: string; readonly most?: number },
): ReadMessage<T> {
  if (!GZIP.every((byte, i) => data[i] === byte)) return readMessage(data, shape, { at, most });
  let unpacked: Uint8Array;
  try {
    // No more than that is ever unpacked.
    unpacked = zipping().gunzipSync(data, { maxOutputLength: most });
  } catch (error) {
    return { problem: `${at} cannot be unpacked to at most ${most} bytes: ${messageOf(error)}` };
  }
  return readMessage(unpacked, shape, { at, most });
}
