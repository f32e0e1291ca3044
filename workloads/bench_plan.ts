/**
 * Every choice of a run, checked and with its default, before anything is sent.
 *
 * @module
 */
import { defined } from "../backends/defined.ts";
import type { Protocol, Sampling } from "../backends/protocol.ts";
import { findProtocol } from "../backends/protocols.ts";
import { TRANSPORTS } from "../backends/transports.ts";
import {
  MOST_LOADS,
  type RunScenario,
  type RunShare,
  type TransportReason,
} from "../metrics/run.ts";
import type { ValueKeeping } from "../metrics/summary.ts";
import { parseRequired } from "../metrics/check_limit.ts";
import type { Limit } from "../metrics/limit.ts";
import { parseSlo, type Slo } from "../metrics/summary_slo.ts";
import { checkModelFolder } from "./bench_model_folder.ts";
import { planMix, planModels, planSessionHeader } from "./bench_mix.ts";
import { poolOfWarmups } from "./bench_pool.ts";
import { planServers, type ServerUrl } from "./bench_servers.ts";
import {
  DEFAULT_REQUESTS,
  DEFAULT_REQUESTS_PER_USER,
  DEFAULT_USERS,
  MEASURE_OPTIONS,
  type MeasureValues,
  type ReportValues,
} from "./bench_options.ts";
import { applyScenario } from "./bench_scenarios.ts";
import { checkResetCache } from "./bench_reset.ts";
import { asksForPrefixes, checkPrefixes, checkRequestScope, planSaltScope } from "./bench_salt.ts";
import type { OptionValue, Values } from "./command.ts";
import { type LengthSpec, parseLengthSpec } from "./dataset_length.ts";
import type { MixClass } from "./dataset_mix.ts";
import { chooseDataset, datasetExtra, holdsRequests } from "./datasets.ts";
import type { GpuChoice } from "./gpu_sampler.ts";
import type { CancelSpec, Load, Stop } from "./load.ts";
import { parseCancel } from "./load_cancel.ts";
import { sparePrompts } from "./load_sequence.ts";
import { parseRateStages } from "./bench_stages.ts";
import { peakRate, stagesMs } from "./load_stages.ts";
import { withDefaults } from "./option_parse.ts";
import { meanTimeMs, parseTimeSpec } from "./load_time.ts";
import { checkSecret, keepSecrets } from "./option_secret.ts";
import { option } from "./option_table.ts";
import type { ReplayPlan } from "./session_plan.ts";
import type { ModelAssignment } from "./session_models.ts";
import type { SaltScope } from "./session_salt.ts";
import type { Dataset } from "./prompt.ts";
import { readTextFile } from "./text_file.ts";
import { fileError, UserError } from "./user_error.ts";

/** A benchmark run, fully decided. It holds secrets and is never written anywhere. */
export interface BenchPlan {
  /** Name of the command, for the record's header. */
  readonly scenario: string;
  /** Server under test with its scheme; for a model in process its folder or name. */
  readonly url: string;
  /** What follows the `?` of the address; may be a secret. */
  readonly query?: string;
  /** Name in the registry of protocols, e.g. `openai-chat`. */
  readonly protocol: string;
  /** Name in the registry of transports, e.g. `fetch`. */
  readonly transport: string;
  /** Why `--transport auto` took it, once it has. */
  readonly transportChoice?: TransportReason;
  /** Path of the generation call; absent = the protocol's own. */
  readonly endpoint?: string;
  /** All servers, where they are several; the first is `url` with `query`. */
  readonly urls?: readonly ServerUrl[];
  /** Name to send; absent = the first one the server lists. */
  readonly model?: string;
  /** Models to ask for, where they are several; the first is `model`. */
  readonly models?: readonly RunShare[];
  /** How a request or a session gets one of them: drawn by weight, or by turns. */
  readonly modelAssignment?: ModelAssignment;
  /**
   * Header, in lower case, whose value is another one for each session, and for each request that
   * belongs to none.
   */
  readonly sessionHeader?: string;
  /** What its values begin with: another text in each run. */
  readonly sessionMark?: string;
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
  /** Time limit per request, in ms; 0 = none. */
  readonly timeoutMs: number;
  /** Largest body of an answer; default 48 MiB. */
  readonly maxAnswerBytes?: number;

