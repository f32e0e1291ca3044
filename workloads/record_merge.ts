/**
 * Record files of several clients of one server, read as one run.
 *
 * Load 1 of one file and load 1 of the others are one load: users, rates and counts add up. Its
 * clients share a time axis by the instant at which each began the load, by its machine's clock;
 * where a file has no such instant, or on demand, they are assumed to have begun together. An error of
 * that axis shifts the requests of one client against those of another: it blurs what is counted over
 * time (steady window, in flight, series), but no latency.
 *
 * @module
 */
import { defined } from "../backends/defined.ts";
import type { RequestRecord } from "../backends/record.ts";
import { formatMs } from "../metrics/format.ts";
import type { MergedClient, MergedClients } from "../metrics/merged_clients.ts";
import type { LoadEnd, LoadPlan, RunHeader, ServerLost } from "../metrics/run.ts";
import type { ClientHealth } from "../metrics/run_client.ts";
import type { RunReplay } from "../metrics/run_replay.ts";
import { readRunOutline, type RecordEntry, streamRecordFile } from "./record_file.ts";
import { mergeWitnesses } from "./record_merge_witness.ts";
import { mapStamps, microseconds } from "./record_stamps.ts";
import { UserError } from "./user_error.ts";

/** How several clients are put on one time axis. */
export type Alignment = MergedClients["clock"];

interface Client {
  readonly path: string;
  readonly header: RunHeader;
  readonly ends: readonly LoadEnd[];
}

/** Must be equal for the records of two files to mean the same. */
const EQUAL = ["protocol", "model", "length", "stream"] as const;

/** What records of sessions, of several servers, and of salted prompts mean, in words. */
const SAME_SETUP: readonly (readonly [what: string, of: (header: RunHeader) => string])[] = [
  [
    "the recording",
    ({ replay }) => replay === undefined ? "none" : `${replay.format}, ${replay.history} history`,
  ],
  // Records name a server by its position.
  ["the list of servers", ({ urls }) => urls === undefined ? "none" : urls.join(" ")],
  // Files of before have none, whatever their prompts had.
  ["the salt", ({ saltScope, replay }) => replay === undefined ? "any" : saltScope ?? "unknown"],
];

/**
 * Reads several record files as one: its header, every record, and an end for each load. Needs
 * `--allow-read`.
 *
 * @param options `align`: default `wall` where all files tell when their loads began, else `start`.
 * @throws {UserError} when a file cannot be read, or the files do not fit together.
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import {
 *   type Accumulator,
 *   createAccumulator,
 *   mergeRecordFiles,
 *   startSimServer,
 * } from "@tokometer/tokometer";
 * import { main } from "@tokometer/tokometer/cli";
 *
 * const server = await startSimServer({ ttft: "1", itl: "0" });
 * const folder = await Deno.makeTempDir();
 * // Two clients, on one machine here and therefore one after the other.
 * const runs = ["a", "b"].map((name) => `${folder}/${name}`);
 * for (const run of runs) {
 *   const argv = ["bench", server.url, "--concurrency=1", "--requests=4", `--out=${run}`];
 *   await main(argv, { stdout: () => {}, stderr: () => {} });
 * }
 * await server.stop();
 * let accumulator: Accumulator | undefined;
 * const files = runs.map((run) => `${run}/records.jsonl`);
 * for await (const { header, record, end } of mergeRecordFiles(files, { align: "start" })) {
 *   if (header !== undefined) accumulator = createAccumulator(header, { values: "histogram" });
 *   if (record !== undefined) accumulator?.add(record);
 *   if (end !== undefined) accumulator?.end(end);
 * }
 * assertEquals(accumulator?.summary().loads[0]?.label, "2 × 1 user");
 * await Deno.remove(folder, { recursive: true });
 * ```
 */
