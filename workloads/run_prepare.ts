/**
 * Everything a run needs before its first timer starts: prompts, the model's name, encoded requests.
 *
 * @module
 */
import { pooledMap } from "@std/async";
import { systemClock } from "../backends/clock.ts";
import { defined } from "../backends/defined.ts";
import type { GenerationRequest, Protocol, Target, WireRequest } from "../backends/protocol.ts";
import { checkTakesTokenIds, findProtocol } from "../backends/protocols.ts";
import type { Transport } from "../backends/transport.ts";
import type { BenchPlan } from "./bench_plan.ts";
import { findDataset } from "./datasets.ts";
import { whileWaiting } from "./live_waiting.ts";
import type { SharedWires } from "./load_wires.ts";
import type { Dataset, Prompt, TokenCounter } from "./prompt.ts";
import { checkingTransport, overCheckingTransport } from "./run_auto_transport.ts";
import { type OtherFirst, othersOf, refuseUnnamed } from "./run_check_others.ts";
import { PoolSharer, slowly } from "./run_encode.ts";
import type { PrepareHooks } from "./run_hooks.ts";
import { modelOf, type OwnFields, ownFieldsOf } from "./run_own_fields.ts";
import { planPool, type PoolPlan } from "./run_pool.ts";
import { loadCounter, loadMarked, type PromptHooks } from "./run_prompts.ts";
import { marksOfRun, type OtherMark, otherMarkOf, type RunMarks } from "./run_salt.ts";
import { Patience } from "./server_patience.ts";
import { proxyOver } from "./server_proxy.ts";
import { askOver, chooseModel, targetsOf } from "./server_target.ts";
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
  const load = async (options: PromptHooks) =>
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
  const prepareOne = protocol.prepare === undefined
    ? undefined
    : (request: GenerationRequest) => protocol.prepare!(request, target, ask);
  const requestsOf = async (
    { prompts }: Dataset,
    pool: PoolPlan,
  ): Promise<readonly GenerationRequest[]> => {
    const made = Array.from({ length: pool.length }, (_, position) => {
      const own = position % prompts.length;
      return requestOf(plan, prompts[own]!, {
        model: pool.modelAt(position) ?? model,
        requestId: base + BigInt(position),
        ownFields: ownFields[own],
      });
    });
    return prepareOne === undefined ? made : await prepareAll(made, prepareOne);
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

/** The request of a prompt. */
function requestOf(
  { length, stream, sampling, extraBody, lengthField }: BenchPlan,
  prompt: Prompt,
  { model, requestId, ownFields }: {
    readonly model: string;
    readonly requestId: bigint;
    readonly ownFields: OwnFields;
  },
): GenerationRequest {
  const { messages, outputTokens, tokenIds } = prompt;
  return {
    ...{ model, messages, outputTokens, length, stream, sampling, requestId },
    ...defined({
      promptTokenIds: tokenIds,
      ownFields,
      extraBody,
      lengthField: lengthField ?? prompt.lengthField,
    }),
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
