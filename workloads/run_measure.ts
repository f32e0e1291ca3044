/**
 * The run loop: a plan is prepared, checked and measured load by load, and every request becomes a
 * record.
 *
 * @module
 */
import { onAbort, wallClockMs } from "../backends/clock.ts";
import { decodeExchange, type DecodeOptions, unsentRecord } from "../backends/decode.ts";
import { defined } from "../backends/defined.ts";
import { findProtocol } from "../backends/protocols.ts";
import type { RequestRecord } from "../backends/record.ts";
import type { Exchange } from "../backends/transport.ts";
import {
  type LoadEnd,
  type Run,
  type RunHeader,
  type ServerLost,
  type SessionEnd,
  WARM_UP_PROMPT,
} from "../metrics/run.ts";
import type { BenchPlan } from "./bench_plan.ts";
import { poolOfWarmups } from "./bench_pool.ts";
import { serversOf } from "./bench_servers.ts";
import { type GpuSampler, isThisMachine, isTrouble, openGpuSampler } from "./gpu_sampler.ts";
import { type Load, type Stop, stopOfPool } from "./load.ts";
import { watchClient } from "./load_client_health.ts";
import { sparePrompts } from "./load_sequence.ts";
import { lossNote, usualStopOnErrors, watchServers } from "./load_server_watch.ts";
import { stageAt } from "./load_stages.ts";
import type { LoadThreads } from "./load_threads.ts";
import type { RequestHeader } from "./load_messages.ts";
import type { Dataset } from "./prompt.ts";
import type { Departure } from "./order.ts";
import { microseconds, roundStamps } from "./record_stamps.ts";
import { beginRun, type Begun } from "./run_begin.ts";
import { describeRun, labelOf } from "./run_header.ts";
import type { Replay, ReplayJob } from "./run_replay.ts";
import { expectShares } from "./run_expected_share.ts";
import { meanTokens, type Prepared, type PrepareHooks } from "./run_prepare.ts";
import { LoadProgress } from "./run_progress.ts";
import {
  type LoadReach,
  type LoadRequests,
  requestsOfLoad,
  requestsOfWarmUp,
} from "./run_load_requests.ts";
import { resetCaches } from "./run_reset_cache.ts";
import { prefixWarmUp, shortWarmUp, type WarmUp } from "./run_warm_up.ts";
import { cleanMessage, withoutSecrets } from "./secret.ts";
import { EXIT, UserError } from "./user_error.ts";
import { openWitness, type RunWitness } from "./witness_choice.ts";

/** Signals that stop a run, and functions that it calls as it goes on. */
export interface MeasureHooks extends PrepareHooks {
  /** First Ctrl-C: stop sending, drain. */
  readonly stopSignal: AbortSignal;
  /** Second Ctrl-C: cancel what is in flight. */
  readonly abortSignal: AbortSignal;
  /** Command line without secrets, for the header. */
  readonly commandLine: readonly string[];
  /** Called once everything is prepared, just before the first load. */
  readonly onHeader?: (header: RunHeader) => Promise<void>;
  /** Called once the prompts are chosen; the server may not have answered the check yet. */
  readonly onDataset?: (dataset: Dataset) => void;
  /** `false`: records go to {@linkcode onRecord} alone, the run has none. Default `true`. */
  readonly keepRecords?: boolean;
  /** Called for each request that has ended, warm-up included. */
  readonly onRecord?: (record: RequestRecord) => void;
  /** Called when a session of a measured load has ended. */
  readonly onSession?: (session: SessionEnd) => void;
  /** Called when no request of a measured load is in flight any more. */
  readonly onLoadEnd?: (end: LoadEnd) => void;
}

const PROGRESS_EVERY_MS = 250;

/**
 * Runs a plan to its end.
 *
 * @throws {UserError} when the server cannot be used or the data is unusable; failures of single
 * requests are in the records.
 */
export async function measure(plan: BenchPlan, hooks: MeasureHooks): Promise<Run> {
  const opening = openGpus(plan, hooks);
  try {
    return await measureWatched(plan, hooks, opening);
  } finally {
    const gpus = await opening;
    const failure = gpus?.failure();
    if (failure !== undefined) hooks.note?.(`The GPUs were not watched to the end: ${failure}`);
    await gpus?.close();
  }
}

