/**
 * The engine of the witness streams: a simulated one in a process of its own, which speaks the run's
 * protocol at the run's token rate and knows when each request came and each token left.
 *
 * @module
 */
import { epochOriginMs, patientClock, systemClock } from "../backends/clock.ts";
import { defined } from "../backends/defined.ts";
import type { GenerationRequest, Protocol, Target, WireRequest } from "../backends/protocol.ts";
import { SIM_CERTIFICATE } from "../backends/sim_certificate.ts";
import { type LaunchedSimulator, launchSimulator } from "../backends/sim_launch.ts";
import { simPplV1 } from "../backends/sim_ppl.ts";
import { findSimProtocol, SIM_ENGINES } from "../backends/sim_protocols.ts";
import type { TruthRequest } from "../backends/sim_truth.ts";
import type { Transport, TransportOptions } from "../backends/transport.ts";
import { findTransport } from "../backends/transports.ts";
import type { WitnessTimes } from "../metrics/check_witness.ts";
import { askOver } from "./server_target.ts";

/** What the engine imitates. */
export interface WitnessPace {
  readonly protocol: Protocol;
  /** Gap between the tokens of a stream, ms. */
  readonly itlMs: number;
  /** Ask for answers token by token. */
  readonly stream: boolean;
  /** Over TLS, as the load. */
  readonly tls: boolean;
}

/** A request as the engine saw it. */
export interface WitnessEntry extends WitnessTimes {
  readonly requestId: string;
  /** The engine will write nothing more for it. */
  readonly ended: boolean;
}

/** The engine's clock. */
export interface WitnessClock {
  /** The engine's times + `shiftMs` = times of this thread's clock. */
  readonly shiftMs: number;
  /** CPU time of its process so far, ms. */
  readonly cpuMs: number;
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
  /** Reads its clock. @throws {Error} when it does not answer. */
  clock(): Promise<WitnessClock>;
  /** Requests since the last call, ended ones only once. @throws {Error} when it does not answer. */
  take(): Promise<WitnessEntry[]>;
  /** Ends the process; idempotent. */
  stop(): Promise<void>;
}

/** Short answers: departures are compared as well. */
const OUTPUT_TOKENS = 8;
const TTFT_MS = 20;
/** A first start may compile the program. */
const START_TIMEOUT_MS = 15_000;
const ASK_TIMEOUT_MS = 5000;
/** Questions for its clock: the quickest answers say most. */
const CLOCK_QUESTIONS = 12;
/** Two clocks compared through the time of day agree this well. */
const CLOCK_TOLERANCE_MS = 0.02;

/**
 * Why this program may not start one, in a sentence without a period; `undefined` = it may. Never
 * prompts.
 */
export async function witnessDenied(): Promise<string | undefined> {
  const allowed = async (descriptor: Deno.PermissionDescriptor) =>
    (await Deno.permissions.query(descriptor)).state === "granted";
  if (!await allowed({ name: "net", host: "127.0.0.1" })) {
    return "the program may not connect to this machine (--allow-net)";
  }
  // Starting a process needs its path, and its environment.
  if (!await allowed({ name: "run" })) {
    return "the program may not start another process (--allow-run)";
  }
  return undefined;
}

/**
 * Starts the engine.
 *
 * @throws {Error} when it does not start, or this program cannot start itself again.
 */
export async function startWitnessEngine(pace: WitnessPace): Promise<WitnessEngine> {
  const { protocol, itlMs, tls } = pace;
  const grpc = protocol.carrier === "grpc";
  const sim = findSimProtocol(protocol.name);
  // It serves one of PPL's versions, the second unless it is told otherwise.
  if (sim === undefined || sim === simPplV1) {
    throw new Error(`the simulated engine does not speak ${protocol.name}`);
  }
  const epoll = !grpc && !tls && Deno.build.os === "linux";
  const engine = SIM_ENGINES.find(({ protocols }) => protocols.includes(sim))?.name;
  const simulator = await launchSimulator([
    "--port=0",
    ...(grpc ? ["--grpc-port=0"] : []),
    ...(tls ? ["--tls"] : []),
    ...(epoll ? ["--loop=epoll", "--truth-returns"] : []),
    ...(engine === undefined ? [] : [`--engine=${engine}`]),
    "--any-model",
    "--max-batch=0",
    // Spread, so that its streams do not look at the same moments.
    `--ttft=uniform:${TTFT_MS / 2}:${TTFT_MS / 2 + itlMs}`,
    `--itl=uniform:${0.8 * itlMs}:${1.2 * itlMs}`,
  ], { startTimeoutMs: START_TIMEOUT_MS });
  // Never through a proxy, and with stamps of the very moments.
  const trust = tls ? { caCert: SIM_CERTIFICATE.cert } : {};
  const questions = findTransport("socket").open({ clock: systemClock, ...trust });
  try {
    const target = {
      baseUrl: (grpc ? simulator.grpcUrl : undefined) ?? simulator.url,
      headers: {},
    };
    const request = await prepared(pace, target, trust);
    const originMs = await readOrigin(questions, simulator);
    return {
      protocol,
      request,
      wire: protocol.buildRequest(request, target),
      exactArrivals: epoll,
      ...trust,
      async clock() {
        const { cpuMs } = (await readClock(questions, simulator)).value;
        return { shiftMs: originMs, cpuMs };
      },
      async take() {
        const { text } = await ask(questions, "POST", `${simulator.url}/truth/take`);
        return text.split("\n").filter(Boolean).map(entryOf);
      },
      async stop() {
        await questions.close();
        await stop(simulator);
      },
    };
  } catch (error) {
    await questions.close();
    await stop(simulator);
    throw error;
  }
}

