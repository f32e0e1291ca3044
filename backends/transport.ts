/**
 * How bytes travel: a transport stamps every read before anything else happens to it and keeps the
 * bytes for later. It knows no protocol and never parses an event.
 *
 * @module
 */
import type { HeldBody } from "./buffers.ts";
import type { Clock } from "./clock.ts";
import type { WireRequest } from "./protocol.ts";

/** How an exchange ended, seen from the wire. */
export type ExchangeEnd =
  /** The body came to its end as HTTP (or gRPC, with status 0) defines it. */
  | { readonly kind: "complete" }
  /** No connection, or it broke before the response head. */
  | { readonly kind: "connect_error"; readonly message: string }
  /** The body broke off. */
  | { readonly kind: "cut"; readonly message: string }
  /** Not HTTP, a broken chunk, or more than is taken. */
  | { readonly kind: "malformed"; readonly message: string }
  /** gRPC: a status other than OK. */
  | { readonly kind: "grpc_status"; readonly status: number; readonly message: string }
  | { readonly kind: "timeout"; readonly message: string }
  | {
    readonly kind: "cancelled";
    readonly message: string;
    /** The plan had the user leave. */
    readonly planned?: true;
  };

/**
 * Everything that the wire showed of one request: plain data that can be sent between threads. Times
 * are milliseconds of the transport's clock.
 */
export interface Exchange {
  /** Just before the request was handed over; connecting comes after it. */
  sentMs: number;
  /**
   * When the request had left at the latest: it left between `sentMs` and here. Absent where the
   * transport cannot tell.
   */
  departedMs?: number;
  /** The response head arrived; absent when none did. */
  firstByteMs?: number;
  /** When the body was complete, or when the exchange failed. */
  endMs: number;
  /** HTTP status, or gRPC status where there is one; 0 = no answer, or gRPC's OK. */
  status: number;
  /** Lower-case names; only what the decoder needs. */
  contentType: string;
  /**
   * Headers that say why an answer is not the expected one, by their lower-case names: those of
   * {@linkcode TELLING_HEADERS} that came with a status outside 2xx, or with a compressed body.
   */
  headers?: Readonly<Record<string, string>>;
  /** The body as received, without transfer coding; its length is the last of `readEnds`. */
  body: Uint8Array<ArrayBuffer>;
  /** Time of each read of the body. */
  readMs: Float64Array<ArrayBuffer>;
  /** Body bytes received after each read, in the order of `readMs`. */
  readEnds: Uint32Array<ArrayBuffer>;
  /**
   * How much earlier than `readMs` a read's bytes may have come, ms: that long before, the connection
   * was known to hold nothing. Negative: the kernel stamped the last byte, which came at `readMs`
   * (within {@linkcode KERNEL_STAMP_WIDTH_MS}); what is before it in the read may be earlier by that
   * much. NaN, or absent altogether, where the transport cannot tell.
   */
  readWidthMs?: Float32Array<ArrayBuffer>;
  /** The body and its stamps, where the transport holds them; their arrays are then empty. */
  held?: HeldBody;
  /** Whether it waited for a new connection; `unknown` where the runtime hides it. */
  connection: "new" | "reused" | "unknown";
  /** Duration of connecting (TCP, TLS); absent for reused connections or where unknown. */
  connectMs?: number;
  /** How it ended on the wire; whether the answer is valid is for the decoder to decide. */
  end: ExchangeEnd;
}

/** Headers that say why a server refused, and what would work; the last one: what became of a body. */
export const TELLING_HEADERS: readonly string[] = [
  "location",
  "retry-after",
  "retry-after-ms",
  "www-authenticate",
  "server",
  "content-encoding",
];

/** How far a kernel's stamp of an arrival may be off, after conversion to our clock, ms. */
export const KERNEL_STAMP_WIDTH_MS = 0.1;

