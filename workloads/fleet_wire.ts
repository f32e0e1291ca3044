/**
 * Messages of a fleet as bytes. What comes in was written by others: it is checked before it is used.
 *
 * @module
 */
import type { Shape } from "./json_shape.ts";

/** The results of a load are the largest, and far smaller. */
const MOST_BYTES = 64 * 2 ** 20;

const encoder = new TextEncoder();
const decoder = new TextDecoder("utf-8", { fatal: true });

/** Stands for a message that says nothing but that something was heard. */
export const NOTHING: Uint8Array = new Uint8Array(0);

/** A message as it is sent. */
export function encodeMessage(value: unknown): Uint8Array {
  return encoder.encode(JSON.stringify(value));
}

/** A message as it came; `undefined` = it is none of this kind. */
export function readMessage<T>(data: Uint8Array, shape: Shape): T | undefined {
  if (data.byteLength > MOST_BYTES) return undefined;
  try {
    const value: unknown = JSON.parse(decoder.decode(data));
    return shape(value, "message") === undefined ? value as T : undefined;
  } catch {
    return undefined;
  }
}
