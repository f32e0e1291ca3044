/**
 * Every choice of a run, checked and with its default, before anything is sent.
 *
 * @module
 */
import type { Protocol, Sampling } from "../backends/protocol.ts";
import { findProtocol } from "../backends/protocols.ts";
import { TRANSPORTS } from "../backends/transports.ts";
import { parseSlo, type Slo } from "../metrics/summary_slo.ts";
import { DEFAULT_PERCENTILES, type ValueKeeping } from "../metrics/summary.ts";
import { datasetExtra, findDataset } from "./datasets.ts";
import type { GpuChoice } from "./gpu_sampler.ts";
import { type LengthSpec, parseLengthSpec } from "./dataset_length.ts";
import type { Load, Stop } from "./load.ts";
import { checkModelFolder } from "./bench_model_folder.ts";
import type { Dataset } from "./prompt.ts";
import type { OptionValue, Values } from "./command.ts";
import { valueWithoutKeys } from "./option_secret.ts";
import { UserError } from "./user_error.ts";

/** A benchmark run, fully decided. Secrets are in it: it is never written anywhere. */
export interface BenchPlan {
  /** Name of the command, for the record's header. */
  readonly scenario: string;
  /** Server under test with its scheme; for a model in process its folder or name. */
  readonly url: string;
  /** Name in the registry of protocols, e.g. `openai-chat`. */
  readonly protocol: string;
  /** Name in the registry of transports, e.g. `fetch`. */
  readonly transport: string;
  /** Path of the generation call; absent = the protocol's own. */
  readonly endpoint?: string;
  /** Name to send; absent = the first one the server lists. */
  readonly model?: string;
  /** Secret, already read from its source; absent = none is sent. */
  readonly apiKey?: string;
  /** Extra request headers by name; may be secrets. */
  readonly headers: Readonly<Record<string, string>>;
  /** PEM text. */
  readonly caCert?: string;
  /** Accept any TLS certificate. */
  readonly insecure: boolean;
  /** Use the proxy of the environment for local addresses, too. */
  readonly proxyLocal: boolean;
  /** Longest that a request may take, in ms; 0 = no limit. */
  readonly timeoutMs: number;

  /** What is measured, one after another. */
  readonly loads: readonly Load[];
  /** For each load, in the same order. */
  readonly stops: readonly Stop[];
  /** Requests before each load that are not counted, in the same order. */
  readonly warmups: readonly number[];
  /** How long requests in flight may go on when sending has ended, in ms. */
  readonly graceMs: number;
  /** Threads that send and read; 0 = the main one. */
  readonly workers: number;

  /** Name in the registry of datasets, e.g. `sharegpt`. */
  readonly dataset: string;
  /** File of the dataset, where it reads one. */
  readonly datasetPath?: string;
  /** Size of the pool of prompts. */
  readonly prompts: number;
  /** The dataset's own options. */
  readonly datasetExtra: Readonly<Record<string, unknown>>;
  /** Prompts that the command has made itself; the dataset's options then say nothing. */
  readonly own?: OwnPrompts;
  /** Answer lengths that override the dataset's own. */
  readonly outputTokens?: LengthSpec;
  /** Text put before every prompt as a system turn. */
  readonly systemPrompt?: string;
  /** User turns of a conversation that go into one prompt. */
  readonly turns: number;
  /** Folder or file to load; absent = lengths are estimates. */
  readonly tokenizer?: string;

  /** `forced`: answers of an exact length; `cap`: at most that length. */
  readonly length: "forced" | "cap";
  /** Ask for answers token by token; without it only E2E is measured. */
  readonly stream: boolean;
  /** Parameters sent with every request; absent ones are the engine's. */
  readonly sampling: Sampling;
  /** Fields merged over every request body; null removes one. */
  readonly extraBody?: Readonly<Record<string, unknown>>;
  /** Everything random on our side follows from it. */
  readonly seed: number;
  /** Keep answers in the record file. */
  readonly saveText: boolean;
  /** What looks at this machine's GPUs; absent = nothing. */
  readonly gpu?: GpuChoice;
  /** File of calibrations; absent = the user's own, `false` = none. */
  readonly calibration?: string | false;
  /** Option values that repeat the run, without secrets. */
  readonly options: Readonly<Record<string, OptionValue>>;
}

/** Prompts made by a command whose loads differ in them. */
export interface OwnPrompts {
  /** The pool that all loads draw from. */
  readonly dataset: Dataset;
  /** For each load: its name in reports, and where in the pool its prompts begin. */
  readonly loads: readonly {
    readonly label: string;
    readonly warmupFrom: number;
    readonly from: number;
  }[];
}

