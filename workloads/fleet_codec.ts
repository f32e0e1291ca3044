/**
 * Messages of a fleet as bytes. What others send is read within bounds, and checked before it is used.
 *
 * @module
 */
import { messageOf } from "../backends/error_message.ts";
import type { Shape } from "./json_shape.ts";

/** Most bytes of a message; what is delivered (states of a load) may have more. */
export const MOST_MESSAGE_BYTES: number = 1024 * 1024;
/** Most bytes of what is delivered. */
export const MOST_DELIVERED_BYTES: number = 64 * 1024 * 1024;

/** A message as bytes. An infinite number is the word `inf`, as in files of options. */
export function packMessage(message: unknown): Uint8Array {
  return new TextEncoder().encode(
    JSON.stringify(message, (_, value) => value === Infinity ? "inf" : value),
  );
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
