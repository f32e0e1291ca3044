/**
 * Record files of the agents of a fleet, read as the one run that they are parts of.
 *
 * Their loads are those of all of them, their requests and users have their numbers in the whole, and
 * each load began on all of them at a common instant: nothing is added, renumbered or shifted. With the
 * file of their leader its ends count, which know of lost agents and of clocks; without it they are put
 * together from what the files say.
 *
 * @module
 */
import { defined } from "../backends/defined.ts";
import type { RequestRecord } from "../backends/record.ts";
import type { LoadEnd, LoadPlan, RunHeader } from "../metrics/run.ts";
import type { FleetAgent, FleetPart, RunFleet, RunPart } from "../metrics/run_fleet.ts";
import type { RecordEntry } from "./record_entries.ts";
import { streamRecordFile } from "./record_file.ts";
import { isLeaders } from "./record_leader.ts";
import type { Alignment, Client } from "./record_merge_axis.ts";
import { mergeEnds } from "./record_merge_end.ts";
import { UserError } from "./user_error.ts";

/** The file of an agent. */
interface PartFile extends Client {
  readonly part: RunPart;
}

/** Whether a record file is that of a fleet's leader, or of one of its agents. */
export function isOfFleet({ header }: Pick<Client, "header">): boolean {
  return header.part !== undefined || isLeaders(header);
}

/**
 * Reads files of one run of a fleet as one: those of its agents, and its leader's where it is there.
 *
 * @throws {UserError} when they are of different runs, an agent is there twice, or there are no agents.
 */
export async function* mergeParts(
  clients: readonly Client[],
  { align, onRead }: {
    readonly align?: Alignment | undefined;
    readonly onRead?: ((bytes: number) => void) | undefined;
  },
): AsyncGenerator<RecordEntry> {
  if (align !== undefined) {
    throw new UserError(
      `Cannot use --align ${align} with the record files of a fleet: its agents began each load at a ` +
        "common instant; leave it out",
    );
  }
  const leader = clients.find(({ header }) => isLeaders(header));
  const parts = partsOf(clients);
  const plans = longest([...parts, ...leader === undefined ? [] : [leader]]);
  yield { header: headerOf(parts, leader, plans) };
  const tallies = new Map<number, Tally[]>();
  const ends: { readonly agent: number; readonly end: LoadEnd }[] = [];
  for (const { path, part: { agent } } of parts) {
    const own = plans.map(() => new Tally());
    tallies.set(agent, own);
    for await (const { record, session, end, fault } of streamRecordFile(path, { onRead })) {
      if (record !== undefined) own[record.load]?.add(record);
      if (end !== undefined) ends.push({ agent, end });
      if (record ?? session ?? fault) yield defined({ record, session, fault });
    }
  }
  for (const [load, plan] of plans.entries()) {
    const known = leader?.ends.find((end) => end.load === load);
    const own = ends.filter(({ end }) => end.load === load)
      .map((one) => ({ ...one, tally: tallies.get(one.agent)![load]! }));
    if (known === undefined && own.length === 0) continue;
    yield { end: known === undefined ? endOf(plan, load, own) : endByFiles(known, load, tallies) };
  }
}

/** @throws {UserError} where they are not parts of one run. */
function partsOf(clients: readonly Client[]): readonly PartFile[] {
  const parts: PartFile[] = [];
  const first = clients[0]!;
  const run = runOf(first.header);
  let leader: Client | undefined;
  for (const client of clients) {
    const { path, header } = client;
    const refuse = (other: Client, why: string) => {
      throw new UserError(`Cannot merge ${path} with ${other.path}: ${why}`);
    };
    if (runOf(header) === undefined || run === undefined) {
      refuse(first, "one is of a fleet's run and the other is not");
    }
    if (runOf(header) !== run) refuse(first, "they are of different runs of a fleet");
    if (header.part === undefined) {
      if (leader !== undefined) refuse(leader, "both are the leader's of one run");
      leader = client;
      continue;
    }
    const twice = parts.find(({ part }) => part.agent === header.part!.agent);
    if (twice !== undefined) refuse(twice, `both are of agent ${header.part.agent} and count once`);
    parts.push({ ...client, part: header.part });
  }
  if (parts.length === 0) {
    throw new UserError(`Cannot merge ${first.path}: there is no record file of an agent`);
  }
  return parts.sort((a, b) => a.part.agent - b.part.agent);
}

function runOf({ part, fleet }: RunHeader): string | undefined {
  return part?.run ?? fleet?.run;
}

