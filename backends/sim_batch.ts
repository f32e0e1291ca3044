/**
 * The requests that one simulated engine runs, and the instants at which each gets its tokens. Either
 * steps are computed for the whole batch, as engines with continuous batching do (then all streams tick
 * together and cost grows with load), or every stream follows distributions of its own. All due times are
 * absolute, so a late wake-up does not delay later tokens.
 *
 * @module
 */
import type { FaultPlan } from "./sim_faults.ts";
import { SimMetrics } from "./sim_metrics.ts";
import type { SimOptions } from "./sim_options.ts";
import type { SimFinish, SimJob, SimToken } from "./sim_protocol.ts";
import { parseSpeculation } from "./sim_speculation.ts";
import type { SimTimes } from "./sim_times.ts";
import type { Timeline, TimelineEntry } from "./sim_timeline.ts";

/** A numbered request, with everything about it that chance decides. */
export interface Admission {
  /** 1-based, in the order of arrival. */
  readonly serial: number;
  readonly faults: FaultPlan;
  /** Prompt tokens found in the prefix cache. */
  readonly cachedTokens: number;
  /** 0-based number of the engine that runs it. */
  readonly replica: number;
}

/** Receives the tokens of one job; stamps and writes them. */
export interface SimSink {
  /** Called when the job is queued, with what the engine will note of it. */
  readonly queued?: (times: SimTimes) => void;
  /** Called when tokens are due (`plannedMs`); stamps just before its write. */
  tokens(
    tokens: readonly SimToken[],
    last: boolean,
    finish: SimFinish,
    plannedMs: number,
  ): void;
  /** Whether its reader cannot keep up. */
  readonly blocked?: () => boolean;
  /**
   * Prepares the write of a token that is neither the first nor the last, so that only the system
   * call is left when the token is due; `false` = it cannot, and `tokens` must be called then.
   */
  readonly prepare?: (nextToken: () => SimToken) => boolean;
  /** Writes the prepared token, and nothing more. */
  readonly release?: (plannedMs: number) => void;
  /** Accounts for a released token; kept out of `release`, where every microsecond counts. */
  readonly settle?: () => void;
}

/** A request with its state, between its arrival and its last token. */
export interface Generation extends TimelineEntry {
  readonly job: SimJob;
  readonly sink: SimSink;
  readonly target: number;
  readonly finish: SimFinish;
  /** Tokens after which it stalls, and for how long. */
  readonly stallAt: number;
  readonly stallMs: number;
  readonly slowness: number;
  readonly nextToken: (leftTokens: number) => SimToken;
  readonly eventSize: () => number;
  /** Its prompt tokens that the prefix cache had. */
  readonly cachedTokens: number;
  readonly times: SimTimes;
  readonly ttft: () => number;
  readonly itl: () => number;
  emitted: number;
  /** The sink has prepared its next token. */
  ready: boolean;
  stalled: boolean;
  /** Batch only: prompt tokens still to compute, and those taken in the current step. */
  prefillLeft: number;
  prefillNow: number;
  /** Batch only: steps until the next token (fault `slow`), and the end of a stall. */
  skip: number;
  silentUntilMs: number;
}

/** The requests of one engine. */
export interface SimBatch {
  /** Requests that generate. */
  readonly running: number;
  /** Requests queued until there is room. */
  readonly waiting: number;
  /** Tokens generated so far. */
  readonly outputTokens: number;
  /** Prompt tokens and tokens generated so far, of the requests that generate. */
  readonly contextTokens: number;
  /** What it counted of its work. */
  readonly metrics: SimMetrics;
  /** Queues a request, and starts it when there is room; its `fire` must call `fireOwn`. */
  add(generation: Generation): void;
  /** Ends a request; its sink is not called any more. */
  end(generation: Generation): void;
  /** A request on a schedule of its own is due; returns when it is due next. */
  fireOwn(generation: Generation): number | undefined;
  /** Drops all requests. */
  clear(): void;
}

/** Delay before a stream whose reader cannot keep up is tried again. */
const BLOCKED_RETRY_MS = 1;

/** Decides when each job gets its tokens. */
interface Pacer {
  start(generation: Generation, nowMs: number): void;
  /** The generation ended or was cancelled. */
  leave(generation: Generation): void;
}

