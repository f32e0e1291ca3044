/**
 * Figures of replays: how far departures were from their instants, by two clocks, and what runs cost.
 *
 * @module
 */
import { percentile } from "./truth_join.ts";

/** How late departures were, ms; absent with too few. */
export interface DepartureErrors {
  /** By the client: sent − intended. */
  readonly clientP50Ms: number | undefined;
  readonly clientP99Ms: number | undefined;
  readonly clientMaxMs: number | undefined;
  /** By the server: arrival − intended, less the smallest arrival − sent. */
  readonly serverP50Ms: number | undefined;
  readonly serverP99Ms: number | undefined;
  readonly serverMaxMs: number | undefined;
}

/** What one replay came to. */
export interface ReplayFigures extends DepartureErrors {
  readonly name: string;
  readonly records: number;
  readonly failed: number;
  readonly contentTokens: number;
  readonly expectedCached: number;
  readonly reportedCached: number;
  /** Peak memory of the first half of the run, and of all of it. */
  readonly rssFirstHalfMiB: number;
  readonly rssMiB: number;
  readonly cpuSec: number;
}

/**
 * Joins departures with a server's arrivals by their order: requests that share an instant cannot be told
 * apart, and need not be.
 */
export function departureErrors(
  sent: readonly { readonly intendedMs: number; readonly sentMs: number }[],
  arrivals: readonly number[],
): DepartureErrors {
  const ascending = (values: readonly number[]) => values.toSorted((a, b) => a - b);
  const client = sent.map(({ intendedMs, sentMs }) => sentMs - intendedMs);
  const sentMs = ascending(sent.map((one) => one.sentMs));
  const intendedMs = ascending(sent.map((one) => one.intendedMs));
  const wayMs = arrivals.length === sent.length
    ? Math.min(...arrivals.map((atMs, i) => atMs - sentMs[i]!))
    : NaN;
  const server = Number.isNaN(wayMs)
    ? []
    : arrivals.map((atMs, i) => Math.abs(atMs - wayMs - intendedMs[i]!));
  return {
    clientP50Ms: percentile(client, 50),
    clientP99Ms: percentile(client, 99),
    clientMaxMs: client.length === 0 ? undefined : Math.max(...client),
    serverP50Ms: percentile(server, 50),
    serverP99Ms: percentile(server, 99),
    serverMaxMs: server.length === 0 ? undefined : Math.max(...server),
  };
}

/** One row a replay. */
export function replayReport(all: readonly ReplayFigures[]): string {
  const ms = (value: number | undefined) => value === undefined ? "n/a" : value.toPrecision(2);
  const share = (part: number, whole: number) =>
    whole === 0 ? "n/a" : `${(100 * part / whole).toFixed(4)} %`;
  const rows = all.map((one) => [
    one.name,
    `${one.records} (${one.failed} failed)`,
    `${ms(one.clientP50Ms)} / ${ms(one.clientP99Ms)} / ${ms(one.clientMaxMs)}`,
    `${ms(one.serverP50Ms)} / ${ms(one.serverP99Ms)} / ${ms(one.serverMaxMs)}`,
    String(one.contentTokens),
    `${share(one.expectedCached, one.contentTokens)} / ${
      share(one.reportedCached, one.contentTokens)
    }`,
    `${one.rssFirstHalfMiB.toFixed(0)} → ${one.rssMiB.toFixed(0)}`,
    one.cpuSec.toFixed(1),
  ]);
  const head = [
    "replay",
    "requests",
    "late by the client, p50 / p99 / max ms",
    "late by the server, p50 / p99 / max ms",
    "prompt tokens",
    "cached: expected / reported",
    "peak MiB, half → all",
    "CPU s",
  ];
  return [head, head.map(() => "---"), ...rows].map((row) => `| ${row.join(" | ")} |`).join("\n") +
    "\n";
}
