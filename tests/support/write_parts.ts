/**
 * Writes a run as the agents of a fleet would have: each its own requests, users and sessions.
 *
 * @module
 */
import type { RequestRecord } from "../../backends/record.ts";
import type { LoadEnd, Run, RunHeader } from "../../metrics/run.ts";
import { openRecordFile, startRecordFile } from "../../workloads/record_writer.ts";
import { RECORD_FILE } from "../../workloads/run_results.ts";

/** What is written. */
export interface PartsFields {
  readonly agents: number;
  /** Whose request it is; default by its number, as of an open schedule. */
  readonly agentOf?: (record: Pick<RequestRecord, "index" | "user">) => number;
  /** What an agent's end has besides; absent = it was killed, and its file has no end. */
  readonly endOf?: (agent: number, end: LoadEnd) => LoadEnd | undefined;
  /** What an agent's header has; default its part. */
  readonly header?: (agent: number) => Partial<RunHeader>;
}

/** The parts of a run in folders `0`, `1`, … of a new folder; returns their record files. */
export async function writeParts(
  folder: string,
  { header, records, sessions = [], ends }: Run,
  fields: PartsFields,
): Promise<readonly string[]> {
  const { agents, agentOf = ({ index }) => index % agents, endOf = (_, end) => end } = fields;
  const paths: string[] = [];
  for (let agent = 0; agent < agents; agent++) {
    const path = `${folder}/${agent}/${RECORD_FILE}`;
    await Deno.mkdir(`${folder}/${agent}`, { recursive: true });
    const writer = startRecordFile(await openRecordFile(path), {
      ...header,
      environment: { ...header.environment, hostname: `node-${agent}` },
      ...fields.header?.(agent) ?? { part: { fleet: "f", run: "run-1", agent, agents } },
    });
    for (const record of records) if (agentOf(record) === agent) writer.add(record);
    for (const one of sessions) {
      if (agentOf({ index: -1, user: one.user }) === agent) writer.session(one);
    }
    for (const end of ends) {
      const own = endOf(agent, end);
      if (own !== undefined) writer.end(own);
    }
    await writer.close();
    paths.push(path);
  }
  return paths;
}
