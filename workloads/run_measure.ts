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
import { isFirst } from "./agent_share.ts";
import type { BenchPlan } from "./bench_plan.ts";
import { poolOfWarmups } from "./bench_pool.ts";
import { warmRepeats } from "./bench_salt.ts";
import { serversOf } from "./bench_servers.ts";
import { isSentAgain, orderOf } from "./bench_order.ts";
import { type GpuSampler, isThisMachine, isTrouble, openGpuSampler } from "./gpu_sampler.ts";
import { type Load, type Stop, stopOfPool } from "./load.ts";
import { answerMs, paceOf } from "./load_pace.ts";
import { sparePrompts } from "./load_sequence.ts";
import { roundStamps } from "./record_stamps.ts";
import type { Begun } from "./run_begin.ts";
import { describeRun } from "./run_header.ts";
import type { MeasureHooks } from "./run_hooks.ts";
import { measureLoad, type Running, skippedLoad } from "./run_load.ts";
import { measuredPart, reachOf, warmUpParts } from "./run_load_part.ts";
import type { LoadReach } from "./run_load_requests.ts";
import { meanTokens } from "./run_prepare.ts";
import type { Replay } from "./run_replay.ts";
import { resetCaches } from "./run_reset_cache.ts";
import { beginSides, describeSides } from "./run_sides.ts";
import type { Scraper } from "./scrape_sampler.ts";
import { cleanMessage, withoutSecrets } from "./secret.ts";
import { EXIT, UserError } from "./user_error.ts";
import { openWitness, type RunWitness } from "./witness_choice.ts";

/**
 * Runs a plan to its end.
 *
 * @throws {UserError} when the server cannot be used or the data is unusable; failures of single
 * requests are in the records.
 */
export async function measure(asked: BenchPlan, hooks: MeasureHooks): Promise<Run> {
  const share = hooks.together?.share;
  const plan = share === undefined
    ? asked
    : (await import("./run_share.ts")).planOfShare(asked, share);
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
  const sides = await beginSides(asked, hooks, opening);
  const witnesses: RunWitness[] = [];
  try {
    for (const { plan, prepared, checked } of sides) {
      // Two sides of one protocol share its engine.
      const same = sides[0].plan.protocol === plan.protocol ? witnesses[0] : undefined;
      witnesses.push(same ?? openWitness(plan, { checked, outputTokens: meanTokens(prepared) }));
    }
    return await measureBegun(sides, { hooks, gpus: await opening, witnesses });
  } finally {
    for (const side of sides) await side.close();
    for (const witness of new Set(witnesses)) await witness.close();
  }
}

async function measureBegun(
  sides: readonly [Begun, ...Begun[]],
  { hooks, gpus, witnesses }: Pick<Running, "hooks" | "gpus"> & {
    readonly witnesses: readonly RunWitness[];
  },
): Promise<Run> {
  const { plan, prepared, environment } = sides[0];
  const { commandLine } = hooks;
  const replays = plan.replay === undefined ? [] : await openReplays(sides);
  const replay = replays[0];
  let scraping: Promise<readonly (Scraper | undefined)[]> | undefined;
  try {
    const warm = warmRepeats(plan, prepared.protocol);
    for (const remark of [...replay?.remarks ?? [], ...warm === undefined ? [] : [warm]]) {
      hooks.note?.(remark);
    }
    const watch = sides.some(({ plan }) => plan.serverMetrics !== undefined)
      ? await import("./run_scrape.ts")
      : undefined;
    const endpoints = await watch?.findEndpoints(sides);
    const header = describeRun(plan, prepared, {
      ...{ commandLine, environment },
      ...defined({ replay: replay?.outline, remarks: replay?.remarks }),
      ...defined({ serverMetrics: shownEndpoints(endpoints) }),
      ...defined({
        sides: describeSides(plan, sides),
        part: hooks.together?.share,
        find: await hooks.finder?.begin(answerMs(paceOf(sides[0].checked), meanTokens(prepared))),
      }),
    });
    hooks.finder?.open(header);
    scraping = watch?.openScrapers(sides, endpoints!, hooks);
    const [threads, scrapers = []] = await Promise.all([
      Promise.all(sides.map((side) => side.open())),
      scraping,
      hooks.onHeader?.(header),
    ]);
    const records: RequestRecord[] = [];
    const sessions: SessionEnd[] = [];
    const keep = (record: RequestRecord) => {
      roundStamps(record);
      cleanWords(record);
      if (hooks.keepRecords !== false) records.push(record);
      hooks.onRecord?.(record);
      hooks.finder?.see(record);
    };
    const keepSession = (end: SessionEnd) => {
      if (hooks.keepRecords !== false) sessions.push(end);
      hooks.onSession?.(end);
    };
    const running = sides.map(({ plan, prepared, checked }, i): Running => ({
      ...{ plan, prepared, checked, hooks, gpus, keep, keepSession },
      scraper: scrapers[i],
      ...{ threads: threads[i]!, witness: witnesses[i]!, replay: replays[i] },
    }));
    const { ends, plans } = hooks.finder === undefined
      ? { ends: await measureLoads(running), plans: header.loads }
      : await (await import("./run_found.ts")).measureFound(
        running[0]!,
        hooks.finder,
        measureWarmedUp,
      );
    return {
      header: { ...header, loads: plans },
      ...{ records, ends },
      ...(sessions.length > 0 ? { sessions } : {}),
    };
  } finally {
    for (const one of replays) one.close();
    for (const one of await scraping ?? []) {
      const failure = one?.failure();
      if (failure !== undefined) {
        hooks.note?.(`The server's metrics were not read to the end: ${failure}`);
      }
      await one?.close();
    }
  }
}