  /** Time to wait for a server that is not there yet, in ms; absent = it must be there. */
  readonly waitMs?: number;

  /** What is measured, one after another. */
  readonly loads: readonly Load[];
  /** For each load, in the same order. */
  readonly stops: readonly Stop[];
  /**
   * What is sent before each load and not counted, in the same order: so many of the pool's requests, or
   * `short`: one with a short answer for each stream of the load, all at once.
   */
  readonly warmups: readonly (number | "short")[];
  /** Time for requests in flight to finish when sending has ended, in ms. */
  readonly graceMs: number;
  /** Threads that send and read; 0 = the main one. */
  readonly workers: number;
  /** Most requests before the first bytes of their answers; absent = no limit. */
  readonly maxPrefill?: number;
  /** Users who leave; absent = none. */
  readonly cancel?: CancelSpec;
  /**
   * Connections that fail in a row before the server counts as gone; 0 = never, absent = 20, and at
   * least two for each user.
   */
  readonly stopOnErrors?: number;

  /** Name in the registry of datasets, e.g. `sharegpt`. */
  readonly dataset: string;
  /** File of the dataset, where it reads one. */
  readonly datasetPath?: string;
  /** Size of the pool of prompts. */
  readonly prompts: number;
  /** So many of these may be missing: only users that are faster than others need them. */
  readonly sparePrompts?: number;
  /** The pool is all of a file, at most `prompts`. */
  readonly allPrompts?: boolean;
  /** The dataset's own options. */
  readonly datasetExtra: Readonly<Record<string, unknown>>;
  /** Classes of a mix with their datasets, in place of `dataset`. */
  readonly classes?: readonly MixClass[];
  /** What the marks at the front of prompts are renewed for. */
  readonly saltScope: SaltScope;
  /** What the marks and synthetic prompts follow from; empty = prompts of earlier runs may come again. */
  readonly salt: string;
  /** The prefixes of prompts are sent once before each load, so that a cache has them. */
  readonly warmPrefixes?: boolean;
  /** What is asked to empty its prefix cache before each load: an engine, or a URL that is posted to. */
  readonly resetCache?: string;
  /** A recording that is replayed, in place of a pool of prompts. */
  readonly replay?: ReplayPlan;
  /** Prompts that the command made itself, instead of a dataset's. */
  readonly own?: OwnPrompts;
  /** Answer lengths that override the dataset's own. */
  readonly outputTokens?: LengthSpec;
  /** System message before every prompt. */
  readonly systemPrompt?: string;
  /** User messages of a conversation that go into one prompt. */
  readonly turns: number;
  /** Folder or file to load; absent = lengths are estimates. */
  readonly tokenizer?: string;

  /** `false`: the tokenizer is for prompts alone, and answers are never encoded. Default true. */
  readonly countText?: boolean;
  /** Records have the events at each tick, for a script's own numbers. */
  readonly eventTicks?: boolean;

  /** `forced`: answers of an exact length; `cap`: at most that length. */
  readonly length: "forced" | "cap";
  /** Name of the field with the length, where it is not the protocol's own. */
  readonly lengthField?: "max_completion_tokens";
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
  /** Run witness streams beside each load; absent = the command has none. */
  readonly witness?: boolean;
  /** File of calibrations; absent = the user's own, `false` = none. */
  readonly calibration?: string | false;
  /** Scenario whose rules were asked for, and those that options broke. */
  readonly ruledBy?: RunScenario;
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
  /** Limits that every load has to keep; absent = none. */
  readonly require?: readonly Limit[];
  /** How near both ends of a figure must be to it in a load that is `ok`, 0 to 100; default 5. */
  readonly clientTolerancePercent?: number;
  /** How values are kept; absent = as the run that is reported kept them, else `auto`. */
  readonly values?: ValueKeeping;
  /** Share of failed requests, 0 to 100, above which the exit code is 1. */
  readonly maxFailuresPercent: number;
}

