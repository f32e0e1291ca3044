/**
 * The threads that send, seen from the thread that leads: the same load whatever their number.
 *
 * @module
 */
import { epochOriginMs, systemClock } from "../backends/clock.ts";
import type { GenerationRequest, Target, WireRequest } from "../backends/protocol.ts";
import {
  COUNTER_BYTES,
  COUNTER_READS,
  COUNTER_REPLACED,
  COUNTER_STAMPED,
  type Exchange,
  type TransportOptions,
} from "../backends/transport.ts";
import { EpollThread } from "../backends/epoll_thread.ts";
import { findTransport } from "../backends/transports.ts";
import { startWorker } from "../backends/worker.ts";
import { AnswerMemory } from "./load_answer_memory.ts";
import { unpackExchanges } from "./load_exchange_pack.ts";
import type { Load, Stop } from "./load.ts";
import {
  COUNTER_ENDED,
  COUNTER_SENT,
  COUNTER_SLOTS,
  type EndedRequest,
  type FromThread,
  type ToThread,
} from "./load_messages.ts";
import { LOAD_LOOP_WORKER } from "./load_loop_worker.ts";
import { createLoadThread, LOAD_WORKER } from "./load_worker.ts";
import { type LoopLag, worstLag } from "./load_loop_lag.ts";
import type { Departure, ShareEnd } from "./load_runner.ts";
import type { ThreadUsage } from "./load_thread_usage.ts";

/** What the threads are opened with. */
export interface ThreadsOptions {
  /** Number of worker threads; 0 = send from this one. */
  readonly workers: number;
  readonly transport: string;
  readonly transportOptions: Omit<TransportOptions, "clock" | "counters" | "collect">;
  readonly protocol: string;
  readonly target: Target;
  readonly wires: readonly WireRequest[];
  readonly requests?: readonly GenerationRequest[];
  /** An open load will come, whose schedule is worth a clock with a thread of its own. */
  readonly scheduled: boolean;
}

/** One load to run. */
export interface LoadJob {
  readonly load: Load;
  readonly stop: Stop;
  readonly seed: number;
  readonly loadNumber: number;
  readonly poolOffset: number;
  /** Prompts of this load, from `poolOffset` on. */
  readonly poolSize: number;
  readonly timeoutMs: number;
  readonly graceMs: number;
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
}

/** How the load went, over all threads. */
export interface JobEnd extends ShareEnd {
  /** Of the worst thread. */
  readonly lag: LoopLag;
  /** Start of the load, in ms since the epoch. */
  readonly startEpochMs: number;
  /** Of the busiest thread; absent where the system does not tell. */
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
  run(job: LoadJob): Promise<JobEnd>;
  live(): LiveCounters;
  close(): Promise<void>;
}

/** Time for the start message to reach every thread before the first departure. */
const START_LEAD_MS = 25;

/** Longer than the burst in which the users of a batching engine send again. */
const DECODE_LATER_MS = 20;

/** Shorter than what a stamp may be late. */
const DECODE_SLICE_MS = 0.2;
/** Where another thread reads: so that it need not wait long for a core. */
const DECODE_ASIDE_SLICE_MS = 1;

/**
 * For each so many answers that wait a slice is one longer, up to four: a queue that grows without
 * end is memory, and work for the collector, which stops this thread for longer.
 */
const WAITING_A_SLICE = 256;
const MOST_SLICES = 4;

/** A look at the clock costs a tenth of a short answer: so many bytes are decoded in 0.02 ms. */
const BYTES_A_LOOK = 4096;

const NO_BYTES = new Uint8Array(0);
const NO_TIMES = new Float64Array(0);
const NO_ENDS = new Uint32Array(0);

interface Thread {
  send(message: ToThread, transfer?: Transferable[]): void;
  listen(listener: (message: FromThread) => void): void;
  end(): void;
  /** Of a thread that decodes for itself: takes the memory of an answer again. */
  readonly giveBack?: (memory: ArrayBufferLike) => void;
  readonly counters: Uint32Array;
  /** It is this very thread. */
  readonly inline: boolean;
}

/**
 * Starts the threads and their transports.
 *
 * @throws {Error} when a transport cannot be opened as asked.
 */
