/**
 * Files that a NATS server keeps for a fleet, as NATS's object stores hold them, so that `nats object`
 * shows them, too. Written and read part by part, each of which is tried until it is there: the client's
 * own functions begin again after a cut, which a stream cannot.
 *
 * @module
 */
import { isObject } from "../backends/json_event.ts";
import { nodeModule } from "../backends/node_module.ts";
import type { FleetBus } from "./fleet_bus.ts";
import type { Kept } from "./fleet_nats_kept.ts";

const hashing = nodeModule<typeof import("node:crypto")>("node:crypto");

/** Data of one part, where the server takes so much. */
const PART_BYTES = 512 * 1024;

/** What is stored of a file besides its parts. */
interface FileNote {
  /** Its parts stand under this name. */
  readonly nuid: string;
  /** Bytes. */
  readonly size: number;
  readonly chunks: number;
}

/** The files of a fleet. */
export function openFiles(kept: Kept): Pick<FleetBus, "store" | "load" | "remove"> {
  const { link, names } = kept;
  const bucket = `tokometer_${link.fleet}`;
  const noteOf = (name: string) => `$O.${bucket}.M.${encodeName(name)}`;
  const partsOf = (nuid: string) => `$O.${bucket}.C.${nuid}`;

  async function find(name: string): Promise<FileNote | undefined> {
    const stored = await kept.get(names.files, { subject: noteOf(name) });
    return stored === undefined ? undefined : readNote(stored.data);
  }

  return {
    async store(name, content) {
      if (await find(name) !== undefined) {
        await content.cancel();
        return;
      }
      const nuid = link.library.nuid.next();
      const size = Math.min(PART_BYTES, link.maxBytes());
      let bytes = 0;
      let chunks = 0;
      const put = async (data: Uint8Array) => {
        await kept.put(partsOf(nuid), data, { id: `${nuid}#${chunks}` });
        bytes += data.length;
        chunks++;
      };
      const hash = hashing().createHash("sha256");
      try {
        for await (const part of partsIn(content, size)) {
          hash.update(part);
          await put(part);
        }
      } catch (error) {
        await kept.purge(names.files, partsOf(nuid)).catch(() => {});
        throw error;
      }
      const note = {
        ...{ name, bucket, nuid, size: bytes, chunks },
        digest: `SHA-256=${hash.digest("base64url")}`,
        options: { max_chunk_size: size },
      };
      const headers = link.library.headers();
      headers.set("Nats-Rollup", "sub");
      const data = new TextEncoder().encode(JSON.stringify(note));
      await kept.put(noteOf(name), data, { id: `${nuid}#note`, headers });
    },
    async load(name) {
      const note = await find(name);
      return note === undefined ? undefined : readParts(kept, partsOf(note.nuid), note, name);
    },
    async remove(name) {
      const note = await find(name);
      await kept.purge(names.files, noteOf(name));
      if (note !== undefined) await kept.purge(names.files, partsOf(note.nuid));
    },
  };
}

/** As NATS's clients encode names: Base64 for URLs, with its padding. */
function encodeName(name: string): string {
  return new TextEncoder().encode(name).toBase64({ alphabet: "base64url" });
}

/** Absent where the file was deleted. */
function readNote(data: Uint8Array): FileNote | undefined {
  let value: unknown;
  try {
    value = JSON.parse(new TextDecoder().decode(data));
  } catch {
    return undefined;
  }
  if (!isObject(value)) return undefined;
  const { nuid, size, chunks, deleted } = value;
  const isCount = (count: unknown): count is number =>
    Number.isSafeInteger(count) && count as number >= 0;
  if (deleted === true || typeof nuid !== "string" || !/^\w{1,64}$/.test(nuid)) return undefined;
  return isCount(size) && isCount(chunks) ? { nuid, size, chunks } : undefined;
}

function readParts(
  kept: Kept,
  subject: string,
  { size, chunks }: FileNote,
  name: string,
): ReadableStream<Uint8Array> {
  let from = 1;
  let read = 0;
  let bytes = 0;
  return new ReadableStream({
    async pull(controller) {
      if (read === chunks) {
        if (bytes !== size) throw new Error(`Stored file ${name} has ${bytes} of ${size} bytes`);
        return controller.close();
      }
      const part = await kept.get(kept.names.files, { subject, from });
      if (part === undefined) throw new Error(`Stored file ${name} has ${read} of ${chunks} parts`);
      from = part.seq + 1;
      read++;
      bytes += part.data.length;
      if (bytes > size) throw new Error(`Stored file ${name} has more than ${size} bytes`);
      controller.enqueue(part.data);
    },
  }, { highWaterMark: 1 });
}

/** The same bytes in parts of one size; the last one is smaller. */
async function* partsIn(
  content: ReadableStream<Uint8Array>,
  size: number,
): AsyncGenerator<Uint8Array> {
  let held = new Uint8Array(size);
  let filled = 0;
  for await (const bytes of content) {
    for (let at = 0; at < bytes.length;) {
      const take = Math.min(bytes.length - at, size - filled);
      held.set(bytes.subarray(at, at + take), filled);
      at += take;
      filled += take;
      if (filled === size) {
        yield held;
        held = new Uint8Array(size);
        filled = 0;
      }
    }
  }
  if (filled > 0) yield held.subarray(0, filled);
}
