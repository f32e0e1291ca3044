/**
 * One load of a run, or the warm-up before it: it is sent, its answers are taken, and what the client,
 * the GPUs and the witness showed meanwhile stands in its end.
 *
 * @module
 */
import { onAbort, wallClockMs } from "../backends/clock.ts";
import { defined } from "../backends/defined.ts";
import type { RequestRecord } from "../backends/record.ts";
import type { LoadEnd, ServerLost } from "../metrics/run.ts";
import type { SessionEnd } from "../metrics/run_replay.ts";
import type { BenchPlan } from "./bench_plan.ts";
import { serversOf } from "./bench_servers.ts";
import { labelOf, orderOf } from "./bench_order.ts";
import type { GpuSampler } from "./gpu_sampler.ts";
import { watchClient } from "./load_client_health.ts";
import type { RequestHeader } from "./load_messages.ts";
import type { AskForPortion } from "./load_lease.ts";
import { usualStopOnErrors, watchServers } from "./load_server_watch.ts";
import type { LoadJob, LoadThreads } from "./load_threads.ts";
import type { Begun } from "./run_begin.ts";
import type { MeasureHooks } from "./run_hooks.ts";
import { LoadAnswers } from "./run_load_answers.ts";
import { type LoadPart, stagesOf } from "./run_load_part.ts";
import { LoadRecords } from "./run_load_records.ts";
import { LoadProgress } from "./run_progress.ts";
import type { Replay } from "./run_replay.ts";
import type { ReplayJob } from "./run_replay_job.ts";
import { microseconds } from "./record_stamps.ts";
import type { Together } from "./run_together.ts";
import type { Scraper } from "./scrape_sampler.ts";
import { withoutSecrets } from "./secret.ts";
import type { RunWitness } from "./witness_choice.ts";
import type { NoWitness, WitnessWatch } from "./witness_watch.ts";

/** What stays the same over the loads of a run. */
export interface Running extends Pick<Begun, "plan" | "prepared" | "checked"> {
  readonly hooks: MeasureHooks;
  readonly threads: LoadThreads;
  readonly gpus: GpuSampler | undefined;
  /** What reads the metrics of the server; absent = nothing. */
  readonly scraper: Scraper | undefined;
  readonly witness: RunWitness;
  readonly keep: (record: RequestRecord) => void;
  readonly keepSession: (end: SessionEnd) => void;
  /** What makes the requests of a recording; absent = they come from a pool. */
  readonly replay: Replay | undefined;
}

const PROGRESS_EVERY_MS = 250;

/** Sends a load, or a warm-up, to its end. */
export async function measureLoad(running: Running, part: LoadPart): Promise<LoadEnd> {
  const { hooks, threads } = running;
  const { together } = hooks;
  const measured = part.phase === "measure";
  const replay = beginReplay(running, part);
  const gpus = measured ? running.gpus : undefined;
  const scraper = measured ? running.scraper : undefined;
  const witness = measured
    ? await running.witness.watch(part, hooks.onWitness)
    : { absent: "a warm-up has none" };
  await gpus?.begin();
  // The first prompts of a recording are there when the load begins.
  await replay?.prepare();
  // Nothing of the load may be before it, and nothing else after it.
  if (together === undefined) await scraper?.begin();

  const progress = progressOf(running, part);
  const sending = new AbortController();
  const cutting = new AbortController();
  let cutShort: string | undefined;
  const answers = takeAnswers(running, { part, replay, progress, sending });
  const ignoreStop = onAbort(hooks.stopSignal, () => sending.abort());
  let health = watchClient(threads.live());
  let waits = measured && together !== undefined;
  const timer = setInterval(() => {
    health.sample();
    if (waits) return;
    const live = progress.report();
    if (!measured || cutShort !== undefined) return;
    cutShort = hooks.finder?.whyStop(live);
    if (cutShort === undefined) return;
    // What waits in the server would be waited for, and tells nothing more.
    sending.abort();
    cutting.abort();
  }, PROGRESS_EVERY_MS);
  try {
    const job = jobOf(running, {
      ...{ part, replay, witness, answers },
      startAt: !waits ? undefined : async () => {
        const { startTogether } = await import("./run_start.ts");
        const signal = sending.signal;
        const startMs = await startTogether(together!, { load: part.number, scraper, signal });
        waits = false;
        health = watchClient(threads.live());
        progress.begin();
        return startMs;
      },
      stopSignal: sending.signal,
      abortSignal: hooks.finder === undefined
        ? hooks.abortSignal
        : AbortSignal.any([hooks.abortSignal, cutting.signal]),
    });
    const end = await threads.run(job);
    if (end === undefined) return await notSent(part.number, gpus);
    if (replay?.failure !== undefined) throw replay.failure;
    for (const note of replay?.notes() ?? []) hooks.note?.(note);
    // What the client did is counted before the last GPU sample is waited for.
    const client = health.finish(end, threads.live());
    const [scrapes, gpu] = await Promise.all([
      scraper?.finish(end.startEpochMs),
      gpus?.finish(end.startEpochMs),
    ]);
    const shown = "job" in witness ? await witness.finish() : witness;
    const { rampEndMs, sendingEndMs } = replay?.windowOf(end) ?? end;
    return {
      load: part.number,
      startedAtMs: microseconds(end.startEpochMs),
      durationMs: answers.durationMs,
      rampEndMs,
      sendingEndMs: Math.min(sendingEndMs, givenUpMs(part, answers)),
      interrupted: hooks.stopSignal.aborted,
      ...defined({ serverLost: answers.lost, cutShort }),
      ...("absent" in shown ? { witnessAbsent: withoutSecrets(shown.absent) } : { witness: shown }),
      // How busy a machine was says nothing where it sent nothing.
      ...(together !== undefined && answers.lastEndMs === 0 ? {} : { client }),
      ...defined({ gpu, scrapes }),
    };
  } finally {
    clearInterval(timer);
    ignoreStop();
    if ("job" in witness) witness.stop();
    if (measured) progress.report();
  }
}

