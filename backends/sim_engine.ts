/**
 * The simulated engine: a queue, a batch, and the instants at which each request gets its tokens.
 * Either steps are computed for the whole batch, as engines with continuous batching do (then all
 * streams tick together and cost grows with load), or every stream follows distributions of its
 * own. All due times are absolute, so a late wake-up does not delay later tokens.
 *
 * @module
 */
import { createRandom } from "./random.ts";
import { type Distribution, parseDistribution } from "./sim_distribution.ts";
import { type FaultPlan, type FaultSetting, parseFault, pickFaults } from "./sim_faults.ts";
import type { SimOptions } from "./sim_options.ts";
import { PrefixCache } from "./sim_prefix_cache.ts";
import type { SimFinish, SimJob, SimToken } from "./sim_protocol.ts";
import { openTimeline, type Timeline, type TimelineEntry } from "./sim_timeline.ts";
import { tokenSource } from "./sim_tokens.ts";

/** A numbered request, with everything about it that chance decides. */
export interface Admission {
  /** 1-based, in the order of arrival. */
  readonly serial: number;
  readonly faults: FaultPlan;
  /** Prompt tokens found in the prefix cache. */
  readonly cachedTokens: number;
}

/** Receives the tokens of one job; stamps and writes them. */
export interface SimSink {
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

/** Load of the engine, now and so far. */
export interface EngineLoad {
  /** Requests numbered since the start. */
  readonly requests: number;
  /** Requests in the batch right now. */
  readonly running: number;
  /** Requests queued until the batch has room. */
  readonly waiting: number;
  /** Sum over all requests since the start, cached tokens included. */
  readonly promptTokens: number;
  /** Tokens generated since the start, for all requests together. */
  readonly outputTokens: number;
}

/** The engine as its servers (HTTP, gRPC) use it. */
export interface SimulatedEngine {
  readonly timeline: Timeline;
  /** Numbers a request; called once per request, before `submit`. */
  admit(job: SimJob): Admission;
  /** Starts a job, admitted now unless it was before; returns a function that cancels it. */
  submit(job: SimJob, sink: SimSink, admission?: Admission): () => void;
  load(): EngineLoad;
  /** Drops all jobs; their sinks are not called. */
  stop(): Promise<void>;
}

/** Delay before a stream whose reader cannot keep up is tried again. */
const BLOCKED_RETRY_MS = 1;

interface Generation extends TimelineEntry {
  readonly job: SimJob;
  readonly sink: SimSink;
  readonly serial: number;
  readonly target: number;
  readonly finish: SimFinish;
  /** Tokens after which it stalls, and for how long. */
  readonly stallAt: number;
  readonly stallMs: number;
  readonly slowness: number;
  readonly nextToken: ReturnType<typeof tokenSource>;
  readonly eventSize: () => number;
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

/** Decides when each job gets its tokens. */
interface Pacer {
  start(generation: Generation, nowMs: number): void;
  /** The generation ended or was cancelled. */
  leave(generation: Generation): void;
}

/**
 * Creates an engine.
 *
 * @throws {SyntaxError | RangeError} when a distribution or a fault cannot be read.
 */
export function createSimEngine(options: SimOptions): SimulatedEngine {
  const { clock, seed } = options;
  const ownSchedules = options.ttft !== undefined || options.itl !== undefined;
  const limit = options.maxBatch ?? (ownSchedules ? 0 : 256);
  const maxRunning = limit === 0 ? Infinity : limit;
  const distributions = {
    ttft: parseDistribution(options.ttft ?? "0"),
    itl: parseDistribution(options.itl ?? "0"),
    eventSize: parseDistribution(options.tokensPerEvent),
  };
  const oneAnEvent = options.tokensPerEvent === "1";
  const faults: readonly FaultSetting[] = options.faults.map(parseFault);
  const timeline = openTimeline(options.loop ?? { clock });
  const cache = new PrefixCache();
  const running = new Set<Generation>();
  const queue = new Set<Generation>();
  let requests = 0;
  let promptTokens = 0;
  let outputTokens = 0;

  function emit(generation: Generation, plannedMs: number): void {
    const { target, sink } = generation;
    if (generation.ready) {
      generation.ready = false;
      generation.emitted++;
      outputTokens++;
      return sink.release!(plannedMs);
    }
    const count = Math.min(generation.eventSize(), target - generation.emitted);
    // A literal of one element allocates less than a list that grows.
    const tokens = count === 0 ? [] : [generation.nextToken(target - generation.emitted++)];
    for (let i = 1; i < count; i++) {
      tokens.push(generation.nextToken(target - generation.emitted++));
    }
    outputTokens += count;
    const last = generation.emitted >= target;
    if (last) end(generation);
    sink.tokens(tokens, last, generation.finish, plannedMs);
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
        const durationMs = beginStep();
        stepping = durationMs > 0;
        return stepping ? endMs + durationMs : undefined;
      },
    };

