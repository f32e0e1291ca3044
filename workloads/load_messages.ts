/**
 * The messages between the thread that leads a run and the threads that send.
 *
 * @module
 */
import type { GenerationRequest, Target, WireRequest } from "../backends/protocol.ts";
import { TRANSPORT_COUNTERS, type TransportOptions } from "../backends/transport.ts";
import type { LeasedPortion } from "./agent_share.ts";
import type { EndedRequest, ExchangePack } from "./load_exchange_pack.ts";
import type { LoopLag } from "./load_loop_lag.ts";
import type { LoadShare, ShareEnd } from "./load_agenda.ts";
import type { OrdersTold } from "./load_orders.ts";
import type { ThreadUsage } from "./load_thread_usage.ts";
import type { SharedWires } from "./load_wires.ts";
import type { WitnessShare } from "./load_witness.ts";
import type { Departure } from "./order.ts";

/** Positions in a thread's block of live counters, after the transport's own. */
export const COUNTER_SENT: number = TRANSPORT_COUNTERS;
/** Requests that have ended, however. */
export const COUNTER_ENDED: number = TRANSPORT_COUNTERS + 1;
/** Length of the block. */
export const COUNTER_SLOTS: number = TRANSPORT_COUNTERS + 2;

/** Prompts, ready to be sent. */
export interface Pool {
  /** Encoded once, before any load starts. */
  readonly wires: SharedWires;
  /** Only for protocols whose ids must not repeat: to encode again when the pool is used twice. */
  readonly requests?: readonly GenerationRequest[];
}

/** What every thread is opened with: all prompts, or one that is rehearsed with before they are there. */
export interface ThreadSetup extends Pool {
  readonly transport: string;
  readonly transportOptions: Omit<TransportOptions, "clock" | "counters" | "holds">;
  readonly protocol: string;
  readonly target: Target;
  /** A load of arrivals or orders will come: get the clock ready that keeps a schedule. */
  readonly scheduled: boolean;
}

/** Opens the transport of a thread and gives it the prompts. */
export interface OpenMessage extends ThreadSetup {
  readonly kind: "open";
  readonly counters: SharedArrayBuffer;
}

/** A header whose values begin alike and end with the number of the request. */
export interface RequestHeader {
  readonly name: string;
  readonly prefix: string;
}

/** The numbers of requests whose users draw on one count, of a machine that does not send all. */
export type RequestNumbers =
  /** `first`, and from there every so many. */
  | { readonly kind: "dealt"; readonly first: number; readonly step: number }
  /** Portions that follow. The first request of user u is none of them where u is below `reserved`. */
  | { readonly kind: "leased"; readonly reserved: number };

/** Runs one share of a load. */
export interface RunMessage {
  readonly kind: "run";
  readonly share: LoadShare;
  readonly seed: number;
  /** Number of the load: each draws its own arrivals. */
  readonly loadNumber: number;
  /** First pool item of this load, so that several loads of a command send different prompts. */
  readonly poolOffset: number;
  /** Start, in ms since the epoch (threads have origins of their own). */
  readonly startEpochMs: number;
  /** One Int32 shared by all threads: requests that were taken, or prompts of a `shared` sequence. */
  readonly queue: SharedArrayBuffer;
  /** Memory of the {@linkcode Backlog} of all threads. */
  readonly backlog: SharedArrayBuffer;
  /** Which numbers the requests of this machine's users have; absent = all, in the order in which they take them. */
  readonly numbers?: RequestNumbers;
  /** Requests of this load alone, in place of the prompts. */
  readonly wires?: SharedWires;
  /** Header that has another value in each request; absent = there is none. */
  readonly requestHeader?: RequestHeader;
  /** The same, where their ids must not repeat. */
  readonly requests?: Pool["requests"];
  /** Streams of known timing beside the load; absent = none. */
  readonly witness?: WitnessShare;
}

/** To a sending thread. */
export type ToThread =
  /** One more request; the load is one of orders. */
  | {
    readonly kind: "order";
    readonly departure: Departure;
    readonly head: Omit<WireRequest, "body">;
    /** Not a view: a thread with a loop of its own would look at each byte of one. */
    readonly body: ArrayBuffer | undefined;
  }
  /** There are no more orders: the load ends with the last answer. */
  | { readonly kind: "last-order" }
  | OpenMessage
  /** Prompts in place of those before. */
  | ({ readonly kind: "pool" } & Pool)
  /** Open so many connections before they are needed, and those of the witness. */
  | { readonly kind: "connect"; readonly count: number; readonly witness?: WitnessShare }
  | RunMessage
  /** More requests of a load whose numbers are leased; absent = there are no more. */
  | { readonly kind: "portion"; readonly portion: LeasedPortion | undefined }
  | { readonly kind: "stop" }
  | { readonly kind: "abort" }
  /** Memory of a pack that was decoded. */
  | { readonly kind: "memory"; readonly memory: ArrayBuffer }
  | { readonly kind: "close" };

/** A thread's share is done. */
export interface EndedMessage {
  readonly kind: "ended";
  readonly end: ShareEnd;
  readonly lag: LoopLag;
  readonly usage?: ThreadUsage;
}

/** From a sending thread. */
export type FromThread =
  | { readonly kind: "opened" }
  | { readonly kind: "pooled" }
  | { readonly kind: "connected" }
  /** From the thread that leads, where it sends itself. */
  | ({ readonly kind: "exchange" } & EndedRequest)
  /** What became of orders. */
  | ({ readonly kind: "told" } & OrdersTold)
  /** The newest portion is being used. */
  | { readonly kind: "low" }
  /** Several answers, from a thread of its own. */
  | { readonly kind: "pack"; readonly pack: ExchangePack }
  | { readonly kind: "dropped"; readonly departure: Departure; readonly reason: string }
  | EndedMessage
  | { readonly kind: "closed" }
  | { readonly kind: "failed"; readonly message: string };
