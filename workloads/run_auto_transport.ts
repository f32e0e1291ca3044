/**
 * `--transport auto`: which transport a load needs, and why.
 *
 * @module
 */
import { systemClock } from "../backends/clock.ts";
import { defined } from "../backends/defined.ts";
import { epollIsUsable } from "../backends/epoll_libc.ts";
import { findProtocol } from "../backends/protocols.ts";
import type { RequestRecord } from "../backends/record.ts";
import type { Transport } from "../backends/transport.ts";
import { openTransport } from "../backends/transports.ts";
import { weighLimits } from "../metrics/check_calibration.ts";
import type { Environment } from "../metrics/run.ts";
import type { CalibrationLimit } from "../metrics/run_calibration.ts";
import { formatMs } from "../metrics/format.ts";
import { AUTO_TRANSPORT } from "./bench_options_server.ts";
import type { BenchPlan } from "./bench_plan.ts";
import { serversOf } from "./bench_servers.ts";
import { lookUpMachine } from "./calibration_file.ts";
import type { Load } from "./load.ts";
import { answerMs, inFlight, paceOf } from "./load_pace.ts";
import { whyNotFetch } from "./run_auto_reach.ts";
import { isProxied } from "./server_proxy.ts";
import { transportOptions, withTransport } from "./server_target.ts";

/** Name of the transport that carries the questions before the load. */
export function checkingTransport(plan: BenchPlan): string {
  const { transport, protocol } = plan;
  if (transport === "epoll") {
    // A thread for one request costs more than all else that comes before the load. What this thread
    // can send in the same way, it sends; the rest is refused as epoll refuses it.
    const alike = whyNotFetch(plan) === undefined &&
      serversOf(plan).every(({ url }) => /^http:/i.test(url) && !isProxied(url, plan));
    return alike ? "fetch" : transport;
  }
  if (transport !== AUTO_TRANSPORT) return transport;
  if (findProtocol(protocol).carrier === "grpc") return "grpc";
  return whyNotFetch(plan) === undefined ? "fetch" : "socket";
}

/** Opens what carries the questions before the load; closes it afterwards. */
export function overCheckingTransport<T>(
  plan: BenchPlan,
  use: (transport: Transport) => Promise<T>,
): Promise<T> {
  return withTransport(
    () =>
      openTransport(checkingTransport(plan), {
        ...transportOptions(plan),
        clock: systemClock,
      }),
    use,
  );
}

/** The choice of a transport: what is known of it before the server is, and the decision. */
export interface TransportQuestion {
  /** What it will be whatever the check shows; absent where the pace of the answers decides. */
  readonly early: string | undefined;
  /**
   * Decides, from what the checked server says of the load to come.
   *
   * @param outputTokens mean length of the answers that will be asked for.
   */
  settle(checked: RequestRecord, outputTokens: number): BenchPlan;
}

/**
 * Looks up what `--transport auto` depends on: the load, this machine, and what was calibrated on it.
 *
 * @throws {UserError} for a calibration that cannot be read.
 */
export async function askForTransport(
  plan: BenchPlan,
  environment: Environment,
  note: ((line: string) => void) | undefined,
): Promise<TransportQuestion> {
  if (plan.transport !== AUTO_TRANSPORT) return { early: plan.transport, settle: () => plan };
  const calibrated = plan.calibration === false
    ? {}
    : await lookUpMachine(environment, plan.calibration);
  const limits = (calibrated.found?.limits ?? [])
    .filter(({ workers }) => workers === plan.workers);
  const choose = (pace: Pick<TransportNeed, "tokensPerSec" | "latencyMs">) =>
    chooseTransport({
      carrier: findProtocol(plan.protocol).carrier === "grpc" ? "grpc" : "http",
      limits,
      loads: plan.loads.map((load, i) => withEnd(load, plan.stops[i]?.requests)),
      threads: Math.max(1, plan.workers),
      effectiveCores: environment.effectiveCores ?? environment.cores,
      ...pace,
      proxied: serversOf(plan).some(({ url }) => isProxied(url, plan)),
      epoll: epollFor(plan, environment),
      ...defined({ notFetch: whyNotFetch(plan), notCalibrated: calibrated.why }),
    });
  const slowest = choose({ tokensPerSec: 0, latencyMs: 1 }).transport;
  const fastest = choose({ tokensPerSec: Infinity, latencyMs: Infinity }).transport;
  return {
    early: slowest === fastest ? slowest : undefined,
    settle(checked, outputTokens) {
      const pace = paceOf(checked);
      const { transport, why } = choose({
        // An answer that came at once says nothing of a rate; one of a single token has none.
        tokensPerSec: pace.itlMs > 0 ? 1000 / pace.itlMs : 0,
        latencyMs: answerMs(pace, outputTokens),
      });
      note?.(`--transport auto takes ${transport}: ${why}`);
      return { ...plan, transport, transportChoice: { why, calibrated: limits.length > 0 } };
    },
  };
}