/** Options that nobody gave. */
const USUAL_VALUES: Values = withDefaults(MEASURE_OPTIONS, {});
const POOL_FOR_DURATION = 1000;
/** The server's address may hold a password. */
const PLAN_SECRETS = { ...MEASURE_OPTIONS, url: option.argument({ help: "" }) };
/** Most prompts of a file that are sent once each without `--prompts`. */
const POOL_FOR_ONCE = 100_000;

/** What the values of the options leave open. */
interface PlanSettings {
  /** Name of the command, for the record's header. */
  readonly command: string;
  /** Server, or for a model in process its folder or name; of several the first. */
  readonly url: string;
  /** The other servers. */
  readonly moreUrls?: readonly string[];
  /** Option values that repeat the run, without secrets. */
  readonly options: Readonly<Record<string, OptionValue>>;
  /** Parts that the command decides itself; the pool of prompts is as large as these loads need. */
  readonly parts?: Partial<BenchPlan>;
}

/**
 * Turns option values into a plan. Reads the files that options name.
 *
 * @throws {UserError} for combinations that cannot work, and files that cannot be read.
 */
export async function planRun(
  asked: MeasureValues,
  { command, url: address, moreUrls = [], options, parts: given = {} }: PlanSettings,
): Promise<BenchPlan> {
  const { values, ruledBy } = applyScenario(asked, USUAL_VALUES);
  const apiKey = checkSecret("--api-key", values.apiKey) ?? await apiKeyVariable();
  keepSecrets(PLAN_SECRETS, { ...values, apiKey, url: [address, ...moreUrls].join(" ") });
  const headers = readHeaders(values.header ?? []);
  const protocol = findProtocol(values.protocol);
  const servers = planServers([address, ...moreUrls], protocol.carrier);
  const { url, query } = servers[0]!;
  const folder = protocol.carrier === "inprocess" ? await checkModelFolder(url, values) : undefined;
  const dataset = await chooseDataset(values.dataset, values.datasetPath, values);
  const mix = values.mix === undefined ? undefined : await planMix(values.mix, values);
  const extra = mix === undefined ? datasetExtra(dataset, values) : {};
  const parts = dataset.hasSessions === true
    ? { ...await replayParts(values, extra), ...given }
    : given;
  const wantedLoads = parts.loads ?? planLoads(values);
  if (wantedLoads.length > MOST_LOADS) {
    throw new UserError(
      `Cannot measure ${wantedLoads.length} loads in one run: ${MOST_LOADS} is the most, run the others ` +
        "after it",
    );
  }
  const { models, modelAssignment } = values.models === undefined ? {} : planModels(values.models, {
    ...{ model: values.model, trace: parts.replay?.trace, assignment: values.modelAssignment },
  });
  const wholeFile = values.once === true && dataset.needsFile;
  const stops = parts.stops ?? wantedLoads.map((load) => planStop(load, values, wholeFile));
  const hasShares = mix !== undefined || models !== undefined || servers.length > 1;
  const loads = parts.loads ??
    wantedLoads.map((load, i) => inOneQueue(clampUsers(load, stops[i]!), hasShares));
  const warmups = parts.warmups ??
    loads.map(() => values.warmup ?? (values.once ? 0 : "short"));
  const unlimited = wholeFile ? POOL_FOR_ONCE : POOL_FOR_DURATION;
  const spares = stops.map((stop, i) => values.once ? 0 : sparePrompts(loads[i]!, stop));
  const sizes = stops.map((stop, i) => (stop.requests ?? unlimited) + spares[i]!);
  // With --once each load sends the whole pool.
  const wanted = (values.once ? Math.max(...sizes) : sizes.reduce((sum, size) => sum + size, 0)) +
    poolOfWarmups(warmups);
  const saltScope = planSaltScope(values, dataset);
  if (saltScope === "request" && parts.replay === undefined) checkRequestScope(stops, extra);
  if (asksForPrefixes(values)) checkPrefixes(values, protocol);
  if (values.resetCache !== undefined) checkResetCache(values.resetCache, protocol);
  const endsByItself = parts.replay?.trace.history === "live" || mix?.holdsRequests === true ||
    await holdsRequests(dataset, values.datasetPath, extra);
  const length = values.length ?? (protocol.forcesLength && !endsByItself ? "forced" : "cap");
  if (length === "forced" && !protocol.forcesLength) {
    throw new UserError(
      `Cannot force a length over ${protocol.name}: the engine has no such switch, use --length cap`,
    );
  }
  if (values.maxCompletionTokens === true && !takesLengthField(protocol)) {
    throw new UserError(
      `Cannot use --max-completion-tokens with ${protocol.name}: only OpenAI's calls have that field`,
    );
  }
  const { datasetPath, outputTokens, extraBody, endpoint, systemPromptFile } = values;
  const transport = planTransport(protocol, values.transport);
  if (values.insecure === true && transport === "fetch") {
    throw new UserError(
      "Cannot use --insecure with --transport fetch: it has no such switch, add --transport socket",
    );
  }
  return {
    scenario: command,
    url,
    protocol: protocol.name,
    transport,
    headers,
    insecure: values.insecure === true,
    proxyLocal: values.proxyLocal === true,
    timeoutMs: values.timeout * 1000,
    maxAnswerBytes: values.maxAnswer,
    loads,
    stops,
    warmups,
    graceMs: values.grace * 1000,
    workers: workersOf(values),
    dataset: mix === undefined ? dataset.name : "mix",
    prompts: values.prompts ?? wanted,
    sparePrompts: values.prompts === undefined ? spares.reduce((sum, one) => sum + one, 0) : 0,
    allPrompts: wholeFile && values.prompts === undefined && values.requests === undefined,
    datasetExtra: extra,
    saltScope,
    warmPrefixes: asksForPrefixes(values) && values.warmup !== 0,
    // Without marks prompts are those of other runs, too.
    salt: values.saltScope === "none" ? "" : values.salt ?? randomSalt(),
    turns: values.numTurns,
    length,
    stream: values.stream,
    sampling: planSampling(values),
    seed: values.seed,
    saveText: values.saveText === true,
    gpu: values.gpu,
    witness: values.witness,
    options,
    ...defined({
      ruledBy,
      query,
      urls: servers.length > 1 ? servers : undefined,
      waitMs: values.wait === undefined || values.wait === 0 ? undefined : values.wait * 1000,
      lengthField: values.maxCompletionTokens === true
        ? "max_completion_tokens" as const
        : undefined,
      calibration: values.noCalibration === true ? false as const : values.calibration,
      stopOnErrors: values.stopOnErrors,
      maxPrefill: values.maxPrefill,
      cancel: values.cancel === undefined ? undefined : parseCancel(values.cancel),
      resetCache: values.resetCache,
      endpoint,
      model: models?.[0]?.name ?? values.model,
      models,
      modelAssignment,
      sessionHeader: values.sessionHeader === undefined
        ? undefined
        : planSessionHeader(values.sessionHeader, headers),
      sessionMark: values.sessionHeader === undefined ? undefined : randomSalt(),
      classes: mix?.classes,
      apiKey,
      caCert: await readFile("--ca-cert", values.caCert),
      datasetPath,
      outputTokens: outputTokens === undefined
        ? undefined
        : parseLengthSpec(String(outputTokens), "--output-tokens"),
      systemPrompt: await readFile("--system-prompt-file", systemPromptFile),
      tokenizer: values.tokenizer ?? folder?.path,
      extraBody,
    }),
    ...parts,
  };
}

