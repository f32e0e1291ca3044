/**
 * A finished answer's stamps, their ends and its body, side by side in one buffer.
 *
 * @module
 */
import type { CollectedBody } from "../backends/buffers.ts";

/** Bytes of an answer of so many bytes and reads; a multiple of eight. */
export function collectedBytes(bytes: number, reads: number): number {
  return Math.ceil((reads * 12 + bytes) / 8) * 8;
}

/** Its arrays, as views of `memory` from `at` on, a multiple of eight. */
export function collectInto(
  memory: ArrayBuffer,
  at: number,
  bytes: number,
  reads: number,
): CollectedBody {
  return {
    readMs: new Float64Array(memory, at, reads),
    readEnds: new Uint32Array(memory, at + reads * 8, reads),
    body: new Uint8Array(memory, at + reads * 12, bytes),
  };
}