/** Only users who asked for GPUs are told that there are none; all are told of one that hangs. */
async function openGpus(
  { gpu = "off", ...plan }: BenchPlan,
  hooks: MeasureHooks,
): Promise<GpuSampler | undefined> {
  if (gpu === "off") return undefined;
  const here = findProtocol(plan.protocol).carrier === "inprocess" ||
    serversOf(plan).some(({ url }) => isThisMachine(url));
  if (gpu === "auto" && !here) return undefined;
  const opened = await openGpuSampler(gpu);
  if (typeof opened !== "string") return opened;
  if (gpu !== "auto" || isTrouble(opened)) hooks.note?.(`No GPU is watched: ${opened}`);
  return undefined;
}

async function measureWatched(
  asked: BenchPlan,
  hooks: MeasureHooks,
  opening: Promise<GpuSampler | undefined>,
): Promise<Run> {
  // The first request may be what loads a model into the memory of a GPU.
  const begun = await beginRun(asked, hooks, opening);
  const { plan, prepared, checked } = begun;
  const witness = openWitness(plan, { checked, outputTokens: meanTokens(prepared) });
  try {
    return await measureBegun(begun, { hooks, gpus: await opening, witness });
  } finally {
    await begun.close();
    await witness.close();
  }
}

async function measureBegun(
  begun: Begun,
  { hooks, gpus, witness }: Pick<Running, "hooks" | "gpus" | "witness">,
): Promise<Run> {
  const { plan, prepared, checked, environment } = begun;
  const { commandLine } = hooks;
  const replay = plan.replay === undefined
    ? undefined
    : (await import("./run_replay.ts")).openReplay({ plan, prepared, checked });
  for (const remark of replay?.remarks ?? []) hooks.note?.(remark);
  const header = describeRun(plan, prepared, {
    ...{ commandLine, environment },
    ...defined({ replay: replay?.outline, remarks: replay?.remarks }),
  });
  const [threads] = await Promise.all([begun.open(), hooks.onHeader?.(header)]);
  const records: RequestRecord[] = [];
  const sessions: SessionEnd[] = [];
  const keep = (record: RequestRecord) => {
    roundStamps(record);
    cleanWords(record);
    if (hooks.keepRecords !== false) records.push(record);
    hooks.onRecord?.(record);
  };
  const keepSession = (end: SessionEnd) => {
    if (hooks.keepRecords !== false) sessions.push(end);
    hooks.onSession?.(end);
  };
  try {
    const ends = await measureLoads({
      ...{ plan, prepared, checked, hooks, threads, gpus, witness, keep, keepSession, replay },
    });
    return { header, records, ends, ...(sessions.length > 0 ? { sessions } : {}) };
  } finally {
    replay?.close();
  }
}

/** A record that nobody else has seen. */
type Editable = { -readonly [Name in keyof RequestRecord]: RequestRecord[Name] };

/** Cleans the server's words in a record that nobody else has seen: they may repeat our key. */
function cleanWords(record: Editable): void {
  const { outcome, finishReason, text } = record;
  if (outcome.kind !== "ok") {
    record.outcome = { ...outcome, message: cleanMessage(outcome.message) };
  }
  if (finishReason) record.finishReason = withoutSecrets(finishReason);
  if (text) record.text = withoutSecrets(text);
}

/** `--session-header` of requests that belong to no session: each is one of its own. */
function requestHeader(
  { sessionHeader: name, sessionMark }: BenchPlan,
  { phase, number }: Pick<Part, "phase" | "number">,
): RequestHeader | undefined {
  return name === undefined ? undefined : { name, prefix: `${sessionMark}-${phase[0]}${number}` };
}

/** What stays the same over the loads of a run. */
interface Running {
  readonly plan: BenchPlan;
  readonly prepared: Prepared;
  readonly checked: RequestRecord;
  readonly hooks: MeasureHooks;
  readonly threads: LoadThreads;
  readonly gpus: GpuSampler | undefined;
  readonly witness: RunWitness;
  readonly keep: (record: RequestRecord) => void;
  readonly keepSession: (end: SessionEnd) => void;
  /** What makes the requests of a recording; absent = they come from a pool. */
  readonly replay: Replay | undefined;
}

