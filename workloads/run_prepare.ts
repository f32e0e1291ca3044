/**
 * Everything a run needs before its first timer starts: prompts, the model's name, encoded requests.
 *
 * @module
 */
import { pooledMap } from "@std/async";
import { systemClock } from "../backends/clock.ts";
import { defined } from "../backends/defined.ts";
import type { GenerationRequest, Protocol, Target, WireRequest } from "../backends/protocol.ts";
import type { Transport } from "../backends/transport.ts";
import { checkTakesTokenIds, findProtocol, PROTOCOLS } from "../backends/protocols.ts";
import type { BenchPlan } from "./bench_plan.ts";
import { poolStretches } from "./bench_pool.ts";
import { lengthsOf } from "./dataset_length.ts";
import { findDataset } from "./datasets.ts";
import { whileWaiting } from "./live_waiting.ts";
import type { Load, Stop } from "./load.ts";
import type { SharedWires } from "./load_wires.ts";
import type { Dataset, DatasetOptions, Prompt, TokenCounter } from "./prompt.ts";
import type { PrepareHooks } from "./run_hooks.ts";
import { checkingTransport, overCheckingTransport } from "./run_auto_transport.ts";
import { PoolSharer, slowly } from "./run_encode.ts";
import { planPool, type PoolPlan } from "./run_pool.ts";
import {
  loadMark,
  markDataset,
  marksOfRun,
  type OtherMark,
  otherMarkOf,
  type RunMarks,
} from "./run_salt.ts";
import { proxyOver } from "./server_proxy.ts";
import { Patience } from "./server_patience.ts";
import { askOver, chooseModel, targetsOf } from "./server_target.ts";
import { estimateCounter, loadTokenizer } from "./tokenizer.ts";
import { EXIT, UserError } from "./user_error.ts";

/** Everything that is ready before the first timer starts. */
export interface Prepared {
  /** How the engine is spoken to. */
  readonly protocol: Protocol;
  /** Where requests go, of several servers to the first; secrets included. */
  readonly target: Target;
  /** The same for each server. */
  readonly targets: readonly Target[];
  /** Pool that the loads take their prompts from. */
  readonly dataset: Dataset;
  /** The tokenizer, or the estimate where none was given. */
  readonly counter: TokenCounter;
  /** Time that is left for questions to the server. */
  readonly patience: Patience;
  /** Name that is sent: the one asked for, or the first one the server lists. */
  readonly model: string;
  /** What each position of the pool holds. */
  readonly pool: PoolPlan;
  /** One for each position of the pool: the dataset's prompts, as often as the pool has them. */
  readonly requests: readonly GenerationRequest[];
  /** The same requests encoded, in the same order. */
  readonly wires: SharedWires;
  /** How prompts are marked; absent = they are not. */
  readonly marks: RunMarks | undefined;
}

/** What the check of the server needs: everything but the other prompts. */
export interface Preparation extends Omit<Prepared, "dataset" | "pool" | "requests" | "wires"> {
  /** The request of the first prompt. */
  readonly first: GenerationRequest;
  /** What else is to be checked: other servers, models and classes. */
  readonly others: readonly OtherFirst[];
  /** A mark for requests beside the pool that share its beginning otherwise. */
  readonly otherMark?: OtherMark;
  /**
   * Makes what is still missing, a little at a time, so that a server's answer is read meanwhile.
   * Called once.
   *
   * @param signal gives it up, with an error.
   * @param onDataset is called when all prompts are there.
   * @throws {UserError} when prompts cannot be made or sent.
   */
  readonly finish: (
    signal?: AbortSignal,
    onDataset?: (dataset: Dataset) => void,
  ) => Promise<Prepared>;
}

/** A request to be checked, and where it goes. */
export interface OtherFirst {
  readonly target: Target;
  readonly first: GenerationRequest;
}

/** Loading that takes no longer shows no progress line. */
const QUIET_LOADING_MS = 1000;
/** Preprocessing calls at once: quick, and no load test of its own. */
const PREPARE_AT_ONCE = 8;
/** So many ids below those of the pool are free: for the check and for warm-ups. */
const FREE_IDS = 1n << 32n;

/**
 * Loads the prompts, finds the model, encodes every request.
 *
 * @throws {UserError} when a file, the tokenizer or the server cannot be used.
 */
export async function prepare(plan: BenchPlan, hooks: PrepareHooks): Promise<Prepared> {
  return await overCheckingTransport(plan, async (transport) => {
    const { finish } = await beginPreparing(plan, hooks, transport);
    return await finish();
  });
}

/**
 * Finds the model and makes the first request: of all prompts, or, where they are generated, of the
 * first one alone.
 *
 * @throws {UserError} as {@linkcode prepare}.
 */