export async function openThreads(options: ThreadsOptions): Promise<LoadThreads> {
  const threads: Thread[] = [];
  const { ownLoop } = findTransport(options.transport);
  for (let i = 0; i < Math.max(1, options.workers); i++) {
    threads.push(ownLoop ? loopThread() : options.workers === 0 ? inlineThread() : workerThread());
  }
  const { workers: _, ...open } = options;
  try {
    await Promise.all(threads.map((thread) => {
      const opened = reply(thread, "opened");
      thread.send({ kind: "open", ...open, counters: thread.counters.buffer as SharedArrayBuffer });
      return opened;
    }));
  } catch (error) {
    for (const thread of threads) thread.end();
    throw error;
  }

  return {
    run: (job) => runJob(threads, job),
    live() {
      const sum = (slot: number) =>
        threads.reduce((total, thread) => total + (thread.counters[slot] ?? 0), 0);
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
      await Promise.all(threads.map(async (thread) => {
        const closed = reply(thread, "closed");
        thread.send({ kind: "close" });
        await closed.catch(() => {});
        thread.end();
      }));
    },
  };
}

/** An answer that is to be decoded, and what to do after it. */
interface Waiting {
  readonly one: EndedRequest;
  readonly free: ((memory: ArrayBuffer) => void) | undefined;
}

async function runJob(threads: readonly Thread[], job: LoadJob): Promise<JobEnd> {
  const queue = new SharedArrayBuffer(4);
  const startEpochMs = epochOriginMs() + systemClock.now() + START_LEAD_MS;
  const tell = (kind: "stop" | "abort") => () => {
    for (const thread of threads) thread.send({ kind });
  };
  const stop = tell("stop");
  const abort = tell("abort");

  // A little at a time: this thread may be the one that sends and reads, or share its core. Then
  // also not in the moment of an answer's end, when its user sends again.
  let ended: Waiting[] = [];
  let timer: ReturnType<typeof setTimeout> | undefined;
  const sliceMs = threads[0]!.inline ? DECODE_SLICE_MS : DECODE_ASIDE_SLICE_MS;
  /** Some of `ended`, in work, and how many of them are done. */
  let batch: Waiting[] = [];
  let done = 0;
  const decodeNext = () => {
    const { one: { departure, exchange, originMs }, free } = batch[done++]!;
    const memory = exchange.body.buffer;
    job.onExchange(departure, exchange, originMs);
    dropArrays(exchange);
    free?.(memory);
  };
  const decodeAll = () => {
    clearTimeout(timer);
    timer = undefined;
    batch = batch.slice(done).concat(ended);
    ended = [];
    for (done = 0; done < batch.length;) decodeNext();
  };
  const decodeSome = () => {
    if (done === batch.length) {
      batch = ended;
      ended = [];
      done = 0;
    }
    const waiting = batch.length - done + ended.length;
    const slices = Math.min(MOST_SLICES, 1 + waiting / WAITING_A_SLICE);
    const untilMs = systemClock.now() + sliceMs * slices;
    for (let bytes = 0; done < batch.length; decodeNext()) {
      bytes += batch[done]!.one.exchange.body.length;
      if (bytes < BYTES_A_LOOK) continue;
      if (systemClock.now() >= untilMs) break;
      bytes = 0;
    }
    timer = done < batch.length || ended.length > 0 ? setTimeout(decodeSome, 0) : undefined;
  };
  const decodeLater = (thread: Thread, one: EndedRequest, free: Waiting["free"]) => {
    ended.push({ one, free });
    timer ??= setTimeout(decodeSome, thread.inline ? DECODE_LATER_MS : 0);
  };

  const ends = threads.map((thread, worker) =>
    new Promise<{ end: ShareEnd; lag: LoopLag; usage?: ThreadUsage }>((resolve, reject) => {
      thread.listen((message) => {
        switch (message.kind) {
          case "exchange":
            return decodeLater(thread, message, thread.giveBack);
          case "pack": {
            const free = (memory: ArrayBuffer) => thread.send({ kind: "memory", memory }, [memory]);
            const ones = unpackExchanges(message.pack);
            const last = ones.length - 1;
            return ones.forEach((one, i) =>
              decodeLater(thread, one, i === last ? free : undefined)
            );
          }
          case "dropped":
            return job.onDropped(message.departure, message.reason);
          case "ended":
            decodeAll();
            return resolve(message);
          case "failed":
            return reject(new Error(message.message));
        }
      });
      thread.send({
        kind: "run",
        share: {
          load: job.load,
          stop: job.stop,
          worker,
          workers: threads.length,
          poolSize: job.poolSize,
          timeoutMs: job.timeoutMs,
          graceMs: job.graceMs,
        },
        seed: job.seed,
        loadNumber: job.loadNumber,
        poolOffset: job.poolOffset,
        startEpochMs,
        queue,
      });
    })
  );
  job.stopSignal.addEventListener("abort", stop, { once: true });
  job.abortSignal.addEventListener("abort", abort, { once: true });
  if (job.stopSignal.aborted) stop();
  if (job.abortSignal.aborted) abort();
  try {
    const all = await Promise.all(ends);
    return {
      startEpochMs,
      rampEndMs: Math.max(...all.map(({ end }) => end.rampEndMs)),
      sendingEndMs: sendingEnd(job.load, all.map(({ end }) => end.sendingEndMs)),
      lag: worstLag(all.map(({ lag }) => lag)),
      usage: busiest(all.flatMap(({ usage }) => usage ?? [])),
    };
  } finally {
    clearTimeout(timer);
    job.stopSignal.removeEventListener("abort", stop);
    job.abortSignal.removeEventListener("abort", abort);
  }
}

