/**
 * Record files of several clients of one server, read as one run.
 *
 * Load 1 of one file and load 1 of the others are one load: users, rates and counts add up. Its
 * clients share a time axis by the instant at which each began the load, by its machine's clock;
 * where a file has no such instant, or on demand, they are assumed to have begun together. An error of
 * that axis shifts the requests of one client against those of another: it blurs what is counted over
 * time (steady window, in flight, series), but no latency.
 *
 * Files of the agents of one fleet are parts of one run: see `record_merge_fleet.ts`.
 *
 * @module
 */
import type { RequestRecord } from "../backends/record.ts";
import type { LoadEnd, RunHeader } from "../metrics/run.ts";
import { readRunOutline, streamRecordFile } from "./record_file.ts";
import type { RecordEntry } from "./record_entries.ts";
import { alignLoads, type Alignment, type Client } from "./record_merge_axis.ts";
import { mergeEnds } from "./record_merge_end.ts";
import { isOfFleet, mergeParts } from "./record_merge_fleet.ts";
import { mergeHeaders } from "./record_merge_header.ts";
import { mapStamps, microseconds } from "./record_stamps.ts";
import { UserError } from "./user_error.ts";

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
  options: {
    readonly align?: Alignment | undefined;
    readonly onRead?: ((bytes: number) => void) | undefined;
  } = {},
): AsyncGenerator<RecordEntry> {
  const clients: Client[] = [];
  for (const path of paths) clients.push({ path, ...await readRunOutline(path) });
  if (clients.some(isOfFleet)) return yield* mergeParts(clients, options);
  refuseDifferentRuns(clients);
  const axis = alignLoads(clients, options.align);
  yield { header: mergeHeaders(clients, axis) };

  const ends: { readonly client: number; readonly end: LoadEnd }[] = [];
  for (const [client, { path, header }] of clients.entries()) {
    const before = header.loads.map((_, load) =>
      clients.slice(0, client).reduce((sum, { header }) => sum + usersOf(header, load), 0)
    );
    // Every client may send the same sessions: they are told apart, as their users are.
    const nameOf = (session: string) => `${session} of client ${client + 1}`;
    for await (const { record, session, end, fault } of streamRecordFile(path, options)) {
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
  const searching = [first!, ...others].find(({ header: { find } }) => find !== undefined);
  if (searching !== undefined) {
    throw new UserError(
      `Cannot merge ${searching.path}: it decided its loads as it went on, so no other client had the same`,
    );
  }
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

/** Users of a load, or the threads that are numbered like users in an open loop. */
function usersOf(header: RunHeader, load: number): number {
  return header.loads[load]?.users ?? Math.max(1, header.workers);
}

function shiftRecord(record: RequestRecord, laterMs: number): RequestRecord {
  if (laterMs === 0) return record;
  return mapStamps(record, (ms) => microseconds(ms + laterMs));
}