/** Each thread has a part of `--max-prefill`: there are no more threads than requests it lets through. */
function workersOf({ workers, maxPrefill = Infinity }: MeasureValues): number {
  return Math.min(workers, maxPrefill);
}

/** Turns the report options into a plan. @throws {UserError} for a bad `--slo`. */
export function planReport(values: ReportValues): ReportPlan {
  const { format, percentiles, clientTolerance, maxFailures, values: keeping } = values;
  const slo = readLimits(values.slo, parseSlo);
  const require = readLimits(values.require, parseRequired);
  if (percentiles.includes(100)) {
    throw new UserError(
      'Cannot use --percentiles 100: the largest value is always shown, as "max"',
    );
  }
  return {
    format,
    percentiles,
    clientTolerancePercent: clientTolerance,
    maxFailuresPercent: maxFailures ?? (require?.some(limitsFailures) ? 100 : 0),
    ...defined({ slo, require, values: keeping }),
  };
}

/** @throws {UserError} with the option's name. */
function readLimits<T>(text: string | undefined, parse: (text: string) => T): T | undefined {
  try {
    return text === undefined ? undefined : parse(text);
  } catch (error) {
    throw new UserError((error as Error).message.replace(/^Cannot use SLO/, "Cannot use --slo"));
  }
}