export async function* mergeRecordFiles(
  paths: readonly string[],
  options: { readonly align?: Alignment | undefined } = {},
): AsyncGenerator<RecordEntry> {
  const clients: Client[] = [];
  for (const path of paths) clients.push({ path, ...await readRunOutline(path) });
  refuseDifferentRuns(clients);
  const axis = alignLoads(clients, options.align);
  yield { header: mergeHeaders(clients, axis) };

  const ends: { readonly client: number; readonly end: LoadEnd }[] = [];
  for (const [client, { path, header }] of clients.entries()) {
    const before = header.loads.map((_, load) =>
      sum(clients.slice(0, client).map(({ header }) => usersOf(header, load)))
    );
    // Every client may send the same sessions: they are told apart, as their users are.
    const nameOf = (session: string) => `${session} of client ${client + 1}`;
    for await (const { record, session, end, fault } of streamRecordFile(path)) {
      if (fault !== undefined) yield { fault };
      if (end !== undefined) ends.push({ client, end });
      if (session !== undefined) {
        const laterMs = axis.laterMs[client]![session.load] ?? 0;
        yield {
          session: {
            ...session,
            session: nameOf(session.session),
            user: session.user + (before[session.load] ?? 0),
            startMs: microseconds(session.startMs + laterMs),
            endMs: microseconds(session.endMs + laterMs),
          },
        };
      }
      if (record === undefined) continue;
      yield {
        record: {
          ...shiftRecord(record, axis.laterMs[client]![record.load] ?? 0),
          index: record.index * clients.length + client,
          user: record.user + (before[record.load] ?? 0),
          ...(record.session === undefined ? {} : { session: nameOf(record.session) }),
        },
      };
    }
  }
  for (const load of clients[0]!.header.loads.keys()) {
    const own = ends.filter(({ end }) => end.load === load)
      .map(({ client, end }) => ({ end, laterMs: axis.laterMs[client]![load]! }));
    if (own.length > 0) yield { end: mergeEnds(load, own) };
  }
}

function refuseDifferentRuns([first, ...others]: readonly Client[]): void {
  const refuse = ({ path }: Client, reason: string): never => {
    throw new UserError(`Cannot merge ${path} with ${first!.path}: ${reason}`);
  };
  const seen = new Set([JSON.stringify(first!.header)]);
  for (const other of others) {
    const text = JSON.stringify(other.header);
    if (seen.has(text)) refuse(other, "it is the same run and would count twice");
    seen.add(text);
    for (const field of EQUAL) {
      const [theirs, ours] = [other.header[field], first!.header[field]];
      if (theirs !== ours) refuse(other, `${field} is ${theirs} in one and ${ours} in the other`);
    }
    for (const [what, of] of SAME_SETUP) {
      const [theirs, ours] = [of(other.header), of(first!.header)];
      if (theirs !== ours) refuse(other, `${what} is ${theirs} in one and ${ours} in the other`);
    }
    const kinds = ({ header: { loads } }: Client) =>
      loads.map(({ kind, replay }) => replay ?? (kind === "open" ? "open loop" : "closed loop"))
        .join(", ");
    if (kinds(other) !== kinds(first!)) {
      refuse(other, `their loads differ (${kinds(other)}; ${kinds(first!)})`);
    }
  }
}

interface Axis {
  readonly clock: Alignment;
  /** By client and load: how much later than the first of the clients it began the load. */
  readonly laterMs: readonly (readonly number[])[];
  /** By client: the start of some load that was run is unknown. */
  readonly untimed: readonly boolean[];
}

