/**
 * How engines speak, how bytes travel, and what came back.
 *
 * @module
 */
export type { Collect, CollectedBody } from "./buffers.ts";
export { type Clock, epochOriginMs, systemClock, wallClockMs } from "./clock.ts";
export { decodeExchange, type DecodeOptions, unsentRecord } from "./decode.ts";
export type { CutOptions, EventSink } from "./event_sink.ts";
export { type CutEvent, cutEvents, EventCutter } from "./framing.ts";
export {
  type CompleteSettings,
  type EngineCommand,
  engineCommand,
  engineUrl,
  findLaunchEngine,
  LAUNCH_ENGINES,
  type LaunchEngine,
  type LaunchSettings,
  type LaunchWord,
} from "./launch_engines.ts";
export { type NumpyRandom, numpyRandom, type PythonRandom, pythonRandom } from "./mt19937.ts";
export { openaiChat } from "./protocol_openai_chat.ts";
export { openaiCompletions, plainPrompt } from "./protocol_openai_completions.ts";
export type {
  Ask,
  EngineEvent,
  Framing,
  GenerationRequest,
  Message,
  Protocol,
  QuickEvents,
  Sampling,
  Target,
  Usage,
  Wanted,
  WireRequest,
} from "./protocol.ts";
export { findProtocol, PROTOCOLS } from "./protocols.ts";
export {
  createRandom,
  exponential,
  gamma,
  lognormal,
  normal,
  type Random,
  shuffled,
  uniform,
  uniformInteger,
} from "./random.ts";
export {
  type Outcome,
  OUTCOME_KINDS,
  type RequestRecord,
  type TokenCount,
  type TokenSource,
} from "./record.ts";
export {
  type SelfCommand,
  selfCommand,
  type SelfCommandOptions,
  type Surroundings,
} from "./relaunch.ts";
export type { EngineLoad } from "./sim_engine.ts";
export type { ConnectionCounts } from "./sim_http.ts";
export {
  type RoleChunk,
  SIM_DEFAULTS,
  type SimOptions,
  type UsagePlacement,
  type Utf8Mode,
} from "./sim_options.ts";
export type {
  SimAddress,
  SimAgenda,
  SimLine,
  SimLineEvents,
  SimListener,
  SimLoop,
  SimLoopName,
} from "./sim_loop.ts";
export { type LaunchedSimulator, type LaunchOptions, launchSimulator } from "./sim_launch.ts";
export { type SimServer, type SimStats, startSimServer } from "./sim_server.ts";
export type { Lateness, TruthEnd, TruthFacts, TruthRequest } from "./sim_truth.ts";
export {
  COUNTER_BYTES,
  COUNTER_READS,
  COUNTER_REPLACED,
  COUNTER_STAMPED,
  type Exchange,
  type ExchangeEnd,
  type SendOptions,
  type Transport,
  TRANSPORT_COUNTERS,
  type TransportKind,
  type TransportOptions,
} from "./transport.ts";
export { findTransport, TRANSPORTS } from "./transports.ts";
