/**
 * Files that a plan names: stored once by their content, and found again on each agent, so that a dataset
 * travels once or not at all.
 *
 * @module
 */
import type { OptionTable, OptionValue, Values } from "./command.ts";
import type { FleetBus } from "./fleet_bus.ts";
import type { FleetFile } from "./fleet_messages.ts";

/** Options as they travel, and the files that they name. */
export interface OfferedFiles {
  /** The values as they were given; those that name files have the leader's paths. */
  readonly options: Readonly<Record<string, OptionValue>>;
  readonly files: readonly FleetFile[];
}

/** How files are moved. */
export interface MovingFiles {
  /** Gives up, e.g. Ctrl-C. */
  readonly signal: AbortSignal;
  /** Told how far it is, in a clause such as `storing chat.jsonl, 40 of 120 MB`. */
  readonly onProgress?: (text: string) => void;
}

/**
 * Hashes the files that options name, and stores each of them once. Secrets are not touched: the values
 * of options that are `secret` are left out.
 *
 * @param table options of `bench`: those with `reads` name files.
 * @throws {UserError} for a file that cannot be read, is too large, or cannot be stored.
 */
export function offerFiles(
  _bus: Pick<FleetBus, "store">,
  _offer: { readonly table: OptionTable; readonly values: Values },
  _moving: MovingFiles,
): Promise<OfferedFiles> {
  throw new TypeError("Cannot offer files: not yet");
}

/**
 * Finds the files of a plan: the same path here with the same content, else what was fetched before, else
 * what is stored.
 *
 * @param wanted `folder`: where fetched files are kept, by their hashes.
 * @returns the options with the paths of this machine.
 * @throws {UserError} for a file that cannot be had, or is another one than was offered, and for options
 * that name files which the plan does not list: a plan can make nobody read anything else.
 */
export function fetchFiles(
  _bus: Pick<FleetBus, "load">,
  _wanted: {
    readonly table: OptionTable;
    readonly options: Readonly<Record<string, OptionValue>>;
    readonly files: readonly FleetFile[];
    readonly folder?: string;
  },
  _moving: MovingFiles,
): Promise<Readonly<Record<string, OptionValue>>> {
  throw new TypeError("Cannot fetch files: not yet");
}

/** Deletes stored files when a run is over; what cannot be deleted stays. */
export function dropFiles(
  _bus: Pick<FleetBus, "remove">,
  _files: readonly FleetFile[],
): Promise<void> {
  throw new TypeError("Cannot drop files: not yet");
}
