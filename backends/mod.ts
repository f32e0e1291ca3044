/**
 * How engines speak, how bytes travel, and what came back.
 *
 * @module
 */
export { type Clock, epochOriginMs, systemClock, wallClockMs } from "./clock.ts";
export type {
  Ask,
  EngineEvent,
  Framing,
  GenerationRequest,
  Message,
  Protocol,
  Sampling,
  Target,
  Usage,
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
  COUNTER_BYTES,
  COUNTER_READS,
  COUNTER_REPLACED,
  type Exchange,
  type ExchangeEnd,
  type SendOptions,
  type Transport,
  type TransportKind,
  type TransportOptions,
} from "./transport.ts";
export { findTransport, TRANSPORTS } from "./transports.ts";