function alignLoads(clients: readonly Client[], asked: Alignment | undefined): Axis {
  const endOf = ({ ends }: Client, load: number) => ends.find((end) => end.load === load);
  const startOf = (client: Client, load: number) => endOf(client, load)?.startedAtMs;
  const loads = [...clients[0]!.header.loads.keys()];
  const skipped = (client: Client, load: number) => endOf(client, load)?.skipped === true;
  // A load that no client has reached needs no start.
  const reached = loads.filter((load) =>
    clients.some((client) => endOf(client, load) !== undefined && !skipped(client, load))
  );
  const untimed = clients.map((client) =>
    reached.some((load) => startOf(client, load) === undefined && !skipped(client, load))
  );
  const firstUntimed = untimed.indexOf(true);
  if (asked === "wall" && firstUntimed >= 0) {
    throw new UserError(
      `Cannot align ${
        clients[firstUntimed]!.path
      } by the wall clock: it has no time at which each load began ` +
        "(its client was killed, or is older); --align start assumes that all clients began together",
    );
  }
  if (asked === "start" || firstUntimed >= 0) {
    return { clock: "start", laterMs: clients.map(() => loads.map(() => 0)), untimed };
  }
  const firstMs = loads.map((load) =>
    Math.min(...clients.map((client) => startOf(client, load) ?? Infinity))
  );
  const laterMs = clients.map((client) =>
    loads.map((load) => {
      const startMs = startOf(client, load);
      return startMs === undefined ? 0 : microseconds(startMs - firstMs[load]!);
    })
  );
  refuseSeparateRuns(clients, laterMs);
  return { clock: "wall", laterMs, untimed };
}

/** Runs one after the other never loaded the server together. */
function refuseSeparateRuns(
  clients: readonly Client[],
  laterMs: readonly (readonly number[])[],
): void {
  for (const load of clients[0]!.header.loads.keys()) {
    const spans = clients.flatMap(({ path, ends }, client) => {
      const end = ends.find((one) => one.load === load);
      const fromMs = laterMs[client]![load]!;
      return end === undefined || end.skipped
        ? []
        : [{ path, fromMs, toMs: fromMs + end.durationMs }];
    });
    const latest = spans.toSorted((a, b) => b.fromMs - a.fromMs)[0];
    const soonest = spans.toSorted((a, b) => a.toMs - b.toMs)[0];
    if (latest === undefined || soonest === undefined || latest.fromMs <= soonest.toMs) continue;
    throw new UserError(
      `Cannot merge ${latest.path} with ${soonest.path}: by the clocks of their machines load ${
        load + 1
      } began ${formatMs(latest.fromMs - soonest.toMs)} after it had ended there; if the clocks ` +
        "are wrong and they did run together, use --align start",
    );
  }
}

/** The first load that a client took no part in. */
function absenceOf(
  ends: readonly LoadEnd[],
  loads: number,
): Pick<MergedClient, "absentFrom" | "killed"> {
  for (let load = 0; load < loads; load++) {
    const end = ends.find((one) => one.load === load);
    // The client was in this load, or in its warm-up; later ones were never begun.
    if (end === undefined) return { absentFrom: load + 1, killed: true };
    if (end.skipped) return { absentFrom: load };
  }
  return {};
}

/** Whether the marks at the front of their prompts are the same; most are drawn in each run. */
function hasMarksOf(header: RunHeader, first: RunHeader): boolean {
  if (first.saltScope === undefined || first.saltScope === "none") return true;
  return first.options.salt !== undefined && header.options.salt === first.options.salt;
}

function mergeHeaders(clients: readonly Client[], { clock, laterMs, untimed }: Axis): RunHeader {
  const headers = clients.map(({ header }) => header);
  const first = headers[0]!;
  const { dataset } = first;
  // The error of one client under its part of the load is not that of all of them.
  const { calibration: _, ...rest } = first;
  // Clients of one seed send the same prompts, unless these are generated anew or marked in each run.
  const repeated = headers.filter((header) =>
    header.dataset.kind !== "synthetic" && header.seed === first.seed &&
    header.dataset.source === dataset.source && hasMarksOf(header, first)
  ).slice(1);
  const { replay } = first;
  const recordings = new Set(headers.map(({ dataset }) => dataset.sha256 ?? dataset.source));
  return {
    ...rest,
    ...(replay === undefined || recordings.size < 2
      ? {}
      : { replay: mergeReplays(headers.flatMap(({ replay }) => replay ?? [])) }),
    ...mergeScenarios(headers),
    loads: first.loads.map((_, load) => mergePlans(headers.map(({ loads }) => loads[load]!))),
    dataset: {
      ...dataset,
      prompts: sum(headers.map(({ dataset: { prompts } }) => prompts)),
      duplicates: sum(headers.map(({ dataset: { duplicates } }) => duplicates)) +
        sum(repeated.map(({ dataset: { prompts, duplicates } }) => prompts - duplicates)),
    },
    merged: {
      clock,
      clients: clients.map(({ header: { environment, startedAt }, ends }, client) => ({
        ...defined({ hostname: environment.hostname }),
        startedAt,
        laterMs: Math.max(0, ...laterMs[client]!),
        ...absenceOf(ends, first.loads.length),
        ...(untimed[client] ? { untimed: true } : {}),
      })),
    },
  };
}