async function measureLoads(running: Running): Promise<LoadEnd[]> {
  const { plan, hooks } = running;
  const ends: LoadEnd[] = [];
  let poolOffset = poolOfWarmups(plan.warmups);
  let lost: ServerLost | undefined;
  for (const [number, load] of plan.loads.entries()) {
    const own = plan.own?.loads[number];
    const stop = stopOfPool(plan.stops[number] ?? {}, running.prepared.requests.length);
    // The script's rotation counts from the pool's first prompt, warm-up or not.
    const fromFirst = load.kind === "closed" && load.sequence === "legacy";
    const from = own?.from ?? (fromFirst ? 0 : poolOffset);
    const reach = { number, from, count: reachOf(load, stop) };
    const part: Part = { number, load, stop, phase: "measure", poolOffset: from };
    const before = await partsBefore(running, reach);
    const skips = hooks.stopSignal.aborted || lost !== undefined;
    const notReset = skips ? undefined : await emptyCaches(running);
    for (const warmUp of before.warmUps) {
      if (hooks.stopSignal.aborted || lost !== undefined) break;
      lost = (await measureLoad(running, warmUp)).serverLost;
    }
    const end = hooks.stopSignal.aborted || lost !== undefined
      ? skippedLoad(number, lost)
      : await measureLoad(
        running,
        before.own === undefined ? part : {
          ...part,
          ...{ poolOffset: 0, own: before.own },
        },
      );
    lost ??= end.serverLost;
    const told = { ...end, ...defined({ cacheNotReset: notReset }) };
    ends.push(told);
    hooks.onLoadEnd?.(told);
    poolOffset += (stop.requests ?? 0) + sparePrompts(load, stop);
  }
  if (lost === undefined && ends.every(({ skipped }) => skipped)) {
    throw new UserError("Interrupted before anything was measured", EXIT.interrupted);
  }
  return ends;
}

/** Before anything of a load is sent, its warm-up included. A failure is told, and the run goes on. */
async function emptyCaches({ plan, prepared, hooks }: Running): Promise<string | undefined> {
  const why = await resetCaches(plan, prepared, hooks.stopSignal);
  if (why !== undefined) hooks.note?.(`The prefix cache was not emptied: ${why}`);
  return why;
}

/** What is sent before a load, and its own requests, which are encoded before that. */
async function partsBefore(
  running: Running,
  reach: LoadReach,
): Promise<{ readonly own: LoadRequests | undefined; readonly warmUps: readonly Part[] }> {
  const { plan, prepared, checked, hooks } = running;
  if (hooks.stopSignal.aborted) return { own: undefined, warmUps: [] };
  const { number } = reach;
  const own = plan.replay === undefined ? await requestsOfLoad(prepared, reach) : undefined;
  const warmUps: Part[] = [];
  if (plan.warmups[number] !== 0) warmUps.push(await warmUpPart(running, number));
  const need = { load: plan.loads[number]!, stop: plan.stops[number] ?? {}, number };
  const prefixes = plan.warmPrefixes === true
    ? prefixWarmUp({ prepared, checked, ...need }, reach)
    : undefined;
  if (prefixes !== undefined) warmUps.push(partOf(prefixes, number));
  return { own, warmUps };
}

/** Requests that a load may take from the pool, with those that only fast users need. */
function reachOf(load: Load, stop: Stop): number {
  return (stop.requests ?? Infinity) + sparePrompts(load, stop);
}

/** A warm-up with requests of its own. */
function partOf(own: WarmUp, number: number): Part {
  const stop = { requests: own.requests.length };
  return { number, load: own.load, stop, phase: "warmup", poolOffset: 0, own, beside: true };
}

/** The warm-up of a load. */
async function warmUpPart({ plan, prepared, checked }: Running, number: number): Promise<Part> {
  const load = plan.loads[number]!;
  const warmup = plan.warmups[number] ?? 0;
  const stop = plan.stops[number] ?? {};
  if (warmup === "short") {
    return partOf(shortWarmUp({ prepared, checked, load, stop, number }), number);
  }
  const from = plan.own?.loads[number]?.warmupFrom ?? 0;
  const own = await requestsOfWarmUp(prepared, { number, from, count: warmup });
  return {
    number,
    // Its prompts are a queue: none of those that will be measured is sent before.
    load: warmUpLoad(load),
    stop: { requests: warmup },
    phase: "warmup",
    ...(own === undefined ? { poolOffset: from } : { poolOffset: 0, own }),
  };
}

