/**
 * The simulated engine: it numbers requests, decides by chance what happens to each, and hands them to
 * its replicas, each with a batch and a prefix cache of its own.
 *
 * @module
 */
import { createRandom } from "./random.ts";
import {
  type Admission,
  createSimBatch,
  type Generation,
  type SimBatch,
  type SimSink,
} from "./sim_batch.ts";
import { type Distribution, parseDistribution } from "./sim_distribution.ts";
import { type FaultSetting, parseFault, pickFaults } from "./sim_faults.ts";
import type { SimOptions } from "./sim_options.ts";
import type { SimMetrics } from "./sim_metrics.ts";
import { PrefixCache } from "./sim_prefix_cache.ts";
import type { SimFinish, SimJob } from "./sim_protocol.ts";
import { acceptedOf, parseSpeculation } from "./sim_speculation.ts";
import { noTimes } from "./sim_times.ts";
import { openTimeline, type Timeline } from "./sim_timeline.ts";
import { tokenSource } from "./sim_tokens.ts";

/** Load of an engine, or of one of its replicas, now and so far. */
export interface EngineLoad {
  /** Requests numbered since the start. */
  readonly requests: number;
  /** Requests in the batch right now. */
  readonly running: number;
  /** Requests queued until the batch has room. */
  readonly waiting: number;
  /** Sum over all requests since the start, cached tokens included. */
  readonly promptTokens: number;
  /** Of these, tokens that the prefix cache had. */
  readonly cachedTokens: number;
  /** Tokens generated since the start, for all requests together. */
  readonly outputTokens: number;
  /** Tokens in the prefix cache right now. */
  readonly cacheTokens: number;
  /** Prompt tokens and tokens generated so far of the requests in the batch. */
  readonly contextTokens: number;
  /** Each replica by itself, where there are several. */
  readonly replicas?: readonly EngineLoad[];
}

/** One engine behind the address, with what it counted. */
export interface MeteredEngine {
  readonly load: EngineLoad;
  readonly metrics: SimMetrics;
}

/** The engine as its servers (HTTP, gRPC) use it. */
export interface SimulatedEngine {
  readonly timeline: Timeline;
  /**
   * Numbers a request and looks it up in a replica's prefix cache; called once per request, before
   * `submit`.
   *
   * @param route requests with the same value go to the same replica; absent = to the next one.
   */
  admit(job: SimJob, route?: string): Admission;
  /** Starts a job, admitted now unless it was before; returns a function that cancels it. */
  submit(job: SimJob, sink: SimSink, admission?: Admission): () => void;
  /**
   * Empties all prefix caches, unless requests hold them or the fault `reset-fails` is injected.
   *
   * @returns whether it did.
   */
  resetCache(): boolean;
  load(): EngineLoad;
  /** Each replica with what it counted. */
  metered(): readonly MeteredEngine[];
  /** Drops all jobs; their sinks are not called. */
  stop(): Promise<void>;
}

/** One of the engines behind an address. */
interface Replica {
  readonly batch: SimBatch;
  readonly cache: PrefixCache;
  requests: number;
  promptTokens: number;
  cachedTokens: number;
}

/**
 * Creates an engine.
 *
 * @throws {SyntaxError | RangeError} when a distribution or a fault cannot be read.
 */
