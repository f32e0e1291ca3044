/**
 * From a plan to a run: prompts prepared, loads sent, records kept.
 *
 * @module
 */
import { systemClock, wallClockMs } from "../backends/clock.ts";
import { decodeExchange, type DecodeOptions, unsentRecord } from "../backends/decode.ts";
import type { GenerationRequest, Protocol, Target, WireRequest } from "../backends/protocol.ts";
import { checkTakesTokenIds, findProtocol } from "../backends/protocols.ts";
import type { RequestRecord } from "../backends/record.ts";
import type { Exchange, TransportKind } from "../backends/transport.ts";
import { findTransport } from "../backends/transports.ts";
import {
  type LoadEnd,
  type LoadPlan,
  RECORD_SCHEMA,
  type Run,
  type RunHeader,
} from "../metrics/run.ts";
import type { BenchPlan } from "./bench_plan.ts";
import { chooseTransport } from "./run_auto_transport.ts";
import { lookUpCalibration, lookUpMachine } from "./calibration_file.ts";
import { watchClient } from "./load_client_health.ts";
import { findDataset } from "./datasets.ts";
import { readEnvironment } from "./environment.ts";
import { type GpuSampler, isThisMachine, openGpuSampler } from "./gpu_sampler.ts";
import { lengthsOf } from "./dataset_length.ts";
import { type Load, loadLabel, type Stop } from "./load.ts";
import { type LoadThreads, openThreads } from "./load_threads.ts";
import type { Dataset, TokenCounter } from "./prompt.ts";
import type { ProgressState } from "./live_progress.ts";
import type { Departure } from "./load_runner.ts";
import { microseconds, toMicroseconds } from "./record_file.ts";
import { withoutPassword } from "./option_secret.ts";
import {
  askOver,
  chooseModel,
  refuse,
  targetOf,
  transportOptions,
  withTransport,
} from "./server_target.ts";
import { estimateCounter, loadTokenizer } from "./tokenizer.ts";
import { EXIT, UserError } from "./user_error.ts";
import { VERSION } from "./version.ts";
import { whileWaiting } from "./live_waiting.ts";

/** What a run tells while it goes on. */
export interface MeasureHooks {
  /** First Ctrl-C: stop sending, drain. */
  readonly stopSignal: AbortSignal;
  /** Second Ctrl-C: cancel what is in flight. */
  readonly abortSignal: AbortSignal;
  /** Command line without secrets, for the header. */
  readonly commandLine: readonly string[];
  /** Called once everything is prepared, just before the first load. */
  readonly onHeader?: (header: RunHeader) => Promise<void>;
  /** Called once the prompts are chosen, before {@linkcode onHeader}. */
  readonly onDataset?: (dataset: Dataset) => void;
  /** `false`: records go to {@linkcode onRecord} alone, the run has none. Default `true`. */
  readonly keepRecords?: boolean;
  /** Called for each request that has ended, warm-up included. */
  readonly onRecord?: (record: RequestRecord) => void;
  /** Called when nothing of a measured load is in flight any more. */
  readonly onLoadEnd?: (end: LoadEnd) => void;
  /** Called a few times a second while requests run, and while prompts take long to load. */
  readonly onProgress?: (state: ProgressState) => void;
  /** A line for people. */
  readonly note?: (line: string) => void;
}

/** Everything that is ready before the first timer starts. */
export interface Prepared {
  /** How the engine is spoken to. */
  readonly protocol: Protocol;
  /** Where requests go, secrets included. */
  readonly target: Target;
  /** Pool that the loads take their prompts from. */
  readonly dataset: Dataset;
  /** The tokenizer, or the estimate where none was given. */
  readonly counter: TokenCounter;
  /** Name that is sent: the one asked for, or the first one the server lists. */
  readonly model: string;
  /** One for each prompt of the dataset, in its order. */
  readonly requests: readonly GenerationRequest[];
  /** The same requests encoded, in the same order. */
  readonly wires: readonly WireRequest[];
}

