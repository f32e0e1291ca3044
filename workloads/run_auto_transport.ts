/**
 * `--transport auto`: which transport a load needs, and why.
 *
 * @module
 */
import { systemClock } from "../backends/clock.ts";
import type { RequestRecord } from "../backends/record.ts";
import type { Transport } from "../backends/transport.ts";
import { findTransport } from "../backends/transports.ts";
import { weighLimits } from "../metrics/check_calibration.ts";
import type { CalibrationLimit } from "../metrics/run.ts";
import { formatMs } from "../metrics/format.ts";
import type { BenchPlan } from "./bench_plan.ts";
import { lookUpMachine } from "./calibration_file.ts";
import { readEnvironment } from "./environment.ts";
import type { Load } from "./load.ts";
import { transportOptions, withTransport } from "./server_target.ts";

/** The transport that is chosen when the server is known. */
const AUTO = "auto";

/** Opens what carries the questions before the load; closes it afterwards. */
export function overCheckingTransport<T>(
  plan: BenchPlan,
  use: (transport: Transport) => Promise<T>,
): Promise<T> {
  const { transport, insecure } = plan;
  const name = transport !== AUTO ? transport : insecure ? "socket" : "fetch";
  return withTransport(
    () => findTransport(name).open({ ...transportOptions(plan), clock: systemClock }),
    use,
  );
}

/**
 * Decides for `--transport auto`, from what the checked server says of the load to come and from
 * what was calibrated on this machine.
 */
export async function settleTransport(
  plan: BenchPlan,
  checked: RequestRecord,
  note: ((line: string) => void) | undefined,
): Promise<BenchPlan> {
  if (plan.transport !== AUTO) return plan;
  const { sentMs = 0, firstTokenMs = 0, lastTokenMs = 0, endMs = 0 } = checked;
  const tokens = checked.outputTokens?.tokens ?? 1;
  const streamMs = lastTokenMs - firstTokenMs;
  const calibrated = plan.calibration === false
    ? undefined
    : await lookUpMachine(await readEnvironment(), plan.calibration);
  const { transport, why } = chooseTransport({
    limits: (calibrated?.limits ?? []).filter(({ workers }) => workers === plan.workers),
    loads: plan.loads,
    threads: Math.max(1, plan.workers),
    // An answer that came at once says nothing of a rate; one of a single token has none.
    tokensPerSec: tokens > 1 && streamMs > 0 ? (tokens - 1) / streamMs * 1000 : 0,
    latencyMs: endMs - sentMs,
    https: plan.url.startsWith("https:"),
    insecure: plan.insecure,
    ffi: Deno.build.os === "linux" &&
      Deno.permissions.querySync({ name: "ffi" }).state === "granted",
  });
  note?.(`--transport auto takes ${transport}: ${why}`);
  return { ...plan, transport };
}

/** What is known before the load starts; rate and latency are those of the check request. */
export interface TransportNeed {
  readonly loads: readonly Load[];
  /** Threads that share the load. */
  readonly threads: number;
  readonly tokensPerSec: number;
  readonly latencyMs: number;
  readonly https: boolean;
  /** `--insecure`, which fetch does not support. */
  readonly insecure: boolean;
  /** `epoll` may be used: Linux and `--allow-ffi`. */
  readonly ffi: boolean;
  /** What `tokometer calibrate` found on this machine for this number of threads. */
  readonly limits?: readonly CalibrationLimit[];
}

/** A transport, and the reason in one sentence without a period. */
export interface TransportChoice {
  readonly transport: "fetch" | "socket" | "epoll";
  readonly why: string;
}

/**
 * Up to here a transport's thread is less than half busy and its p99 error stays below 10 ms on a
 * machine of 2024 (`BENCHMARKS.md`). Half, because a load comes in bursts.
 */
const REACH: Readonly<
  Record<"fetch" | "socket", { readonly streams: number; readonly tokensPerSec: number }>
> = {
  fetch: { streams: 256, tokensPerSec: 8000 },
  socket: { streams: 1024, tokensPerSec: 25_000 },
};