/** Of different recordings, whose order in one file does not exist. */
function mergeReplays(replays: readonly RunReplay[]): RunReplay {
  const { expectedShare: _, ...first } = replays[0]!;
  return {
    ...first,
    sessions: sum(replays.map(({ sessions }) => sessions)),
    turns: sum(replays.map(({ turns }) => turns)),
  };
}

/** A rule that one client broke is broken. */
function mergeScenarios(headers: readonly RunHeader[]): Pick<RunHeader, "ruledBy"> {
  const ruled = headers.flatMap(({ ruledBy }) => ruledBy ?? []);
  if (ruled.length === 0) return {};
  const broken = new Set(ruled.flatMap(({ broken }) => broken));
  if (ruled.length < headers.length) broken.add("some of the merged clients had no scenario");
  return { ruledBy: { name: ruled[0]!.name, broken: [...broken] } };
}

/** `2 × 64 users`, `64 users + 32 users`. */
function mergePlans(plans: readonly LoadPlan[]): LoadPlan {
  const first = plans[0]!;
  const labels = plans.map(({ label }) => label);
  const same = labels.every((label) => label === first.label);
  /** Combined where every plan has it. */
  const together = (
    field:
      | ("users" | "ratePerSec" | "stopRequests" | "rampUpMs" | "stopDurationMs" | "maxInFlight")
      | ("maxPrefill" | "speedup"),
    combine: (values: readonly number[]) => number,
  ) => {
    const values = plans.flatMap((plan) => plan[field] ?? []);
    return values.length < plans.length ? {} : { [field]: combine(values) };
  };
  const largest = (values: readonly number[]) => Math.max(...values);
  return {
    label: same ? `${plans.length} × ${first.label}` : labels.join(" + "),
    kind: first.kind,
    ...defined({
      arrival: first.arrival,
      overflow: first.overflow,
      stages: mergeStages(plans.map(({ stages }) => stages)),
      replay: first.replay,
      thinkTime: anyOf(plans.map(({ thinkTime }) => thinkTime)),
      cancel: anyOf(plans.map(({ cancel }) => cancel)),
    }),
    ...together("users", sum),
    ...together("ratePerSec", sum),
    ...together("stopRequests", sum),
    ...together("maxPrefill", sum),
    ...together("speedup", largest),
    ...together("rampUpMs", largest),
    ...together("stopDurationMs", largest),
    ...together("maxInFlight", (limits) => limits.includes(0) ? 0 : sum(limits)),
  };
}

/** What the clients did, one or the other. */
function anyOf(texts: readonly (string | undefined)[]): string | undefined {
  return [...new Set(texts.filter((text) => text !== undefined))].join(" or ") || undefined;
}

/** Equal stages with the sum of their rates; different ones have nothing in common. */
function mergeStages(all: readonly LoadPlan["stages"][]): LoadPlan["stages"] {
  const [first] = all;
  const ofOne = JSON.stringify(first);
  if (first === undefined || all.some((stages) => JSON.stringify(stages) !== ofOne)) {
    return undefined;
  }
  return first.map((stage) => ({
    ...stage,
    fromPerSec: all.length * stage.fromPerSec,
    toPerSec: all.length * stage.toPerSec,
  }));
}