const PROGRESS_EVERY_MS = 250;
/** What loads faster needs no progress line. */
const QUIET_LOADING_MS = 1000;
/** Answers longer than this add nothing to the question whether a length can be forced. */
const CHECK_TOKENS = 64;
const CHECK_ATTEMPTS = 3;
/** Some thousand events, decoded in about 20 ms. */
const REHEARSED_BYTES = 2e6;
/** The transport that is chosen when the server is known. */
const AUTO = "auto";
/** Preprocessing calls at once: quick, and no load test of its own. */
const PREPARE_AT_ONCE = 8;

/**
 * Runs a plan to its end.
 *
 * @throws {UserError} when the server cannot be used or the data is unusable; failures of single
 * requests are in the records.
 */
export async function measure(plan: BenchPlan, hooks: MeasureHooks): Promise<Run> {
  // Before the first request, which may be what loads a model into the memory of a GPU.
  const gpus = await openGpus(plan, hooks);
  try {
    return await measureWatched(plan, hooks, gpus);
  } finally {
    await gpus?.close();
  }
}

/** Absent GPUs are worth a line only to somebody who asked for them. */
async function openGpus(
  { gpu = "off", protocol, url }: BenchPlan,
  hooks: MeasureHooks,
): Promise<GpuSampler | undefined> {
  if (gpu === "off") return undefined;
  const here = findProtocol(protocol).carrier === "inprocess" || isThisMachine(url);
  if (gpu === "auto" && !here) return undefined;
  const opened = await openGpuSampler(gpu);
  if (typeof opened !== "string") return opened;
  if (gpu !== "auto") hooks.note?.(`No GPU is watched: ${opened}`);
  return undefined;
}

async function measureWatched(
  asked: BenchPlan,
  hooks: MeasureHooks,
  gpus: GpuSampler | undefined,
): Promise<Run> {
  const prepared = await prepare(asked, hooks);
  hooks.onDataset?.(prepared.dataset);
  if (hooks.stopSignal.aborted) throw interruptedEarly();
  const checked = await checkServer(asked, prepared, hooks);
  const plan = await settleTransport(asked, checked, hooks);

  const header = await describeRun(plan, prepared, hooks.commandLine);
  await hooks.onHeader?.(header);
  const threads = await openThreads({
    workers: plan.workers,
    transport: plan.transport,
    transportOptions: transportOptions(plan),
    protocol: plan.protocol,
    target: prepared.target,
    wires: prepared.wires,
    scheduled: plan.loads.some(({ kind }) => kind === "open"),
    ...(prepared.protocol.usesRequestId === true ? { requests: prepared.requests } : {}),
  });
  const records: RequestRecord[] = [];
  const ends: LoadEnd[] = [];
  const keep = (observed: RequestRecord) => {
    const record = toMicroseconds(observed);
    if (hooks.keepRecords !== false) records.push(record);
    hooks.onRecord?.(record);
  };
  try {
    let poolOffset = Math.max(0, ...plan.warmups);
    for (const [number, load] of plan.loads.entries()) {
      const warmup = plan.warmups[number] ?? 0;
      if (warmup > 0 && !hooks.stopSignal.aborted) {
        await runOne(plan, prepared, hooks, threads, {
          number,
          load,
          stop: { requests: warmup },
          phase: "warmup",
          poolOffset: plan.own?.loads[number]?.warmupFrom ?? 0,
          keep,
        });
      }
      const end = hooks.stopSignal.aborted
        ? skippedLoad(number)
        : await runOne(plan, prepared, hooks, threads, {
          number,
          load,
          stop: plan.stops[number] ?? {},
          phase: "measure",
          // The script's rotation counts from the pool's first prompt, warm-up or not.
          poolOffset: plan.own?.loads[number]?.from ??
            (load.kind === "closed" && load.sequence === "legacy" ? 0 : poolOffset),
          keep,
          ...(gpus === undefined ? {} : { gpus }),
        });
      ends.push(end);
      hooks.onLoadEnd?.(end);
      poolOffset += plan.stops[number]?.requests ?? 0;
    }
  } finally {
    await threads.close();
  }
  if (ends.every(({ skipped }) => skipped)) {
    throw new UserError("Interrupted before anything was measured", EXIT.interrupted);
  }
  return { header, records, ends };
}

