/**
 * How engines speak, how bytes travel, and what came back: the contracts of protocols and
 * transports, the decoder, launchers of real servers, and the parts of the simulated one.
 *
 * For those who extend Tokometer or build another tool on it. What is here is not stable: a minor
 * version may change it. The protocols themselves are `PROTOCOLS` of the main entry.
 *
 * @example Cut a body that was received somewhere else into its events
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { cutEvents } from "@tokometer/tokometer/backends";
 *
 * const events: unknown[] = [];
 * cutEvents("sse", new TextEncoder().encode("data: 1\n\ndata: 2\n\n"), (data) => events.push(data));
 * assertEquals(events, ["1", "2"]);
 * ```
 *
 * @module
 */
export type { CollectedBody, HeldBody } from "./buffers.ts";
export { type Clock, systemClock, type TimerQueue } from "./clock.ts";
export { decodeExchange, type DecodeOptions } from "./decode.ts";
export type { CutOptions, EventSink } from "./event_sink.ts";
export { type CutEvent, cutEvents, EventCutter } from "./framing.ts";
export { engineCommand, engineUrl } from "./launch_command.ts";
export {
  type CompleteSettings,
  type EngineCommand,
  findLaunchEngine,
  LAUNCH_ENGINES,
  type LaunchEngine,
  type LaunchOption,
  type LaunchSettings,
} from "./launch_engines.ts";
export { type NumpyRandom, numpyRandom, type PythonRandom, pythonRandom } from "./mt19937.ts";
export type {
  Ask,
  Asked,
  ContentPart,
  EngineEvent,
  FieldMask,
  Framing,
  GenerationRequest,
  Message,
  QuickEvents,
  Sampling,
  Target,
  Usage,
  WireRequest,
} from "./protocol.ts";
export { createRandom, type Random } from "./random.ts";
export { OUTCOME_KINDS, type ServerTimings, type TokenSource } from "./record.ts";
export type { SelfCommand } from "./relaunch.ts";
export type { SimCertificate } from "./sim_certificate.ts";
export type { EngineLoad } from "./sim_engine.ts";
export type { SimConnections } from "./sim_http.ts";
export type {
  SimAddress,
  SimListener,
  SimLoop,
  SimLoopName,
  SimSocket,
  SimSocketEvents,
} from "./sim_loop.ts";
export { type RoleChunk, SIM_DEFAULTS, type UsagePlacement, type Utf8Mode } from "./sim_options.ts";
export type { SimStats } from "./sim_server.ts";
export type { Lateness, TruthEnd, TruthFacts, TruthRequest } from "./sim_truth.ts";
export type {
  Exchange,
  ExchangeEnd,
  SendOptions,
  Transport,
  TransportEntry,
  TransportKind,
  TransportOptions,
} from "./transport.ts";
export { findTransport, openTransport, TRANSPORTS } from "./transports.ts";
export {
  parsePrometheus,
  type PrometheusFamily,
  type PrometheusSeries,
  type PrometheusSpread,
  type PrometheusText,
  type PrometheusType,
} from "./telemetry_prometheus.ts";
