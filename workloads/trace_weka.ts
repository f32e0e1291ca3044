/**
 * Recordings of coding agents, as WEKA's cache tester and the AgentX corpora have them: a JSON object
 * a session, in a file of its own or on a line, and folders of such files.
 *
 * @module
 */
import { defined } from "../backends/defined.ts";
import { isObject, type JsonObject } from "../backends/json_event.ts";
import { nodeModule } from "../backends/node_module.ts";
import { plural } from "../metrics/format.ts";
import { type DatasetFile, MAX_ROW_BYTES } from "./dataset_file.ts";
import { parseJson } from "./dataset_json.ts";
import {
  countTo,
  listOf,
  numberFrom,
  objectOf,
  oneOf,
  optional,
  orNull,
  type Shape,
  textTo,
} from "./json_shape.ts";
import { concat } from "./line_stream.ts";
import type { Trace, TraceSession } from "./trace.ts";
import { type Agent, type AgentStep, sessionOf } from "./trace_agents.ts";
import { LeftOut, misfit, MOST_ID, MOST_TOKENS, openTrace, refuseNothing } from "./trace_file.ts";
import type { ReadOptions, TraceFormat } from "./trace_format.ts";
import { roundMs } from "./trace_rows.ts";
import { fileError, UserError } from "./user_error.ts";

const hashing = nodeModule<typeof import("node:crypto")>("node:crypto");

export const weka: TraceFormat = {
  name: "weka",
  description: "coding agents with their sub-agents (JSON): a session a file or line, or a folder",
  recognizes: (rows) => rows.length > 0 && (rows.every(isSession) || rows.every(isStep)),
  read,
};

function isSession(row: unknown): boolean {
  return isObject(row) && Array.isArray(row.requests) && "block_size" in row;
}

/** A dataset's reader sees the list of requests in a file, and takes it for rows. */
function isStep(row: unknown): boolean {
  return isObject(row) && typeof row.t === "number" &&
    (row.type === "subagent" ? Array.isArray(row.requests) : "in" in row && "out" in row);
}

interface WekaRequest {
  readonly t: number;
  readonly type: string;
  readonly model: string;
  readonly in: number;
  readonly out: number;
  readonly hash_ids?: readonly number[];
  readonly think_time?: number | null;
  readonly api_time?: number | null;
}

interface WekaAgent {
  readonly t: number;
  readonly subagent_type?: string;
  readonly duration_ms?: number | null;
  readonly tool_tokens?: number;
  readonly system_tokens?: number;
  readonly requests: readonly (WekaRequest | WekaAgent)[];
}

interface WekaFile {
  readonly id: string;
  readonly block_size: number;
  readonly hash_id_scope?: string;
  readonly tool_tokens?: number;
  readonly system_tokens?: number;
  readonly requests: readonly (WekaRequest | WekaAgent)[];
}

const SECONDS = numberFrom(0, 1e9);

const REQUEST = objectOf<WekaRequest>({
  t: SECONDS,
  type: oneOf(["n", "s"]),
  model: textTo(1000, 1),
  in: countTo(MOST_TOKENS),
  out: countTo(MOST_TOKENS),
  hash_ids: optional(listOf(countTo(MOST_ID), MOST_TOKENS)),
  think_time: optional(orNull(SECONDS)),
  api_time: optional(orNull(SECONDS)),
});

const STEP: Shape = (value, at) =>
  isObject(value) && value.type === "subagent" ? AGENT(value, at) : REQUEST(value, at);

const MOST_STEPS = 10_000_000;

const AGENT: Shape = objectOf<WekaAgent>({
  t: SECONDS,
  subagent_type: optional(textTo(1000)),
  duration_ms: optional(orNull(numberFrom(0, 1e12))),
  tool_tokens: optional(countTo(MOST_TOKENS)),
  system_tokens: optional(countTo(MOST_TOKENS)),
  requests: listOf((value, at) => STEP(value, at), MOST_STEPS),
});