function interruptedEarly(): UserError {
  return new UserError("Interrupted before the first request", EXIT.interrupted);
}

/** Ctrl-C came before it: without an end it would look like the load of a client that was killed. */
function skippedLoad(load: number): LoadEnd {
  return {
    load,
    durationMs: 0,
    rampEndMs: 0,
    sendingEndMs: 0,
    interrupted: true,
    skipped: true,
  };
}

/**
 * Loads the prompts, finds the model, encodes every request.
 *
 * @throws {UserError} when something of it cannot be had.
 */
export async function prepare(
  plan: BenchPlan,
  hooks: Pick<MeasureHooks, "onProgress" | "note">,
): Promise<Prepared> {
  const protocol = findProtocol(plan.protocol);
  const target = targetOf(plan);
  const { counter, dataset } = await loadPrompts(plan, hooks);
  if (dataset.prompts.some(({ tokenIds }) => tokenIds !== undefined)) checkTakesTokenIds(protocol);
  const kind = checkingTransport(plan);
  const open = () => kind.open({ ...transportOptions(plan), clock: systemClock });
  return await withTransport(open, systemClock, async (transport) => {
    const ask = askOver(transport);
    const model = await whileWaiting(chooseModel(protocol, target, ask, plan.model), {
      clock: systemClock,
      label: "the server's list of models",
      onProgress: hooks.onProgress,
    });
    // A random base keeps two benchmarks of one server from sharing ids (T32); never 0, which
    // some clients leave out on the wire.
    const base = (crypto.getRandomValues(new BigUint64Array(1))[0]! >> 2n) + 1n;
    const requests = dataset.prompts.map((prompt, i): GenerationRequest => ({
      model,
      messages: prompt.messages,
      outputTokens: prompt.outputTokens,
      length: plan.length,
      stream: plan.stream,
      sampling: plan.sampling,
      requestId: base + BigInt(i),
      ...(prompt.tokenIds === undefined ? {} : { promptTokenIds: prompt.tokenIds }),
      ...(plan.extraBody === undefined ? {} : { extraBody: plan.extraBody }),
    }));
    const ready = protocol.prepare === undefined
      ? requests
      : await inGroups(requests, (request) => protocol.prepare!(request, target, ask));
    const wires = ready.map((request) => protocol.buildRequest(request, target));
    return { protocol, target, dataset, counter, model, requests: ready, wires };
  });
}

/** Loads tokenizer and dataset. @throws {UserError} */
export async function loadPrompts(
  plan: BenchPlan,
  hooks: Pick<MeasureHooks, "onProgress" | "note">,
): Promise<{ counter: TokenCounter; dataset: Dataset }> {
  const counter = plan.tokenizer === undefined
    ? estimateCounter
    : await loadTokenizer(plan.tokenizer);
  if (plan.own !== undefined) return { counter, dataset: plan.own.dataset };
  const lengths = plan.outputTokens === undefined
    ? undefined
    : lengthsOf(plan.outputTokens, { seed: plan.seed, label: "output-tokens" });
  const startMs = systemClock.now();
  const dataset = await findDataset(plan.dataset).load({
    count: plan.prompts,
    seed: plan.seed,
    counter,
    turns: plan.turns,
    extra: plan.datasetExtra,
    onProgress(done, total) {
      const elapsedMs = systemClock.now() - startMs;
      if (elapsedMs < QUIET_LOADING_MS) return;
      hooks.onProgress?.({
        phase: "loading prompts",
        label: plan.datasetPath ?? plan.dataset,
        done,
        total,
        failed: 0,
        inFlight: 0,
        elapsedMs,
      });
    },
    ...(plan.datasetPath === undefined ? {} : { path: plan.datasetPath }),
    ...(lengths === undefined ? {} : { outputTokens: lengths }),
    ...(plan.systemPrompt === undefined ? {} : { systemPrompt: plan.systemPrompt }),
  });
  // The shipped sample is known to be small.
  if (dataset.note !== undefined && plan.datasetPath !== undefined) {
    const again = plan.loads.some((load, i) => startsOver(load, plan.stops[i] ?? {}))
      ? "; a pool that is too small is sent again from its start"
      : "";
    hooks.note?.(`${dataset.note}${again}`);
  }
  return { counter, dataset };
}

