/**
 * The log of a server that has ended, without our keys: engines print the arguments that they were
 * started with. It is written by the server itself, so it is cleaned afterwards.
 *
 * @module
 */
import { decodeLatin1 } from "../backends/latin1.ts";
import { knowsSecrets, placesOfSecrets } from "./secret.ts";

/** Read at once; a secret that lies across an edge is found from the next piece, which overlaps. */
const PIECE_BYTES = 1 << 20;
const OVERLAP_BYTES = 1 << 14;

/**
 * Overwrites every secret in a file from a position on by as many stars. A file that is gone, or may
 * not be changed, stays as it is.
 */
export async function maskSecretsInFile(path: string, start: number): Promise<void> {
  if (!knowsSecrets()) return;
  let file: Deno.FsFile;
  try {
    file = await Deno.open(path, { read: true, write: true });
  } catch {
    return;
  }
  try {
    const bytes = new Uint8Array(PIECE_BYTES);
    for (let at = start;;) {
      await file.seek(at, Deno.SeekMode.Start);
      const length = await fill(file, bytes);
      // As Latin-1, a character is a byte.
      for (const [from, to] of placesOfSecrets(decodeLatin1(bytes, 0, length))) {
        await file.seek(at + from, Deno.SeekMode.Start);
        const stars = new Uint8Array(to - from).fill(0x2a);
        for (let done = 0; done < stars.length;) done += await file.write(stars.subarray(done));
      }
      if (length < bytes.length) return;
      at += length - OVERLAP_BYTES;
    }
  } finally {
    file.close();
  }
}

/** Reads until the buffer is full or the file ends; returns how much. */
async function fill(file: Deno.FsFile, bytes: Uint8Array): Promise<number> {
  let length = 0;
  while (length < bytes.length) {
    const read = await file.read(bytes.subarray(length));
    if (read === null) break;
    length += read;
  }
  return length;
}