/** How results are summarized; needed again by `tokometer report`. */
export interface ReportPlan {
  /** Name in the registry of reports, e.g. `table`. */
  readonly format: string;
  /** Which ones to show, each from 0 to 100. */
  readonly percentiles: readonly number[];
  /** Limits that a good request meets; absent = no goodput. */
  readonly slo?: Slo;
  /** How values are kept; absent = as the run that is reported kept them, else `auto`. */
  readonly values?: ValueKeeping;
  /** Share of failed requests, 0 to 100, above which the exit code is 1. */
  readonly maxFailuresPercent: number;
}

/** Most warm-up requests that are sent without being asked for. */
const MOST_WARMUPS = 64;
const DEFAULT_USERS = 8;
const DEFAULT_REQUESTS = 100;
const DEFAULT_REQUESTS_PER_USER = 4;
const POOL_FOR_DURATION = 1000;

/**
 * Turns the values of `tokometer bench` into a plan. Reads the files that options name.
 *
 * @throws {UserError} for combinations that cannot work, and files that cannot be read.
 */
export async function planBench(values: Values, scenario: string): Promise<BenchPlan> {
  const protocol = findProtocol(text(values, "protocol") ?? "openai-chat");
  const url = checkUrl(text(values, "url") ?? "", protocol.carrier);
  const folder = protocol.carrier === "inprocess" ? await checkModelFolder(url, values) : undefined;
  const loads = planLoads(values);
  const requests = number(values, "requests");
  const durationMs = seconds(values, "duration");
  const stops = loads.map((load) => planStop(load, requests, durationMs));
  const clamped = loads.map((load, i) => clampUsers(load, stops[i]!));
  const warmups = clamped.map((load) => {
    const fallback = load.kind === "closed" ? Math.min(load.users, MOST_WARMUPS) : 8;
    return number(values, "warmup") ?? fallback;
  });
  const wanted = stops.reduce((sum, stop) => sum + (stop.requests ?? POOL_FOR_DURATION), 0) +
    Math.max(0, ...warmups);
  const length = text(values, "length") ?? (protocol.forcesLength ? "forced" : "cap");
  if (length === "forced" && !protocol.forcesLength) {
    throw new UserError(
      `Cannot force a length over ${protocol.name}: the engine has no such switch, use --length cap`,
    );
  }
  const datasetPath = text(values, "dataset-path");
  const dataset = planDataset(values, datasetPath);
  const outputTokens = text(values, "output-tokens");
  const answerLength = outputTokens === undefined
    ? undefined
    : parseLengthSpec(outputTokens, "--output-tokens");
  const extraBody = values["extra-body"] as Readonly<Record<string, unknown>> | undefined;
  const systemPromptFile = text(values, "system-prompt-file");
  const apiKey = await readApiKey(values);
  const caCert = await readOptionFile(values, "ca-cert");
  const transport = planTransport(protocol, text(values, "transport") ?? "fetch");
  if (values.insecure === true && transport === "fetch") {
    throw new UserError(
      "Cannot use --insecure with --transport fetch: it has no such switch, add --transport socket",
    );
  }
  const model = text(values, "model");
  const endpoint = text(values, "endpoint");
  const tokenizer = text(values, "tokenizer") ?? folder?.path;
  return {
    scenario,
    url,
    protocol: protocol.name,
    transport,
    headers: readHeaders(values.header as readonly string[] | undefined),
    insecure: values.insecure === true,
    proxyLocal: values["proxy-local"] === true,
    timeoutMs: seconds(values, "timeout") ?? 600_000,
    loads: clamped,
    stops,
    warmups,
    graceMs: seconds(values, "grace") ?? 30_000,
    workers: number(values, "workers") ?? 1,
    dataset,
    prompts: number(values, "prompts") ?? wanted,
    datasetExtra: { salt: randomSalt(), ...datasetExtra(findDataset(dataset), values) },
    turns: number(values, "num-turns") ?? 1,
    length: length as "forced" | "cap",
    stream: values.stream !== false,
    sampling: planSampling(values),
    seed: number(values, "seed") ?? 0,
    saveText: values["save-text"] === true,
    gpu: (text(values, "gpu") ?? "auto") as GpuChoice,
    options: repeatable({ ...values, protocol: protocol.name }),
    ...planCalibration(values),
    ...(endpoint === undefined ? {} : { endpoint }),
    ...(model === undefined ? {} : { model }),
    ...(apiKey === undefined ? {} : { apiKey }),
    ...(caCert === undefined ? {} : { caCert }),
    ...(datasetPath === undefined ? {} : { datasetPath }),
    ...(answerLength === undefined ? {} : { outputTokens: answerLength }),
    ...(systemPromptFile === undefined
      ? {}
      : { systemPrompt: (await readFile("--system-prompt-file", systemPromptFile)).trimEnd() }),
    ...(tokenizer === undefined ? {} : { tokenizer }),
    ...(extraBody === undefined ? {} : { extraBody }),
  };
}