/** Does the load send a prompt again when it has sent all of them? */
function startsOver(load: Load, stop: Stop): boolean {
  const wholePool = load.kind === "closed" && ["legacy", "shuffled"].includes(load.sequence);
  return stop.once !== true && !wholePool;
}

/**
 * One request that decides whether the server can be measured as planned. A server that fails now
 * and then can be, so a failure is given two more chances; no connection is no server.
 */
async function checkServer(
  plan: BenchPlan,
  prepared: Prepared,
  { stopSignal, onProgress }: Pick<MeasureHooks, "stopSignal" | "onProgress">,
): Promise<RequestRecord> {
  const { protocol, target } = prepared;
  const first = prepared.requests[0]!;
  const request = { ...first, outputTokens: Math.min(first.outputTokens, CHECK_TOKENS) };
  const kind = checkingTransport(plan);
  const open = () => kind.open({ ...transportOptions(plan), clock: systemClock });
  return await withTransport(open, systemClock, async (transport) => {
    for (let attempt = 1;; attempt++) {
      const sent = transport.send(protocol.buildRequest(request, target), {
        timeoutMs: plan.timeoutMs,
        // Nothing is measured yet that would be worth the wait.
        signal: stopSignal,
      });
      const exchange = await whileWaiting(sent, {
        clock: systemClock,
        label: "the server's first answer",
        onProgress,
      });
      if (stopSignal.aborted) throw interruptedEarly();
      const decode = () =>
        decodeExchange(exchange, protocol, request, {
          load: 0,
          phase: "warmup",
          index: 0,
          user: 0,
          promptId: "check",
          intendedMs: 0,
          originMs: 0,
        });
      const record = decode();
      const { outcome } = record;
      if (outcome.kind === "ok") {
        // Answers like this one will come: the compiler shall be done with the decoder by then.
        for (let bytes = 0; bytes < REHEARSED_BYTES; bytes += exchange.body.length + 1) decode();
        return record;
      }
      if (attempt === CHECK_ATTEMPTS || outcome.kind === "connect_error") {
        refuse(protocol, target, outcome, plan.length);
      }
    }
  });
}

/** Carries what is asked before the load. */
function checkingTransport({ transport, insecure }: BenchPlan): TransportKind {
  return findTransport(transport !== AUTO ? transport : insecure ? "socket" : "fetch");
}

/**
 * Decides for `--transport auto`, from what the checked server says of the load to come and from
 * what was calibrated on this machine.
 */
async function settleTransport(
  plan: BenchPlan,
  checked: RequestRecord,
  { note }: Pick<MeasureHooks, "note">,
): Promise<BenchPlan> {
  if (plan.transport !== AUTO) return plan;
  const { sentMs = 0, firstTokenMs = 0, lastTokenMs = 0, endMs = 0 } = checked;
  const tokens = checked.outputTokens?.tokens ?? 1;
  const streamMs = lastTokenMs - firstTokenMs;
  const calibrated = plan.calibration === false
    ? undefined
    : await lookUpMachine(await readEnvironment(), plan.calibration);
  const { transport, why } = chooseTransport({
    limits: (calibrated?.limits ?? []).filter(({ workers }) => workers === plan.workers),
    loads: plan.loads,
    threads: Math.max(1, plan.workers),
    // An answer that came at once says nothing of a rate; one of a single token has none.
    tokensPerSec: tokens > 1 && streamMs > 0 ? (tokens - 1) / streamMs * 1000 : 0,
    latencyMs: endMs - sentMs,
    https: plan.url.startsWith("https:"),
    insecure: plan.insecure,
    ffi: Deno.build.os === "linux" &&
      Deno.permissions.querySync({ name: "ffi" }).state === "granted",
  });
  note?.(`--transport auto takes ${transport}: ${why}`);
  return { ...plan, transport };
}

