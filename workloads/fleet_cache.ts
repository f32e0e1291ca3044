/**
 * Files of plans on an agent: found at the same path, in a folder of those that were fetched, or stored.
 *
 * @module
 */
import type { FleetBus } from "./fleet_bus.ts";
import type { FleetFile } from "./fleet_messages.ts";
import {
  Hash,
  hashFile,
  hashOf,
  Hopeless,
  isOfDisk,
  type MovingFiles,
  persistently,
  readAll,
  whyFailed,
} from "./fleet_moving.ts";
import type { NamedFile } from "./fleet_named_files.ts";
import { fileError, UserError } from "./user_error.ts";

/**
 * The user's own folder: in `XDG_CACHE_HOME`, else `~/.cache`, else `LOCALAPPDATA`; absent when the
 * environment may not be read. Never asks for a permission.
 */
export function cacheFolder(): string | undefined {
  const read = (variable: string): string | undefined =>
    Deno.permissions.querySync({ name: "env", variable }).state === "granted"
      ? Deno.env.get(variable) || undefined
      : undefined;
  const home = read("HOME");
  const cache = read("XDG_CACHE_HOME") ?? (home && `${home}/.cache`) ?? read("LOCALAPPDATA");
  return cache && `${cache}/tokometer/files`;
}

type Part = FleetFile["parts"][number];

/** Finds the files of one plan. */
export class FileCache {
  readonly #bus: Pick<FleetBus, "load">;
  #folder: string | undefined;
  readonly #moving: MovingFiles;

  constructor(
    bus: Pick<FleetBus, "load">,
    folder: string | undefined,
    moving: MovingFiles,
  ) {
    this.#bus = bus;
    this.#folder = folder;
    this.#moving = moving;
  }

  /** A path of this machine with the content of a file or folder. @throws {UserError} when it cannot be had. */
  async find(file: FleetFile, named: NamedFile): Promise<string> {
    if (await this.#holds(file.path, file)) return file.path;
    const folder = await this.#writable();
    const key = hashOf(JSON.stringify([file.path, file.parts]));
    const place = placeOf(file, named);
    const path = `${folder}/${key}/${place}`;
    if (await this.#holds(path, file)) return path;
    // Other agents on this machine may fetch it, too.
    const own = await Deno.makeTempDir({ dir: folder, prefix: `${key}.` });
    try {
      const base = `${own}/${place}`;
      await makeParent(base, file);
      for (const part of file.parts) await this.#fetch(part, partPath(base, file, part), named);
      await moveInto(own, `${folder}/${key}`);
    } catch (error) {
      await Deno.remove(own, { recursive: true }).catch(() => {});
      if (error instanceof UserError || this.#moving.signal.aborted) throw error;
      throw fileError(`Cannot write "${folder}" for ${named.shown} of the fleet`, error);
    }
    if (await this.#holds(path, file)) return path;
    throw new UserError(
      `Cannot use "${path}" for ${named.shown} of the fleet: it is not what was fetched; delete it`,
    );
  }

  /** Whether all that is wanted is there. Sizes go first: most files differ in them. */
  async #holds(base: string, file: FleetFile): Promise<boolean> {
    try {
      for (const part of file.parts) {
        const { isFile, size } = await Deno.stat(partPath(base, file, part));
        if (!isFile || size !== part.bytes) return false;
      }
      for (const part of file.parts) {
        this.#moving.onProgress?.(`checking ${base}`);
        const { sha256 } = await hashFile(partPath(base, file, part), this.#moving.signal);
        if (sha256 !== part.sha256) return false;
      }
      return true;
    } catch (error) {
      // What cannot be read here is fetched.
      if (this.#moving.signal.aborted) throw error;
      return false;
    }
  }

  /** The folder, or a temporary one where it cannot be made. */
  async #writable(): Promise<string> {
    try {
      if (this.#folder !== undefined) {
        await Deno.mkdir(this.#folder, { recursive: true, mode: 0o700 });
        return this.#folder;
      }
    } catch (error) {
      if (error instanceof Deno.errors.NotCapable) throw error;
    }
    return this.#folder = await Deno.makeTempDir({ prefix: "tokometer-files-" });
  }

  async #fetch(part: Part, path: string, { shown, path: asked }: NamedFile): Promise<void> {
    const { signal, onProgress } = this.#moving;
    try {
      await persistently(async () => {
        const content = await this.#bus.load(part.sha256);
        if (content === undefined) throw new Hopeless("it is not stored any more");
        using file = await Deno.open(path, { write: true, create: true, truncate: true });
        const hash = new Hash();
        await readAll(content, async (chunk) => {
          hash.add(chunk);
          if (hash.bytes > part.bytes) throw new Hopeless("it is larger than was said");
          for (let at = 0; at < chunk.length;) at += await file.write(chunk.subarray(at));
          onProgress?.(`fetching ${asked}, ${Math.floor(100 * hash.bytes / part.bytes)} %`);
        }, signal);
        if (hash.bytes < part.bytes) throw new Error("it came cut short");
        if (hash.hex() !== part.sha256) throw new Hopeless("it is not what was offered");
      }, signal);
    } catch (error) {
      if (signal.aborted || isOfDisk(error)) throw error;
      throw new UserError(
        `Cannot fetch "${asked}" for ${shown} of the fleet: ${whyFailed(error, signal)}`,
      );
    }
  }
}

/** Where a file lies below its own folder: with the name that decides how it is read, and what it is called. */
function placeOf({ path }: FleetFile, { use }: NamedFile): string {
  const names = path.split(/[/\\]+/).map((name) => name.replace(/[\p{Cc}:*?"<>|]/gu, "_"))
    .filter((name) => !/^\.{0,2}$/.test(name)).map((name) => name.slice(-100));
  const last = names.at(-1) ?? "file";
  // A tokenizer is called by its folder.
  return use === "tokenizer" ? `${names.at(-2) ?? "model"}/${last}` : last;
}

function isSingle({ parts }: FleetFile): boolean {
  return parts.some(({ name }) => name === "");
}

function partPath(base: string, file: FleetFile, { name }: Part): string {
  if (!isSingle(file)) return `${base.replace(/(?<=.)\/+$/, "")}/${name}`;
  return name === "" ? base : `${base.replace(/[^/\\]*$/, "")}${name}`;
}

async function makeParent(base: string, file: FleetFile): Promise<void> {
  const folder = isSingle(file) ? base.replace(/\/[^/]*$/, "") : base;
  await Deno.mkdir(folder, { recursive: true, mode: 0o700 });
}

/** Gives a folder its name; where another agent was faster, its own is used. */
async function moveInto(own: string, path: string): Promise<void> {
  try {
    await Deno.rename(own, path);
  } catch {
    await Deno.remove(own, { recursive: true });
  }
}