export async function beginPreparing(
  plan: BenchPlan,
  hooks: PrepareHooks,
  transport: Transport,
): Promise<Preparation> {
  const protocol = findProtocol(plan.protocol);
  const targets = targetsOf(plan);
  const target = targets[0]!;
  const counter = await loadCounter(plan);
  const marks = marksOfRun(plan, counter);
  const firstAlone = plan.own === undefined && plan.classes === undefined &&
    findDataset(plan.dataset).firstAlone === true;
  const load = async (options: LoadHooks) =>
    await loadMarked(plan, { counter, marks, protocol }, options);
  const known = await load(firstAlone ? { ...hooks, first: true } : hooks);
  const ownFields = ownFieldsOf(known, plan, protocol);
  if (known.prompts.some(({ tokenIds }) => tokenIds !== undefined)) {
    asUserError(() => checkTakesTokenIds(protocol));
  }
  const patience = new Patience({ waitMs: plan.waitMs });
  const refusing = {
    protocol,
    target,
    caCert: plan.caCert !== undefined,
    proxy: proxyOver(checkingTransport(plan), plan),
  };
  const ask = askOver(transport, { ...refusing, patience, signal: hooks.stopSignal });
  const model = modelOf(ownFields) ??
    await whileWaiting(chooseModel(refusing, ask, plan.model, hooks.note), {
      clock: systemClock,
      label: "the server's list of models",
      onProgress: hooks.onProgress,
    });
  // A random base keeps two benchmarks of one server from sharing ids (T32 in
  // docs/python-scripts.md); never 0, which some clients leave out on the wire.
  const base = (crypto.getRandomValues(new BigUint64Array(1))[0]! >> 2n) + FREE_IDS;
  const requestOf = (prompt: Prompt, i: number, own = i, name = model): GenerationRequest => ({
    model: name,
    messages: prompt.messages,
    outputTokens: prompt.outputTokens,
    length: plan.length,
    stream: plan.stream,
    sampling: plan.sampling,
    requestId: base + BigInt(i),
    ...defined({
      promptTokenIds: prompt.tokenIds,
      ownFields: ownFields[own],
      extraBody: plan.extraBody,
      lengthField: plan.lengthField ?? prompt.lengthField,
    }),
  });
  const prepareOne = protocol.prepare === undefined
    ? undefined
    : (request: GenerationRequest) => protocol.prepare!(request, target, ask);
  const requestsOf = async (
    { prompts }: Dataset,
    pool: PoolPlan,
  ): Promise<readonly GenerationRequest[]> => {
    const encoded = Array.from({ length: pool.length }, (_, position) => {
      const own = position % prompts.length;
      return requestOf(prompts[own]!, position, own, pool.modelAt(position));
    });
    return prepareOne === undefined ? encoded : await prepareAll(encoded, prepareOne);
  };
  // Where each request is a question to the server, all are asked before the check.
  const early = firstAlone && prepareOne !== undefined ? await load(hooks) : known;
  const earlyPool = planPool(plan, early.prompts);
  const ready = await requestsOf(early, earlyPool);
  const wireOf = (request: GenerationRequest, { id }: Prompt, server = 0): WireRequest =>
    asUserError(() => protocol.buildRequest(request, targets[server]!), ` (prompt ${id})`);
  const first: GenerationRequest = { ...ready[0]!, model };
  wireOf(first, early.prompts[0]!);
  refuseUnnamed(plan, { protocol, target, first });
  return {
    ...{ protocol, target, targets, counter, patience, model, first, marks },
    ...defined({ otherMark: otherMarkOf(marks, "check", early.prompts[0]) }),
    others: othersOf(plan, { targets, first, prompts: early.prompts, requests: ready }),
    async finish(signal, onDataset) {
      const dataset = firstAlone && early === known
        ? await load({ ...hooks, ...defined({ signal }) })
        : early;
      onDataset?.(dataset);
      const { prompts } = dataset;
      const pool = dataset === early ? earlyPool : planPool(plan, prompts);
      const requests = dataset === early ? ready : await requestsOf(dataset, pool);
      const sharer = new PoolSharer(protocol, pool, prompts.length);
      await slowly(requests.length, signal, (i) => {
        const request = requests[i]!;
        sharer.add(wireOf(request, prompts[i % prompts.length]!, pool.serverAt(i)), request, i);
      });
      const wires = sharer.shared();
      return {
        ...{ protocol, target, targets, counter, patience, model, marks },
        ...{ dataset, pool, requests, wires },
      };
    },
  };
}

