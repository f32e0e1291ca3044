/**
 * Whether the numbers are the server's or the client's. Each rule looks at one figure of the client
 * or at its calibrated error, and has two thresholds, a reason and an advice.
 *
 * @module
 */
import type {
  ClientSummary,
  ErrorBound,
  Verdict,
  VerdictKind,
  VerdictReason,
} from "./load_client.ts";
import type { CalibrationLimit, RunHeader } from "./run.ts";
import { type LimitFinding, type WeighedLoad, weighLimits, weightOf } from "./check_calibration.ts";
import {
  formatCount,
  formatMs,
  formatNumber,
  formatPercentile,
  formatShare,
  plural,
} from "./format.ts";
import { type LoadSummary, metricOf } from "./load_summary.ts";
import { minimumSamples, type ValueSet } from "./stat_quantile.ts";

/** What a verdict is based on. */
export interface VerdictEvidence {
  /** Everything computed about the load. */
  readonly load: Omit<LoadSummary, "checks" | "client" | "verdict">;
  /** What the client measured of itself. */
  readonly client: ClientSummary | undefined;
  /** How late each request was sent, in ms. */
  readonly delays: ValueSet;
  /** The run it belongs to. */
  readonly header: RunHeader;
}

/** One rule. */
export interface VerdictRule {
  /** Stable name, snake case. */
  readonly name: string;
  /** Values above it are suspect. */
  readonly suspectAbove: number;
  /** Values above it are client-bound; absent = suspect at most. */
  readonly boundAbove?: number;
  /** Value to compare; absent = the rule does not apply, or nothing is known. */
  readonly measure: (evidence: VerdictEvidence) => number | undefined;
  /** What was found. */
  readonly explain: (value: number, evidence: VerdictEvidence) => string;
  /** What to do; default: a faster client, or less load. */
  readonly advise?: (evidence: VerdictEvidence) => string;
}

/** A smaller error at p99 is the machine's: a client in C has stalls of 1 to 2.5 ms too. */
const TAIL = { of: "p99Ms", floorMs: 2.5 } as const;

/** Share of the median that an error at p99 may have. */
const TOLERABLE = { ttft: 0.1, itl: 0.25 } as const;

/** A smaller median error is the cost of reading at all: a wake-up and a system call. */
const MIDDLE = { of: "p50Ms", floorMs: 0.5 } as const;

/** Any machine waits for a core this share of the time. */
const STARVED_FLOOR = 0.03;

/** Files that a process opens besides its sockets. */
const DESCRIPTORS_RESERVED = 64;

/** Error messages at the limit of open files. */
const NO_DESCRIPTORS = /too many open files|EMFILE|os error 24\b/i;

/** Streams with a larger gap between tokens have time for one read per token. */
export const SLOW_GAP_MS = 2;

const adviseIdleMachine = () =>
  "stop what else runs on this machine, or run the client on another machine than the server";

const adviseDescriptors = () =>
  "raise the limit before the run, e.g. ulimit -n 65536, or lower the load";

/**
 * The rules, in the order in which reasons of one kind are listed. Thresholds are well above the
 * figures of a quiet machine: timers of an idle Deno are 1.1 ms late at the median, 2.6 ms at p99.
 */