export function createSimEngine(options: SimOptions): SimulatedEngine {
  const { clock, seed } = options;
  const distributions = {
    ttft: parseDistribution(options.ttft ?? "0"),
    itl: parseDistribution(options.itl ?? "0"),
    eventSize: parseDistribution(options.tokensPerEvent),
  };
  const speculation = options.speculate === undefined
    ? undefined
    : parseSpeculation(options.speculate);
  const faults: readonly FaultSetting[] = options.faults.map(parseFault);
  const timeline = openTimeline(options.loop ?? { clock });
  const replicas = Array.from({ length: options.replicas }, (): Replica => ({
    batch: createSimBatch(options, timeline),
    cache: new PrefixCache(options),
    requests: 0,
    promptTokens: 0,
    cachedTokens: 0,
  }));
  let requests = 0;
  let unrouted = 0;
  let resets = 0;

  function admit(job: SimJob, route?: string): Admission {
    const serial = ++requests;
    const at = (route === undefined ? unrouted++ : hashOf(route)) % replicas.length;
    const replica = replicas[at]!;
    const cachedTokens = options.prefixCache && job.noRoom === undefined
      ? replica.cache.lookUp(job)
      : 0;
    replica.requests++;
    replica.cachedTokens += cachedTokens;
    return { serial, faults: pickFaults(faults, { seed, serial }), cachedTokens, replica: at };
  }

  function generationOf(job: SimJob, sink: SimSink, admission: Admission): Generation {
    const { serial, faults: plan, cachedTokens } = admission;
    const { batch } = replicas[admission.replica]!;
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
        return batch.fireOwn(this as Generation);
      },
      job,
      sink,
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
      eventSize: speculation === undefined
        ? () => Math.max(1, Math.round(distributions.eventSize.sample(sizeRandom)))
        : () => 1 + acceptedOf(speculation, sizeRandom),
      cachedTokens,
      times: noTimes(),
      ttft: draw(distributions.ttft, "ttft"),
      itl: draw(distributions.itl, "itl"),
      emitted: 0,
      ready: false,
      stalled: false,
      prefillLeft: job.noRoom === undefined ? job.promptTokens - cachedTokens : 0,
      prefillNow: 0,
      skip: 1,
      silentUntilMs: 0,
    };
  }

  function loadOf({ batch, cache, ...counted }: Replica): EngineLoad {
    const { running, waiting, outputTokens, contextTokens } = batch;
    const cacheTokens = cache.blocks * options.cacheBlock;
    return { ...counted, running, waiting, outputTokens, cacheTokens, contextTokens };
  }

  return {
    timeline,
    admit,
    submit(job, sink, admission = admit(job)) {
      const replica = replicas[admission.replica]!;
      const generation = generationOf(job, sink, admission);
      replica.promptTokens += job.promptTokens;
      replica.batch.add(generation);
      return () => replica.batch.end(generation);
    },
    resetCache() {
      const serial = ++resets;
      const busy = replicas.some(({ batch }) => batch.running + batch.waiting > 0);
      if (busy || pickFaults(faults, { seed, serial, call: "reset" }).size > 0) return false;
      for (const { cache } of replicas) cache.clear();
      return true;
    },
    load() {
      const loads = replicas.map(loadOf);
      const [first] = loads;
      return loads.length === 1 ? first! : { ...loads.reduce(sumOf), replicas: loads };
    },
    metered: () =>
      replicas.map((replica) => ({ load: loadOf(replica), metrics: replica.batch.metrics })),
    async stop() {
      for (const { batch } of replicas) batch.clear();
      await timeline.stop();
    },
  };
}

function sumOf(a: EngineLoad, b: EngineLoad): EngineLoad {
  return {
    requests: a.requests + b.requests,
    running: a.running + b.running,
    waiting: a.waiting + b.waiting,
    promptTokens: a.promptTokens + b.promptTokens,
    cachedTokens: a.cachedTokens + b.cachedTokens,
    outputTokens: a.outputTokens + b.outputTokens,
    cacheTokens: a.cacheTokens + b.cacheTokens,
    contextTokens: a.contextTokens + b.contextTokens,
  };
}

/** The same number for the same text (FNV-1a). */
function hashOf(text: string): number {
  let hash = 0x811c9dc5;
  for (let i = 0; i < text.length; i++) {
    hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193);
  }
  // The low bits, which choose the replica, alone depend on few bits of the text.
  return (hash ^ (hash >>> 15)) >>> 0;
}

/** Number of tokens that a request gets, and why it ends there. */
function lengthOf(
  job: SimJob,
  admission: Admission,
  options: SimOptions,
): { target: number; finish: SimFinish } {
  const { faults, serial } = admission;
  if (job.noRoom === true) return { target: 0, finish: "length" };
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
