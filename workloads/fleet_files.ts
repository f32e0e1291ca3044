/**
 * Files that a plan names: stored once by their content, and found again on each agent, so that a dataset
 * travels once or not at all.
 *
 * @module
 */
import type { OptionTable, OptionValue, Values } from "./command.ts";
import { cacheFolder, FileCache } from "./fleet_cache.ts";
import type { FleetBus } from "./fleet_bus.ts";
import type { FleetFile } from "./fleet_messages.ts";
import {
  Hash,
  hashFile,
  Hopeless,
  type MovingFiles,
  persistently,
  watched,
  whyFailed,
} from "./fleet_moving.ts";
import { type NamedFile, namedFiles, partsOf, withOtherPaths } from "./fleet_named_files.ts";
import { countTo, listOf, objectOf, type Shape, textTo } from "./json_shape.ts";
import { listOptions } from "./option_table.ts";
import { fileError, UserError } from "./user_error.ts";

/** Options as they travel, and the files that they name. */
export interface OfferedFiles {
  /** The values as they were given, without secret options; those that name files have the leader's paths. */
  readonly options: Readonly<Record<string, OptionValue>>;
  readonly files: readonly FleetFile[];
}

/** Files of a plan, and of a folder among them. */
const MOST_FILES = 1000;
/** All files of a plan together. */
const MOST_BYTES: number = 256 * 2 ** 30;

/** What a plan may say of its files. */
export const filesShape: Shape = listOf(
  objectOf<FleetFile>({
    option: textTo(100, 1),
    path: textTo(4096, 1),
    parts: listOf(
      objectOf<FleetFile["parts"][number]>({
        name: fileName,
        sha256: (value, at) => isHash(value) ? undefined : `${at} is no SHA-256 in hex`,
        bytes: countTo(MOST_BYTES),
      }),
      MOST_FILES,
    ),
  }),
  MOST_FILES,
);

function isHash(value: unknown): boolean {
  return typeof value === "string" && /^[0-9a-f]{64}$/.test(value);
}

/** A name without a way out of its folder. */
function fileName(value: unknown, at: string): string | undefined {
  const fits = typeof value === "string" && value.length <= 255 && !/[/\\\p{Cc}]/u.test(value) &&
    value !== "." && value !== "..";
  return fits ? undefined : `${at} is not the name of a file`;
}

/**
 * Hashes the files that options name, and stores each of them once. The values of options that are
 * `secret` are left out. Needs `--allow-read`.
 *
 * @param offer.table options of `bench`: those with `reads` name files.
 * @throws {UserError} for a file that cannot be read, is too large, or cannot be stored.
 */
export async function offerFiles(
  bus: Pick<FleetBus, "store" | "remove">,
  { table, values }: { readonly table: OptionTable; readonly values: Values },
  moving: MovingFiles,
): Promise<OfferedFiles> {
  const secret = new Set(
    listOptions(table).flatMap(({ key, secret }) => secret === true ? key : []),
  );
  const options = Object.fromEntries(
    Object.entries(values).filter(([key, value]) => value !== undefined && !secret.has(key)),
  );
  const files: FleetFile[] = [];
  const stored = new Set<string>();
  let total = 0;
  for (const named of namedFiles(table, options)) {
    const parts: FleetFile["parts"][number][] = [];
    for (const { name, path } of await partsOf(named)) {
      const part = { name, ...await hashed(path, named, moving) };
      parts.push(part);
      total += part.bytes;
      if (total > MOST_BYTES || parts.length > MOST_FILES) {
        throw new UserError(
          `Cannot send "${named.path}" of ${named.shown} to a fleet: it is too large; copy it to each ` +
            "machine, as a path that is the same on all of them",
        );
      }
      if (!stored.has(part.sha256)) await storeOne(bus, { path, part, named }, moving);
      stored.add(part.sha256);
    }
    files.push({ option: named.option, path: named.path, parts });
  }
  return { options, files };
}

