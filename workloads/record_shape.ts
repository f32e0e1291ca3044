/**
 * What the lines of a record file have to be: one table for each type, one line for each field.
 *
 * @module
 */
import {
  OUTCOME_KINDS,
  type RequestRecord,
  type TokenCount,
  type TokenSource,
} from "../backends/record.ts";
import {
  type Environment,
  isRecordSchema,
  type LoadEnd,
  type LoadPlan,
  MOST_LOADS,
  type RateStagePlan,
  type RunHeader,
  type RunScenario,
  type RunShare,
  type ServerLost,
  type TransportReason,
} from "../metrics/run.ts";
import type {
  CalibrationCell,
  CalibrationLimit,
  ClientError,
  EngineAccuracy,
  ErrorSpread,
  MemoryPerStream,
  RunCalibration,
} from "../metrics/run_calibration.ts";
import type { ClientHealth, LatenessSpread, Witness } from "../metrics/run_client.ts";
import type { RunDataset, RunDatasetPart, RunTokenizer } from "../metrics/run_dataset.ts";
import type { GpuSamples, GpuTrack } from "../metrics/run_gpu.ts";
import type { RunReplay, SessionEnd } from "../metrics/run_replay.ts";
import {
  anything,
  countTo,
  flag,
  listOf,
  mapOf,
  numberFrom,
  objectOf,
  oneOf,
  onlyTrue,
  optional,
  orNull,
  type Shape,
  textTo,
} from "./json_shape.ts";

/** Some 115 days: sums and squares of such times are exact enough, and no axis has a gap. */
const MOST_MS = 1e10;
const MOST_TICKS = 1 << 24;
/** Tokens of one request, and of one tick: what 32 bits hold. */
const MOST_32 = 2 ** 32 - 1;
const MOST_ENTRIES = 1e5;
/** Names, commands, messages. */
const MOST_CHARS = 1e5;

const ms = numberFrom(-MOST_MS, MOST_MS);
const durationMs = numberFrom(0, MOST_MS);
const count = countTo(1e12);
const amount = numberFrom(0, 1e15);
const share = numberFrom(-1e6, 1e6);
const text = textTo(MOST_CHARS);

const SOURCES = Object.keys(
  {
    counter: 0,
    ids: 0,
    usage: 0,
    tokenizer: 0,
    event: 0,
    requested: 0,
    estimate: 0,
  } satisfies Record<
    TokenSource,
    0
  >,
);
const tokenCount = objectOf<TokenCount>({ tokens: countTo(MOST_32), source: oneOf(SOURCES) });

const outcome: Shape = (value, at) => {
  const { kind, status } = (value ?? {}) as Record<string, unknown>;
  if (kind === "ok") return undefined;
  return OUTCOME(value, at) ??
    (kind === "http_error" ? countTo(MOST_32)(status, `${at}.status`) : undefined);
};
const OUTCOME = objectOf<{ kind: string; message: string }>({
  kind: oneOf(OUTCOME_KINDS),
  message: text,
});

/** A record as its line holds it: its numbers in plain lists. */
type RecordLine =
  & Omit<RequestRecord, "tickMs" | "tickTokens" | "tickWidthUs" | "tickEvents">
  & {
    readonly tickMs: readonly number[];
    readonly tickTokens: readonly number[];
    readonly tickWidthUs?: readonly number[];
    readonly tickEvents?: readonly number[];
  };

