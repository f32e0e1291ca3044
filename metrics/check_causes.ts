/**
 * Why a client may have been too slow. Each rule looks at one figure of the client itself and has two
 * thresholds, a reason and an advice. Where the brackets of the results are known, they decide and the
 * rules only explain; elsewhere the rules decide.
 *
 * @module
 */
import { adviceFor } from "./check_advice.ts";
import type { HeadlineFigure } from "./check_figures.ts";
import type { VerdictReason } from "./load_client.ts";
import type { LoadPlan, RunHeader } from "./run.ts";
import type { ClientHealth } from "./run_client.ts";
import {
  formatCount,
  formatMs,
  formatNumber,
  formatPercentile,
  formatShare,
  plural,
} from "./format.ts";
import { metricOf } from "./load_figures.ts";
import type { LoadSummary } from "./load_summary.ts";
import { minimumSamples, type ValueSet } from "./stat_quantile.ts";

/** What a verdict is based on. */
export interface VerdictEvidence {
  /** Everything computed about the load. */
  readonly load: Omit<LoadSummary, "checks" | "client" | "verdict">;
  /** What the client measured of itself. */
  readonly client: ClientHealth | undefined;
  /** How late each request was sent, in ms. */
  readonly delays: ValueSet;
  /** The headline figures whose brackets are known. */
  readonly figures: readonly HeadlineFigure[];
  /** Share of a figure by which its ends may differ from it. */
  readonly tolerance: number;
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
  /** What it finds is in no bracket: it counts also where all figures hold. */
  readonly always?: true;
  /** It explains open figures, and says nothing where there are no brackets. */
  readonly explains?: true;
  /** Value to compare; absent = the rule does not apply, or nothing is known. */
  readonly measure: (evidence: VerdictEvidence) => number | undefined;
  /** What was found. */
  readonly explain: (value: number, evidence: VerdictEvidence) => string;
  /** What to do; default: a faster client, or less load. */
  readonly advise?: (evidence: VerdictEvidence) => string;
}

/** Any machine waits for a core this share of the time. */
const STARVED_FLOOR = 0.03;

/** So large a share of kernel stamps makes late reads harmless. */
const PRACTICALLY_ALL = 0.99;

/** Files that a process opens besides its sockets. */
const DESCRIPTORS_RESERVED = 64;

/** Error messages at the limit of open files. */
export const NO_DESCRIPTORS = /too many open files|EMFILE|os error 24\b/i;

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
    // Requests that were never sent have no latency.
    always: true,
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
        (client?.kernelStampedReads ?? 0) >= PRACTICALLY_ALL
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
    measure: ({ client: { threadCpu = 0, threadWait = 0 } = {} }) =>
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
    measure: ({ client, load, header }) =>
      header.stream && clientMayJoin(load, client) ? load.stream.eventsPerTick : undefined,
    explain: (events) =>
      `${formatNumber(events)} events arrived in one read while the client was busy`,
  },
  {
    name: "descriptors",
    suspectAbove: 1,
    measure: ({ client: { descriptors, descriptorLimit } = {} }) =>
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
  {
    // When the request itself left is known only after connecting.
    name: "connecting",
    explains: true,
    suspectAbove: 0.01,
    measure: ({ load: { connections, counts } }) =>
      counts.sent === 0 ? undefined : connections.new / counts.sent,
    explain: (share, { load: { connections } }) =>
      `${plural(connections.new, "request")}, ${
        formatShare(share)
      }, opened their connection: part of their TTFT is connecting`,
    advise: () =>
      "measure longer, so that more requests find an open connection, and let the server keep them open",
  },
];

/** Groups of fewer are found now and then by any client. */
export const GROUP = 2;

/**
 * Whether events arrived together, in groups with a pause between them: then the first of a group waited
 * for the last.
 */
export function arrivesInGroups(load: Pick<LoadSummary, "metrics" | "stream">): boolean {
  const { tokensPerTick = 1, eventsPerTick = 1 } = load.stream;
  const gapMs = metricOf(load, "itl")?.distribution.median ?? 0;
  return tokensPerTick >= GROUP && eventsPerTick >= GROUP && gapMs >= SLOW_GAP_MS;
}

/**
 * Whether this client was late enough to have joined the events of a read: as long as the last of them
 * came after the first. Otherwise they were joined before they reached it.
 */
export function clientMayJoin(
  load: Pick<LoadSummary, "metrics" | "stream">,
  client: ClientHealth | undefined,
): boolean {
  const gapMs = metricOf(load, "itl")?.distribution.median ?? 0;
  const events = load.stream.eventsPerTick ?? 1;
  const spanMs = gapMs / Math.max(1, events) * Math.max(1, events - 1);
  return gapMs >= SLOW_GAP_MS && (client?.loopLagP99Ms ?? 0) >= spanMs;
}

/** What a rule found. */
export function reasonOf(rule: VerdictRule, evidence: VerdictEvidence): VerdictReason | undefined {
  const value = rule.measure(evidence);
  if (value === undefined || !(value > rule.suspectAbove)) return undefined;
  return {
    rule: rule.name,
    kind: value > (rule.boundAbove ?? Infinity) ? "client-bound" : "suspect",
    message: rule.explain(value, evidence),
    advice: rule.advise?.(evidence) ?? fasterClient(evidence),
  };
}

/** What a client can try that had too much to do all the time; never what it already does. */
export function fasterClient(
  { header, load: { plan } }: {
    readonly header: RunHeader;
    readonly load: Pick<LoadSummary, "plan">;
  },
): string {
  // Another start would not have made the rest of the load any lighter.
  const { rampUpMs: _, ...rest } = plan;
  return adviceFor({ header, load: { ...rest, rampUpMs: Infinity } })[0] ?? RUN_AGAIN;
}

/** Nothing is left to try, as for one user on a machine of its own. */
export const RUN_AGAIN =
  "run it again; if it stays like this, find out what else runs on this machine";

/**
 * Whether each request has an instant at which only this client keeps it from leaving. A closed loop has
 * no schedule: users who start at one instant send one after the other. In sessions it follows from the
 * end before it.
 */
export function hasInstants({ kind, replay }: LoadPlan): boolean {
  return kind === "open" || replay !== undefined;
}

/** Lateness of sending that only this client can have caused. */
function lateDepartures({ load, delays }: VerdictEvidence): number | undefined {
  const { plan, inFlight } = load;
  const { maxInFlight = 0 } = plan;
  if (!hasInstants(plan) || (maxInFlight > 0 && inFlight.max === maxInFlight)) return undefined;
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