async function hashed(
  path: string,
  { shown }: NamedFile,
  { signal, onProgress }: MovingFiles,
): Promise<{ readonly sha256: string; readonly bytes: number }> {
  onProgress?.(`reading ${path}`);
  try {
    return await hashFile(path, signal);
  } catch (error) {
    if (signal.aborted) throw error;
    throw fileError(`Cannot read "${path}" of ${shown}`, error);
  }
}

async function storeOne(
  bus: Pick<FleetBus, "store" | "remove">,
  { path, part, named }: {
    readonly path: string;
    readonly part: FleetFile["parts"][number];
    readonly named: NamedFile;
  },
  { signal, onProgress }: MovingFiles,
): Promise<void> {
  const cannot = `Cannot send "${path}" of ${named.shown} to the fleet`;
  try {
    await persistently(async () => {
      const hash = new Hash();
      const content = watched((await Deno.open(path)).readable, (chunk) => {
        hash.add(chunk);
        onProgress?.(`storing ${path}, ${megabytes(hash.bytes)} of ${megabytes(part.bytes)} MB`);
      });
      await bus.store(part.sha256, content);
      // Nothing was read where it was stored before.
      if (hash.bytes === 0 || hash.bytes !== part.bytes || hash.hex() === part.sha256) return;
      await bus.remove(part.sha256);
      throw new Hopeless("it changed while it was read");
    }, signal);
  } catch (error) {
    if (signal.aborted) throw error;
    throw new UserError(`${cannot}: ${whyFailed(error, signal)}`);
  }
}

/**
 * Finds the files of a plan: the same path here with the same content, else what was fetched before, else
 * what is stored. Needs `--allow-read`, and `--allow-write` where it fetches.
 *
 * @param wanted `folder`: where fetched files are kept, by their hashes; default one of the user's.
 * @returns the options with the paths of this machine.
 * @throws {UserError} for a file that cannot be had, or is another one than was offered, and for options
 * that name files which the plan does not list: a plan can make nobody read anything else.
 */
export async function fetchFiles(
  bus: Pick<FleetBus, "load">,
  { table, options, files, folder = cacheFolder() }: {
    readonly table: OptionTable;
    readonly options: Readonly<Record<string, OptionValue>>;
    readonly files: readonly FleetFile[];
    readonly folder?: string | undefined;
  },
  moving: MovingFiles,
): Promise<Readonly<Record<string, OptionValue>>> {
  const problem = filesShape(files, "files");
  if (problem !== undefined) throw new UserError(`Cannot use the fleet's plan: ${problem}`);
  const total = files.flatMap(({ parts }) => parts).reduce((sum, { bytes }) => sum + bytes, 0);
  if (total > MOST_BYTES) {
    throw new UserError("Cannot use the fleet's plan: its files are too large");
  }
  const cache = new FileCache(bus, folder, moving);
  const paths = new Map<string, string>();
  for (const named of namedFiles(table, options)) {
    const file = files.find(({ option, path }) => option === named.option && path === named.path);
    if (file === undefined || file.parts.length === 0) {
      throw new UserError(
        `Cannot use the fleet's plan: its ${named.shown} names a file that it does not list`,
      );
    }
    paths.set(keyOf(named), await cache.find(file, named));
  }
  return withOtherPaths(table, options, (named) => paths.get(keyOf(named))!);
}

function keyOf({ option, path }: { readonly option: string; readonly path: string }): string {
  return `${option} ${path}`;
}

/** Deletes stored files when a run is over; what cannot be deleted stays. */
export async function dropFiles(
  bus: Pick<FleetBus, "remove">,
  files: readonly FleetFile[],
): Promise<void> {
  const names = new Set(files.flatMap(({ parts }) => parts.map(({ sha256 }) => sha256)));
  for (const name of names) await bus.remove(name).catch(() => {});
}

function megabytes(bytes: number): string {
  return (bytes / 1e6).toFixed(bytes < 1e7 ? 1 : 0);
}