/** Of a request. A new field of a record is a line here; the compiler asks for it. */
const recordFields = objectOf<RecordLine>({
  load: countTo(MOST_LOADS - 1),
  phase: oneOf(["warmup", "measure"]),
  index: count,
  user: count,
  promptId: text,
  session: optional(text),
  turn: optional(count),
  chain: optional(count),
  depth: optional(count),
  class: optional(text),
  model: optional(text),
  server: optional(count),
  stage: optional(count),
  contentTokens: optional(countTo(MOST_32)),
  expectedCachedTokens: optional(countTo(MOST_32)),
  contextTooLong: optional(onlyTrue),
  intendedMs: ms,
  heldMs: optional(durationMs),
  sentMs: optional(ms),
  departedMs: optional(ms),
  firstByteMs: optional(ms),
  firstEventMs: optional(ms),
  firstTokenMs: optional(ms),
  firstAnswerMs: optional(ms),
  firstToolMs: optional(ms),
  lastTokenMs: optional(ms),
  endMs: optional(ms),
  tickMs: listOf(ms, MOST_TICKS),
  tickTokens: listOf(countTo(MOST_32), MOST_TICKS),
  tickWidthUs: optional(listOf(countTo(MOST_32), MOST_TICKS)),
  tickEvents: optional(listOf(countTo(MOST_32), MOST_TICKS)),
  tickSource: optional(oneOf(SOURCES)),
  reads: countTo(MOST_TICKS),
  events: countTo(MOST_TICKS),
  textEvents: optional(countTo(MOST_TICKS)),
  reasoningEvents: optional(countTo(MOST_TICKS)),
  toolEvents: optional(countTo(MOST_TICKS)),
  usageEvents: optional(countTo(MOST_TICKS)),
  unmarkedEnd: optional(onlyTrue),
  wholeBody: optional(onlyTrue),
  heldReads: optional(countTo(MOST_TICKS)),
  bytes: count,
  promptTokens: optional(tokenCount),
  outputTokens: optional(tokenCount),
  unseenTokens: optional(countTo(MOST_32)),
  rejectedCount: optional(tokenCount),
  firstTickTokens: optional(tokenCount),
  cachedTokens: optional(countTo(MOST_32)),
  reasoningTokens: optional(countTo(MOST_32)),
  requestedTokens: countTo(MOST_32),
  lengthForced: flag,
  finishReason: optional(text),
  connection: oneOf(["new", "reused", "unknown"]),
  connectMs: optional(durationMs),
  outcome,
  text: optional(textTo(Infinity)),
});

/** What is wrong with the record of a line, if anything. */
export const recordShape: Shape = (value, at) => {
  const found = recordFields(value, at);
  if (found !== undefined) return found;
  const { tickMs, tickTokens, tickWidthUs, tickEvents } = value as RecordLine;
  for (const [name, list] of Object.entries({ tickTokens, tickWidthUs, tickEvents })) {
    if (list === undefined || list.length === tickMs.length) continue;
    return `${at}.${name} has ${list.length} entries, not ${tickMs.length} as ${at}.tickMs`;
  }
  return undefined;
};

const latenessSpread = objectOf<LatenessSpread>({
  p50Ms: optional(ms),
  p90Ms: optional(ms),
  p99Ms: optional(ms),
  maxMs: optional(ms),
});

const witness = objectOf<Witness>({
  streams: count,
  requests: count,
  ticks: count,
  ticksInside: optional(count),
  departuresInside: optional(count),
  readLate: latenessSpread,
  departLate: latenessSpread,
  windowMs: numberFrom(1e-3, MOST_MS),
  readLateMaxMs: listOf(orNull(ms), MOST_ENTRIES),
  departLateMaxMs: listOf(orNull(ms), MOST_ENTRIES),
  cpuMs: optional(durationMs),
});

const clientHealth = objectOf<ClientHealth>({
  cpuCores: optional(share),
  loopLagP50Ms: optional(ms),
  loopLagP99Ms: optional(ms),
  loopLagMaxMs: optional(ms),
  peakRssMiB: optional(amount),
  threadCpu: optional(share),
  threadWait: optional(share),
  descriptors: optional(count),
  descriptorLimit: optional(count),
  kernelStampedReads: optional(share),
  replacedConnections: optional(count),
});

const MOST_SAMPLES = 600;
const samples = listOf(orNull(amount), MOST_SAMPLES);