/** Turns the report options into a plan. @throws {UserError} for a bad `--slo`. */
export function planReport(values: Values): ReportPlan {
  const spec = text(values, "slo");
  let slo: Slo | undefined;
  try {
    slo = spec === undefined ? undefined : parseSlo(spec);
  } catch (error) {
    throw new UserError((error as Error).message.replace("SLO", "--slo"));
  }
  const percentiles = (values.percentiles as readonly number[] | undefined) ?? DEFAULT_PERCENTILES;
  if (percentiles.includes(100)) {
    throw new UserError(
      'Cannot use --percentiles 100: the largest value is always there, as "max"',
    );
  }
  return {
    format: text(values, "format") ?? "table",
    percentiles,
    maxFailuresPercent: number(values, "max-failures") ?? 0,
    ...(slo === undefined ? {} : { slo }),
    ...(values.values === undefined ? {} : { values: values.values as ValueKeeping }),
  };
}

function planLoads(values: Values): Load[] {
  const users = values.concurrency as readonly number[] | undefined;
  const rates = values.rate as readonly number[] | undefined;
  if (users !== undefined && rates !== undefined) {
    throw new UserError(
      "Cannot use --concurrency and --rate together: one is a closed loop, the other an open one; " +
        "to cap an open loop use --max-in-flight",
    );
  }
  if (rates !== undefined) {
    return rates.map((ratePerSec) => ({
      kind: "open",
      arrival: (text(values, "arrival") ?? "poisson") as "poisson" | "constant" | "gamma",
      ratePerSec,
      shape: number(values, "burstiness") ?? 1,
      maxInFlight: number(values, "max-in-flight") ?? 0,
      overflow: (text(values, "overflow") ?? "wait") as "wait" | "drop",
    }));
  }
  return (users ?? [DEFAULT_USERS]).map((count) => ({
    kind: "closed",
    users: count,
    rampUpMs: seconds(values, "ramp-up") ?? 0,
    sequence: "disjoint",
  }));
}

function planStop(load: Load, requests: number | undefined, durationMs: number | undefined): Stop {
  const users = load.kind === "closed" ? load.users : 0;
  const count = requests ??
    (durationMs === undefined
      ? Math.max(DEFAULT_REQUESTS, DEFAULT_REQUESTS_PER_USER * users)
      : undefined);
  return {
    ...(count === undefined ? {} : { requests: count }),
    ...(durationMs === undefined ? {} : { durationMs }),
  };
}

/** More users than requests: the surplus would only stand by (T27). */
function clampUsers(load: Load, stop: Stop): Load {
  if (load.kind !== "closed" || stop.requests === undefined) return load;
  return load.users > stop.requests ? { ...load, users: stop.requests } : load;
}

function planDataset(values: Values, path: string | undefined): string {
  const name = text(values, "dataset") ?? "sample";
  if (path === undefined) {
    if (name === "sharegpt" || name === "jsonl") {
      throw new UserError(`Cannot use --dataset ${name} without a file: add --dataset-path FILE`);
    }
    return name;
  }
  if (name === "synthetic") {
    throw new UserError("Cannot use --dataset-path with --dataset synthetic: it reads no file");
  }
  if (name === "sample") return path.endsWith(".jsonl") ? "jsonl" : "sharegpt";
  return name;
}

function planSampling(values: Values): Sampling {
  const temperature = number(values, "temperature");
  const topP = number(values, "top-p");
  const topK = number(values, "top-k");
  const seed = number(values, "sampling-seed");
  const stop = values.stop as readonly string[] | undefined;
  return {
    ...(temperature === undefined ? {} : { temperature }),
    ...(topP === undefined ? {} : { topP }),
    ...(topK === undefined ? {} : { topK }),
    ...(seed === undefined ? {} : { seed }),
    ...(stop === undefined ? {} : { stop }),
  };
}

/**
 * The transport of a protocol. The option's default is for HTTP; protocols of another kind take the
 * transport that is named like their carrier in its place.
 *
 * @throws {UserError} when the one that was asked for carries something else.
 */
