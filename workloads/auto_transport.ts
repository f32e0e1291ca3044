/**
 * `--transport auto`: which transport a load needs, and why.
 *
 * @module
 */
import type { Load } from "./load.ts";

/** What is known before the load starts. */
export interface TransportNeed {
  readonly loads: readonly Load[];
  /** Threads that share the load. */
  readonly threads: number;
  /** Of the request that checked the server. */
  readonly tokensPerSec: number;
  readonly latencyMs: number;
  readonly https: boolean;
  /** `--insecure`, which fetch cannot. */
  readonly insecure: boolean;
  /** `epoll` may be used: Linux and `--allow-ffi`. */
  readonly ffi: boolean;
}

/** A transport, and the reason in one sentence without a period. */
export interface TransportChoice {
  readonly transport: "fetch" | "socket" | "epoll";
  readonly why: string;
}

/**
 * Up to here a transport's thread is less than half busy and its p99 error stays below 10 ms, on a
 * machine of 2024: `BENCHMARKS.md`. Half, because a load comes in bursts.
 */
const REACH: Readonly<
  Record<"fetch" | "socket", { readonly streams: number; readonly tokensPerSec: number }>
> = {
  fetch: { streams: 256, tokensPerSec: 8000 },
  socket: { streams: 1024, tokensPerSec: 25_000 },
};

/** The simplest transport that is enough for the largest of the loads. */
export function chooseTransport(need: TransportNeed): TransportChoice {
  const streams = Math.max(...need.loads.map((load) => streamsOf(load, need.latencyMs))) /
    need.threads;
  const tokensPerSec = streams * need.tokensPerSec;
  const load = `${count(streams)} streams with ${count(tokensPerSec)} tokens/s a thread`;
  const within = (name: "fetch" | "socket") =>
    streams <= REACH[name].streams && tokensPerSec <= REACH[name].tokensPerSec;
  if (need.insecure) return { transport: "socket", why: "fetch accepts no certificate unchecked" };
  if (within("fetch")) return { transport: "fetch", why: `enough for ${load}` };
  if (within("socket")) return { transport: "socket", why: `${load} are too many for fetch` };
  if (need.https) return { transport: "socket", why: `${load}, and epoll has no TLS` };
  if (!need.ffi) {
    return {
      transport: "socket",
      why: `${load}; epoll, on Linux with --allow-ffi, would cost less`,
    };
  }
  return { transport: "epoll", why: `${load} are too many for socket` };
}

/** Requests in flight: the users, or by Little's law what arrives while one is answered. */
function streamsOf(load: Load, latencyMs: number): number {
  if (load.kind === "closed") return load.users;
  const limit = load.maxInFlight === 0 ? Infinity : load.maxInFlight;
  return Math.min(limit, Math.max(1, load.ratePerSec * latencyMs / 1000));
}

function count(value: number): string {
  return value === Infinity ? "endlessly many" : Math.ceil(value).toLocaleString("en-US");
}