/** There is nothing left for it to do, so it need not be asked politely, which takes a second. */
async function stop(simulator: LaunchedSimulator): Promise<void> {
  try {
    Deno.kill(simulator.pid, "SIGKILL");
  } catch {
    // It has already ended.
  }
  await simulator.stop();
}

/** The request of all streams, after the calls that must precede it. */
async function prepared(
  { protocol, stream }: WitnessPace,
  target: Target,
  trust: Pick<TransportOptions, "caCert">,
): Promise<GenerationRequest> {
  const request: GenerationRequest = {
    model: "simulated",
    messages: [{ role: "user", content: "How late are you?" }],
    outputTokens: OUTPUT_TOKENS,
    length: protocol.forcesLength ? "forced" : "cap",
    stream,
    sampling: {},
    requestId: 1n,
  };
  if (protocol.prepare === undefined) return request;
  const { name } = protocol.carrier === "grpc"
    ? findTransport("grpc-socket")
    : findTransport("socket");
  const transport = findTransport(name).open({ clock: patientClock, ...trust });
  try {
    const ask = askOver(transport, { protocol, target });
    // Triton's models have names of their own.
    const [model = request.model] = await protocol.listModels?.(target, ask) ?? [];
    return await protocol.prepare({ ...request, model }, target, ask);
  } finally {
    await transport.close();
  }
}

interface ClockAnswer {
  readonly nowMs: number;
  readonly originEpochMs: number;
  readonly cpuMs: number;
}

/**
 * What to add to the engine's times for those of this thread. By the time of day, which both clocks
 * know, unless that contradicts its answers: the time of day may have been set meanwhile.
 */
async function readOrigin(transport: Transport, simulator: LaunchedSimulator): Promise<number> {
  let least = -Infinity;
  let most = Infinity;
  let byTimeOfDay = 0;
  for (let i = 0; i < CLOCK_QUESTIONS; i++) {
    const { value, askedMs, answeredMs } = await readClock(transport, simulator);
    least = Math.max(least, askedMs - value.nowMs);
    most = Math.min(most, answeredMs - value.nowMs);
    byTimeOfDay = value.originEpochMs - epochOriginMs();
  }
  return originBetween(least, most, byTimeOfDay);
}

/** The estimate where it lies between the two bounds, else their middle. */
export function originBetween(least: number, most: number, estimate: number): number {
  const agrees = estimate >= least - CLOCK_TOLERANCE_MS && estimate <= most + CLOCK_TOLERANCE_MS;
  return agrees ? estimate : (least + most) / 2;
}

async function readClock(transport: Transport, { url }: LaunchedSimulator): Promise<{
  readonly value: ClockAnswer;
  readonly askedMs: number;
  readonly answeredMs: number;
}> {
  const { text, askedMs, answeredMs } = await ask(transport, "GET", `${url}/clock`);
  return { value: JSON.parse(text), askedMs, answeredMs };
}

/** @throws {Error} */
async function ask(transport: Transport, method: "GET" | "POST", url: string): Promise<{
  readonly text: string;
  readonly askedMs: number;
  readonly answeredMs: number;
}> {
  const exchange = await transport.send({ method, url, headers: {} }, {
    timeoutMs: ASK_TIMEOUT_MS,
  });
  const { end, status, body, sentMs, firstByteMs = sentMs } = exchange;
  if (end.kind !== "complete" || status !== 200) {
    throw new Error("message" in end ? end.message : `status ${status}`);
  }
  return { text: new TextDecoder().decode(body), askedMs: sentMs, answeredMs: firstByteMs };
}

function entryOf(line: string): WitnessEntry {
  const request: TruthRequest = JSON.parse(line);
  const { requestId = "", arrivalMs, writeMs, writeTokens, writtenMs, end } = request;
  return {
    ...{ requestId, arrivalMs, writeMs, writeTokens, ended: end !== "running" },
    ...defined({ writtenMs }),
  };
}