/** Whoever sets a limit on failures decides how many there may be. */
function limitsFailures({ name }: Limit): boolean {
  return ["failures", "errors", "success"].includes(name);
}

async function replayParts(
  values: MeasureValues,
  extra: Readonly<Record<string, unknown>>,
): Promise<Partial<BenchPlan>> {
  const { planReplayParts } = await import("./bench_replay.ts");
  return await planReplayParts(values, extra);
}

function planLoads(values: MeasureValues): Load[] {
  const { concurrency, rate, rateStages, arrival, burstiness, maxInFlight, overflow } = values;
  if (arrival === "calibrated-poisson") checkCalibrated(values);
  const open = { kind: "open", arrival, shape: burstiness, maxInFlight, overflow } as const;
  if (rateStages !== undefined) {
    const stages = parseRateStages(rateStages);
    return [{ ...open, ratePerSec: peakRate(stages), stages }];
  }
  if (concurrency !== undefined && rate !== undefined) {
    throw new UserError(
      "Cannot use --concurrency and --rate together: one is a closed loop, the other an open one; " +
        "to cap an open loop use --max-in-flight",
    );
  }
  if (rate !== undefined) {
    if (rate.includes(Infinity) && values.requests === undefined && values.duration !== undefined) {
      throw new UserError(
        "Cannot use --rate inf with --duration alone: all requests leave at once, add --requests N",
      );
    }
    return rate.map((ratePerSec) => ({ ...open, ratePerSec }));
  }
  if (values.maxInFlight > 0) {
    throw new UserError("Cannot use --max-in-flight without --rate: only an open loop has it");
  }
  const thinkTime = parseTimeSpec(String(values.thinkTime ?? 0), "--think-time");
  return (concurrency ?? [DEFAULT_USERS]).map((users) => ({
    kind: "closed",
    users,
    rampUpMs: values.rampUp * 1000,
    sequence: "disjoint",
    ...(meanTimeMs(thinkTime) === 0 ? {} : { thinkTime }),
  }));
}

/** @throws {UserError} unless the number of requests and the rate are known. */
function checkCalibrated({ rate, rateStages, requests, duration }: MeasureValues): void {
  const problem = rateStages !== undefined
    ? "with --rate-stages: it stretches gaps to one rate, use poisson"
    : rate?.includes(Infinity)
    ? "with --rate inf: all requests leave at once"
    : requests === undefined && duration !== undefined
    ? "with --duration alone: it has to know how many requests there are, add --requests N"
    : undefined;
  if (problem === undefined) return;
  throw new UserError(`Cannot use --arrival calibrated-poisson ${problem}`);
}