/** How the endpoints are shown, each once; absent = there is none. */
function shownEndpoints(
  sides: readonly (readonly { readonly shown: string }[])[] = [],
): readonly string[] | undefined {
  const shown = new Set(sides.flat().map(({ shown }) => shown));
  return shown.size === 0 ? undefined : [...shown];
}

/** What makes the requests of a recording, for each side. */
async function openReplays(sides: readonly Begun[]): Promise<readonly Replay[]> {
  const { openReplay } = await import("./run_replay.ts");
  return sides.map((side) => openReplay(side));
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

async function measureLoads(sides: readonly Running[]): Promise<LoadEnd[]> {
  const { plan, hooks } = sides[0]!;
  const ends: LoadEnd[] = [];
  let lost: ServerLost | undefined;
  const order = orderOf(plan);
  const stretches = sides.map(stretchesOf);
  for (const [number, { base, side = 0, repeat: block = 1 }] of order.entries()) {
    const running = sides[side]!;
    const { load, stop, from } = stretches[side]![base]!;
    const again = isSentAgain(order, number);
    const reach = { number, base, again, from, count: reachOf(load, stop) };
    if (!hooks.stopSignal.aborted) lost ??= await lostAtTurn(hooks, { side, block });
    const end = lost === undefined
      ? await measureWarmedUp(running, { load, stop, reach })
      : skippedLoad(number, lost);
    lost ??= end.serverLost;
    ends.push(end);
    await hooks.onLoadEnd?.(end);
  }
  if (lost === undefined && ends.every(({ skipped }) => skipped)) {
    throw new UserError("Interrupted before anything was measured", EXIT.interrupted);
  }
  return ends;
}

/** Why the server of a turn could not be made ready; absent = it is. */
async function lostAtTurn(
  { onTurn, note, stopSignal }: MeasureHooks,
  turn: { readonly side: number; readonly block: number },
): Promise<ServerLost | undefined> {
  try {
    await onTurn?.(turn);
    return undefined;
  } catch (error) {
    if (!(error instanceof UserError)) throw error;
    // Ctrl-C came while it started.
    if (stopSignal.aborted) return undefined;
    note?.(`error: ${error.message}`);
    return { atMs: 0, failures: 0, message: cleanMessage(error.message) };
  }
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
  const { hooks, hooks: { stopSignal } } = running;
  const { number } = planned.reach;
  if (stopSignal.aborted) return skippedLoad(number, undefined);
  // All is encoded before anything is sent.
  const measured = await measuredPart(running, planned);
  const warmUps = await warmUpParts(running, planned.reach, hooks.together?.share);
  await hooks.together?.meet(number, "quiet", stopSignal);
  const cacheNotReset = stopSignal.aborted ? undefined : await emptyCaches(running, number);
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
async function emptyCaches(
  { plan, prepared, hooks }: Running,
  load: number,
): Promise<string | undefined> {
  if (plan.resetCache === undefined) return undefined;
  const { stopSignal, together } = hooks;
  const why = isFirst(together?.share) ? await resetCaches(plan, prepared, stopSignal) : undefined;
  await together?.meet(load, "reset", stopSignal);
  if (why !== undefined) hooks.note?.(`The prefix cache was not emptied: ${why}`);
  return why;
}