/** Requests that leave all at once are as many streams as there are requests. */
function withEnd(load: Load, requests: number | undefined): Load {
  if (load.kind !== "open" || load.ratePerSec !== Infinity || requests === undefined) return load;
  return load.maxInFlight > 0 ? load : { ...load, maxInFlight: requests };
}

/** Whether `epoll` may be taken for these servers; never asks for the permission. */
function epollFor(plan: BenchPlan, { os, ffi }: Environment): EpollChance {
  if (os !== "linux") return "impossible";
  if (serversOf(plan).some(({ url }) => url.startsWith("https:"))) return "no TLS";
  if (ffi === undefined) return "not permitted";
  return ffi && epollIsUsable() ? "usable" : "impossible";
}

/** `not permitted`: Linux without `--allow-ffi`; `impossible`: another system, or refused. */
export type EpollChance = "usable" | "not permitted" | "no TLS" | "impossible";

/** What is known before the load starts; rate and latency are those of the check request. */
export interface TransportNeed {
  /** What the protocol travels in. */
  readonly carrier: "http" | "grpc";
  readonly loads: readonly Load[];
  /** Threads that share the load. */
  readonly threads: number;
  /** Processors that the client may use. */
  readonly effectiveCores: number;
  readonly tokensPerSec: number;
  readonly latencyMs: number;
  /** Why not `fetch`, whatever the load, as one clause. */
  readonly notFetch?: string;
  /** A proxy of the environment stands before the server: only `fetch` and `grpc` know it. */
  readonly proxied: boolean;
  readonly epoll: EpollChance;
  /** What `tokometer calibrate` found on this machine for this number of threads. */
  readonly limits?: readonly CalibrationLimit[];
  /** Why a calibration that exists does not apply, as one clause. */
  readonly notCalibrated?: string;
}

/** A transport, and the reason in one sentence without a period. */
export interface TransportChoice {
  readonly transport: Candidate["transport"];
  readonly why: string;
}

/** A load that a thread carries; `atOnce`: its users start at one instant and stay in step. */
interface Weight {
  readonly streams: number;
  readonly tokensPerSec: number;
  readonly atOnce: boolean;
}

interface Reach {
  /** Of users that start over time, or of arrivals. */
  readonly streams: number;
  /** Of users that start at once: their requests and their first tokens take turns. */
  readonly atOnce: number;
  readonly tokensPerSec: number;
}

/**
 * Up to here the TTFT of a transport is within 1 ms of the server's at the median, with a margin, on
 * two cores of 2025 that it shares with the server, and its thread is less than half busy. The tail
 * of `fetch` is off by 2 to 4 ms from a handful of streams on, as its reads wait for others inside
 * the platform. `grpc` reads as it does, `grpc-socket` as `socket`.
 */
const LIGHT: Reach = { streams: 16, atOnce: 4, tokensPerSec: 2000 };
const HEAVY: Reach = { streams: 1024, atOnce: 64, tokensPerSec: 25_000 };
const REACH: Readonly<Record<Candidate["transport"], Reach>> = {
  fetch: LIGHT,
  grpc: LIGHT,
  socket: HEAVY,
  "grpc-socket": HEAVY,
  epoll: { streams: Infinity, atOnce: Infinity, tokensPerSec: Infinity },
};

/**
 * The simplest transport that is enough for the largest of the loads: by the calibration of this
 * machine, else by {@linkcode REACH}.
 */
