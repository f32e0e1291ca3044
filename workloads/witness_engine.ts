/**
 * The engine of the witness streams: a simulated one in a thread of its own, which speaks the run's
 * protocol at the run's token rate and knows when each request came and each token left.
 *
 * @module
 */
import { epochOriginMs, patientClock, systemClock } from "../backends/clock.ts";
import { libcPermission } from "../backends/epoll_libc.ts";
import { LoopWaker } from "../backends/epoll_wake.ts";
import type { GenerationRequest, Protocol, Target, WireRequest } from "../backends/protocol.ts";
import type { TransportOptions } from "../backends/transport.ts";
import { openTransport } from "../backends/transports.ts";
import {
  mayReadWorker,
  type StartedWorker,
  startWorker,
  type WorkerListener,
} from "../backends/worker.ts";
import { askOver } from "./server_target.ts";
import {
  ASKED_BYTES,
  ASKED_STOP,
  ASKED_TAKE,
  WITNESS_LOOP_WORKER,
  type WitnessLoopStart,
} from "./witness_loop_worker.ts";
import type { FromWitness, ToWitness, WitnessSetup, WitnessTaken } from "./witness_messages.ts";
import { WITNESS_WORKER } from "./witness_worker.ts";

/** What the engine imitates. */
export interface WitnessOptions {
  readonly protocol: Protocol;
  /** The thread starts meanwhile. */
  readonly pace: WitnessPace | Promise<WitnessPace>;
  /** Ask for answers token by token. */
  readonly stream: boolean;
  /** Over TLS, as the load. */
  readonly tls: boolean;
}

/** How its streams go. */
export interface WitnessPace {
  /** Gap between the tokens of a stream, ms. */
  readonly itlMs: number;
  /** Of each answer. */
  readonly outputTokens: number;
}

/** A running engine. */
export interface WitnessEngine {
  readonly protocol: Protocol;
  /** What its streams ask for. */
  readonly request: GenerationRequest;
  readonly wire: WireRequest;
  /** The kernel stamps what arrives at the engine. */
  readonly exactArrivals: boolean;
  /** PEM text of its certificate; absent = plaintext. */
  readonly caCert?: string;
  /** The engine's times + `shiftMs` = times of this thread's clock. */
  readonly shiftMs: number;
  /** Requests since the last call, ended ones only once. @throws {Error} when it does not answer. */
  take(): Promise<WitnessTaken>;
  /** Ends the thread; idempotent. */
  stop(): Promise<void>;
}

const TTFT_MS = 20;
/** A first start may compile the program. */
const START_TIMEOUT_MS = 15_000;
const ASK_TIMEOUT_MS = 5000;
/** Questions for its clock: the quickest answers say most. */
const CLOCK_QUESTIONS = 3;
/** Two clocks compared through the time of day agree this well. */
const CLOCK_TOLERANCE_MS = 0.02;

/**
 * Why this program may not start one, in a sentence without a period; `undefined` = it may. Never
 * prompts.
 */
export async function witnessDenied(): Promise<string | undefined> {
  const { state } = await Deno.permissions.query({ name: "net", host: "127.0.0.1" });
  if (state !== "granted") {
    return "the program may not connect to this machine (--allow-net)";
  }
  if (![WITNESS_LOOP_WORKER, WITNESS_WORKER].every(mayReadWorker)) {
    return "the program may not read the code of its thread (--allow-read)";
  }
  return undefined;
}

/**
 * Starts the engine.
 *
 * @throws {Error} when it does not start.
 */
export async function startWitnessEngine(options: WitnessOptions): Promise<WitnessEngine> {
  const { protocol, tls } = options;
  const grpc = protocol.carrier === "grpc";
  const thread = new EngineThread({ protocol: protocol.name, grpc, tls });
  try {
    const { itlMs, outputTokens } = await options.pace;
    const served = await thread.ask({
      kind: "serve",
      // Spread, so that its streams do not look at the same moments.
      ttft: `uniform:${TTFT_MS / 2}:${TTFT_MS / 2 + itlMs}`,
      itl: `uniform:${0.8 * itlMs}:${1.2 * itlMs}`,
    }, START_TIMEOUT_MS);
    if (served.kind !== "serving") throw new Error(`it answered ${served.kind}`);
    const byTimeOfDayMs = served.originEpochMs - epochOriginMs();
    const { SIM_CERTIFICATE } = await import("../backends/sim_certificate.ts");
    const trust = tls ? { caCert: SIM_CERTIFICATE.cert } : {};
    const target = { baseUrl: served.url, headers: {} };
    const request = await prepared(options, { target, trust, outputTokens });
    return {
      protocol,
      request,
      wire: protocol.buildRequest(request, target),
      exactArrivals: served.exactArrivals,
      ...trust,
      shiftMs: await clockShift(thread, byTimeOfDayMs),
      take: () => thread.take(),
      stop: () => thread.stop(),
    };
  } catch (error) {
    await thread.stop();
    throw error;
  }
}