/** Of loads that were decided as the run went on, a client that was killed knows fewer. */
function longest(clients: readonly Client[]): readonly LoadPlan[] {
  return clients.map(({ header: { loads } }) => loads)
    .reduce((most, loads) => loads.length > most.length ? loads : most);
}

function headerOf(
  parts: readonly PartFile[],
  leader: Client | undefined,
  loads: readonly LoadPlan[],
): RunHeader {
  const { part, ...own } = parts[0]!.header;
  const base = leader?.header ?? own;
  const fleet = leader?.header.fleet ?? fleetOf(part!, parts);
  return { ...base, loads, fleet: { ...fleet, fromRecords: true } };
}

function fleetOf({ fleet, run, agents }: RunPart, parts: readonly PartFile[]): RunFleet {
  const { version, transport } = parts[0]!.header;
  return {
    ...{ name: fleet, run },
    agents: Array.from({ length: agents }, (_, agent) => {
      const file = parts.find(({ part }) => part.agent === agent);
      return file === undefined
        // All have the same version; how many threads it had nobody knows.
        ? { version, transport, workers: 0 }
        : describeAgent(file);
    }),
  };
}

function describeAgent({ path, header }: PartFile): FleetAgent {
  const { environment: { hostname, cores, effectiveCores }, version, transport, workers } = header;
  return {
    ...defined({ hostname }),
    ...{ version, cores: effectiveCores ?? cores, transport, workers, file: path },
  };
}

/** What a file holds of a load. */
class Tally {
  sent = 0;
  lastMs = 0;
  #completed = 0;
  #failed = 0;
  #outputTokens = 0;

  add(record: RequestRecord): void {
    const { phase, sentMs, endMs = 0, outcome: { kind }, outputTokens } = record;
    if (phase === "warmup") return;
    if (sentMs !== undefined) this.sent++;
    this.lastMs = Math.max(this.lastMs, endMs);
    if (kind === "ok") {
      this.#completed++;
      this.#outputTokens += outputTokens?.tokens ?? 0;
    } else if (kind !== "cancelled" && kind !== "cancelled_as_planned") this.#failed++;
  }

  counts(): Pick<FleetPart, "sent" | "completed" | "failed" | "outputTokens"> {
    return {
      ...{ sent: this.sent, completed: this.#completed },
      ...{ failed: this.#failed, outputTokens: this.#outputTokens },
    };
  }
}

/** The end of a load whose leader's file is not there. */
function endOf(
  plan: LoadPlan,
  load: number,
  own: readonly { readonly agent: number; readonly end: LoadEnd; readonly tally: Tally }[],
): LoadEnd {
  // An agent without users ends at once.
  const busy = own.filter(({ tally }) => tally.sent > 0);
  const counted = (busy.length > 0 ? busy : own).map(({ end }) => ({ end, laterMs: 0 }));
  const starts = own.flatMap(({ end }) => end.startedAtMs ?? []);
  return {
    ...mergeEnds(load, counted, plan),
    ...(starts.length === 0 ? {} : { startedAtMs: Math.min(...starts) }),
    fleet: { parts: own.map(({ agent, end, tally }) => partOf(agent, end, tally)) },
  };
}

function partOf(agent: number, end: LoadEnd, tally: Tally): FleetPart {
  const { lastMs } = tally;
  return {
    ...{ agent, ...tally.counts(), lateMs: 0 },
    ...defined({ client: end.client }),
    ...(end.inferred === true
      ? { lost: { atMs: lastMs, reason: "its record file has no end", counted: true } }
      : {}),
  };
}

/** The leader's end, by what is here: a file of its own may be missing, and that of a lost agent be there. */
function endByFiles(
  end: LoadEnd,
  load: number,
  tallies: ReadonlyMap<number, readonly Tally[]>,
): LoadEnd {
  if (end.fleet === undefined || end.skipped === true) return end;
  const parts = end.fleet.parts.map((part): FleetPart => {
    const tally = tallies.get(part.agent)?.[load];
    const { lost } = part;
    if (tally === undefined) {
      // Of a lost agent the leader's results have nothing, either.
      if (part.sent === 0 || lost !== undefined && lost.counted !== true) return part;
      return { ...part, lost: { atMs: 0, reason: "its record file is not here" } };
    }
    return lost === undefined || lost.counted === true
      ? part
      : { ...part, ...tally.counts(), lost: { ...lost, counted: true } };
  });
  return { ...end, fleet: { ...end.fleet, parts } };
}