export function chooseTransport(need: TransportNeed): TransportChoice {
  const { loads, threads, limits = [], carrier } = need;
  const simplest = carrier === "grpc" ? "grpc" : "fetch";
  const notFetch = carrier === "http" ? need.notFetch : undefined;
  if (need.proxied && notFetch === undefined) {
    return { transport: simplest, why: `the environment's proxy is known to ${simplest} alone` };
  }
  const streams = Math.max(...loads.map((load) => streamsOf(load, need.latencyMs)));
  const weighed = { streams, tokensPerSec: streams * need.tokensPerSec };
  const each: Weight = {
    streams: streams / threads,
    tokensPerSec: weighed.tokensPerSec / threads,
    atOnce: streams > 1 && loads.some(startsAtOnce),
  };
  const candidates = candidatesFor(need).map((transport): Candidate => {
    const usual = reaches(REACH[transport], each, need.effectiveCores);
    const found = weighLimits(limits.filter((limit) => limit.transport === transport), weighed);
    if (found === undefined) return { transport, enough: usual.enough };
    const { kind, limit, ratio } = found;
    // Calibrated loads start over time.
    return { transport, enough: kind === "within" && usual.start, limit, ratio };
  });
  const chosen = candidates.find(({ enough }) => enough) ?? nearest(candidates);
  const left = candidates[candidates.indexOf(chosen) - 1];
  const load = `${describe(each)} per thread${each.atOnce ? " that start at once" : ""}`;
  const why = left === undefined
    ? [...(notFetch === undefined ? [] : [notFetch]), `enough for ${load}`].join("; ")
    : `${load} are too many for ${left.transport}`;
  return {
    transport: chosen.transport,
    why: [
      why,
      ...(left?.limit === undefined ? [] : [describeLimit(left.transport, left.limit)]),
      ...(chosen.limit === undefined ? [] : [describeLimit(chosen.transport, chosen.limit)]),
      ...(chosen.enough ? [] : [`no other transport is enough either${betterChance(need)}`]),
      ...(need.notCalibrated === undefined
        ? []
        : [`no calibration applies: ${need.notCalibrated}`]),
    ].join("; "),
  };
}

/** The simplest first; `epoll` before `socket`, as it costs less and the kernel stamps arrivals. */
function candidatesFor(
  { carrier, epoll, notFetch }: TransportNeed,
): readonly Candidate["transport"][] {
  if (carrier === "grpc") return ["grpc", "grpc-socket"];
  return [
    ...(notFetch === undefined ? ["fetch" as const] : []),
    ...(epoll === "usable" ? ["epoll" as const] : []),
    "socket",
  ];
}

/** A transport that could be taken. */
interface Candidate {
  readonly transport: "fetch" | "socket" | "epoll" | "grpc" | "grpc-socket";
  readonly enough: boolean;
  /** The calibrated limit, and load ÷ limit. */
  readonly limit?: CalibrationLimit;
  readonly ratio?: number;
}

/** Whether a load is within a reach, and whether its start is; less than a core reaches less far. */
function reaches(
  reach: Reach,
  { streams, tokensPerSec, atOnce }: Weight,
  effectiveCores: number,
): { readonly enough: boolean; readonly start: boolean } {
  const share = Math.min(1, effectiveCores);
  const start = !atOnce || streams <= share * reach.atOnce;
  return {
    start,
    enough: start && streams <= share * reach.streams && tokensPerSec <= share * reach.tokensPerSec,
  };
}

function startsAtOnce(load: Load): boolean {
  if (load.kind === "replay") return load.mode === "sessions";
  return load.kind === "closed" ? load.rampUpMs === 0 : load.ratePerSec === Infinity;
}

/** None is enough: the strongest one, unless another had the higher calibrated limit. */
function nearest(candidates: readonly Candidate[]): Candidate {
  return candidates.reduceRight((best, one) =>
    (one.ratio ?? Infinity) < (best.ratio ?? 0) ? one : best
  );
}

function betterChance({ carrier, epoll }: TransportNeed): string {
  if (carrier === "grpc") return "";
  if (epoll === "no TLS") return ", and epoll has no TLS";
  return epoll === "not permitted" ? "; epoll, with --allow-ffi, would be" : "";
}

function describe(
  { streams, tokensPerSec }: Pick<Weight, "streams" | "tokensPerSec">,
): string {
  const what = `${count(streams)} ${streams === 1 ? "stream" : "streams"}`;
  // 0: nobody knows.
  return tokensPerSec === 0 ? what : `${what} with ${count(tokensPerSec)} tokens/s`;
}

function describeLimit(transport: string, limit: CalibrationLimit): string {
  const kept = `its p99 error within ${formatMs(limit.boundMs)}`;
  return limit.streams === 0
    ? `calibrated here, ${transport} did not keep ${kept} with any number of streams`
    : `calibrated here, ${transport} kept ${kept} up to ${describe(limit)}`;
}

/** Requests in flight, at least one. */
function streamsOf(load: Load, latencyMs: number): number {
  return Math.max(1, inFlight(load, latencyMs));
}

function count(value: number): string {
  if (value === Infinity) return "unlimited";
  // Asking for the locale's own form loads the data of all of them, which takes 10 ms.
  return String(Math.ceil(value)).replace(/\B(?=(\d{3})+$)/g, ",");
}
