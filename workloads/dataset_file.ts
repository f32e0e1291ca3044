/**
 * A dataset's file: read and hashed once from end to end, then read again where a sample needs it. So
 * a file of any size takes the memory of its sample only.
 *
 * @module
 */
import { createHash } from "node:crypto";
import { UserError } from "./user_error.ts";

/** An open file; dispose of it with `using`. */
export interface DatasetFile extends Disposable {
  readonly path: string;
  readonly size: number;
  /** Reads everything once, in chunks whose buffer is reused; reports bytes done and in all. */
  chunks(onProgress?: (done: number, total: number) => void): AsyncGenerator<Uint8Array>;
  /** SHA-256 of the bytes that {@linkcode DatasetFile.chunks} has given, as hex. */
  sha256(): string;
  /** Reads one place. @throws {UserError} when the file has become shorter meanwhile. */
  readAt(place: { readonly offset: number; readonly length: number }): Promise<Uint8Array>;
}

const CHUNK_BYTES = 2 ** 20;

/**
 * Opens a dataset's file.
 *
 * @param path absent when the user gave none.
 * @param options.dataset its name, for messages; `options.hint` says where to get a file.
 * @throws {UserError} when there is no such file.
 */
export async function openDatasetFile(
  path: string | undefined,
  options: { readonly dataset: string; readonly hint: string },
): Promise<DatasetFile> {
  const { dataset, hint } = options;
  if (path === undefined || path === "") {
    throw new UserError(`The dataset ${dataset} needs a file (--dataset-path FILE): ${hint}`);
  }
  let file: Deno.FsFile;
  try {
    file = await Deno.open(path);
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
    throw new UserError(`Cannot find the file "${path}" of the dataset ${dataset}: ${hint}`);
  }
  const { isFile, size } = await file.stat();
  if (!isFile) {
    file.close();
    throw new UserError(
      `Cannot read "${path}" as dataset ${dataset}: it is not a regular file (folders and pipes cannot be sampled)`,
    );
  }
  const hash = createHash("sha256");

  async function* chunks(onProgress?: (done: number, total: number) => void) {
    const buffer = new Uint8Array(CHUNK_BYTES);
    let done = 0;
    await file.seek(0, Deno.SeekMode.Start);
    while (true) {
      const read = await file.read(buffer);
      if (read === null) return;
      const chunk = buffer.subarray(0, read);
      hash.update(chunk);
      yield chunk;
      done += read;
      onProgress?.(done, size);
    }
  }
  async function readAt(place: { readonly offset: number; readonly length: number }) {
    const bytes = new Uint8Array(place.length);
    await file.seek(place.offset, Deno.SeekMode.Start);
    let filled = 0;
    while (filled < bytes.length) {
      const read = await file.read(bytes.subarray(filled));
      if (read === null) throw new UserError(`The file "${path}" changed while it was read`);
      filled += read;
    }
    return bytes;
  }
  return {
    path,
    size,
    chunks,
    sha256: () => hash.copy().digest("hex"),
    readAt,
    [Symbol.dispose]: () => file.close(),
  };
}