export const VERDICT_RULES: readonly VerdictRule[] = [
  {
    name: "descriptors_exhausted",
    suspectAbove: 0,
    boundAbove: 0,
    measure: ({ load: { failures } }) =>
      failures.reduce(
        (sum, { count, messages }) =>
          messages.some(({ message }) => NO_DESCRIPTORS.test(message)) ? sum + count : sum,
        0,
      ),
    explain: (count) =>
      `${plural(count, "request")} failed because the client may not open more files and sockets`,
    advise: adviseDescriptors,
  },
  {
    // At half of the metric, the number is as much the client's as the server's.
    name: "ttft_error",
    suspectAbove: TOLERABLE.ttft,
    boundAbove: 0.5,
    measure: (evidence) => errorShare("ttft", TAIL, evidence),
    explain: (share, evidence) => explainTail("ttft", share, evidence),
  },
  {
    // One gap in a hundred may be off by a quarter, as it is the difference of two late stamps.
    name: "itl_error",
    suspectAbove: TOLERABLE.itl,
    boundAbove: 1,
    measure: (evidence) => errorShare("itl", TAIL, evidence),
    explain: (share, evidence) => explainTail("itl", share, evidence),
  },
  {
    name: "middle_error",
    suspectAbove: 0.05,
    boundAbove: 0.2,
    measure: (evidence) => errorShare("ttft", MIDDLE, evidence),
    explain: (share, { client }) =>
      `half of all TTFTs are off by more than ${formatMs(client?.error?.ttft.p50Ms)}, ${
        formatShare(share)
      } of their median`,
  },
  {
    // Where a load like this one was calibrated, the rules above are more precise.
    name: "calibrated_limit",
    suspectAbove: 1,
    measure: (evidence) => beyondLimit(evidence)?.ratio,
    explain: (_, evidence) => explainLimit(evidence),
    advise: adviseLimit,
  },
  {
    name: "loop_lag",
    suspectAbove: 10,
    boundAbove: 50,
    measure: ({ client }) => client?.loopLagP99Ms,
    explain: (ms) => `timers late by ${formatMs(ms)} at p99 on the reading thread`,
  },
  {
    name: "stall",
    suspectAbove: 100,
    boundAbove: 1000,
    measure: ({ client }) => client?.loopLagMaxMs,
    explain: (ms, { client }) =>
      `the reading thread stalled for ${formatMs(ms)}: what arrived then was ${
        client?.error?.kernelStamped
          ? "stamped on time but read late, so its users sent their next requests late"
          : "stamped late"
      }`,
    advise: () =>
      "run it again and compare the tails; if it happens again, find out what else runs on this machine",
  },
  {
    name: "thread_cpu",
    suspectAbove: 0.7,
    boundAbove: 0.85,
    measure: ({ client }) => client?.threadCpu,
    explain: (share) => `the reading thread was busy for ${formatShare(share)} of the time`,
  },
  {
    name: "thread_wait",
    suspectAbove: 0.1,
    boundAbove: 0.5,
    measure: ({ client }) => client?.threadWait,
    explain: (share) =>
      `the reading thread waited for a core for ${formatShare(share)} of the time`,
    advise: adviseIdleMachine,
  },
  {
    // Schedulers favor threads that seldom run: beside a busy loop a light client waits only 4 % of
    // the time, and yet longer than it runs.
    name: "thread_starved",
    suspectAbove: 1,
    measure: ({ client: { threadCpu = 0, threadWait = 0 } = { error: undefined } }) =>
      threadWait > STARVED_FLOOR ? threadWait / Math.max(threadCpu, 0.001) : undefined,
    explain: (ratio) =>
      `the reading thread waited for a core ${formatNumber(ratio)} times as long as it ran`,
    advise: adviseIdleMachine,
  },
  {
    // Only where the thread's own share is unknown, as the process has helper threads.
    name: "process_cpu",
    suspectAbove: 0.85,
    boundAbove: 1.2,
    measure: ({ client, header }) =>
      client?.cpuCores === undefined || client.threadCpu !== undefined
        ? undefined
        : client.cpuCores / (1 + header.workers),
    explain: (_, { client }) =>
      `${formatNumber(client?.cpuCores)} cores busy with sending and reading`,
  },
  {
    name: "departures",
    suspectAbove: 5,
    boundAbove: 50,
    measure: lateDepartures,
    explain: (ms) => `requests were sent up to ${formatMs(ms)} late (p99)`,
  },
  {
    // The server may join events; where the reading thread is busy, it joins them itself.
    name: "coalesced_reads",
    suspectAbove: 1.1,
    measure: ({ client, load, header }) => {
      const gap = metricOf(load, "itl")?.distribution.median;
      const busy = (client?.loopLagP99Ms ?? 0) > 5 || (client?.threadCpu ?? 0) > 0.5;
      return busy && header.stream && (gap ?? 0) >= SLOW_GAP_MS
        ? load.stream.eventsPerRead
        : undefined;
    },
    explain: (events) =>
      `${formatNumber(events)} events arrived in one read while the client was busy`,
  },
  {
    name: "descriptors",
    suspectAbove: 1,
    measure: ({ client: { descriptors, descriptorLimit } = { error: undefined } }) =>
      descriptors === undefined || descriptorLimit === undefined
        ? undefined
        : (descriptors + DESCRIPTORS_RESERVED) / descriptorLimit,
    explain: (_, { client }) =>
      `${formatCount(client?.descriptors)} of ${
        formatCount(client?.descriptorLimit)
      } allowed files and sockets were open`,
    advise: adviseDescriptors,
  },
  {
    name: "replaced_connections",
    suspectAbove: 0.05,
    measure: ({ client, load: { counts } }) =>
      client?.replacedConnections === undefined || counts.sent === 0
        ? undefined
        : client.replacedConnections / counts.sent,
    explain: (share, { client }) =>
      `${
        plural(client?.replacedConnections ?? 0, "connection")
      } had been closed by the server and opened again, ${
        formatShare(share)
      } of requests: their TTFT includes connecting`,
    advise: () => "give the server a longer keep-alive timeout than the pause between requests",
  },
];

