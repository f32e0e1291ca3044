/**
 * Small files that describe the servers which outlive the command that started them.
 *
 * @module
 */
import type { ProcessIdentity } from "../backends/process_tree.ts";
import { fileError, UserError } from "./user_error.ts";

/** A server that `tokometer serve start` has started; without its command line, which may hold a key. */
export interface ServerState {
  readonly engine: string;
  readonly protocol: string;
  readonly url: string;
  readonly process: ProcessIdentity;
  readonly log: string;
  /** Size of the log when this server started. */
  readonly logStart: number;
  /** ISO 8601. */
  readonly startedAt: string;
}

export function statePath(folder: string, engine: string, port: number | string): string {
  return `${folder}/${engine}-${port}.json`;
}

export function statePort({ url }: ServerState): string {
  // URL drops default ports, and knows those of http only.
  return /:(\d+)$/.exec(url)?.[1] ?? "";
}

/**
 * Writes a server's file, whole or not at all.
 *
 * @throws {UserError} when it cannot be written.
 */
export async function writeState(path: string, state: ServerState): Promise<void> {
  const draft = `${path}.new`;
  try {
    await Deno.writeTextFile(draft, `${JSON.stringify(state, undefined, 2)}\n`);
    await Deno.rename(draft, path);
  } catch (error) {
    throw fileError(`Cannot write ${path}`, error);
  }
}

/** Removes a server's file, if it is still there. */
export async function removeState(path: string): Promise<void> {
  try {
    await Deno.remove(path);
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
  }
}

/**
 * All servers of a folder by their file's path, in the order of the names. A folder that does not
 * exist holds none.
 *
 * @throws {UserError} for a file that does not describe a server.
 */
export async function readStates(folder: string): Promise<ReadonlyMap<string, ServerState>> {
  const names: string[] = [];
  try {
    for await (const { name } of Deno.readDir(folder)) if (name.endsWith(".json")) names.push(name);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return new Map();
    throw error;
  }
  const states = new Map<string, ServerState>();
  for (const name of names.toSorted()) {
    const path = `${folder}/${name}`;
    const state = await readState(path);
    if (state !== undefined) states.set(path, state);
  }
  return states;
}

async function readState(path: string): Promise<ServerState | undefined> {
  let value: Partial<ServerState> | null;
  try {
    value = JSON.parse(await Deno.readTextFile(path));
  } catch (error) {
    // Another command has stopped this server since the folder was listed.
    if (error instanceof Deno.errors.NotFound) return undefined;
    if (error instanceof Deno.errors.NotCapable) throw error;
    throw unreadable(path, (error as Error).message);
  }
  const { pid, mark } = value?.process ?? {};
  const texts = [value?.engine, value?.protocol, value?.url, value?.log, mark];
  // A wrong number would end processes of other users.
  const sound = texts.every((text) => typeof text === "string" && text !== "") &&
    typeof pid === "number" && Number.isSafeInteger(pid) && pid > 1;
  if (!sound) throw unreadable(path, "it does not describe a server");
  return value as ServerState;
}

function unreadable(path: string, why: string): UserError {
  return new UserError(
    `Cannot use ${path} as the file of a server: ${why}; remove it, or choose another --state-dir`,
  );
}