/** The same requests with the other name of their length. */
export function withLengthField(
  prepared: Prepared,
  lengthField: GenerationRequest["lengthField"],
): Prepared {
  if (lengthField === undefined) return prepared;
  const { protocol, targets, pool, dataset } = prepared;
  const requests = prepared.requests.map((request) => ({ ...request, lengthField }));
  const sharer = new PoolSharer(protocol, pool, dataset.prompts.length);
  for (const [i, request] of requests.entries()) {
    sharer.add(protocol.buildRequest(request, targets[pool.serverAt(i)]!), request, i);
  }
  return { ...prepared, requests, wires: sharer.shared() };
}

/** @throws {UserError} where the call names no model: all would be the same request. */
function refuseUnnamed(
  { models = [] }: BenchPlan,
  { protocol, target, first }: Pick<Preparation, "protocol" | "target" | "first">,
): void {
  const [one, other] = models.slice(0, 2).map(({ name: model }) => {
    const { url, body = new Uint8Array() } = protocol.buildRequest({ ...first, model }, target);
    return `${url} ${new TextDecoder().decode(body)}`;
  });
  if (one === undefined || one !== other) return;
  throw new UserError(
    `Cannot use --models over ${protocol.name}: its call names no model, so all requests would be alike`,
  );
}

/** Other servers with the first prompt, other models on each of them, other classes on the first. */
function othersOf(
  { models = [] }: BenchPlan,
  { targets, first, prompts, requests }: {
    readonly targets: readonly Target[];
    readonly first: GenerationRequest;
    readonly prompts: readonly Prompt[];
    readonly requests: readonly GenerationRequest[];
  },
): readonly OtherFirst[] {
  const names = models.length === 0 ? [first.model] : models.map(({ name }) => name);
  const asked = targets.flatMap((target) =>
    names.map((model): OtherFirst => ({ target, first: { ...first, model } }))
  );
  const seen = new Set([prompts[0]?.class]);
  const classes = prompts.flatMap((prompt, i): OtherFirst[] => {
    if (seen.has(prompt.class)) return [];
    seen.add(prompt.class);
    return [{ target: targets[0]!, first: { ...requests[i]!, model: first.model } }];
  });
  return [...asked.slice(1), ...classes];
}

/** Mean length of the answers that are asked for. */
export function meanTokens({ requests }: Pick<Prepared, "requests">): number {
  return requests.reduce((sum, { outputTokens }) => sum + outputTokens, 0) / requests.length;
}

/** Protocols refuse what they cannot express by a TypeError: here the user asked for it. */
function asUserError<T>(act: () => T, place = ""): T {
  try {
    return act();
  } catch (error) {
    if (!(error instanceof TypeError)) throw error;
    throw new UserError(`${error.message}${place}`, EXIT.usage, { cause: error });
  }
}

/**
 * The fields that each prompt brings along as a request of its own. Options that the user gave stand
 * above them.
 *
 * @throws {UserError} where the protocol cannot send them, or they are for another call.
 */
function ownFieldsOf(
  { prompts, source }: Dataset,
  { model, sampling }: BenchPlan,
  protocol: Protocol,
): readonly (Readonly<Record<string, unknown>> | undefined)[] {
  const { temperature, topP: top_p, topK: top_k, seed, stop } = sampling;
  const given = Object.keys(defined({ model, temperature, top_p, top_k, seed, stop }));
  return prompts.map(({ id, ownFields, path }) => {
    if (path !== undefined && path !== protocol.path) {
      const right = PROTOCOLS.find((other) => other.takesOwnFields && other.path === path);
      throw new UserError(
        `Cannot send the requests of "${source}" over ${protocol.name}: prompt ${id} is for ${path}` +
          (right === undefined ? "" : `, add --protocol ${right.name}`),
      );
    }
    const kept = Object.entries(ownFields ?? {}).filter(([name]) => !given.includes(name));
    if (kept.length === 0) return undefined;
    if (protocol.takesOwnFields !== true) {
      throw new UserError(
        `Cannot send ${
          kept.map(([name]) => name).join(", ")
        } of prompt ${id} of "${source}" over ` +
          `${protocol.name}: only ${
            PROTOCOLS.filter(({ takesOwnFields }) => takesOwnFields).map(({ name }) => name)
              .join(" and ")
          } can; use one, or remove these fields from the file`,
      );
    }
    return Object.fromEntries(kept);
  });
}

/** The models that all requests name themselves; absent where one does not. */
function modelOf(
  ownFields: readonly (Readonly<Record<string, unknown>> | undefined)[],
): string | undefined {
  const models = new Set(ownFields.map((fields) => fields?.model));
  return [...models].every((model) => typeof model === "string")
    ? [...models].join(", ")
    : undefined;
}

