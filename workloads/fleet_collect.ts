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
import type { MovingFiles } from "./fleet_moving.ts";
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

/** How the store of a fleet is reached. */
export interface CollectOptions {
  /** Its NATS server, e.g. `nats://10.0.0.1:4222`. Default: the variable NATS_URL. */
  readonly nats?: string;
  /** File of credentials for it. */
  readonly natsCreds?: string;
  /** Token for it. */
  readonly natsToken?: string;
  /** Gives up. */
  readonly signal?: AbortSignal;
  /** Told how far it is. */
  readonly onProgress?: (text: string) => void;
}

/**
 * Brings the record files of the agents of a fleet into the folder of their run, as
 * `tokometer fleet collect` does, where the run was told to keep them (`--collect`). What is there is not
 * fetched again. Needs `--allow-net`, `--allow-read` and `--allow-write`.
 *
 * @param run its result folder, or the record file of its leader in it.
 * @throws {UserError} for results that are not a leader's, a NATS server that cannot be used, and a folder
 * that cannot be written.
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { collectFleetRecords } from "@tokometer/tokometer/workloads";
 *
 * const nats = Deno.env.get("NATS_URL");
 * if (nats !== undefined) {
 *   const { files, missing } = await collectFleetRecords("tokometer-results/night", { nats });
 *   assertEquals(missing, []);
 *   console.log(files.map(({ path }) => path));
 * }
 * ```
 */
export async function collectFleetRecords(
  run: string,
  options: CollectOptions = {},
): Promise<CollectedRecords> {
  const { signal = new AbortController().signal, onProgress, ...values } = options;
  return await collect(await findRun(run), values, { signal, onProgress });
}

/** A run whose agents' files are wanted. */
interface FleetRun {
  readonly folder: string;
  readonly fleet: RunFleet;
}

async function findRun(path: string): Promise<FleetRun> {
  const [found, ...others] = await resolveResults(path);
  const header = await readRunHeader(found!.records);
  if (others.length > 0 || !isLeaders(header)) {
    throw new UserError(
      `Cannot collect record files for ${path}: name the result folder of one run of a fleet`,
    );
  }
  return { folder: found!.records.replace(/\/?[^/]*$/, "") || ".", fleet: header.fleet! };
}

async function collect(
  { folder, fleet: { name, run, agents } }: FleetRun,
  values: Partial<NatsValues>,
  moving: MovingFiles,
): Promise<CollectedRecords> {
  const bus = await openFleetBus(values, {
    ...{ fleet: name, name: "tokometer fleet collect", signal: moving.signal, note: () => {} },
    leads: false,
  });
  try {
    const from = { run, agents: agents.length, folder, places: placesOf(agents) };
    return await collectRecords(bus, from, moving);
  } finally {
    await bus.close();
  }
}

/**
 * `tokometer fleet collect RUN`: brings what `--collect` did not.
 *
 * @returns the exit code: 6 where files are missing.
 * @throws {UserError} as {@linkcode collectFleetRecords}.
 */
export async function collectRun(
  path: string,
  values: Partial<NatsValues>,
  host: Pick<Host, "note" | "progress" | "interrupted">,
): Promise<number> {
  const found = await findRun(path);
  const signal = host.interrupted;
  try {
    const collected = await collect(found, values, {
      ...{ signal, onProgress: (text) => host.progress(text) },
    });
    host.progress("");
    tellCollected(collected, found.folder, host);
    if (signal.aborted) return EXIT.interrupted;
    return collected.missing.length === 0 ? EXIT.ok : EXIT.invalid;
  } finally {
    host.progress("");
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
