/**
 * Files that an option names and that are read whole.
 *
 * @module
 */
import { showBytes } from "../backends/limits.ts";

/** Largest file; a system prompt of a million tokens takes some 5 MB. */
const LARGEST_BYTES: number = 64 * 2 ** 20;

/**
 * The text of a file, a byte order mark included. Unlike `Deno.readTextFile` it does not fill the memory with a device or a pipe
 * that never ends.
 *
 * @throws {RangeError} for a larger one; other errors are Deno's.
 */
export async function readTextFile(
  path: string,
  maxBytes: number = LARGEST_BYTES,
): Promise<string> {
  using file = await Deno.open(path);
  const decoder = new TextDecoder("utf-8", { ignoreBOM: true });
  const buffer = new Uint8Array(65_536);
  let text = "";
  for (let bytes = 0;;) {
    const count = await file.read(buffer);
    if (count === null) return text + decoder.decode();
    bytes += count;
    if (bytes > maxBytes) throw new RangeError(`it is larger than ${showBytes(maxBytes)}`);
    text += decoder.decode(buffer.subarray(0, count), { stream: true });
  }
}
