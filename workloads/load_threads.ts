/**
 * The threads that send, seen from the thread that leads: the same load whatever their number.
 *
 * @module
 */
import { epochOriginMs, onAbort, systemClock } from "../backends/clock.ts";
import { defined } from "../backends/defined.ts";
import {
  COUNTER_BYTES,
  COUNTER_READS,
  COUNTER_REPLACED,
  COUNTER_STAMPED,
  type Exchange,
} from "../backends/transport.ts";
import { findTransport } from "../backends/transports.ts";
import { type AgentShare, threadOfAll } from "./agent_share.ts";
import { Backlog } from "./load_backlog.ts";
import { DecodeQueue } from "./load_decode_queue.ts";
import { Desk } from "./load_desk.ts";
import type { Load } from "./load.ts";
import { type AskForPortion, numbersOf } from "./load_lease.ts";
import { type LoopLag, worstLag } from "./load_loop_lag.ts";
import {
  COUNTER_ENDED,
  COUNTER_SENT,
  type Pool,
  type RunMessage,
  type ThreadSetup,
} from "./load_messages.ts";
import type { LoadShare, ShareEnd } from "./load_agenda.ts";
import { busiestUsage, type ThreadUsage } from "./load_thread_usage.ts";
import { isWitness, witnessShare, type WitnessTask } from "./load_witness.ts";
import { inlineThread, loopThread, SendingThread, workerThread } from "./load_sending_thread.ts";
import type { Departure, OrderSource } from "./order.ts";

/** What the threads are opened with. */
export interface ThreadsOptions extends ThreadSetup {
  /** Number of worker threads; 0 = send from this one. */
  readonly workers: number;
  /** Most requests at the same time, where that is known. */
  readonly streams?: number;
}

/** From so many streams per thread on, what each keeps for a while would make its heap large. */
const MANY_STREAMS = 2048;
/** Its limit then: 4,096 streams take 50 MiB less, and no more CPU. */
const NEW_OBJECTS_MIB = 6;

/** One load to run; its pool begins at `poolOffset` of the prompts and may go around. */
export interface LoadJob extends
  Omit<LoadShare, "worker" | "workers" | "agents">,
  Pick<
    RunMessage,
    "seed" | "loadNumber" | "poolOffset" | "wires" | "requests" | "requestHeader"
  > {
  /** From now to the start, ms; default enough for every thread to hear of it. */
  readonly leadMs?: number;
  /** Other machines send the rest of the load; absent = all of it is sent here. */
  readonly share?: AgentShare;
  /**
   * Called when every thread is ready: when the load begins, in ms since the epoch; `undefined` = it is not
   * sent. Absent = after `leadMs`.
   */
  readonly startAt?: () => Promise<number | undefined>;
  /** Where requests come from that the users of all machines draw on; absent = this machine counts them. */
  readonly lease?: AskForPortion;
  /** First Ctrl-C. */
  readonly stopSignal: AbortSignal;
  /** Second Ctrl-C. */
  readonly abortSignal: AbortSignal;
  /**
   * Must keep neither the exchange, which is emptied after the call, nor its arrays, whose memory is
   * used again.
   */
  readonly onExchange: (departure: Departure, exchange: Exchange, originMs: number) => void;
  readonly onDropped: (departure: Departure, reason: string) => void;
  /** Streams of known timing beside the load; absent = none. */
  readonly witness?: WitnessJob;
  /** Gives out the requests of a load of kind `replay`. */
  readonly orders?: OrderSource;
}

/** A load's witness. */
export interface WitnessJob extends WitnessTask {
  /** Called before the load starts with its start, in ms since the epoch. */
  readonly onStart: (startEpochMs: number) => void;
  /** As that of the load, for the witness' own requests. */
  readonly onExchange: LoadJob["onExchange"];
}

/** How the load went, over all threads. */
export interface JobEnd extends ShareEnd {
  /** Of the worst thread. */
  readonly lag: LoopLag;
  /** Start of the load, in ms since the epoch. */
  readonly startEpochMs: number;
  /** Of the busiest thread; absent where the system hides it. */
  readonly usage: ThreadUsage | undefined;
}