/** The load of whole requests that warms up: nobody thinks, and what may be disjoint is shared. */
function warmUpLoad(load: Load): Load {
  if (load.kind !== "closed") return load;
  const { thinkTime: _, ...rest } = load;
  return rest.sequence === "disjoint" ? { ...rest, sequence: "shared" } : rest;
}

/**
 * Ctrl-C came before it, or the server was lost: without an end it would look like the load of a
 * client that was killed.
 */
function skippedLoad(load: number, lost: ServerLost | undefined): LoadEnd {
  return {
    load,
    durationMs: 0,
    rampEndMs: 0,
    sendingEndMs: 0,
    interrupted: lost === undefined,
    skipped: true,
    ...(lost === undefined ? {} : { serverLost: { ...lost, atMs: 0, failures: 0 } }),
  };
}

/** A load, or the warm-up before it. */
interface Part {
  readonly number: number;
  readonly load: Load;
  readonly stop: Stop;
  readonly phase: "warmup" | "measure";
  readonly poolOffset: number;
  /** Requests of its own, in place of the pool's. */
  readonly own?: LoadRequests;
  /** They are no prompts of the pool. */
  readonly beside?: true;
}

/** The measured part of a recording's load; its warm-up is none of it. */
function beginReplay(
  { replay, keepSession: onSession }: Running,
  { number, load, stop, phase }: Part,
): ReplayJob | undefined {
  if (load.kind !== "replay" || phase === "warmup") return undefined;
  return replay?.begin({ number, load, stop, onSession });
}

