/**
 * Small files that describe the servers which outlive the command that started them.
 *
 * @module
 */
import type { ProcessIdentity } from "../backends/process_tree.ts";
import { countTo, numberFrom, objectOf, optional, readSmallFile, textTo } from "./json_shape.ts";
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

/** Some hundred bytes. */
const MOST_BYTES = 1 << 20;

const name = textTo(1e5, 1);
const stateShape = objectOf<ServerState>({
  engine: name,
  protocol: name,
  url: name,
  // A wrong number would end processes of other users.
  process: objectOf<ProcessIdentity>({
    pid: countTo(2 ** 53, 2),
    mark: name,
    startTicks: optional(numberFrom(0, 1e18)),
  }),
  log: name,
  logStart: countTo(2 ** 53),
  startedAt: textTo(1e5),
});

async function readState(path: string): Promise<ServerState | undefined> {
  let value: unknown;
  try {
    value = JSON.parse(await readSmallFile(path, MOST_BYTES));
  } catch (error) {
    // Another command has stopped this server since the folder was listed.
    if (error instanceof Deno.errors.NotFound) return undefined;
    if (error instanceof Deno.errors.NotCapable) throw error;
    throw unreadable(path, (error as Error).message);
  }
  const problem = stateShape(value, "");
  if (problem !== undefined) throw unreadable(path, `it does not describe a server (${problem})`);
  return value as ServerState;
}

function unreadable(path: string, why: string): UserError {
  return new UserError(
    `Cannot use ${path} as the file of a server: ${why}; remove it, or choose another --state-dir`,
  );
}
