/**
 * Recordings of coding agents, as WEKA's cache tester and the AgentX corpora have them: a JSON object
 * a session, in a file of its own or on a line, and folders of such files.
 *
 * @module
 */
import { isObject } from "../backends/json_event.ts";
import { nodeModule } from "../backends/node_module.ts";
import { plural } from "../metrics/format.ts";
import { type DatasetFile, MAX_ROW_BYTES } from "./dataset_file.ts";
import { parseJson } from "./dataset_json.ts";
import { concat } from "./line_stream.ts";
import type { Trace, TraceSession } from "./trace.ts";
import { LeftOut, misfit, openTrace, refuseNothing } from "./trace_file.ts";
import type { ReadOptions, TraceFormat } from "./trace_format.ts";
import { isWekaSession, readWekaSession, type WekaPlace } from "./trace_weka_session.ts";
import { fileError, UserError } from "./user_error.ts";

const hashing = nodeModule<typeof import("node:crypto")>("node:crypto");

export const weka: TraceFormat = {
  name: "weka",
  description: "coding agents with their sub-agents (JSON): a session a file or line, or a folder",
  recognizes: (rows) => rows.length > 0 && (rows.every(isWekaSession) || rows.every(isStep)),
  read,
};

/** A dataset's reader sees the list of requests in a file, and takes it for rows. */
function isStep(row: unknown): boolean {
  return isObject(row) && typeof row.t === "number" &&
    (row.type === "subagent" ? Array.isArray(row.requests) : "in" in row && "out" in row);
}

/** What is gathered over all files. */
interface Gathered {
  readonly sessions: TraceSession[];
  readonly ids: Set<string>;
  readonly left: LeftOut;
  readonly hash: ReturnType<ReturnType<typeof hashing>["createHash"]>;
  helpers: number;
  blockTokens: number;
}

async function read(path: string, options: ReadOptions): Promise<Trace> {
  const files = await filesOf(path);
  const total = files.reduce((sum, { bytes }) => sum + bytes, 0);
  const gathered: Gathered = {
    sessions: [],
    ids: new Set(),
    left: new LeftOut(),
    hash: hashing().createHash("sha256"),
    helpers: 0,
    blockTokens: 0,
  };
  let done = 0;
  for (const { name, bytes } of files) {
    options.signal?.throwIfAborted();
    // One file at a time: only ids and lengths of it are kept.
    await readFile(name, gathered);
    options.onProgress?.(done += bytes, total);
  }
  const { sessions, left, hash, helpers, blockTokens } = gathered;
  refuseNothing(path, sessions.length, left);
  return {
    format: weka.name,
    source: path,
    sha256: hash.digest("hex"),
    blockTokens,
    sessions: sessions.sort((a, b) => a.turns[0]!.atMs - b.turns[0]!.atMs),
    hasSessions: true,
    hasInstants: true,
    history: "recorded",
    skipped: left.counts(),
    remarks: helpers === 0 ? [] : [
      `${
        plural(helpers, "helper")
      } that the files do not name ran beside the agents' own requests, ` +
      "as overlaps and block ids tell",
    ],
  };
}

/** The files of a folder by name, or the one file. @throws {UserError} for a folder without any. */
async function filesOf(path: string): Promise<{ name: string; bytes: number }[]> {
  try {
    const found = await Deno.stat(path);
    if (!found.isDirectory) return [{ name: path, bytes: found.size }];
    const files: { name: string; bytes: number }[] = [];
    for await (const { name, isFile } of Deno.readDir(path)) {
      if (!isFile || !/\.jsonl?$/i.test(name)) continue;
      const file = `${path.replace(/\/+$/, "")}/${name}`;
      files.push({ name: file, bytes: (await Deno.stat(file)).size });
    }
    if (files.length > 0) return files.sort((a, b) => a.name < b.name ? -1 : 1);
  } catch (error) {
    throw fileError(`Cannot read "${path}"`, error);
  }
  throw new UserError(
    `Cannot read "${path}": the folder holds no .json files of recorded sessions`,
  );
}

async function readFile(path: string, gathered: Gathered): Promise<void> {
  using file = await openTrace(path);
  const bytes = await bytesOf(file, gathered);
  const whole = parseJson(bytes);
  if (whole.problem === undefined) return addSession(whole.value, { path, line: 1 }, gathered);
  const text = new TextDecoder().decode(bytes);
  const lines = text.split("\n").map((text, i) => ({ text, line: i + 1 }))
    .filter(({ text }) => text.trim() !== "");
  if (lines.length < 2) throw new UserError(`Cannot read "${path}": it ${whole.problem}`);
  for (const { text, line } of lines) {
    const { value, problem } = parseJson(text);
    if (problem !== undefined) throw misfit(path, line, `it ${problem}`);
    addSession(value, { path, line }, gathered);
  }
}

async function bytesOf(file: DatasetFile, { hash }: Gathered): Promise<Uint8Array> {
  const parts: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of file.chunks()) {
    size += chunk.length;
    if (size > MAX_FILE_BYTES) {
      throw new UserError(`Cannot read "${file.path}": it is longer than ${MAX_FILE_BYTES} bytes`);
    }
    hash.update(chunk);
    parts.push(chunk.slice());
  }
  return concat(parts);
}

/** A file is read whole: most are below a megabyte. */
const MAX_FILE_BYTES = 4 * MAX_ROW_BYTES;

/** @throws {UserError} where the object does not fit. */
function addSession(value: unknown, at: WekaPlace, gathered: Gathered): void {
  const { sessions, ids, left } = gathered;
  const { id, blockTokens, session, helpers } = readWekaSession(value, at, left);
  if (gathered.blockTokens !== 0 && gathered.blockTokens !== blockTokens) {
    throw misfit(
      at.path,
      at.line,
      `block_size is ${blockTokens}, but ${gathered.blockTokens} in the files before it`,
    );
  }
  gathered.blockTokens = blockTokens;
  if (ids.has(id)) throw misfit(at.path, at.line, `id is "${id}", as in another session`);
  ids.add(id);
  gathered.helpers += helpers;
  if (session !== undefined) sessions.push(session);
}
