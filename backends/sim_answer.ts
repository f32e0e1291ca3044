/**
 * What answers over HTTP and over gRPC have in common: the request's entry in the truth log, the
 * state that encoders see, and which injected fault takes effect when.
 *
 * @module
 */
import type { Admission } from "./sim_batch.ts";
import type { SimulatedEngine } from "./sim_engine.ts";
import { type SimOptions, simQuirks } from "./sim_options.ts";
import type { SimExchange, SimJob, SimProtocol, SimStream, SimToken } from "./sim_protocol.ts";
import type { SimTimes } from "./sim_times.ts";
import type { TruthEnd, TruthEntry, TruthLog } from "./sim_truth.ts";

/** What an answer is made with. */
export interface AnswerContext<Exchange extends SimExchange> {
  readonly exchange: Exchange;
  readonly protocol: SimProtocol;
  readonly job: SimJob;
  readonly admission: Admission;
  readonly engine: SimulatedEngine;
  readonly truth: TruthEntry;
  readonly options: SimOptions;
}

/** The engine waits for a reader that is this many bytes behind, as an engine's event loop does. */
export const BLOCKED_AT_BYTES = 2 ** 20;

/** Admits a request to the engine and begins its entry in the log. */
export function admitRequest<Exchange extends SimExchange>(
  parts: Omit<AnswerContext<Exchange>, "admission" | "truth">,
  log: TruthLog,
): AnswerContext<Exchange> {
  const { exchange, protocol, engine, options: { routeBy, replicas } } = parts;
  // The text of a prompt is needed here only, and its answer may take minutes.
  const { promptTexts: _, ...job } = parts.job;
  const route = routeBy === undefined ? undefined : exchange.request.headers[routeBy.toLowerCase()];
  const admission = engine.admit(parts.job, route);
  const requestId = exchange.request.headers["x-request-id"];
  const truth = log.begin({
    serial: admission.serial,
    protocol: protocol.name,
    path: exchange.request.path,
    ...(requestId !== undefined && { requestId }),
    ...(replicas > 1 && { replica: admission.replica }),
    ...exchange.arrival,
    promptTokens: job.promptTokens,
    cachedTokens: admission.cachedTokens,
    requestedTokens: job.maxTokens,
    faults: [...admission.faults.keys()],
  });
  return { ...parts, job, admission, truth };
}

/** Logs the end of an answer. */
export function endTruth(
  { truth, options }: Pick<AnswerContext<SimExchange>, "truth" | "options">,
  how: TruthEnd,
): void {
  truth.end(options.clock.now(), how);
}

/** A stream whose totals grow with it. */
export interface GrowingStream extends SimStream {
  times?: SimTimes;
  tokensSoFar: number;
  reasoningSoFar: number;
  textSoFar: string;
}

/** The stream of a job before its first token; without an admission it was refused. */
export function openStream(
  job: SimJob,
  options: SimOptions,
  admission?: Admission,
): GrowingStream {
  const quirks = simQuirks(options);
  if (admission?.faults.has("missing-done")) quirks.add("done:missing");
  if (admission?.faults.has("hold-utf8")) quirks.add("join-utf8");
  return {
    job,
    serial: admission?.serial ?? 0,
    tokensSoFar: 0,
    reasoningSoFar: 0,
    textSoFar: "",
    cachedTokens: admission?.cachedTokens ?? 0,
    quirks,
  };
}

/** Notes the times of a request whose answer is this stream. */
export function noteTimes(stream: GrowingStream, truth: TruthEntry, times: SimTimes): void {
  stream.times = times;
  truth.times = times;
}

/** Adds a token to the stream's totals. */
export function countToken(stream: GrowingStream, token: SimToken): void {
  stream.tokensSoFar++;
  stream.textSoFar += token.text;
  if (token.reasoning) stream.reasoningSoFar++;
}

/** Error status that takes the place of an answer, in HTTP's numbers. */
const ERROR_STATUS: readonly (readonly [fault: string, status: number])[] = [
  ["http-429", 429],
  ["http-500", 500],
  ["http-503", 503],
];

/** How a transport expresses the faults that take the place of an answer. */
export interface ReplacingFaults {
  readonly status: (status: number, message: string) => void;
  readonly "json-error": (message: string) => void;
  readonly refuse: () => void;
  readonly "not-http": () => void;
}

/** Injects a fault that takes the place of the answer; returns whether there was one. */
export function injectInPlace(
  context: AnswerContext<SimExchange>,
  actions: ReplacingFaults,
): boolean {
  const { exchange, admission: { faults } } = context;
  if (faults.size === 0) return false;
  if (faults.has("hang")) {
    exchange.onGone = () => endTruth(context, "gone");
    return true;
  }
  const error = ERROR_STATUS.find(([name]) => faults.has(name));
  const name = (["json-error", "refuse", "not-http"] as const).find((each) => faults.has(each));
  if (error !== undefined) actions.status(error[1], faultMessage(error[0]));
  else if (name !== undefined) actions[name](faultMessage(name));
  else return false;
  endTruth(context, "failed");
  return true;
}

const MID_STREAM = [
  "cut",
  "reset",
  "truncate",
  "malformed-chunk",
  "malformed-event",
  "error-event",
] as const;

/** How a transport expresses the faults in the middle of a stream; all but the last end it. */
export interface MidStreamFaults<Data> {
  readonly cut: () => void;
  readonly reset: () => void;
  readonly truncate: () => void;
  readonly "malformed-chunk": () => void;
  readonly "error-event": (message: string) => void;
  /** Sends the event in a form that its protocol cannot read; the stream goes on. */
  readonly "malformed-event": (event: Data) => void;
}

/** A fault in the middle of a stream. */
export interface MidStreamFault {
  readonly name: typeof MID_STREAM[number];
  /** Tokens after which it takes effect. */
  readonly atTokens: number;
}

/** The fault in the middle of this request's stream, if it has one. */
export function midStreamFault(
  { job, admission: { faults } }: AnswerContext<SimExchange>,
): MidStreamFault | undefined {
  const name = MID_STREAM.find((each) => faults.has(each));
  if (name === undefined) return undefined;
  return { name, atTokens: faults.get(name) || Math.max(1, Math.floor(job.maxTokens / 2)) };
}

/** Message of an injected fault, where it has one. */
export function faultMessage(name: string): string {
  return `Injected fault: ${name}`;
}
