/**
 * What a client that was too slow could still have done, by what its machine and its server allow.
 *
 * @module
 */
import type { LoadPlan, RunHeader } from "./run.ts";

/** What advice depends on. */
export interface AdviceQuestion {
  /** How the run was made, and on which machine. */
  readonly header: Pick<
    RunHeader,
    "transport" | "transportChoice" | "url" | "workers" | "environment" | "proxied"
  >;
  /** The load that the client was too slow for. */
  readonly load: Pick<LoadPlan, "label" | "kind" | "users" | "rampUpMs">;
  /** Length of an answer: users who start over this time no longer ask in step. */
  readonly answerMs?: number;
}

/** Fewer users who start at once are sent within a fraction of a millisecond. */
const CROWD = 16;

/** Cores that are no reading thread's: the main thread decodes, and keeps the records. */
const MAIN_THREAD = 1;

/**
 * What would help and is possible, the most effective first, each a sentence without a period; never
 * what the run did already. At least one, except where nothing is left: one user on a machine of its
 * own.
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { adviceFor } from "@tokometer/tokometer/metrics";
 *
 * const advice = adviceFor({
 *   header: {
 *     transport: "socket",
 *     url: "https://example.com",
 *     workers: 1,
 *     environment: { os: "linux", arch: "x86_64", cores: 4, deno: "2.9.6", v8: "14" },
 *   },
 *   load: { label: "64 users", kind: "closed", users: 64, rampUpMs: 2000 },
 * });
 * // Over TLS there is no epoll.
 * assertEquals(advice[0], "use --workers 2");
 * ```
 */
export function adviceFor({ header, load, answerMs }: AdviceQuestion): readonly string[] {
  return [
    ...spreadStart(load, answerMs),
    ...fasterTransport(header),
    ...moreThreads(header, load),
    ...(isLocal(header.url) ? ["run the client on another machine than the server"] : []),
    ...(load.users === 1
      ? []
      : [`lower the load of ${load.label}, or split it over several client machines`]),
  ];
}

function spreadStart(
  { kind, users = 0, rampUpMs = 0 }: AdviceQuestion["load"],
  answerMs: number | undefined,
): readonly string[] {
  if (kind !== "closed" || users < CROWD || rampUpMs > 0) return [];
  const seconds = answerMs === undefined || answerMs < 1
    ? "SECONDS"
    : Number((answerMs / 1000).toPrecision(2));
  return [
    `spread the start of the users over the length of an answer (--ramp-up ${seconds})`,
  ];
}

/** Transports that do the same for less CPU time. */
const CHEAPER: Readonly<Record<string, string>> = { fetch: "socket", grpc: "grpc-socket" };

function fasterTransport(
  header: AdviceQuestion["header"],
): readonly string[] {
  const { transport, transportChoice, url, environment: { os, ffi }, proxied } = header;
  // Only these two know proxies.
  if (proxied === true) return [];
  // What auto could have taken, it takes once it knows better.
  const chosen = transportChoice !== undefined;
  const isHttp = transport === "fetch" || transport === "socket";
  if (isHttp && os === "linux" && ffi !== false && url.startsWith("http:")) {
    if (!chosen || ffi !== true) {
      const how = ffi === true
        ? "use --transport epoll"
        : `give the program --allow-ffi${
          chosen ? ", so that auto can take epoll" : " and use --transport epoll"
        }`;
      return [`${how}, whose arrivals the kernel stamps`];
    }
  }
  const cheaper = CHEAPER[transport];
  if (chosen && cheaper !== undefined) {
    return transportChoice.calibrated
      ? []
      : ["run tokometer calibrate once: --transport auto then goes by what this machine carries"];
  }
  return cheaper === undefined ? [] : [`use --transport ${cheaper}, which costs less per read`];
}

function moreThreads(
  { transport, workers, environment: { cores, effectiveCores = cores } }: AdviceQuestion["header"],
  { users = Infinity }: AdviceQuestion["load"],
): readonly string[] {
  // A model in this process has a worker of its own.
  if (transport === "inprocess" || users <= workers) return [];
  if (effectiveCores - MAIN_THREAD - workers < 1) return [];
  return [
    workers === 0 ? "read on a thread of its own (--workers 1)" : `use --workers ${workers + 1}`,
  ];
}

function isLocal(url: string): boolean {
  // URL knows no default rules for grpc:, so the host is read as http's.
  const host = URL.parse(url.replace(/^grpc(s?):/, "http$1:"))?.hostname ?? "";
  return /^(localhost|127\.\d+\.\d+\.\d+|0\.0\.0\.0|\[::1?\])$/.test(host);
}
