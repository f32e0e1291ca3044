/**
 * The record files of a run's agents, brought into its folder: by the leader when the run is over, or
 * later, when that was interrupted.
 *
 * @module
 */
import { plural } from "../metrics/format.ts";
import type { RunFleet } from "../metrics/run_fleet.ts";
import { visibleLine } from "../metrics/visible_text.ts";
import type { Host } from "./command.ts";
import { openFleetBus } from "./fleet_open.ts";
import type { NatsValues } from "./fleet_options.ts";
import { type CollectedRecords, collectRecords } from "./fleet_records.ts";
import { readRunHeader } from "./record_file.ts";
import { AGENTS_FOLDER, isLeaders } from "./record_leader.ts";
import { resolveResults } from "./results_resolve.ts";
import { RECORD_FILE } from "./run_results.ts";
import { shellLine } from "./shell_split.ts";
import { EXIT, UserError } from "./user_error.ts";

/** Agents that are named. */
const NAMED_MISSING = 20;

/**
 * `tokometer fleet collect RUN`: brings what `--collect` did not.
 *
 * @returns the exit code: 6 where files are missing.
 * @throws {UserError} for results that are not a leader's, and a NATS server that cannot be used.
 */
export async function collectRun(
  path: string,
  values: Partial<NatsValues>,
  host: Pick<Host, "note" | "progress" | "interrupted">,
): Promise<number> {
  const [found, ...others] = await resolveResults(path);
  const header = await readRunHeader(found!.records);
  if (others.length > 0 || !isLeaders(header)) {
    throw new UserError(
      `Cannot collect record files for ${path}: name the result folder of one run of a fleet`,
    );
  }
  const folder = found!.records.replace(/\/?[^/]*$/, "") || ".";
  const { name, run, agents } = header.fleet!;
  const bus = await openFleetBus(values, {
    ...{ fleet: name, name: "tokometer fleet collect", signal: host.interrupted },
    note: (line) => host.note(line),
  });
  try {
    const collected = await collectRecords(
      bus,
      { run, agents: agents.length, folder, places: placesOf(agents) },
      { signal: host.interrupted, onProgress: (text) => host.progress(text) },
    );
    host.progress("");
    tellCollected(collected, folder, host);
    if (host.interrupted.aborted) return EXIT.interrupted;
    return collected.missing.length === 0 ? EXIT.ok : EXIT.invalid;
  } finally {
    host.progress("");
    await bus.close();
  }
}

/** Where the agents' own files are, each as its machine names it. */
export function placesOf(agents: RunFleet["agents"]): readonly (string | undefined)[] {
  return agents.map(({ file, hostname }) =>
    file === undefined || hostname === undefined ? file : `${hostname}:${file}`
  );
}

/** Says what is there, what is not, and how to go on. */
export function tellCollected(
  { files, missing }: CollectedRecords,
  folder: string,
  { note }: Pick<Host, "note">,
): void {
  const all = files.length + missing.length;
  note(
    `Collected the record files of ${
      missing.length === 0 ? plural(all, "agent") : `${files.length} of ${plural(all, "agent")}`
    }; they are one run: ${tokometer("report", `${folder}/${AGENTS_FOLDER}`)}`,
  );
  for (const { agent, why } of missing.slice(0, NAMED_MISSING)) {
    note(`The record file of agent ${agent} is not there: ${visibleLine(why)}`);
  }
  if (missing.length > NAMED_MISSING) {
    note(`${plural(missing.length - NAMED_MISSING, "more file")} not there`);
  }
  if (missing.length === 0) return;
  note(
    `What was stored comes with ${tokometer("fleet", "collect", folder)}; what was not can be ` +
      `copied to ${folder}/${AGENTS_FOLDER}/NUMBER/${RECORD_FILE}`,
  );
}

function tokometer(...args: readonly string[]): string {
  return shellLine({ command: "tokometer", args });
}