interface OneLoad {
  readonly number: number;
  readonly load: Load;
  readonly stop: Stop;
  readonly phase: "warmup" | "measure";
  readonly poolOffset: number;
  readonly keep: (record: RequestRecord) => void;
  /** Watched during this load. */
  readonly gpus?: GpuSampler;
}

async function runOne(
  plan: BenchPlan,
  prepared: Prepared,
  hooks: MeasureHooks,
  threads: LoadThreads,
  one: OneLoad,
): Promise<LoadEnd> {
  const { dataset, requests, protocol, counter } = prepared;
  const pool = requests.length;
  await one.gpus?.begin();
  const startMs = systemClock.now();
  const before = threads.live();
  let lastEndMs = 0;
  let done = 0;
  let failed = 0;
  let tokens = 0;
  let readsOfEnded = 0;

  const decodeOptions = (departure: Departure, originMs: number): DecodeOptions => {
    const prompt = dataset.prompts[(one.poolOffset + departure.item) % pool]!;
    return {
      load: one.number,
      phase: one.phase,
      index: departure.index,
      user: departure.user,
      promptId: prompt.id,
      intendedMs: originMs + departure.intendedMs,
      originMs,
      keepText: plan.saveText,
      promptTokens: prompt.promptTokens,
      // An estimate of the text is worth less than one token an event.
      ...(counter.source === "tokenizer" ? { countText: (text) => counter.count(text) } : {}),
    };
  };
  const onExchange = (departure: Departure, exchange: Exchange, originMs: number) => {
    const request = requests[(one.poolOffset + departure.item) % pool]!;
    const options = decodeOptions(departure, originMs);
    const record = decodeExchange(exchange, protocol, request, options);
    done++;
    if (record.outcome.kind !== "ok") failed++;
    tokens += record.outputTokens?.tokens ?? 0;
    readsOfEnded += record.reads;
    lastEndMs = Math.max(lastEndMs, exchange.endMs - originMs);
    one.keep(record);
  };
  const onDropped = (departure: Departure, reason: string) => {
    const request = requests[(one.poolOffset + departure.item) % pool]!;
    failed++;
    const outcome = { kind: "dropped", message: reason } as const;
    one.keep(unsentRecord(request, decodeOptions(departure, 0), outcome));
  };

  let lastReads = before.reads;
  let lastAtMs = startMs;
  let tokensPerSec: number | undefined;
  const progress = () => {
    const live = threads.live();
    const nowMs = systemClock.now();
    // Events in flight are not decoded yet: reads stand for tokens, by the ratio seen so far.
    const tokensPerRead = readsOfEnded > 0 ? tokens / readsOfEnded : 1;
    if (nowMs > lastAtMs) {
      const reads = (live.reads - lastReads) >>> 0;
      tokensPerSec = (reads * tokensPerRead * 1000) / (nowMs - lastAtMs);
    }
    lastReads = live.reads;
    lastAtMs = nowMs;
    const elapsedMs = nowMs - startMs;
    const leftMs = timeLeftMs(one.stop, done, elapsedMs);
    hooks.onProgress?.({
      phase: one.phase === "warmup" ? "warm-up" : "measuring",
      label: plan.own?.loads[one.number]?.label ?? loadLabel(one.load),
      done,
      failed,
      inFlight: live.sent - live.ended,
      elapsedMs,
      ...(one.stop.requests === undefined ? {} : { total: one.stop.requests }),
      ...(tokensPerSec === undefined ? {} : { tokensPerSec }),
      ...(leftMs === undefined ? {} : { leftMs }),
    });
  };
  const health = watchClient(before);
  const timer = setInterval(() => {
    health.sample();
    progress();
  }, PROGRESS_EVERY_MS);
  try {
    const end = await threads.run({
      load: one.load,
      stop: one.stop,
      seed: plan.seed,
      loadNumber: one.number,
      poolOffset: one.poolOffset,
      poolSize: pool,
      timeoutMs: plan.timeoutMs,
      graceMs: plan.graceMs,
      stopSignal: hooks.stopSignal,
      abortSignal: hooks.abortSignal,
      onExchange,
      onDropped,
    });
    // What the client did is counted before the last look is waited for.
    const client = health.finish(end, threads.live());
    const gpu = await one.gpus?.finish(end.startEpochMs);
    return {
      load: one.number,
      startedAtMs: microseconds(end.startEpochMs),
      durationMs: lastEndMs,
      rampEndMs: end.rampEndMs,
      sendingEndMs: end.sendingEndMs,
      interrupted: hooks.stopSignal.aborted,
      client,
      ...(gpu === undefined ? {} : { gpu }),
    };
  } finally {
    clearInterval(timer);
    if (one.phase === "measure") progress();
  }
}

