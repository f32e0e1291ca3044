/**
 * The run loop: a plan is prepared, checked and measured load by load, and every request becomes a
 * record.
 *
 * @module
 */
import { defined } from "../backends/defined.ts";
import { findProtocol } from "../backends/protocols.ts";
import type { RecordDraft, RequestRecord } from "../backends/record.ts";
import type { LoadEnd, Run, ServerLost } from "../metrics/run.ts";
import type { SessionEnd } from "../metrics/run_replay.ts";
import type { BenchPlan } from "./bench_plan.ts";
import { poolOfWarmups } from "./bench_pool.ts";
import { warmRepeats } from "./bench_salt.ts";
import { serversOf } from "./bench_servers.ts";
import { isSentAgain, orderOf } from "./bench_order.ts";
import { type GpuSampler, isThisMachine, isTrouble, openGpuSampler } from "./gpu_sampler.ts";
import { type Load, type Stop, stopOfPool } from "./load.ts";
import { sparePrompts } from "./load_sequence.ts";
import { roundStamps } from "./record_stamps.ts";
import { beginRun, type Begun } from "./run_begin.ts";
import { describeRun } from "./run_header.ts";
import type { MeasureHooks } from "./run_hooks.ts";
import { measureLoad, type Running } from "./run_load.ts";
import { measuredPart, reachOf, warmUpParts } from "./run_load_part.ts";
import type { LoadReach } from "./run_load_requests.ts";
import { meanTokens } from "./run_prepare.ts";
import { resetCaches } from "./run_reset_cache.ts";
import { cleanMessage, withoutSecrets } from "./secret.ts";
import { EXIT, UserError } from "./user_error.ts";
import { openWitness } from "./witness_choice.ts";

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
  const warm = warmRepeats(plan, prepared.protocol);
  for (const remark of [...replay?.remarks ?? [], ...warm === undefined ? [] : [warm]]) {
    hooks.note?.(remark);
  }
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

/** Cleans the server's words in a record that nobody else has seen: they may repeat our key. */
function cleanWords(record: RecordDraft): void {
  const { outcome, finishReason, text } = record;
  if (outcome.kind !== "ok") {
    record.outcome = { ...outcome, message: cleanMessage(outcome.message) };
  }
  if (finishReason) record.finishReason = withoutSecrets(finishReason);
  if (text) record.text = withoutSecrets(text);
}

async function measureLoads(running: Running): Promise<LoadEnd[]> {
  const { plan, hooks } = running;
  const ends: LoadEnd[] = [];
  let lost: ServerLost | undefined;
  const order = orderOf(plan);
  const stretches = stretchesOf(running);
  for (const [number, { base }] of order.entries()) {
    const { load, stop, from } = stretches[base]!;
    const again = isSentAgain(order, number);
    const reach = { number, base, again, from, count: reachOf(load, stop) };
    const end = lost === undefined
      ? await measureWarmedUp(running, { load, stop, reach })
      : skippedLoad(number, lost);
    lost ??= end.serverLost;
    ends.push(end);
    hooks.onLoadEnd?.(end);
  }
  if (lost === undefined && ends.every(({ skipped }) => skipped)) {
    throw new UserError("Interrupted before anything was measured", EXIT.interrupted);
  }
  return ends;
}

/** Each load of the plan, and where in the pool its prompts begin: the same for all of its repeats. */
function stretchesOf(
  { plan, prepared }: Running,
): readonly { readonly load: Load; readonly stop: Stop; readonly from: number }[] {
  let poolOffset = poolOfWarmups(plan.warmups);
  return plan.loads.map((load, base) => {
    const stop = stopOfPool(plan.stops[base] ?? {}, prepared.requests.length);
    // The script's rotation counts from the pool's first prompt, warm-up or not.
    const fromFirst = load.kind === "closed" && load.sequence === "legacy";
    const from = plan.own?.loads[base]?.from ?? (fromFirst ? 0 : poolOffset);
    poolOffset += (stop.requests ?? 0) + sparePrompts(load, stop);
    return { load, stop, from };
  });
}

/** Measures a load after its warm-up, unless a Ctrl-C comes before it or the server is lost. */
async function measureWarmedUp(
  running: Running,
  planned: { readonly load: Load; readonly stop: Stop; readonly reach: LoadReach },
): Promise<LoadEnd> {
  const { stopSignal } = running.hooks;
  const { number } = planned.reach;
  if (stopSignal.aborted) return skippedLoad(number, undefined);
  // All is encoded before anything is sent.
  const measured = await measuredPart(running, planned);
  const warmUps = await warmUpParts(running, planned.reach);
  const cacheNotReset = stopSignal.aborted ? undefined : await emptyCaches(running);
  let lost: ServerLost | undefined;
  for (const warmUp of warmUps) {
    if (stopSignal.aborted || lost !== undefined) break;
    lost = (await measureLoad(running, warmUp)).serverLost;
  }
  const end = stopSignal.aborted || lost !== undefined
    ? skippedLoad(number, lost)
    : await measureLoad(running, measured);
  return { ...end, ...defined({ cacheNotReset }) };
}

/** Before anything of a load is sent, its warm-up included. A failure is told, and the run goes on. */
async function emptyCaches({ plan, prepared, hooks }: Running): Promise<string | undefined> {
  const why = await resetCaches(plan, prepared, hooks.stopSignal);
  if (why !== undefined) hooks.note?.(`The prefix cache was not emptied: ${why}`);
  return why;
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