const gpuTrack = objectOf<GpuTrack>({
  index: count,
  name: text,
  memoryTotalMiB: optional(amount),
  memoryStartMiB: optional(amount),
  memoryMiB: samples,
  ownMiB: optional(samples),
  otherMiB: optional(samples),
  utilization: samples,
  powerW: samples,
  energyJ: optional(amount),
  energyFrom: optional(oneOf(["counter", "power"])),
});

const gpuSamples = objectOf<GpuSamples>({
  source: oneOf(["nvml", "nvidia-smi"]),
  timeMs: listOf(ms, MOST_SAMPLES),
  devices: listOf(gpuTrack, 1024),
});

/** What is wrong with the end of a load, if anything. */
export const endShape: Shape = objectOf<LoadEnd>({
  load: countTo(MOST_LOADS - 1),
  startedAtMs: optional(numberFrom(0, 1e14)),
  durationMs,
  rampEndMs: durationMs,
  sendingEndMs: durationMs,
  interrupted: flag,
  skipped: optional(onlyTrue),
  serverLost: optional(objectOf<ServerLost>({ atMs: ms, failures: count, message: text })),
  inferred: optional(onlyTrue),
  witness: optional(witness),
  witnessAbsent: optional(text),
  client: optional(clientHealth),
  gpu: optional(gpuSamples),
  cacheNotReset: optional(text),
});

/** What is wrong with the end of a session, if anything. */
export const sessionShape: Shape = objectOf<SessionEnd>({
  load: countTo(MOST_LOADS - 1),
  session: text,
  user: count,
  startMs: ms,
  endMs: ms,
  sent: count,
  notSent: count,
  leftOut: optional(count),
  end: oneOf(["done", "failed", "context", "cut"]),
});

const environment = objectOf<Environment>({
  os: text,
  osRelease: optional(text),
  arch: text,
  cpu: optional(text),
  cores: count,
  effectiveCores: optional(amount),
  ffi: optional(flag),
  memoryMiB: optional(amount),
  hostname: optional(text),
  deno: text,
  v8: text,
});

const loadPlan = objectOf<LoadPlan>({
  label: text,
  kind: oneOf(["closed", "open"]),
  users: optional(count),
  rampUpMs: optional(durationMs),
  arrival: optional(
    oneOf(["constant", "poisson", "gamma", "calibrated-poisson", "trace"]),
  ),
  stages: optional(listOf(
    objectOf<RateStagePlan>({
      fromPerSec: amount,
      toPerSec: amount,
      exponential: optional(onlyTrue),
      durationMs,
    }),
    1000,
  )),
  replay: optional(oneOf(["sessions", "schedule"])),
  speedup: optional(amount),
  thinkTime: optional(text),
  maxPrefill: optional(count),
  cancel: optional(text),
  ratePerSec: optional(amount),
  maxInFlight: optional(count),
  overflow: optional(oneOf(["wait", "drop"])),
  stopRequests: optional(count),
  stopDurationMs: optional(durationMs),
});

const datasetPart = objectOf<RunDatasetPart>({
  class: text,
  kind: text,
  source: text,
  sha256: optional(text),
  prompts: count,
  skipped: mapOf(count, 1000),
  duplicates: count,
  promptTokens: amount,
  outputTokens: amount,
});

const dataset = objectOf<RunDataset>({
  kind: text,
  source: text,
  sha256: optional(text),
  prompts: count,
  skipped: mapOf(count, 1000),
  duplicates: count,
  bad: optional(text),
  remarks: optional(listOf(text, 1000)),
  parts: optional(listOf(datasetPart, 1000)),
});

const errorSpread = objectOf<ErrorSpread>({
  count,
  p50Ms: optional(orNull(ms)),
  p99Ms: optional(orNull(ms)),
  maxMs: optional(orNull(ms)),
});