/** Creates a batch without requests. */
export function createSimBatch(options: SimOptions, timeline: Timeline): SimBatch {
  const { clock } = options;
  const ownSchedules = options.ttft !== undefined || options.itl !== undefined;
  const limit = options.maxBatch ?? (ownSchedules ? 0 : 256);
  const maxRunning = limit === 0 ? Infinity : limit;
  const speculation = options.speculate === undefined
    ? undefined
    : parseSpeculation(options.speculate);
  const oneAnEvent = options.tokensPerEvent === "1" && speculation === undefined;
  const metrics = new SimMetrics(speculation?.draft);
  const running = new Set<Generation>();
  const queue = new Set<Generation>();
  let outputTokens = 0;

  function emit(generation: Generation, plannedMs: number): void {
    const { target, sink, times } = generation;
    if (generation.ready) {
      generation.ready = false;
      generation.emitted++;
      outputTokens++;
      sink.release!(plannedMs);
      metrics.next(times, plannedMs, 1);
      return;
    }
    const first = generation.emitted === 0;
    // Prefill gives one token, before anything is guessed.
    const most = first && speculation !== undefined ? 1 : generation.eventSize();
    const count = Math.min(most, target - generation.emitted);
    if (!first) metrics.next(times, plannedMs, count);
    else if (count > 0) {
      const prompt = { tokens: generation.job.promptTokens, cached: generation.cachedTokens };
      metrics.began(times, { plannedMs, nowMs: clock.now(), prompt });
    }
    // A literal of one element allocates less than a list that grows.
    const tokens = count === 0 ? [] : [generation.nextToken(target - generation.emitted++)];
    for (let i = 1; i < count; i++) {
      tokens.push(generation.nextToken(target - generation.emitted++));
    }
    outputTokens += count;
    const last = generation.emitted >= target;
    if (last) end(generation);
    sink.tokens(tokens, last, generation.finish, plannedMs);
    if (last && count > 0) {
      const { emitted, finish } = generation;
      metrics.ended(times, { nowMs: clock.now(), emitted, finish });
    }
  }

  /** Prepares the next token ahead of time. */
  function prepare(generation: Generation): void {
    const { target, emitted, sink } = generation;
    sink.settle?.();
    if (generation.ready || sink.prepare === undefined) return;
    // Only single tokens between the first and the last look alike.
    if (!oneAnEvent || emitted === 0 || emitted + 1 >= target) return;
    generation.ready = sink.prepare(() => generation.nextToken(target - emitted));
  }

  function end(generation: Generation): void {
    if (queue.delete(generation) || !running.delete(generation)) return;
    pacer.leave(generation);
    fill(clock.now());
  }

  function fill(nowMs: number): void {
    for (const next of queue) {
      if (running.size >= maxRunning) break;
      queue.delete(next);
      running.add(next);
      pacer.start(next, nowMs);
    }
  }

  /** Starts the stall when it is due; returns its length, else 0. */
  function silenceMs(generation: Generation, nowMs: number): number {
    if (generation.stalled || generation.emitted < generation.stallAt) return 0;
    generation.stalled = true;
    generation.silentUntilMs = nowMs + generation.stallMs;
    return generation.stallMs;
  }

  const pacer: Pacer = ownSchedules ? ownPacer() : batchPacer();

  function ownPacer(): Pacer {
    return {
      start(generation, nowMs) {
        generation.times.scheduledMs = Math.max(nowMs, generation.times.queuedMs);
        generation.dueMs = nowMs + generation.ttft() * generation.slowness;
        timeline.add(generation);
      },
      leave: (generation) => timeline.remove(generation),
    };
  }

  function fireOwn(generation: Generation): number | undefined {
    const dueMs = generation.dueMs;
    const silent = silenceMs(generation, dueMs);
    if (silent > 0) return dueMs + silent;
    if (generation.sink.blocked?.()) return clock.now() + BLOCKED_RETRY_MS;
    emit(generation, dueMs);
    return running.has(generation) ? dueMs + generation.itl() * generation.slowness : undefined;
  }

  function batchPacer(): Pacer {
    let stepping = false;
    const step: TimelineEntry = {
      dueMs: 0,
      heapIndex: -1,
      fire() {
        const endMs = step.dueMs;
        for (const generation of [...running]) {
          // A sink may have cancelled other generations meanwhile.
          if (running.has(generation)) advance(generation, endMs);
        }
        // The tokens of a step leave in one burst; their bookkeeping can wait.
        for (const generation of running) prepare(generation);
        const durationMs = beginStep(endMs);
        stepping = durationMs > 0;
        return stepping ? endMs + durationMs : undefined;
      },
    };

    /** Chooses what the next step computes; returns its duration, 0 when there is nothing to do. */
    function beginStep(nowMs: number): number {
      let prefillBudget = options.prefillChunk;
      let prefilled = 0;
      let generating = 0;
      let context = 0;
      for (const generation of running) {
        generation.prefillNow = Math.min(prefillBudget, generation.prefillLeft);
        prefillBudget -= generation.prefillNow;
        if (generation.prefillNow > 0 && !(generation.times.scheduledMs >= 0)) {
          generation.times.scheduledMs = Math.max(nowMs, generation.times.queuedMs);
        }
        prefilled += generation.prefillNow;
        if (generation.prefillLeft > 0) continue;
        generating++;
        context += generation.job.promptTokens + generation.emitted;
      }
      if (generating + prefilled === 0) return 0;
      return options.stepMs + options.prefillMs * prefilled +
        options.stepMsPerRequest * generating + options.stepMsPerKilotoken * context / 1000;
    }

    /** What the step that ends at `endMs` did for one request. */
    function advance(generation: Generation, endMs: number): void {
      if (generation.prefillLeft > 0) {
        generation.prefillLeft -= generation.prefillNow;
        // It joined after the step had begun, or its prompt is not complete yet.
        if (generation.prefillNow === 0 || generation.prefillLeft > 0) return;
      }
      if (--generation.skip > 0) return;
      generation.skip = generation.slowness;
      silenceMs(generation, endMs);
      if (generation.silentUntilMs > endMs || generation.sink.blocked?.()) return;
      emit(generation, endMs);
    }

    return {
      start(generation, nowMs) {
        // A fully cached prompt still needs a step.
        generation.prefillLeft = Math.max(1, generation.prefillLeft);
        if (stepping) return;
        stepping = true;
        step.dueMs = nowMs + beginStep(nowMs);
        timeline.add(step);
      },
      leave() {},
    };
  }

  return {
    get running() {
      return running.size;
    },
    get waiting() {
      return queue.size;
    },
    get outputTokens() {
      return outputTokens;
    },
    get contextTokens() {
      let tokens = 0;
      for (const { job, emitted } of running) tokens += job.promptTokens + emitted;
      return tokens;
    },
    metrics,
    add(generation) {
      generation.times.queuedMs = clock.now();
      generation.sink.queued?.(generation.times);
      queue.add(generation);
      fill(clock.now());
    },
    end,
    fireOwn,
    clear() {
      queue.clear();
      running.clear();
    },
  };
}