/** Slot of {@linkcode TransportOptions.counters}: reads of bodies, modulo 2³². */
export const COUNTER_READS = 0;
/** Slot with the bytes received, modulo 2³². */
export const COUNTER_BYTES = 1;
/** Pooled connections that the server had closed and that were replaced. */
export const COUNTER_REPLACED = 2;
/** Reads stamped by the kernel: when the bytes arrived, however late they were read. */
export const COUNTER_STAMPED = 3;
/** Number of slots that a transport uses. */
export const TRANSPORT_COUNTERS = 4;

/** Counts a read of a body. */
export function countRead(counters: Uint32Array, bytes: number): void {
  counters[COUNTER_READS]!++;
  counters[COUNTER_BYTES]! += bytes;
}

/** What a transport is opened with. */
export interface TransportOptions {
  /** Source of every stamp in an {@linkcode Exchange}. */
  readonly clock: Clock;
  /** PEM text of extra certificate authorities. */
  readonly caCert?: string;
  /** Accept any certificate; `fetch` has no such switch and refuses. */
  readonly insecure?: boolean;
  /** Use the proxy of the environment also for local addresses. */
  readonly proxyLocal?: boolean;
  /** Live counters for the progress line, incremented at each read. */
  readonly counters?: Uint32Array;
  /** Bodies are left where they were collected, in {@linkcode Exchange.held}; default: in arrays. */
  readonly holds?: boolean;
}

/** Options of one exchange. */
export interface SendOptions {
  /** Milliseconds from `sentMs` to giving up; 0 = never. */
  readonly timeoutMs: number;
  /** Largest body: a larger one is dropped, and the exchange ends as `malformed`; default 48 MiB. */
  readonly maxBytes?: number;
  /** Cancels the exchange: it then ends as `cancelled`. */
  readonly signal?: AbortSignal;
  /** Called once, when the first bytes of the answer's body have been stamped. */
  readonly onFirst?: () => void;
  /**
   * Sees each read as it happens (`probe`), in pieces of one stamp where a library hands it over so;
   * never set in a benchmark.
   */
  readonly onRead?: (atMs: number, bytes: Uint8Array) => void;
}

/** An open transport: connections are pooled in it. */
export interface Transport {
  /** Sends and reads the answer to its end. Never rejects: failures are in `Exchange.end`. */
  send(request: WireRequest, options: SendOptions): Promise<Exchange>;
  /**
   * Prepares these requests before they are sent and timed, e.g. loads a model, or encodes them.
   * Rejects with one sentence. Absent where there is nothing to do.
   */
  ready?(requests: readonly WireRequest[]): Promise<void>;
  /**
   * Opens connections to where this request goes, so that `count` are idle, and resolves when they
   * stand or were refused: the first requests then do not wait for connecting. Never rejects. Absent
   * where the platform keeps the connections.
   */
  connect?(request: WireRequest, count: number): Promise<void>;
  /**
   * A transport of the same kind whose answers are simulated and come at once, for a thread to
   * rehearse with: otherwise the work of the JIT compiler in the first second would be counted as the
   * server's time. Absent where nothing would be gained.
   */
  rehearsal?(): Transport;
  /** Closes pooled connections. */
  close(): Promise<void>;
}

/** A transport in the list of all: what it is, and how the rest of it is loaded. */
export interface TransportEntry {
  /** Name on the command line, e.g. `fetch`. */
  readonly name: string;
  /** For the list of transports: what it does, and up to which load. */
  readonly description: string;
  /** Which family of protocols it carries. */
  readonly carrier: "http" | "grpc" | "inprocess";
  /** It reads in an event loop of its own, in which a load's threads can run: `epoll`. */
  readonly ownLoop?: true;
  /** What opens it, with all that this needs. */
  readonly load: () => Promise<TransportKind>;
}

/** What opens a transport. */
export interface TransportKind {
  /** Its name in the list of transports. */
  readonly name: string;
  /** Opens one with its own connection pool; the caller closes it. */
  readonly open: (options: TransportOptions) => Transport;
}