/** Users of a load, or the threads that are numbered like users in an open loop. */
function usersOf(header: RunHeader, load: number): number {
  return header.loads[load]?.users ?? Math.max(1, header.workers);
}

function shiftRecord(record: RequestRecord, laterMs: number): RequestRecord {
  if (laterMs === 0) return record;
  return mapStamps(record, (ms) => microseconds(ms + laterMs));
}

function mergeEnds(
  load: number,
  ends: readonly { readonly end: LoadEnd; readonly laterMs: number }[],
): LoadEnd {
  // A client that never began the load has no times.
  const begun = ends.filter(({ end }) => !end.skipped);
  const timed = begun.length > 0 ? begun : ends;
  const last = (of: (end: LoadEnd) => number) =>
    Math.max(...timed.map(({ end, laterMs }) => laterMs + of(end)));
  const client = mergeHealth(ends.flatMap(({ end }) => end.client ?? []));
  const sampled = ends.find(({ end }) => end.gpu !== undefined);
  const gpu = sampled?.end.gpu;
  return {
    load,
    durationMs: last(({ durationMs }) => durationMs),
    // The steady window lies between the last client's start and the first one's end.
    rampEndMs: last(({ rampEndMs }) => rampEndMs),
    sendingEndMs: Math.min(...timed.map(({ end, laterMs }) => laterMs + end.sendingEndMs)),
    interrupted: ends.some(({ end }) => end.interrupted),
    ...(ends.every(({ end }) => end.skipped) ? { skipped: true } : {}),
    ...(ends.some(({ end }) => end.inferred) ? { inferred: true } : {}),
    ...defined({ client, serverLost: firstLoss(ends) }),
    ...mergeWitnesses(timed),
    // Only a client on the server's machine sees its GPUs.
    ...(gpu === undefined
      ? {}
      : { gpu: { ...gpu, timeMs: gpu.timeMs.map((ms) => ms + sampled!.laterMs) } }),
  };
}

/** Of clients that lost the server, the one that noticed first. */
function firstLoss(
  ends: readonly { readonly end: LoadEnd; readonly laterMs: number }[],
): ServerLost | undefined {
  return ends.flatMap(({ end: { serverLost }, laterMs }) =>
    serverLost === undefined ? [] : { ...serverLost, atMs: serverLost.atMs + laterMs }
  ).sort((a, b) => a.atMs - b.atMs)[0];
}

/** The worst of each: one late client is enough to spoil a tail. */
function mergeHealth(clients: readonly ClientHealth[]): ClientHealth | undefined {
  if (clients.length === 0) return undefined;
  const merged: Record<string, number> = {};
  // Without stamps of one client's reads there is no share that holds for all.
  const stamped = Math.min(...clients.map(({ kernelStampedReads }) => kernelStampedReads ?? 0));
  for (const client of clients) {
    const { descriptors: _, descriptorLimit: _limit, kernelStampedReads: _reads, ...health } =
      client;
    for (const [name, value] of Object.entries(health)) {
      merged[name] = name === "replacedConnections"
        ? (merged[name] ?? 0) + value
        : Math.max(merged[name] ?? -Infinity, value);
    }
  }
  const fullest = clients.toSorted((a, b) => filling(b) - filling(a))[0]!;
  const { descriptors, descriptorLimit } = fullest;
  return {
    ...merged,
    ...(stamped === 0 ? {} : { kernelStampedReads: stamped }),
    ...defined({ descriptors, descriptorLimit }),
  };
}

function sum(values: readonly number[]): number {
  return values.reduce((total, one) => total + one, 0);
}

function filling({ descriptors, descriptorLimit }: ClientHealth): number {
  return descriptors === undefined || descriptorLimit === undefined
    ? -1
    : descriptors / descriptorLimit;
}