/** The other machines do not send it either. */
async function notSent(load: number, gpus: GpuSampler | undefined): Promise<LoadEnd> {
  await gpus?.finish(wallClockMs());
  return skippedLoad(load, undefined);
}

/** A load of which nothing was sent: without an end it would look like that of a client that was killed. */
export function skippedLoad(load: number, lost: ServerLost | undefined): LoadEnd {
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

/** The measured part of a recording's load; its warm-up is none of it. */
function beginReplay(
  { replay, keepSession: onSession, hooks: { together } }: Running,
  { number, base, load, stop, phase }: LoadPart,
): ReplayJob | undefined {
  if (load.kind !== "replay" || phase === "warmup") return undefined;
  const { share } = together ?? {};
  const lease = together === undefined ? undefined : leaseOf(together, number);
  return replay?.begin({ number, base, load, stop, onSession, ...defined({ share, lease }) });
}

function leaseOf(together: Together, load: number): AskForPortion {
  return (ask) => together.lease(load, ask);
}

function progressOf({ plan, hooks, threads }: Running, part: LoadPart): LoadProgress {
  return new LoadProgress(threads, {
    phase: part.phase === "warmup"
      ? "warm-up"
      : hooks.finder === undefined
      ? "measuring"
      : `probe ${part.number + 1},`,
    ...{ load: part.number, label: labelOf(plan, part.number) },
    loads: hooks.finder === undefined ? orderOf(plan).length : undefined,
    stages: stagesOf(part),
    stop: part.stop,
    onProgress: hooks.onProgress,
  });
}

/** Gets ready what takes the answers, and stops sending when the server is gone. */
function takeAnswers(
  { plan, prepared, hooks, threads, keep }: Running,
  { part, replay, progress, sending }: {
    readonly part: LoadPart;
    readonly replay: ReplayJob | undefined;
    readonly progress: LoadProgress;
    readonly sending: AbortController;
  },
): LoadAnswers {
  const server = watchServers(
    plan.stopOnErrors ?? usualStopOnErrors(part.load, hooks.together?.share),
    { live: threads.live, servers: serversOf(plan).map(({ url }) => url) },
  );
  return new LoadAnswers({
    records: new LoadRecords({ plan, prepared, part, replay }),
    ...{ progress, server, replay, keep },
    note: hooks.note,
    onLost: () => sending.abort(),
  });
}

/** What the threads are told of a part. */
function jobOf(
  { plan, prepared, hooks: { together } }: Running,
  { part, replay, witness, answers, startAt, stopSignal, abortSignal }: {
    readonly part: LoadPart;
    readonly replay: ReplayJob | undefined;
    readonly witness: WitnessWatch | NoWitness;
    readonly answers: LoadAnswers;
    readonly startAt: LoadJob["startAt"];
    readonly stopSignal: AbortSignal;
    readonly abortSignal: AbortSignal;
  },
): LoadJob {
  const { base, load, stop, phase, poolOffset, own, beside = false, alone = false } = part;
  const { requests } = own ?? prepared;
  return {
    load,
    stop,
    seed: plan.seed,
    // Repeats of a load have its instants.
    loadNumber: base,
    poolOffset,
    poolSize: requests.length,
    timeoutMs: plan.timeoutMs,
    ...defined({
      maxAnswerBytes: plan.maxAnswerBytes,
      requestHeader: requestHeader(plan, part),
      maxPrefill: plan.maxPrefill,
      cancel: phase === "measure" ? plan.cancel : undefined,
      ...{ startAt, share: alone ? undefined : together?.share },
      lease: phase === "warmup" || together === undefined
        ? undefined
        : leaseOf(together, part.number),
    }),
    graceMs: plan.graceMs,
    stopSignal,
    abortSignal,
    onExchange: (departure, exchange, originMs) => answers.add(departure, exchange, originMs),
    onDropped: (departure, reason) => answers.addDropped(departure, reason),
    ...(own === undefined ? {} : { wires: own.wires }),
    ...(own !== undefined && !beside && prepared.protocol.usesRequestId === true
      ? { requests }
      : {}),
    // Nobody minds when exactly it starts.
    ...(beside ? { leadMs: 0 } : {}),
    ...("job" in witness ? { witness: witness.job } : {}),
    ...defined({ orders: replay?.orders }),
  };
}

/** `--session-header` of requests that belong to no session: each is one of its own. */
function requestHeader(
  { sessionHeader: name, sessionMark }: BenchPlan,
  { phase, number }: LoadPart,
): RequestHeader | undefined {
  return name === undefined ? undefined : { name, prefix: `${sessionMark}-${phase[0]}${number}` };
}

/** When sending was given up before its end, ms from the start of the load; Infinity = it was not. */
function givenUpMs({ load }: LoadPart, { lost, lastEndMs }: LoadAnswers): number {
  // Users who think send nothing more long before they would have.
  const thinks = load.kind === "closed" && load.thinkTime !== undefined;
  return Math.min(lost?.atMs ?? Infinity, thinks ? lastEndMs : Infinity);
}
