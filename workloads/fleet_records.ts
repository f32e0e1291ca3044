/**
 * Record files of agents, brought to their leader (`--collect`): stored in pieces when an agent is done,
 * and put together in the run's folder. What was cut goes on with the piece that is missing.
 *
 * @module
 */
import type { FleetBus } from "./fleet_bus.ts";
import type { MovingFiles } from "./fleet_files.ts";
import type { AgentDone } from "./fleet_messages.ts";

/**
 * Stores an agent's record file, once it is closed. Needs `--allow-read`.
 *
 * @returns what {@linkcode AgentDone} says of it.
 * @throws {UserError} when it cannot be read, or not be stored before `signal`.
 */
export function storeRecords(
  _bus: Pick<FleetBus, "store" | "connected">,
  _own: { readonly run: string; readonly agent: number; readonly path: string },
  _moving: MovingFiles,
): Promise<NonNullable<AgentDone["file"]>> {
  throw new TypeError("Cannot store records: not yet");
}

/** What was collected. */
export interface CollectedRecords {
  /** Record files by the numbers of their agents. */
  readonly files: readonly { readonly agent: number; readonly path: string }[];
  /** Agents whose file is not there, and why, in a clause. */
  readonly missing: readonly { readonly agent: number; readonly why: string }[];
}

/**
 * Fetches the record files of all agents of a run into `<folder>/agents/<number>/records.jsonl`. Files
 * that are there are kept; the pieces of one that was begun are not fetched again. Stored pieces of a
 * complete file are deleted. Needs `--allow-read --allow-write`.
 *
 * @param from `agents`: how many there were; `places`: where their own files are, for what is told of missing ones.
 * @throws {UserError} when the folder cannot be written.
 */
export function collectRecords(
  _bus: Pick<FleetBus, "load" | "remove" | "connected">,
  _from: {
    readonly run: string;
    readonly agents: number;
    readonly folder: string;
    readonly places?: readonly (string | undefined)[];
  },
  _moving: MovingFiles,
): Promise<CollectedRecords> {
  throw new TypeError("Cannot collect records: not yet");
}
