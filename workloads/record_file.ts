/**
 * The record file: JSON lines, appended as requests end, read back by every report.
 *
 * Line 1 `{"header": RunHeader}`, then `{"record": …}` for each request, `{"session": SessionEnd}` for
 * each session and `{"end": LoadEnd}` for each load. A load that was decided while the run went on has a
 * line `{"plan": LoadPlan}` before its first record. The leader of a fleet has no records: it writes
 * `{"state": LoadState}` before the end of each load. Times have whole microseconds. A file that was cut
 * short (a killed client, a full disk) is read up to its last whole line.
 *
 * @module
 */
import { defined } from "../backends/defined.ts";
import type { RequestRecord } from "../backends/record.ts";
import type { LoadState } from "../metrics/load_state.ts";
import type { LoadEnd, LoadPlan, Run, RunHeader } from "../metrics/run.ts";
import type { SessionEnd } from "../metrics/run_replay.ts";
import { OpenSessions } from "./record_sessions.ts";
import { notRecords, type PackedRecord, readEntries, type RecordEntry } from "./record_entries.ts";

/**
 * Reads a record file back, whole. Needs `--allow-read`.
 *
 * @throws {UserError} when it is missing, is not a record file, or has a line that cannot be used.
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { readRecordFile, startSimServer, summarize } from "@tokometer/tokometer";
 * import { main } from "@tokometer/tokometer/cli";
 *
 * const server = await startSimServer({ ttft: "1", itl: "0" });
 * const folder = await Deno.makeTempDir();
 * const argv = ["bench", server.url, "--requests=4", "--concurrency=1", `--out=${folder}/run`];
 * await main(argv, { stdout: () => {}, stderr: () => {} });
 * await server.stop();
 * const run = await readRecordFile(`${folder}/run/records.jsonl`);
 * assertEquals(summarize(run).loads[0]?.counts.completed, 4);
 * await Deno.remove(folder, { recursive: true });
 * ```
 */
export async function readRecordFile(path: string): Promise<Run> {
  let run: {
    header: RunHeader;
    records: RequestRecord[];
    ends: LoadEnd[];
    sessions?: SessionEnd[];
    states?: LoadState[];
  } | undefined;
  for await (const entry of streamRecordFile(path)) {
    const { header, plan, record, session, state, end, fault } = entry;
    if (fault !== undefined) throw notRecords(path, `line ${fault.line}: ${fault.problem}`);
    if (header !== undefined) run = { header, records: [], ends: [] };
    if (plan !== undefined && run !== undefined) run.header = withPlan(run.header, plan);
    if (record !== undefined) run?.records.push(record);
    if (session !== undefined && run !== undefined) (run.sessions ??= []).push(session);
    if (state !== undefined && run !== undefined) (run.states ??= []).push(state);
    if (end !== undefined) run?.ends.push(end);
  }
  return run!;
}

/**
 * Reads a record file line by line, in memory that does not grow with it. Each line is checked; one
 * that cannot be used is left out and named. A load without an end is given one as far as its records
 * tell. Needs `--allow-read`.
 *
 * @param options.onRead told the bytes of each line, to show how far it is.
 * @throws {UserError} when it is missing or is not a record file.
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { startSimServer, streamRecordFile } from "@tokometer/tokometer";
 * import { main } from "@tokometer/tokometer/cli";
 *
 * const server = await startSimServer({ ttft: "1", itl: "0" });
 * const folder = await Deno.makeTempDir();
 * const argv = ["bench", server.url, "--requests=4", "--concurrency=1", `--out=${folder}/run`];
 * await main(argv, { stdout: () => {}, stderr: () => {} });
 * await server.stop();
 * let measured = 0;
 * for await (const { record } of streamRecordFile(`${folder}/run/records.jsonl`)) {
 *   if (record?.phase === "measure") measured++;
 * }
 * assertEquals(measured, 4);
 * await Deno.remove(folder, { recursive: true });
 * ```
 */
export async function* streamRecordFile(
  path: string,
  options: { readonly onRead?: ((bytes: number) => void) | undefined } = {},
): AsyncGenerator<RecordEntry> {
  const loads = new Map<number, { lastMs: number; lastSentMs: number }>();
  let header: RunHeader | undefined;
  let plans: LoadPlan[] = [];
  let sessions: OpenSessions | undefined;
  for await (const line of readEntries(path, options)) {
    if (line.header !== undefined) {
      yield { header: header = line.header };
      sessions = new OpenSessions(plans = [...header.loads]);
    }
    if (line.plan !== undefined) {
      plans.push(line.plan);
      yield { plan: line.plan };
    }
    if (line.fault !== undefined) yield { fault: line.fault };
    if (line.record !== undefined) {
      const record = unpack(line.record);
      if (record.phase === "measure") {
        const { lastMs, lastSentMs } = loads.get(record.load) ?? { lastMs: 0, lastSentMs: 0 };
        loads.set(record.load, {
          lastMs: Math.max(lastMs, record.endMs ?? 0),
          lastSentMs: Math.max(lastSentMs, record.sentMs ?? 0),
        });
      }
      sessions!.add(record);
      yield { record };
    }
    if (line.session !== undefined) {
      sessions!.close(line.session);
      yield { session: line.session };
    }
    if (line.state !== undefined) yield { state: line.state };
    if (line.end !== undefined) {
      loads.delete(line.end.load);
      yield { end: line.end };
    }
  }
  // Loads that were running when the client was killed.
  for (const [load, plan] of plans.entries()) {
    const seen = loads.get(load);
    if (seen === undefined) continue;
    for (const session of sessions!.left(load)) yield { session };
    yield {
      end: {
        load,
        durationMs: seen.lastMs,
        rampEndMs: plan.rampUpMs ?? 0,
        sendingEndMs: seen.lastSentMs,
        interrupted: true,
        inferred: true,
      },
    };
  }
}

/**
 * Reads the first line of a record file.
 *
 * @throws {UserError} when it is missing or is not a record file.
 */
export async function readRunHeader(path: string): Promise<RunHeader> {
  for await (const { header } of readEntries(path)) return header!;
  throw notRecords(path, "it is empty");
}

/**
 * Reads header and ends of a record file, without its records.
 *
 * @throws {UserError} when it is missing or is not a record file.
 */
export async function readRunOutline(path: string): Promise<Omit<Run, "records">> {
  let header: RunHeader | undefined;
  const ends: LoadEnd[] = [];
  for await (const line of readEntries(path, { skip: ['{"record":', '{"state":'] })) {
    header ??= line.header;
    if (line.plan !== undefined) header = withPlan(header!, line.plan);
    if (line.end !== undefined) ends.push(line.end);
  }
  return { header: header!, ends };
}

/** A header that knows one more load. */
function withPlan(header: RunHeader, plan: LoadPlan): RunHeader {
  return { ...header, loads: [...header.loads, plan] };
}

function unpack(
  { tickMs, tickTokens, tickWidthUs, tickEvents, ...rest }: PackedRecord,
): RequestRecord {
  return {
    ...rest,
    tickMs: Float64Array.from(tickMs),
    tickTokens: Uint32Array.from(tickTokens),
    ...defined({
      tickWidthUs: tickWidthUs && Uint32Array.from(tickWidthUs),
      tickEvents: tickEvents && Uint32Array.from(tickEvents),
    }),
  };
}