async function prepareAll(
  requests: readonly GenerationRequest[],
  prepareOne: (request: GenerationRequest) => Promise<GenerationRequest>,
): Promise<GenerationRequest[]> {
  try {
    return await Array.fromAsync(pooledMap(PREPARE_AT_ONCE, requests, prepareOne));
  } catch (error) {
    // The calls that ran beside the first failed one most likely failed for the same reason.
    throw error instanceof AggregateError ? error.errors[0] : error;
  }
}

/** Loads tokenizer and dataset. @throws {UserError} */
export async function loadPrompts(
  plan: BenchPlan,
  hooks: PrepareHooks,
): Promise<{ counter: TokenCounter; dataset: Dataset }> {
  const counter = await loadCounter(plan);
  const protocol = findProtocol(plan.protocol);
  const marks = marksOfRun(plan, counter);
  return { counter, dataset: await loadMarked(plan, { counter, marks, protocol }, hooks) };
}

async function loadCounter({ tokenizer }: BenchPlan): Promise<TokenCounter> {
  return tokenizer === undefined ? estimateCounter : await loadTokenizer(tokenizer);
}

/** What loading prompts reports and obeys. */
interface LoadHooks extends PrepareHooks {
  /** Only the first prompt, without a word about the others. */
  readonly first?: true;
  readonly signal?: AbortSignal;
}

/** The dataset, each prompt with its mark at the front. */
async function loadMarked(
  plan: BenchPlan,
  { counter, marks, protocol }: {
    readonly counter: TokenCounter;
    readonly marks: RunMarks | undefined;
    readonly protocol: Protocol;
  },
  hooks: LoadHooks,
): Promise<Dataset> {
  if (plan.own !== undefined) return plan.own.dataset;
  // In front of a system prompt, too.
  const mark = plan.systemPrompt === undefined ? marks?.marks.of(loadMark(0)) : undefined;
  const marksItself = (name: string) =>
    mark !== undefined && findDataset(name).marksItself === true;
  const itself = plan.classes === undefined
    ? marksItself(plan.dataset)
    : new Set(plan.classes.filter(({ dataset }) => marksItself(dataset)).map(({ name }) => name));
  const marked = (prompt: Prompt) =>
    typeof itself === "boolean" ? itself : itself.has(prompt.class ?? "");
  const dataset = await loadDataset(plan, { counter, mark }, hooks);
  const { salt, extraBody } = plan;
  return markDataset(dataset, marks, { marked, salt, protocol, ...defined({ extraBody }) });
}

async function loadDataset(
  plan: BenchPlan,
  { counter, mark }: { readonly counter: TokenCounter; readonly mark: string | undefined },
  hooks: LoadHooks,
): Promise<Dataset> {
  const { classes } = plan;
  const startMs = systemClock.now();
  const load = classes === undefined
    ? findDataset(plan.dataset).load
    : async (options: DatasetOptions) => {
      const { loadMix } = await import("./dataset_mix.ts");
      const stretches = poolStretches(plan, plan.prompts);
      return await loadMix(classes, { ...options, stretches, find: findDataset });
    };
  const dataset = await load({
    count: hooks.first === true ? 1 : plan.prompts,
    spare: hooks.first === true ? 0 : plan.sparePrompts ?? 0,
    allowsFewer: plan.allPrompts === true,
    seed: plan.seed,
    counter,
    turns: plan.turns,
    extra: plan.datasetExtra,
    salt: plan.salt,
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
    ...defined({
      path: plan.datasetPath,
      outputTokens: plan.outputTokens &&
        lengthsOf(plan.outputTokens, { seed: plan.seed, label: "output-tokens" }),
      systemPrompt: plan.systemPrompt,
      signal: hooks.signal,
      mark,
    }),
  });
  if (hooks.first === true) return dataset;
  for (const remark of [dataset.bad, ...dataset.remarks ?? []]) {
    if (remark !== undefined) hooks.note?.(remark);
  }
  // The shipped sample is known to be small.
  if (dataset.note !== undefined && plan.datasetPath !== undefined) {
    const again = plan.loads.some((load, i) => startsOver(load, plan.stops[i] ?? {}))
      ? "; a pool that is too small is sent again from its start"
      : plan.stops.some(({ once }) => once)
      ? "; each is sent once"
      : "";
    hooks.note?.(`${dataset.note}${again}`);
  }
  return dataset;
}

/** Whether the load starts over with the first prompt when it has sent all of them. */
function startsOver(load: Load, stop: Stop): boolean {
  const wholePool = load.kind === "closed" && ["legacy", "shuffled"].includes(load.sequence);
  return stop.once !== true && !wholePool;
}
