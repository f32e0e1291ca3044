/**
 * The end of a load of several clients.
 *
 * @module
 */
import { defined } from "../backends/defined.ts";
import type { LoadEnd, LoadPlan, ServerLost } from "../metrics/run.ts";
import type { ClientHealth } from "../metrics/run_client.ts";
import type { ServerScrapes } from "../metrics/run_server.ts";
import { mergeWitnesses } from "./record_merge_witness.ts";

/**
 * One end of those of each client.
 *
 * @param dealt the load, where its clients sent parts of one: departures of one schedule are over with
 * the last of them. Absent = each client had a load of its own, and all of them sent until the first
 * one's end.
 */
export function mergeEnds(
  load: number,
  ends: readonly { readonly end: LoadEnd; readonly laterMs: number }[],
  dealt?: Pick<LoadPlan, "kind">,
): LoadEnd {
  // A client that never began the load has no times.
  const begun = ends.filter(({ end }) => !end.skipped);
  const timed = begun.length > 0 ? begun : ends;
  const last = (of: (end: LoadEnd) => number) =>
    Math.max(...timed.map(({ end, laterMs }) => laterMs + of(end)));
  const client = mergeHealth(ends.flatMap(({ end }) => end.client ?? []));
  const sampled = ends.find(({ end }) => end.gpu !== undefined);
  const gpu = sampled?.end.gpu;
  return {
    load,
    durationMs: last(({ durationMs }) => durationMs),
    // The steady window lies between the last client's start and the first one's end.
    rampEndMs: last(({ rampEndMs }) => rampEndMs),
    sendingEndMs: dealt?.kind === "open"
      ? last(({ sendingEndMs }) => sendingEndMs)
      : Math.min(...timed.map(({ end, laterMs }) => laterMs + end.sendingEndMs)),
    interrupted: ends.some(({ end }) => end.interrupted),
    ...(ends.every(({ end }) => end.skipped) ? { skipped: true } : {}),
    ...(ends.some(({ end }) => end.inferred) ? { inferred: true } : {}),
    ...defined({ client, serverLost: firstLoss(ends) }),
    ...mergeWitnesses(timed),
    ...defined({ scrapes: mergeScrapes(timed) }),
    // Only a client on the server's machine sees its GPUs.
    ...(gpu === undefined
      ? {}
      : { gpu: { ...gpu, timeMs: gpu.timeMs.map((ms) => ms + sampled!.laterMs) } }),
  };
}

/**
 * Of clients that read one endpoint, what the one says that read it longest: each of them saw the load of
 * all, and differences of the same counter do not add up.
 */
function mergeScrapes(
  ends: readonly { readonly end: LoadEnd; readonly laterMs: number }[],
): readonly ServerScrapes[] | undefined {
  const longest = new Map<string, ServerScrapes>();
  const spanOf = ({ timeMs }: ServerScrapes) => (timeMs.at(-1) ?? 0) - (timeMs[0] ?? 0);
  for (const { end: { scrapes = [] }, laterMs } of ends) {
    for (const one of scrapes) {
      const before = longest.get(one.url);
      if (before !== undefined && spanOf(before) >= spanOf(one)) continue;
      longest.set(one.url, { ...one, timeMs: one.timeMs.map((ms) => ms + laterMs) });
    }
  }
  return longest.size === 0 ? undefined : [...longest.values()];
}

/** Of clients that lost the server, the one that noticed first. */
function firstLoss(
  ends: readonly { readonly end: LoadEnd; readonly laterMs: number }[],
): ServerLost | undefined {
  return ends.flatMap(({ end: { serverLost }, laterMs }) =>
    serverLost === undefined ? [] : { ...serverLost, atMs: serverLost.atMs + laterMs }
  ).sort((a, b) => a.atMs - b.atMs)[0];
}

/** The worst of each: one late client is enough to spoil a tail. */
function mergeHealth(clients: readonly ClientHealth[]): ClientHealth | undefined {
  if (clients.length === 0) return undefined;
  const merged: Record<string, number> = {};
  // Without stamps of one client's reads there is no share that holds for all.
  const stamped = Math.min(...clients.map(({ kernelStampedReads }) => kernelStampedReads ?? 0));
  for (const client of clients) {
    const { descriptors: _, descriptorLimit: _limit, kernelStampedReads: _reads, ...health } =
      client;
    for (const [name, value] of Object.entries(health)) {
      merged[name] = name === "replacedConnections"
        ? (merged[name] ?? 0) + value
        : Math.max(merged[name] ?? -Infinity, value);
    }
  }
  const fullest = clients.toSorted((a, b) => filling(b) - filling(a))[0]!;
  const { descriptors, descriptorLimit } = fullest;
  return {
    ...merged,
    ...(stamped === 0 ? {} : { kernelStampedReads: stamped }),
    ...defined({ descriptors, descriptorLimit }),
  };
}

function filling({ descriptors, descriptorLimit }: ClientHealth): number {
  return descriptors === undefined || descriptorLimit === undefined
    ? -1
    : descriptors / descriptorLimit;
}
