/**
 * The record file of a fleet's leader: it has results, not requests.
 *
 * @module
 */
import type { RunHeader } from "../metrics/run.ts";
import { UserError } from "./user_error.ts";

/** Folder for the record files of a fleet's agents, in the run's own. */
export const AGENTS_FOLDER = "agents";

/** Whether a header is that of a leader, whose file has states in place of records. */
export function isLeaders({ fleet, part }: Pick<RunHeader, "fleet" | "part">): boolean {
  return fleet !== undefined && fleet.fromRecords !== true && part === undefined;
}

/**
 * Refuses what needs single requests.
 *
 * @param what cannot be done, e.g. `use --as vllm`.
 * @throws {UserError} for the header of a leader.
 */
export function refuseLeaders(header: Pick<RunHeader, "fleet" | "part">, what: string): void {
  if (!isLeaders(header)) return;
  throw new UserError(
    `Cannot ${what} with the results of a fleet's leader, which hold no single requests: name the ` +
      `record files of its agents, which bench --collect brings into the folder ${AGENTS_FOLDER} of ` +
      "the run",
  );
}