const MESSAGES: Readonly<Record<VerdictKind, string>> = {
  "ok": "The client had time: these numbers are the server's",
  "suspect": "Some of these numbers, mostly the tails, may be the client's",
  "client-bound": "The client was the limit: the server may be faster than shown",
};

/** Applies all rules; absent when the client was not measured and no rule objects. */
export function clientVerdict(evidence: VerdictEvidence): Verdict | undefined {
  const reasons = VERDICT_RULES.flatMap((rule): readonly VerdictReason[] => {
    const value = rule.measure(evidence);
    if (value === undefined || !(value > rule.suspectAbove)) return [];
    return [{
      rule: rule.name,
      kind: value > (rule.boundAbove ?? Infinity) ? "client-bound" : "suspect",
      message: rule.explain(value, evidence),
      advice: rule.advise?.(evidence) ?? fasterClient(evidence),
    }];
  });
  const bound = reasons.filter(({ kind }) => kind === "client-bound");
  const kind = bound.length > 0 ? "client-bound" : reasons.length > 0 ? "suspect" : "ok";
  if (kind === "ok" && evidence.client === undefined) return undefined;
  const suspect = reasons.filter(({ kind }) => kind === "suspect");
  return { kind, message: MESSAGES[kind], reasons: [...bound, ...suspect] };
}

/** Transports that do the same for less CPU time. */
const CHEAPER: Readonly<Record<string, string>> = { fetch: "socket", grpc: "grpc-socket" };

/** What a slow client can still try; never what it already does. */
export function fasterClient(
  { header, load }: {
    readonly header: RunHeader;
    readonly load: Pick<LoadSummary, "label">;
  },
): string {
  if (header.workers === 0 && header.environment.cores > 1) {
    return "read on a thread of its own (--workers 1), or run the client on another machine than the server";
  }
  const cheaper = CHEAPER[header.transport];
  if (cheaper !== undefined) return `use --transport ${cheaper}, which costs less per read`;
  if (header.workers > 0 && header.workers < header.environment.cores - 1) {
    return `use --workers ${header.workers + 1}`;
  }
  return `lower the load of ${load.label}, or split it over several client machines`;
}

/** Bounds from heavier loads and estimates from timers are too weak for a verdict. */
function calibrated(metric: "ttft" | "itl", { client }: VerdictEvidence): ErrorBound | undefined {
  return client?.error?.basis === "calibration" ? client.error[metric] : undefined;
}

/** Error ÷ median of the metric; 0 below the floor, where the error is that of any machine. */
function errorShare(
  metric: "ttft" | "itl",
  { of, floorMs }: { readonly of: "p50Ms" | "p99Ms"; readonly floorMs: number },
  evidence: VerdictEvidence,
): number | undefined {
  const ms = calibrated(metric, evidence)?.[of];
  const median = medianOf(metric, evidence);
  if (ms === undefined || median === undefined || median <= 0) return undefined;
  return ms <= floorMs ? 0 : ms / median;
}

/** The limit of this client that the load exceeds. */
function beyondLimit(evidence: VerdictEvidence): LimitFinding | undefined {
  const { header, client } = evidence;
  const load = weighedLoad(evidence);
  if (load === undefined) return undefined;
  const { error } = client ?? {};
  const measured = error !== undefined && error.basis !== "timers" &&
    Math.max(error.ttft.p99Ms ?? 0, error.itl.p99Ms ?? 0) <= load.tolerableMs;
  if (measured) return undefined;
  const own = limitsOf(evidence).filter(({ transport, workers }) =>
    transport === header.transport && workers === header.workers
  );
  const found = weighLimits(own, load);
  return found?.kind === "beyond" ? found : undefined;
}