function planStop(
  load: Load,
  { requests, duration, once }: MeasureValues,
  wholeFile: boolean,
): Stop {
  if (load.kind === "open" && load.stages !== undefined) {
    return defined({
      requests,
      durationMs: stagesMs(load.stages),
      once: once === true ? true as const : undefined,
    });
  }
  const users = load.kind === "closed" ? load.users : 0;
  const fallback = Math.max(DEFAULT_REQUESTS, DEFAULT_REQUESTS_PER_USER * users);
  return defined({
    requests: requests ?? (duration === undefined && !wholeFile ? fallback : undefined),
    durationMs: duration === undefined ? undefined : duration * 1000,
    once: once === true ? true as const : undefined,
  });
}

/** Users beyond the number of requests would only idle (T27 in docs/python-scripts.md). */
function clampUsers(load: Load, stop: Stop): Load {
  if (load.kind !== "closed" || stop.requests === undefined) return load;
  return load.users > stop.requests ? { ...load, users: stop.requests } : load;
}

/**
 * Users who take turns at one queue send the pool from its front, however fast they are: then the load
 * holds each class, model and server as often as it was planned.
 */
function inOneQueue(load: Load, hasShares: boolean): Load {
  return hasShares && load.kind === "closed" ? { ...load, sequence: "shared" } : load;
}

function planSampling(values: MeasureValues): Sampling {
  const { temperature, topP, topK, samplingSeed: seed, stop } = values;
  return defined({ temperature, topP, topK, seed, stop });
}

/**
 * The transport of a protocol; in process there is only one.
 *
 * @throws {UserError} when the one that was asked for carries something else.
 */
function planTransport({ name, carrier }: Protocol, asked: string): string {
  const known = TRANSPORTS.find((kind) => kind.name === asked);
  // Not in the list: auto.
  if (known === undefined) return carrier === "inprocess" ? carrier : asked;
  if (known.carrier === carrier) return asked;
  const fitting = TRANSPORTS.filter((kind) => kind.carrier === carrier).map((kind) => kind.name);
  const instead = carrier === "inprocess" ? "leave it out" : `use ${fitting.join(" or ")}`;
  throw new UserError(
    `Cannot use --transport ${asked} with ${name}: it carries ${CARRIERS[known.carrier]}, and ` +
      `${name} is ${CARRIERS[carrier]}; ${instead}`,
  );
}

/** What a transport carries and how a protocol travels, as messages call it. */
const CARRIERS = { http: "HTTP", grpc: "gRPC", inprocess: "in process" } as const;

/** Whether a protocol's calls have OpenAI's fields for the length. */
export function takesLengthField({ path, carrier }: Protocol): boolean {
  return carrier === "http" && path.endsWith("/completions");
}

function readHeaders(lines: readonly string[]): Record<string, string> {
  const headers: Record<string, string> = {};
  for (const line of lines) {
    const match = /^([!#$%&'*+.^_`|~0-9A-Za-z-]+)\s*:\s*(.*)$/.exec(line);
    if (match === null) {
      // The value may be a secret: only its beginning is repeated.
      throw new UserError(
        `Cannot use --header "${line.slice(0, 12)}…": write it as "Name: value"`,
      );
    }
    const value = match[2]!.trim();
    headers[match[1]!.toLowerCase()] = checkSecret(`--header ${match[1]}`, value)!;
  }
  return headers;
}

/** The key of the environment, if it may be read. */
async function apiKeyVariable(): Promise<string | undefined> {
  const variable = "TOKOMETER_API_KEY";
  const { state } = await Deno.permissions.query({ name: "env", variable });
  return state === "granted" ? Deno.env.get(variable) || undefined : undefined;
}

/** The text of a file to the byte, its last line end and a byte order mark included. */
async function readFile(option: string, path: string | undefined): Promise<string | undefined> {
  if (path === undefined) return undefined;
  try {
    return await readTextFile(path);
  } catch (error) {
    throw fileError(`Cannot read ${option} ${path}`, error);
  }
}

function randomSalt(): string {
  return crypto.randomUUID().slice(0, 8);
}
