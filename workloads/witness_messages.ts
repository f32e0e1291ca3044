/**
 * What the thread of the witness' engine and the thread that leads say to each other.
 *
 * @module
 */
import type { WitnessTimes } from "../metrics/check_witness.ts";

/** What the thread is started with: enough to load what it needs. */
export interface WitnessSetup {
  /** Name of the protocol. */
  readonly protocol: string;
  /** It is carried by gRPC. */
  readonly grpc: boolean;
  readonly tls: boolean;
}

/** A question; each gets one answer, in this order. */
export type ToWitness =
  /** Starts to serve, with these distributions of TTFT and ITL, in ms. */
  | { readonly kind: "serve"; readonly ttft: string; readonly itl: string }
  /** Asks for the clock and for what is new in the log. */
  | { readonly kind: "take" }
  /** Ends the server and the thread. */
  | { readonly kind: "stop" };

/** An answer. */
export type FromWitness =
  | WitnessServing
  | WitnessTaken
  | { readonly kind: "stopped" }
  /** The question could not be answered. */
  | { readonly kind: "failed"; readonly message: string };

/** The server listens. */
export interface WitnessServing {
  readonly kind: "serving";
  readonly url: string;
  /** The kernel stamps what arrives. */
  readonly exactArrivals: boolean;
  /** When the engine's clock read 0, in ms since the epoch. */
  readonly originEpochMs: number;
}

/** The log since it was asked for last, and the time. */
export interface WitnessTaken {
  readonly kind: "taken";
  /** Ended requests, only once; and those that run. */
  readonly entries: readonly WitnessEntry[];
  /** By the engine's clock. */
  readonly nowMs: number;
  /** CPU time of the thread so far, ms; absent where the system hides it. */
  readonly cpuMs?: number;
}

/** A request as the engine saw it. */
export interface WitnessEntry extends WitnessTimes {
  readonly requestId: string;
  /** The engine will write nothing more for it. */
  readonly ended: boolean;
}