    /** Chooses what the next step computes; returns its duration, 0 when there is nothing to do. */
    function beginStep(): number {
      let prefillBudget = options.prefillChunk;
      let prefilled = 0;
      let generating = 0;
      let context = 0;
      for (const generation of running) {
        generation.prefillNow = Math.min(prefillBudget, generation.prefillLeft);
        prefillBudget -= generation.prefillNow;
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
        step.dueMs = nowMs + beginStep();
        timeline.add(step);
      },
      leave() {},
    };
  }

  function admit(job: SimJob): Admission {
    const serial = ++requests;
    const cachedTokens = options.prefixCache ? cache.lookUp(job) : 0;
    return { serial, faults: pickFaults(faults, { seed, serial }), cachedTokens };
  }

  function generationOf(job: SimJob, sink: SimSink, admission: Admission): Generation {
    const { serial, faults: plan, cachedTokens } = admission;
    const { target, finish } = lengthOf(job, admission, options);
    const sizeRandom = createRandom(seed, `sim-event-size:${serial}`);
    const draw = (distribution: Distribution, purpose: "ttft" | "itl") => {
      const random = createRandom(seed, `sim-${purpose}:${serial}`);
      return () => distribution.sample(random);
    };
    return {
      dueMs: 0,
      heapIndex: -1,
      fire(): number | undefined {
        return fireOwn(this as Generation);
      },
      job,
      sink,
      serial,
      target,
      finish,
      stallAt: plan.has("stall") ? Math.max(1, Math.ceil(job.maxTokens / 2)) : Infinity,
      stallMs: plan.get("stall") || Infinity,
      slowness: Math.max(1, plan.get("slow") ?? 1),
      nextToken: tokenSource({
        seed,
        serial,
        reasoning: options.reasoning,
        bytes: options.utf8 !== "whole" || plan.has("hold-utf8"),
      }),
      eventSize: () => Math.max(1, Math.round(distributions.eventSize.sample(sizeRandom))),
      ttft: draw(distributions.ttft, "ttft"),
      itl: draw(distributions.itl, "itl"),
      emitted: 0,
      ready: false,
      stalled: false,
      prefillLeft: job.promptTokens - cachedTokens,
      prefillNow: 0,
      skip: 1,
      silentUntilMs: 0,
    };
  }

  return {
    timeline,
    admit,
    submit(job, sink, admission = admit(job)) {
      const generation = generationOf(job, sink, admission);
      promptTokens += job.promptTokens;
      queue.add(generation);
      fill(clock.now());
      return () => end(generation);
    },
    load: () => ({
      requests,
      running: running.size,
      waiting: queue.size,
      promptTokens,
      outputTokens,
    }),
    async stop() {
      queue.clear();
      running.clear();
      await timeline.stop();
    },
  };
}

/** Number of tokens that a request gets, and why it ends there. */
function lengthOf(
  job: SimJob,
  admission: Admission,
  options: SimOptions,
): { target: number; finish: SimFinish } {
  const { faults, serial } = admission;
  if (faults.has("endless")) return { target: Infinity, finish: "length" };
  if (faults.has("empty")) return { target: 0, finish: "length" };
  if (faults.has("one-more")) return { target: job.maxTokens + 1, finish: "length" };
  if (faults.has("early-stop")) {
    return { target: Math.max(1, Math.floor(job.maxTokens / 2)), finish: "stop" };
  }
  const random = createRandom(options.seed, `sim-length:${serial}`);
  const least = Math.max(1, job.minTokens);
  // All lengths from `least` to one below the limit are equally likely.
  if (!job.ignoreEos && least < job.maxTokens && random.next() < options.earlyStop) {
    return { target: least + Math.floor(random.next() * (job.maxTokens - least)), finish: "stop" };
  }
  return { target: job.maxTokens, finish: "length" };
}