const clientError = objectOf<ClientError>({
  matched: count,
  unmatched: count,
  ttft: errorSpread,
  itl: errorSpread,
  tpot: errorSpread,
  e2e: errorSpread,
  receipt: errorSpread,
});

const engineAccuracy = objectOf<EngineAccuracy>({
  loop: optional(oneOf(["platform", "epoll"])),
  lateP50Ms: optional(orNull(ms)),
  lateP99Ms: optional(orNull(ms)),
  tokensPerSec: optional(orNull(amount)),
  limited: flag,
});

const CLIENT = { transport: text, workers: count };
const LOAD = {
  streams: count,
  itlMs: durationMs,
  pattern: oneOf(["lockstep", "spread"]),
  tokensPerSec: amount,
};

/** A load of a calibration. */
export const calibrationCell: Shape = objectOf<CalibrationCell>({
  ...CLIENT,
  ...LOAD,
  error: clientError,
  departure: errorSpread,
  failed: count,
  cpuUsPerToken: amount,
  client: clientHealth,
  engine: engineAccuracy,
});

/** The most streams of a transport. */
export const calibrationLimit: Shape = objectOf<CalibrationLimit>({
  ...CLIENT,
  ...LOAD,
  boundMs: durationMs,
  tooManyStreams: optional(count),
  endedBy: oneOf(["error", "engine", "time", "descriptors"]),
});

/** What a stream costs. */
export const memoryPerStream: Shape = objectOf<MemoryPerStream>({
  ...CLIENT,
  kibPerStream: numberFrom(-1e12, 1e12),
  atMost: flag,
  fewStreams: count,
  manyStreams: count,
});

const calibration = objectOf<RunCalibration>({
  savedAt: text,
  cells: listOf(calibrationCell, MOST_ENTRIES),
  limits: optional(listOf(calibrationLimit, MOST_ENTRIES)),
});

const shares = listOf(objectOf<RunShare>({ name: text, weight: amount }), MOST_ENTRIES);

const replay = objectOf<RunReplay>({
  format: text,
  mode: oneOf(["schedule", "sessions"]),
  sessions: count,
  turns: count,
  speedup: optional(amount),
  idleCapMs: optional(durationMs),
  history: oneOf(["recorded", "live"]),
  blockTokens: optional(count),
  expectedShare: optional(share),
  sessionStart: optional(share),
});

const schema: Shape = (value, at) =>
  isRecordSchema(value)
    ? undefined
    : `${at} is ${JSON.stringify(value) ?? "missing"}, which this version cannot read`;

/** What is wrong with the header, if anything. */
export const headerShape: Shape = objectOf<RunHeader>({
  schema,
  version: text,
  startedAt: text,
  scenario: text,
  commandLine: listOf(text, MOST_ENTRIES),
  options: mapOf(anything, 1000),
  url: text,
  protocol: text,
  transport: text,
  transportChoice: optional(objectOf<TransportReason>({ why: text, calibrated: flag })),
  proxied: optional(onlyTrue),
  proxy: optional(text),
  workers: countTo(1e6),
  model: text,
  length: oneOf(["forced", "cap"]),
  stream: flag,
  seed: numberFrom(-1e300, 1e300),
  dataset,
  replay: optional(replay),
  ruledBy: optional(objectOf<RunScenario>({ name: text, broken: listOf(text, 1000) })),
  classes: optional(shares),
  models: optional(shares),
  urls: optional(listOf(text, 1000)),
  saltScope: optional(oneOf(["load", "session", "request", "none"])),
  askedCachedShare: optional(share),
  resetCache: optional(text),
  tokenizer: objectOf<RunTokenizer>({ source: oneOf(["tokenizer", "estimate"]), name: text }),
  loads: listOf(loadPlan, MOST_LOADS),
  environment,
  // Made when files are merged; no record file has it.
  merged: optional(() => "header.merged is there, which no record file has"),
  calibration: optional(calibration),
});