/**
 * A request that waited long has left promises among the collector's old objects, which it visits
 * rarely. Until then they keep the answer, but no longer its bytes.
 */
function dropArrays(exchange: Exchange): void {
  exchange.body = NO_BYTES;
  exchange.readMs = NO_TIMES;
  exchange.readEnds = NO_ENDS;
}

/** The share that counts is that of the thread with the least room. */
function busiest(all: readonly ThreadUsage[]): ThreadUsage | undefined {
  if (all.length === 0) return undefined;
  return {
    cpu: Math.max(...all.map(({ cpu }) => cpu)),
    wait: Math.max(...all.map(({ wait }) => wait)),
  };
}

/** Closed: the first user without work ends the full load; open: the last departure does. */
function sendingEnd(load: Load, endsMs: readonly number[]): number {
  return load.kind === "closed" ? Math.min(...endsMs) : Math.max(...endsMs);
}

function reply(thread: Thread, kind: FromThread["kind"]): Promise<void> {
  return new Promise((resolve, reject) => {
    thread.listen((message) => {
      if (message.kind === kind) resolve();
      if (message.kind === "failed") reject(new Error(message.message));
    });
  });
}

function counterBlock(): Uint32Array {
  return new Uint32Array(new SharedArrayBuffer(COUNTER_SLOTS * 4));
}

function workerThread(): Thread {
  let listener: (message: FromThread) => void = () => {};
  const worker = startWorker<FromThread>(LOAD_WORKER, {
    message: (message) => listener(message),
    failure: (message) => listener({ kind: "failed", message }),
  });
  return {
    send: (message, transfer = []) => worker.postMessage(message, transfer),
    listen: (heard) => {
      listener = heard;
    },
    end: () => worker.terminate(),
    counters: counterBlock(),
    inline: false,
  };
}

function loopThread(): Thread {
  let listener: (message: FromThread) => void = () => {};
  const thread = new EpollThread<null, ToThread, FromThread>(LOAD_LOOP_WORKER, null, {
    message: (message) => listener(message),
    failure: (message) => listener({ kind: "failed", message }),
  });
  return {
    send: (message, transfer) => thread.post(message, transfer),
    listen: (heard) => {
      listener = heard;
    },
    end: () => thread.close(),
    counters: counterBlock(),
    inline: false,
  };
}

function inlineThread(): Thread {
  let listener: (message: FromThread) => void = () => {};
  const memory = new AnswerMemory();
  const handle = createLoadThread({
    say: (message) => listener(message),
    collect: memory.collect,
  });
  return {
    send: (message) => void handle(message),
    listen: (heard) => {
      listener = heard;
    },
    end: () => {},
    giveBack: (used) => memory.giveBack(used),
    counters: counterBlock(),
    inline: true,
  };
}
