/**
 * A dataset's file: read and hashed once from end to end, then read again where a sample needs it. So
 * a file of any size takes the memory of its sample only.
 *
 * @module
 */
import { nodeModule } from "../backends/node_module.ts";
import { describeSignature, utf16Label } from "./dataset_signature.ts";
import { fileError, UserError } from "./user_error.ts";

const hashing = nodeModule<typeof import("node:crypto")>("node:crypto");

/** An open file; dispose of it with `using`. */
export interface DatasetFile extends Disposable {
  readonly path: string;
  /** Its first bytes, at most {@linkcode HEAD_BYTES}. */
  readonly head: Uint8Array;
  /** What a reader of the report should know of it, in a sentence without a period. */
  readonly remark?: string;
  /** Reads everything, in chunks whose buffer is reused; reports bytes done and in all. */
  chunks(onProgress?: (done: number, total: number) => void): AsyncGenerator<Uint8Array>;
  /** SHA-256 of the file, as hex, once {@linkcode DatasetFile.chunks} has given all of it. */
  sha256(): string;
  /** Reads one place. @throws {UserError} when the file has become shorter meanwhile. */
  readAt(place: Place): Promise<Uint8Array>;
}

/** Where bytes stand in a file. */
export interface Place {
  readonly offset: number;
  readonly length: number;
}

/** What is looked at to tell what a file holds. */
export const HEAD_BYTES: number = 2 ** 20;
/** Longest row, and largest file of the kinds that are read as a whole. */
export const MAX_ROW_BYTES: number = 64 * 2 ** 20;

const CHUNK_BYTES = 2 ** 20;

/**
 * Opens a dataset's file. Offsets are those of its text as UTF-8.
 *
 * @param path absent when the user gave none.
 * @param options.dataset its name, for messages; `options.hint` says where to get a file.
 * @throws {UserError} when there is no such file, or none that can be read.
 */
export async function openDatasetFile(
  path: string | undefined,
  options: { readonly dataset: string; readonly hint: string },
): Promise<DatasetFile> {
  const { dataset, hint } = options;
  if (path === undefined || path === "") {
    throw new UserError(`The dataset ${dataset} needs a file (--dataset-path FILE): ${hint}`);
  }
  const fail = (why: string) =>
    new UserError(`Cannot read "${path}" as dataset ${dataset}: ${why}`);
  let file: Deno.FsFile;
  let size: number;
  try {
    const found = await Deno.stat(path);
    // Before it is opened: to open a pipe would wait for its writer.
    if (!found.isFile) {
      throw fail("it is not a regular file (folders and pipes cannot be sampled)");
    }
    size = found.size;
    if (size === 0) throw fail("it is empty");
    file = await Deno.open(path);
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) {
      throw fileError(`Cannot read "${path}" as dataset ${dataset}`, error);
    }
    throw new UserError(`Cannot find the file "${path}" of the dataset ${dataset}: ${hint}`);
  }
  try {
    const start = await readRange(file, path, { offset: 0, length: Math.min(size, HEAD_BYTES) });
    const encoding = utf16Label(start);
    if (encoding !== undefined) {
      if (size > MAX_ROW_BYTES) {
        throw fail(`it is UTF-16 and large: convert it first (iconv -f UTF-16 -t UTF-8)`);
      }
      const bytes = await readRange(file, path, { offset: 0, length: size });
      const text = new TextEncoder().encode(new TextDecoder(encoding).decode(bytes));
      const sha256 = hashing().createHash("sha256").update(bytes).digest("hex");
      file.close();
      return inMemory(path, { text, sha256, remark: "the file is UTF-16 and was read as such" });
    }
    const other = describeSignature(start);
    if (other !== undefined) throw fail(other);
    return onDisk(path, { file, size, head: start });
  } catch (error) {
    file.close();
    throw error;
  }
}

function onDisk(
  path: string,
  { file, size, head }: { readonly file: Deno.FsFile; readonly size: number; head: Uint8Array },
): DatasetFile {
  let hash = hashing().createHash("sha256");
  return {
    path,
    head,
    async *chunks(onProgress) {
      const buffer = new Uint8Array(CHUNK_BYTES);
      let done = 0;
      hash = hashing().createHash("sha256");
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
    },
    sha256: () => hash.copy().digest("hex"),
    readAt: (place) => readRange(file, path, place),
    [Symbol.dispose]: () => file.close(),
  };
}

function inMemory(
  path: string,
  { text, sha256, remark }: {
    readonly text: Uint8Array;
    readonly sha256: string;
    readonly remark: string;
  },
): DatasetFile {
  return {
    path,
    head: text.subarray(0, HEAD_BYTES),
    remark,
    async *chunks(onProgress) {
      yield text;
      onProgress?.(text.length, text.length);
    },
    sha256: () => sha256,
    readAt: ({ offset, length }) => Promise.resolve(text.subarray(offset, offset + length)),
    [Symbol.dispose]: () => {},
  };
}

async function readRange(file: Deno.FsFile, path: string, place: Place): Promise<Uint8Array> {
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