/** Sums of all threads' live counters. */
export interface LiveCounters {
  readonly reads: number;
  readonly bytes: number;
  readonly sent: number;
  readonly ended: number;
  /** Pooled connections that the server had closed. */
  readonly replaced: number;
  /** Reads that the kernel stamped. */
  readonly stamped: number;
}

/** Opened threads. */
export interface LoadThreads {
  /** Gives them the prompts, where they were opened before these were there. */
  take(pool: Pool): Promise<void>;
  run(job: LoadJob & { readonly startAt?: undefined }): Promise<JobEnd>;
  /** `undefined` = it was not sent. */
  run(job: LoadJob): Promise<JobEnd | undefined>;
  live(): LiveCounters;
  close(): Promise<void>;
}

/** Time for the start message to reach every thread before the first departure. */
export const START_LEAD_MS = 25;

/**
 * Starts the threads and their transports.
 *
 * @throws {Error} when a transport cannot be opened as asked.
 */
export async function openThreads(options: ThreadsOptions): Promise<LoadThreads> {
  const { workers, streams = 0, ...setup } = options;
  const { ownLoop } = findTransport(setup.transport);
  const connect = ownLoop ? loopThread : workers === 0 ? inlineThread : workerThread;
  const count = Math.max(1, workers);
  const memory = streams / count < MANY_STREAMS ? {} : { newObjectsMiB: NEW_OBJECTS_MIB };
  const threads = Array.from({ length: count }, () => new SendingThread(connect, setup, memory));
  try {
    await Promise.all(threads.map((thread) => thread.open(setup)));
  } catch (error) {
    for (const thread of threads) thread.end();
    throw error;
  }
  const run = (job: LoadJob) => runJob(threads, job, { inline: connect === inlineThread });
  return {
    async take(pool) {
      await Promise.all(threads.map((thread) => thread.take(pool)));
    },
    run: run as LoadThreads["run"],
    live() {
      const sum = (slot: number) =>
        threads.reduce((total, { counters }) => total + (counters[slot] ?? 0), 0);
      return {
        reads: sum(COUNTER_READS),
        bytes: sum(COUNTER_BYTES),
        sent: sum(COUNTER_SENT),
        ended: sum(COUNTER_ENDED),
        replaced: sum(COUNTER_REPLACED),
        stamped: sum(COUNTER_STAMPED),
      };
    },
    async close() {
      await Promise.all(threads.map((thread) => thread.close()));
    },
  };
}