async function measureLoad(running: Running, part: Part): Promise<LoadEnd> {
  const { plan, prepared, hooks, threads, keep } = running;
  const { dataset, protocol, counter } = prepared;
  const { number, load, stop, phase, poolOffset, own, beside = false } = part;
  const { requests } = own ?? prepared;
  const replay = beginReplay(running, part);
  const gpus = phase === "measure" ? running.gpus : undefined;
  const witness = phase === "measure"
    ? await running.witness.watch(number)
    : { absent: "a warm-up has none" };
  await gpus?.begin();

  const stages = phase === "measure" && load.kind === "open" ? load.stages : undefined;
  // The first prompts of a recording are there when the load begins.
  await replay?.prepare();

  const placeOf = ({ item }: Departure) => (poolOffset + item) % requests.length;
  /** Position in the pool of the request that it is, or is like. */
  const likeOf = (departure: Departure) => {
    const place = placeOf(departure);
    return own === undefined ? place : own.likeAt(place);
  };
  // One object for all answers: they are decoded one after the other.
  const decoding: { -readonly [Name in keyof DecodeOptions]: DecodeOptions[Name] } = {
    load: number,
    phase,
    index: 0,
    user: 0,
    promptId: "",
    intendedMs: 0,
    originMs: 0,
    keepText: plan.saveText,
    ...defined({ maxAnswerBytes: plan.maxAnswerBytes, eventTicks: plan.eventTicks }),
    // An estimate of the text is worth less than one token per event.
    ...(counter.source === "tokenizer" && plan.countText !== false
      ? { countText: (text) => counter.count(text) }
      : {}),
  };
  const requestOf = replay === undefined
    ? (departure: Departure) => requests[placeOf(departure)]!
    : (departure: Departure) => replay.requestOf(departure);
  const decodeOptions = (departure: Departure, originMs: number): DecodeOptions => {
    const { id, promptTokens } = dataset.prompts[likeOf(departure) % dataset.prompts.length]!;
    decoding.index = departure.index;
    decoding.user = departure.user;
    decoding.promptId = beside ? WARM_UP_PROMPT : id;
    decoding.intendedMs = originMs + departure.intendedMs;
    decoding.originMs = originMs;
    decoding.promptTokens = promptTokens;
    if (replay !== undefined) Object.assign(decoding, replay.labelOf(departure));
    return decoding;
  };
  const progress = new LoadProgress(threads, {
    phase: phase === "warmup" ? "warm-up" : "measuring",
    label: labelOf(plan, number),
    stages,
    stop,
    onProgress: hooks.onProgress,
  });
  const server = watchServers(
    plan.stopOnErrors ?? usualStopOnErrors(load),
    { live: threads.live, servers: serversOf(plan).map(({ url }) => url) },
  );
  // Requests of a recording have their shares by sessions.
  const shareAt = replay === undefined ? prepared.pool.shareAt : undefined;
  const expected = phase === "warmup"
    ? undefined
    : expectShares(prepared, { warmed: plan.warmPrefixes === true });
  const shared = (departure: Departure, record: Editable): RequestRecord => {
    if (departure.heldMs !== undefined) record.heldMs = departure.heldMs;
    if (stages !== undefined) record.stage = stageAt(stages, departure.intendedMs);
    if (shareAt === undefined && expected === undefined) return record;
    const like = likeOf(departure);
    return Object.assign(record, shareAt?.(like), expected?.(like));
  };
  const sending = new AbortController();
  const ignoreStop = onAbort(hooks.stopSignal, () => sending.abort());
  let lost: ServerLost | undefined;
  let lastEndMs = 0;
  // Refusals after the loss are no part of what was measured.
  let lastAnswerMs = 0;
  const onExchange = (departure: Departure, exchange: Exchange, originMs: number) => {
    const request = requestOf(departure);
    const options = decodeOptions(departure, originMs);
    const record = shared(departure, decodeExchange(exchange, protocol, request, options));
    replay?.complete(record, exchange);
    progress.add(record);
    lastEndMs = Math.max(lastEndMs, exchange.endMs - originMs);
    if (record.outcome.kind !== "connect_error") lastAnswerMs = lastEndMs;
    keep(record);
    const gone = server.see(record);
    if (gone !== undefined) {
      lost = { ...gone, message: cleanMessage(gone.message) };
      sending.abort();
      hooks.note?.(lossNote(lost, wallClockMs() - (record.endMs ?? 0) + gone.atMs));
    }
    replay?.ended(record);
  };
  const onDropped = (departure: Departure, reason: string) => {
    progress.addDropped();
    const outcome = { kind: "dropped", message: reason } as const;
    const options = decodeOptions(departure, 0);
    const record = shared(departure, unsentRecord(requestOf(departure), options, outcome));
    replay?.complete(record);
    keep(record);
    replay?.ended(record);
  };

  const health = watchClient(threads.live());
  const timer = setInterval(() => {
    health.sample();
    progress.report();
  }, PROGRESS_EVERY_MS);
  try {
    const end = await threads.run({
      load,
      stop,
      seed: plan.seed,
      loadNumber: number,
      poolOffset,
      poolSize: requests.length,
      timeoutMs: plan.timeoutMs,
      ...defined({
        maxAnswerBytes: plan.maxAnswerBytes,
        requestHeader: requestHeader(plan, part),
        maxPrefill: plan.maxPrefill,
        cancel: phase === "measure" ? plan.cancel : undefined,
      }),
      graceMs: plan.graceMs,
      stopSignal: sending.signal,
      abortSignal: hooks.abortSignal,
      onExchange,
      onDropped,
      ...(own === undefined ? {} : { wires: own.wires }),
      ...(own !== undefined && !beside && protocol.usesRequestId === true ? { requests } : {}),
      // Nobody minds when exactly it starts.
      ...(beside ? { leadMs: 0 } : {}),
      ...("job" in witness ? { witness: witness.job } : {}),
      ...defined({ orders: replay?.orders }),
    });
    if (replay?.failure !== undefined) throw replay.failure;
    for (const note of replay?.notes() ?? []) hooks.note?.(note);
    // What the client did is counted before the last GPU sample is waited for.
    const client = health.finish(end, threads.live());
    const gpu = await gpus?.finish(end.startEpochMs);
    const shown = "job" in witness ? await witness.finish() : witness;
    const { rampEndMs, sendingEndMs } = replay?.windowOf(end) ?? end;
    return {
      load: number,
      startedAtMs: microseconds(end.startEpochMs),
      durationMs: lost === undefined ? lastEndMs : Math.max(lastAnswerMs, lost.atMs),
      rampEndMs,
      // Users who think send nothing more long before they would have.
      sendingEndMs: Math.min(
        sendingEndMs,
        lost?.atMs ?? Infinity,
        load.kind === "closed" && load.thinkTime !== undefined ? lastEndMs : Infinity,
      ),
      interrupted: hooks.stopSignal.aborted,
      ...defined({ serverLost: lost }),
      ...("absent" in shown ? { witnessAbsent: withoutSecrets(shown.absent) } : { witness: shown }),
      client,
      ...defined({ gpu }),
    };
  } finally {
    clearInterval(timer);
    ignoreStop();
    if ("job" in witness) witness.stop();
    if (phase === "measure") progress.report();
  }
}