function weighedLoad(evidence: VerdictEvidence): Required<WeighedLoad> | undefined {
  const weight = weightOf(evidence.load);
  if (weight === undefined) return undefined;
  const tolerable = (["ttft", "itl"] as const).map((metric) =>
    TOLERABLE[metric] * (medianOf(metric, evidence) ?? Infinity)
  );
  return {
    streams: weight.streams,
    tokensPerSec: weight.readsPerSec,
    tolerableMs: Math.max(TAIL.floorMs, Math.min(...tolerable)),
  };
}

/** Limits of this machine that this server can use: `epoll` has no TLS. */
function limitsOf({ header: { calibration, url } }: VerdictEvidence): readonly CalibrationLimit[] {
  return (calibration?.limits ?? []).filter(({ transport }) =>
    transport !== "epoll" || !url.startsWith("https:")
  );
}

function explainLimit(evidence: VerdictEvidence): string {
  const { limit } = beyondLimit(evidence)!;
  const { streams, tokensPerSec } = weighedLoad(evidence)!;
  const kept = `the p99 errors of TTFT and ITL within ${formatMs(limit.boundMs)}`;
  const { transport, workers } = limit;
  const client = workers === 1 ? transport : `${transport} with --workers ${workers}`;
  if (limit.streams === 0) {
    return `on this machine ${client} did not keep ${kept} with any number of streams`;
  }
  return `${
    load(streams, tokensPerSec)
  } are beyond what was calibrated: on this machine ${client} ` +
    `kept ${kept} only up to ${load(limit.streams, limit.tokensPerSec)}`;
}

function load(streams: number, tokensPerSec: number): string {
  return `${plural(Math.round(streams), "stream")} with ${formatCount(tokensPerSec)} tokens/s`;
}

/** A client that measured such a load well on this machine, else what might help. */
function adviseLimit(evidence: VerdictEvidence): string {
  const { header } = evidence;
  const wanted = weighedLoad(evidence)!;
  const enough = limitsOf(evidence)
    .filter((limit) => weighLimits([limit], wanted)?.kind === "within")
    .sort((a, b) =>
      Math.abs(a.workers - header.workers) - Math.abs(b.workers - header.workers) ||
      a.boundMs - b.boundMs
    )[0];
  const { limit } = beyondLimit(evidence)!;
  const fewer = limit.streams === 0 ? "" : `, or at most ${plural(limit.streams, "stream")}`;
  if (enough === undefined) return `${fasterClient(evidence)}${fewer}`;
  const options = [
    ...(enough.transport === header.transport ? [] : [`--transport ${enough.transport}`]),
    ...(enough.workers === header.workers ? [] : [`--workers ${enough.workers}`]),
  ];
  return `use ${options.join(" ")}, which kept them within ${formatMs(enough.boundMs)} up to ${
    load(enough.streams, enough.tokensPerSec)
  }${fewer}`;
}

function medianOf(metric: string, { load }: VerdictEvidence): number | undefined {
  return metricOf(load, metric)?.distribution.median;
}

function explainTail(metric: "ttft" | "itl", share: number, evidence: VerdictEvidence): string {
  const { p99Ms } = calibrated(metric, evidence)!;
  return `one ${metric.toUpperCase()} in a hundred is off by ${formatMs(p99Ms)} or more, ${
    share > 1 ? `${formatNumber(share)} times` : `${formatShare(share)} of`
  } the median`;
}

/**
 * Lateness of sending that only this client can have caused. A closed loop has no schedule: users
 * who start at one instant send one after the other.
 */
function lateDepartures({ load, delays }: VerdictEvidence): number | undefined {
  const { plan: { kind, maxInFlight = 0 }, inFlight } = load;
  if (kind === "closed" || (maxInFlight > 0 && inFlight.max === maxInFlight)) return undefined;
  return highest(delays, 99)?.value;
}

/** The highest percentile up to `p` that the values allow, else the largest value. */
export function highest(
  values: ValueSet,
  p: number,
): { readonly name: string; readonly value: number } | undefined {
  if (values.max === undefined) return undefined;
  return values.count >= minimumSamples(p)
    ? { name: formatPercentile(p), value: values.quantile(p)! }
    : { name: "the largest value", value: values.max };
}