function timeLeftMs(stop: Stop, done: number, elapsedMs: number): number | undefined {
  const byTime = stop.durationMs === undefined ? Infinity : stop.durationMs - elapsedMs;
  const byCount = stop.requests === undefined || done === 0
    ? Infinity
    : (elapsedMs / done) * (stop.requests - done);
  const left = Math.min(byTime, byCount);
  return isFinite(left) ? Math.max(0, left) : undefined;
}

async function inGroups<A, B>(
  items: readonly A[],
  work: (item: A) => Promise<B>,
): Promise<B[]> {
  const results = new Array<B>(items.length);
  let next = 0;
  const lane = async () => {
    while (next < items.length) {
      const i = next++;
      results[i] = await work(items[i]!);
    }
  };
  await Promise.all(Array.from({ length: Math.min(PREPARE_AT_ONCE, items.length) }, lane));
  return results;
}

/** The header of the record file. */
export async function describeRun(
  plan: BenchPlan,
  prepared: Pick<Prepared, "dataset" | "counter" | "model">,
  commandLine: readonly string[],
): Promise<RunHeader> {
  const { dataset, counter } = prepared;
  const environment = await readEnvironment();
  const calibration = plan.calibration === false
    ? undefined
    : await lookUpCalibration(environment, {
      transport: plan.transport,
      workers: plan.workers,
      ...(plan.calibration === undefined ? {} : { file: plan.calibration }),
    });
  return {
    schema: RECORD_SCHEMA,
    version: VERSION,
    startedAt: new Date(wallClockMs()).toISOString(),
    scenario: plan.scenario,
    commandLine,
    options: plan.options as Readonly<Record<string, unknown>>,
    url: withoutPassword(plan.url),
    protocol: plan.protocol,
    transport: plan.transport,
    workers: plan.workers,
    model: prepared.model,
    length: plan.length,
    stream: plan.stream,
    seed: plan.seed,
    dataset: {
      kind: plan.dataset,
      source: dataset.source,
      prompts: dataset.prompts.length,
      skipped: dataset.skipped,
      duplicates: dataset.duplicates,
      ...(dataset.sha256 === undefined ? {} : { sha256: dataset.sha256 }),
    },
    tokenizer: { source: counter.source, name: counter.name },
    loads: plan.loads.map((load, i) => ({
      ...describeLoad(load, plan.stops[i] ?? {}),
      ...(plan.own === undefined ? {} : { label: plan.own.loads[i]?.label ?? loadLabel(load) }),
    })),
    environment,
    ...(calibration === undefined ? {} : { calibration }),
  };
}

function describeLoad(load: Load, stop: Stop): LoadPlan {
  const common = {
    label: loadLabel(load),
    ...(stop.requests === undefined ? {} : { stopRequests: stop.requests }),
    ...(stop.durationMs === undefined ? {} : { stopDurationMs: stop.durationMs }),
  };
  return load.kind === "closed"
    ? { ...common, kind: "closed", users: load.users, rampUpMs: load.rampUpMs }
    : {
      ...common,
      kind: "open",
      arrival: load.arrival,
      // JSON has no infinity; the label says it.
      ...(load.ratePerSec === Infinity ? {} : { ratePerSec: load.ratePerSec }),
      maxInFlight: load.maxInFlight,
      overflow: load.overflow,
    };
}