const FILE = objectOf<WekaFile>({
  id: textTo(1000, 1),
  block_size: countTo(MOST_TOKENS, 1),
  hash_id_scope: optional(oneOf(["local", "global"])),
  tool_tokens: optional(countTo(MOST_TOKENS)),
  system_tokens: optional(countTo(MOST_TOKENS)),
  requests: listOf(STEP, MOST_STEPS),
});

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
function addSession(
  value: unknown,
  at: { readonly path: string; readonly line: number },
  gathered: Gathered,
): void {
  const { sessions, ids, left } = gathered;
  const wrong = FILE(value, "");
  if (wrong !== undefined) {
    throw misfit(at.path, at.line, isSession(value) ? wrong : `${wrong} (as weka files have it)`);
  }
  const file = value as JsonObject & WekaFile;
  if (gathered.blockTokens !== 0 && gathered.blockTokens !== file.block_size) {
    throw misfit(
      at.path,
      at.line,
      `block_size is ${file.block_size}, but ${gathered.blockTokens} in the files before it`,
    );
  }
  gathered.blockTokens = file.block_size;
  if (ids.has(file.id)) throw misfit(at.path, at.line, `id is "${file.id}", as in another session`);
  ids.add(file.id);
  const reader = new StepReader(file.block_size, at, left);
  const agent = reader.agent({ name: "main", fields: file, place: "requests", originMs: 0 });
  if (reader.firstMs === Infinity) return;
  const isGlobal = file.hash_id_scope === "global";
  const { helpers, ...session } = sessionOf(agent, {
    id: file.id,
    scope: isGlobal ? "weka" : file.id,
    startMs: reader.firstMs,
  });
  gathered.helpers += helpers;
  sessions.push(session);
}

/** Reads the requests of a session, on one axis. */
class StepReader {
  /** Start of its first request. */
  firstMs = Infinity;
  readonly #blockTokens: number;
  readonly #at: { readonly path: string; readonly line: number };
  readonly #left: LeftOut;

  constructor(
    blockTokens: number,
    at: { readonly path: string; readonly line: number },
    left: LeftOut,
  ) {
    this.#blockTokens = blockTokens;
    this.#at = at;
    this.#left = left;
  }

  /** @param options.originMs where its requests' axis begins. */
  agent(
    options: {
      readonly name: string;
      readonly fields: Pick<WekaAgent, "requests" | "tool_tokens" | "system_tokens">;
      readonly place: string;
      readonly originMs: number;
      readonly endMs?: number;
    },
  ): Agent {
    const { name, fields, place, originMs, endMs } = options;
    const before: Agent[] = [];
    const steps: (AgentStep & { readonly agents: Agent[] })[] = [];
    for (const [i, step] of fields.requests.entries()) {
      const at = `${place}[${i}]`;
      if (isAgent(step)) {
        const child = this.#subAgent(step, at, originMs);
        if (child !== undefined) (steps.at(-1)?.agents ?? before).push(child);
      } else if (!this.#left.isEmpty(step.in, step.out)) {
        steps.push({ request: this.#request(step, at, originMs), agents: [] });
      }
    }
    const systemTokens = (fields.tool_tokens ?? 0) + (fields.system_tokens ?? 0);
    return { name, systemTokens, endMs, before, requests: steps };
  }

  /** Its `t` is its end; nothing where it has no requests. */
  #subAgent(step: WekaAgent, place: string, originMs: number): Agent | undefined {
    const first = step.requests[0];
    if (first === undefined) return undefined;
    const atMs = originMs + msOf(step.t);
    // One that was only launched has no duration, and no end.
    const endMs = typeof step.duration_ms === "number" ? atMs : undefined;
    const startMs = roundMs(atMs - (step.duration_ms ?? 0));
    // Where the first request is not before the start, its requests are on the parent's axis.
    const isAbsolute = originMs + msOf(first.t) >= startMs;
    const agent = this.agent({
      name: step.subagent_type || "sub-agent",
      fields: step,
      place: `${place}.requests`,
      originMs: isAbsolute ? originMs : startMs,
      ...defined({ endMs }),
    });
    return agent.requests.length === 0 && agent.before.length === 0 ? undefined : agent;
  }

  #request(step: WekaRequest, place: string, originMs: number) {
    const { in: inputTokens, out: outputTokens, model, think_time, api_time } = step;
    const ids = step.hash_ids ?? [];
    const most = Math.ceil(inputTokens / this.#blockTokens);
    if (ids.length > most) {
      throw misfit(
        this.#at.path,
        this.#at.line,
        `${place}.hash_ids has ${ids.length} ids, but ${inputTokens} tokens are ` +
          `${most} blocks of ${this.#blockTokens}`,
      );
    }
    const startMs = roundMs(originMs + msOf(step.t));
    this.firstMs = Math.min(this.firstMs, startMs);
    return {
      startMs,
      endMs: api_time === undefined || api_time === null
        ? undefined
        : roundMs(startMs + msOf(api_time)),
      thinkMs: think_time === undefined || think_time === null ? undefined : msOf(think_time),
      model,
      ids,
      inputTokens,
      outputTokens,
    };
  }
}

function isAgent(step: WekaRequest | WekaAgent): step is WekaAgent {
  return "requests" in step;
}

function msOf(seconds: number): number {
  return roundMs(1000 * seconds);
}