/** The request of all streams, after the calls that must precede it. */
async function prepared(
  { protocol, stream }: WitnessOptions,
  { target, trust, outputTokens }: {
    readonly target: Target;
    readonly trust: Pick<TransportOptions, "caCert">;
    readonly outputTokens: number;
  },
): Promise<GenerationRequest> {
  const request: GenerationRequest = {
    model: "simulated",
    messages: [{ role: "user", content: "How late are you?" }],
    outputTokens,
    length: protocol.forcesLength ? "forced" : "cap",
    stream,
    sampling: {},
    requestId: 1n,
  };
  if (protocol.prepare === undefined) return request;
  // Never through a proxy.
  const name = protocol.carrier === "grpc" ? "grpc-socket" : "socket";
  const transport = await openTransport(name, { clock: patientClock, ...trust });
  try {
    const ask = askOver(transport, { protocol, target });
    // Triton's models have names of their own.
    const [model = request.model] = await protocol.listModels?.(target, ask) ?? [];
    return await protocol.prepare({ ...request, model }, target, ask);
  } finally {
    await transport.close();
  }
}

/**
 * What to add to the engine's times for those of this thread. By the time of day, which both clocks
 * know, unless that contradicts its answers: the time of day may have been set meanwhile.
 */
async function clockShift(thread: EngineThread, byTimeOfDayMs: number): Promise<number> {
  let least = -Infinity;
  let most = Infinity;
  for (let i = 0; i < CLOCK_QUESTIONS; i++) {
    const askedMs = systemClock.now();
    const { nowMs } = await thread.take();
    least = Math.max(least, askedMs - nowMs);
    most = Math.min(most, systemClock.now() - nowMs);
  }
  return originBetween(least, most, byTimeOfDayMs);
}

/** The estimate where it lies between the two bounds, else their middle. */
export function originBetween(least: number, most: number, estimate: number): number {
  const agrees = estimate >= least - CLOCK_TOLERANCE_MS && estimate <= most + CLOCK_TOLERANCE_MS;
  return agrees ? estimate : (least + most) / 2;
}

/** The engine's thread, whatever its event loop. */
class EngineThread {
  readonly #post: (question: ToWitness) => void;
  readonly #end: () => void;
  /** Who waits for the next answers. */
  #asked: PromiseWithResolvers<FromWitness>[] = [];
  #failure: Error | undefined;
  #stopping: Promise<void> | undefined;

  /** On a loop around `epoll` where that is possible, since its stamps are exact. */
  constructor(setup: WitnessSetup) {
    const on: WorkerListener<FromWitness> = {
      message: (message) => this.#asked.shift()?.resolve(message),
      failure: (message) => this.#fail(new Error(message)),
    };
    ({ post: this.#post, end: this.#end } = loopThread(setup, on) ?? platformThread(setup, on));
  }

  /** @throws {Error} when it fails, or does not answer in time. */
  async ask(question: ToWitness, timeoutMs: number = ASK_TIMEOUT_MS): Promise<FromWitness> {
    if (this.#failure !== undefined) throw this.#failure;
    const asked = Promise.withResolvers<FromWitness>();
    this.#asked.push(asked);
    const timer = setTimeout(() => this.#fail(new Error("it does not answer")), timeoutMs);
    try {
      this.#post(question);
      const answer = await asked.promise;
      if (answer.kind === "failed") throw new Error(answer.message);
      return answer;
    } finally {
      clearTimeout(timer);
    }
  }

  async take(): Promise<WitnessTaken> {
    const answer = await this.ask({ kind: "take" });
    if (answer.kind !== "taken") throw new Error(`it answered ${answer.kind}`);
    return answer;
  }

  stop(): Promise<void> {
    return this.#stopping ??= this.ask({ kind: "stop" }).catch(() => {}).then(this.#end);
  }

  #fail(error: Error): void {
    this.#failure ??= error;
    for (const { reject } of this.#asked.splice(0)) reject(error);
  }
}

/** A way to ask a thread, and to end it once it has stopped. */
interface Link {
  readonly post: (question: ToWitness) => void;
  readonly end: () => void;
}

/** `undefined` where the loop has no such carrier, may not be used, or does not run. */
function loopThread(
  setup: WitnessSetup,
  on: WorkerListener<FromWitness>,
): Link | undefined {
  if (setup.grpc || setup.tls || libcPermission() !== "granted") return undefined;
  const waker = openWaker();
  if (waker === undefined) return undefined;
  const counts = new SharedArrayBuffer(ASKED_BYTES);
  const asked = new Int32Array(counts);
  let worker: StartedWorker;
  try {
    worker = startWorker<FromWitness>(WITNESS_LOOP_WORKER, on);
  } catch (error) {
    waker.close();
    throw error;
  }
  worker.postMessage({ setup, wakeFd: waker.fd, asked: counts } satisfies WitnessLoopStart);
  let first = true;
  return {
    post(question) {
      // The first question starts the loop, which then hears of nothing else.
      if (first) worker.postMessage(question);
      else Atomics.add(asked, question.kind === "stop" ? ASKED_STOP : ASKED_TAKE, 1);
      if (!first) waker.wake();
      first = false;
    },
    end() {
      worker.terminate();
      waker.close();
    },
  };
}

function openWaker(): LoopWaker | undefined {
  try {
    return new LoopWaker();
  } catch {
    // Another system, or a Linux with another C library.
    return undefined;
  }
}

function platformThread(setup: WitnessSetup, on: WorkerListener<FromWitness>): Link {
  const worker = startWorker<FromWitness>(WITNESS_WORKER, on);
  worker.postMessage(setup);
  return { post: (question) => worker.postMessage(question), end: () => worker.terminate() };
}