async function runJob(
  threads: readonly SendingThread[],
  job: LoadJob,
  { inline }: { readonly inline: boolean },
): Promise<JobEnd | undefined> {
  const { load, stop, poolSize, timeoutMs, maxAnswerBytes, graceMs, maxPrefill, cancel } = job;
  const { seed, loadNumber, poolOffset, leadMs = START_LEAD_MS } = job;
  const { wires, requests, requestHeader } = job;
  const witnesses = threads.map((_, worker) =>
    job.witness && witnessShare(job.witness, worker, threads.length)
  );
  const { agents = 1 } = job.share ?? {};
  const places = threads.map((_, worker) =>
    threadOfAll({ worker, workers: threads.length }, job.share)
  );
  await Promise.all(threads.map((thread, worker) => {
    const count = connectionsOf(load, places[worker]!);
    const connects = count > 0 && !job.stopSignal.aborted;
    return connects ? thread.connect(count, witnesses[worker]) : undefined;
  }));
  const queue = new SharedArrayBuffer(4);
  const backlog = new Backlog();
  const { numbers, lease } = numbersOf(job, {
    taken: () => Atomics.load(new Int32Array(queue), 0),
    tell: (portion) => threads.forEach((thread) => thread.send({ kind: "portion", portion })),
  });
  lease?.prepare();
  const atMs = await job.startAt?.();
  if (job.startAt !== undefined && atMs === undefined) {
    lease?.close();
    return undefined;
  }
  const originMs = atMs === undefined ? systemClock.now() + leadMs : atMs - epochOriginMs();
  const startEpochMs = epochOriginMs() + originMs;
  job.witness?.onStart(startEpochMs);
  const answers = new DecodeQueue(
    ({ departure, exchange, originMs }) => {
      const witnessed = isWitness(departure);
      if (!witnessed) backlog.remove(exchange.body.length);
      const of = witnessed ? job.witness : job;
      of?.onExchange(departure, exchange, originMs);
    },
    { inline, prompt: load.kind === "replay" },
  );
  const desk = deskOf(threads, job, originMs);
  const ends = threads.map((thread, worker) => {
    const share = {
      ...{ load, stop, ...places[worker]!, poolSize, timeoutMs, graceMs },
      ...(job.share === undefined ? {} : { agents }),
      ...defined({ maxAnswerBytes, maxPrefill, cancel }),
    };
    const witness = witnesses[worker];
    const start = {
      ...{ share, seed, loadNumber, poolOffset, startEpochMs, queue },
      backlog: backlog.memory,
      ...defined({ wires, requests, requestHeader, witness, numbers }),
    };
    return thread.run({ kind: "run", ...start }, answers, { ...job, desk, lease });
  });
  const forward = (kind: "stop" | "abort") => () => {
    for (const thread of threads) thread.send({ kind });
  };
  const ignoreStop = onAbort(job.stopSignal, forward("stop"));
  const ignoreAbort = onAbort(job.abortSignal, forward("abort"));
  try {
    desk?.open();
    void lease?.open();
    const all = await Promise.all(ends);
    if (lease?.failure !== undefined) throw lease.failure;
    return {
      startEpochMs,
      rampEndMs: Math.max(...all.map(({ end }) => end.rampEndMs)),
      sendingEndMs: sendingEnd(load, all.filter((_, i) => hasWork(load, places[i]!))),
      lag: worstLag(all.map(({ lag }) => lag)),
      usage: busiestUsage(all.flatMap(({ usage }) => usage ?? [])),
    };
  } finally {
    answers.close();
    desk?.close();
    lease?.close();
    ignoreStop();
    ignoreAbort();
  }
}

/** Where a load's orders come from. */
function deskOf(
  threads: readonly SendingThread[],
  job: LoadJob,
  originMs: number,
): Desk | undefined {
  const { orders, load, stop, stopSignal, abortSignal } = job;
  if (load.kind !== "replay") return undefined;
  if (orders === undefined) throw new TypeError("Cannot run a load of orders without their source");
  return new Desk(orders, {
    send: (thread, message, transfer) => threads[thread]!.send(message, transfer),
    ...{ threads: threads.length, agents: job.share?.agents ?? 1 },
    originMs,
    durationMs: stop.durationMs,
    stopSignal: AbortSignal.any([stopSignal, abortSignal]),
  });
}

/** Number of a thread, and how many there are on all machines. */
type ThreadPlace = ReturnType<typeof threadOfAll>;

/**
 * Connections to open before the load begins: where users start all at once, connecting would delay
 * each other's departures. Not where they start one after the other, since some servers lend a thread
 * to each open connection, idle or not.
 */
function connectionsOf(load: Load, { worker, workers }: ThreadPlace): number {
  if (load.kind === "open" || (load.rampUpMs ?? 0) > 0) return 0;
  return Math.ceil((load.users - worker) / workers);
}

/** A thread without users is never short of work. */
function hasWork(load: Load, { worker }: ThreadPlace): boolean {
  return load.kind !== "closed" || worker < load.users;
}

/** Closed: the first user without work ends the full load; else the last departure does. */
function sendingEnd(load: Load, ends: readonly { readonly end: ShareEnd }[]): number {
  if (ends.length === 0) return 0;
  const endsMs = ends.map(({ end }) => end.sendingEndMs);
  return load.kind === "closed" ? Math.min(...endsMs) : Math.max(...endsMs);
}