/**
 * The simplest transport that is enough for the largest of the loads: by the calibration of this
 * machine, else by {@linkcode REACH}.
 */
export function chooseTransport(need: TransportNeed): TransportChoice {
  const { loads, threads, limits = [] } = need;
  if (need.insecure) return { transport: "socket", why: "fetch accepts no certificate unchecked" };
  const streams = Math.max(...loads.map((load) => streamsOf(load, need.latencyMs)));
  const weighed = { streams, tokensPerSec: streams * need.tokensPerSec };
  const each = { streams: streams / threads, tokensPerSec: weighed.tokensPerSec / threads };
  const candidates = (["fetch", "socket", "epoll"] as const)
    .filter((transport) => transport !== "epoll" || (need.ffi && !need.https))
    .map((transport): Candidate => {
      const own = limits.filter((limit) => limit.transport === transport);
      const found = weighLimits(own, weighed);
      if (found !== undefined) {
        const { kind, limit, ratio } = found;
        return { transport, enough: kind === "within", limit, ratio };
      }
      return { transport, enough: transport === "epoll" || reaches(REACH[transport], each) };
    });
  const chosen = candidates.find(({ enough }) => enough) ?? nearest(candidates);
  const left = candidates[candidates.indexOf(chosen) - 1];
  const load = `${describe(each)} per thread`;
  const why = left === undefined
    ? `enough for ${load}`
    : `${load} are too many for ${left.transport}`;
  return {
    transport: chosen.transport,
    why: [
      why,
      ...(left?.limit === undefined ? [] : [describeLimit(left.transport, left.limit)]),
      ...(chosen.limit === undefined ? [] : [describeLimit(chosen.transport, chosen.limit)]),
      ...(chosen.enough ? [] : [`no other transport is enough either${betterChance(need)}`]),
    ].join("; "),
  };
}

/** A transport that could be taken. */
interface Candidate {
  readonly transport: TransportChoice["transport"];
  readonly enough: boolean;
  /** The calibrated limit, and load ÷ limit. */
  readonly limit?: CalibrationLimit;
  readonly ratio?: number;
}

function reaches(
  reach: { readonly streams: number; readonly tokensPerSec: number },
  { streams, tokensPerSec }: { readonly streams: number; readonly tokensPerSec: number },
): boolean {
  return streams <= reach.streams && tokensPerSec <= reach.tokensPerSec;
}

/** None is enough: the strongest one, unless another had the higher calibrated limit. */
function nearest(candidates: readonly Candidate[]): Candidate {
  return candidates.reduceRight((best, one) =>
    (one.ratio ?? Infinity) < (best.ratio ?? 0) ? one : best
  );
}

function betterChance({ https, ffi }: TransportNeed): string {
  if (https) return ", and epoll has no TLS";
  return ffi ? "" : "; epoll, on Linux with --allow-ffi, would cost less";
}

function describe(
  { streams, tokensPerSec }: { readonly streams: number; readonly tokensPerSec: number },
): string {
  return `${count(streams)} ${streams === 1 ? "stream" : "streams"} with ${
    count(tokensPerSec)
  } tokens/s`;
}

function describeLimit(transport: string, limit: CalibrationLimit): string {
  const kept = `its p99 error within ${formatMs(limit.boundMs)}`;
  return limit.streams === 0
    ? `calibrated here, ${transport} did not keep ${kept} with any number of streams`
    : `calibrated here, ${transport} kept ${kept} up to ${describe(limit)}`;
}

/** Requests in flight: the users, or by Little's law what arrives while one is answered. */
function streamsOf(load: Load, latencyMs: number): number {
  if (load.kind === "closed") return load.users;
  const limit = load.maxInFlight === 0 ? Infinity : load.maxInFlight;
  return Math.min(limit, Math.max(1, load.ratePerSec * latencyMs / 1000));
}

function count(value: number): string {
  return value === Infinity ? "unlimited" : Math.ceil(value).toLocaleString("en-US");
}