function planTransport({ name, carrier }: Protocol, asked: string): string {
  const known = TRANSPORTS.find((kind) => kind.name === asked);
  // Not in the list: auto.
  if (known === undefined) return carrier === "http" ? asked : carrier;
  if (known.carrier === carrier) return asked;
  if (known === TRANSPORTS[0]) return carrier;
  const fitting = TRANSPORTS.filter((kind) => kind.carrier === carrier).map((kind) => kind.name);
  const instead = carrier === "inprocess" ? "leave it out" : `use ${fitting.join(" or ")}`;
  throw new UserError(
    `Cannot use --transport ${asked} with ${name}: it carries ${CARRIERS[known.carrier]}, and ` +
      `${name} is ${CARRIERS[carrier]}; ${instead}`,
  );
}

/** What a transport carries and how a protocol travels, for people. */
const CARRIERS = { http: "HTTP", grpc: "gRPC", inprocess: "in process" } as const;

function checkUrl(given: string, carrier: "http" | "grpc" | "inprocess"): string {
  // A folder, or a model's name on the hub.
  if (carrier === "inprocess") return given.replace(/(?<=.)\/+$/, "");
  const scheme = carrier === "grpc" ? "grpc" : "http";
  const full = /^[a-z][a-z0-9+.-]*:\/\//i.test(given) ? given : `${scheme}://${given}`;
  let url: URL;
  try {
    // URL knows no default rules for grpc:, so the host is checked as http's.
    url = new URL(full.replace(/^grpc(s?):/i, "http$1:"));
  } catch {
    throw new UserError(
      `Cannot use "${given}" as the server's URL: give one like ${scheme}://127.0.0.1:8000`,
    );
  }
  const schemes = carrier === "grpc" ? /^(grpcs?|https?):/i : /^https?:/i;
  if (!schemes.test(full) || url.hostname === "") {
    throw new UserError(
      `Cannot use "${given}" as the server's URL: give one like ${scheme}://127.0.0.1:8000`,
    );
  }
  if (/[?#]/.test(full)) {
    // What is behind it may be a secret.
    throw new UserError(
      `Cannot use "${given.split(/[?#]/)[0]}?…" as the server's URL: paths are put behind it, so ` +
        "it ends before any ?; a key goes into --api-key or --header",
    );
  }
  const plain = carrier === "grpc" ? full.replace(/^http(s?):/i, "grpc$1:") : full;
  return plain.replace(/\/+$/, "");
}

function readHeaders(lines: readonly string[] | undefined): Record<string, string> {
  const headers: Record<string, string> = {};
  for (const line of lines ?? []) {
    const match = /^([!#$%&'*+.^_`|~0-9A-Za-z-]+)\s*:\s*(.*)$/.exec(line);
    if (match === null) {
      // The value may be a secret: only its beginning is repeated.
      throw new UserError(
        `Cannot use --header "${line.slice(0, 12)}…": write it as "Name: value"`,
      );
    }
    headers[match[1]!.toLowerCase()] = match[2]!.trim();
  }
  return headers;
}

/** Secrets of options are resolved already; the variable is a convenience on top. */
async function readApiKey(values: Values): Promise<string | undefined> {
  const given = text(values, "api-key");
  if (given !== undefined) return given;
  const variable = "TOKOMETER_API_KEY";
  const { state } = await Deno.permissions.query({ name: "env", variable });
  return state === "granted" ? Deno.env.get(variable) || undefined : undefined;
}

async function readOptionFile(values: Values, option: string): Promise<string | undefined> {
  const path = text(values, option);
  return path === undefined ? undefined : await readFile(`--${option}`, path);
}

async function readFile(option: string, path: string): Promise<string> {
  try {
    return await Deno.readTextFile(path);
  } catch (error) {
    if (error instanceof Deno.errors.NotCapable) throw error;
    const reason = error instanceof Deno.errors.NotFound
      ? "there is no such file"
      : (error as Error).message;
    throw new UserError(`Cannot read ${option} ${path}: ${reason}`);
  }
}

function planCalibration(values: Values): Pick<BenchPlan, "calibration"> {
  if (values["no-calibration"] === true) return { calibration: false };
  const file = text(values, "calibration");
  return file === undefined ? {} : { calibration: file };
}

/** Values that repeat the run; secrets stay out, and the folder, which must be a new one. */
function repeatable(values: Values): Record<string, OptionValue> {
  const { header: _, "api-key": _key, out: _out, ...rest } = values;
  return Object.fromEntries(
    Object.entries(rest)
      .filter(([, value]) => value !== undefined)
      .map(([name, value]) => [name, valueWithoutKeys(value)]),
  );
}

function randomSalt(): string {
  return crypto.randomUUID().slice(0, 8);
}

function text(values: Values, name: string): string | undefined {
  return values[name] as string | undefined;
}

function number(values: Values, name: string): number | undefined {
  return values[name] as number | undefined;
}

function seconds(values: Values, name: string): number | undefined {
  const value = number(values, name);
  return value === undefined ? undefined : value * 1000;
}
