/**
 * Notices that a server is gone, so that a load ends instead of counting refusals to its end.
 *
 * @module
 */
import type { RequestRecord } from "../backends/record.ts";
import { formatMs, plural } from "../metrics/format.ts";
import type { ServerLost } from "../metrics/run.ts";
import { type AgentShare, partOfUsers, WHOLE } from "./agent_share.ts";
import type { Load } from "./load.ts";
import { withoutPassword } from "./secret_names.ts";
import type { LiveCounters } from "./load_threads.ts";

/** A server that restarts within this time is not gone. */
const LEAST_MS = 2000;
/** So long without a byte, it is gone even if requests are still open. */
const OPEN_MS = 30_000;
/** A full queue of connections refuses a few. */
const LEAST_FAILURES = 20;
/** What the client's own system refuses says nothing of the server. */
const OURS = /too many open files|EMFILE|os error 24\b|EADDRNOTAVAIL|assign requested address/i;

/** What a watch looks at. */
type WatchedRecord = Pick<RequestRecord, "outcome" | "firstByteMs" | "endMs" | "server">;

/** Looks at the requests of a load as they end. */
export interface ServerWatch {
  /** Takes a record; returns the loss, once, when this record shows it. */
  see(record: WatchedRecord): ServerLost | undefined;
}

/** Connections that fail in a row before the server counts as gone, where the user did not say. */
export function usualStopOnErrors(
  load: Load,
  share: AgentShare = WHOLE,
): number {
  return load.kind === "closed"
    ? Math.max(LEAST_FAILURES, 2 * partOfUsers(load.users, share))
    : LEAST_FAILURES;
}

/**
 * Watches one load. The server is gone when `most` connections in a row, over 2 s or more, were
 * refused or broken before an answer began, while no byte of any answer came. A server that refuses
 * further connections may be busy with those it took: as long as some are open, it has 30 s.
 *
 * @param most 0 = never.
 */
export function watchServer(
  most: number,
  live: () => Pick<LiveCounters, "reads" | "sent" | "ended">,
): ServerWatch {
  let streak = { failures: 0, sinceMs: 0, reads: 0, idle: false };
  let lost = false;
  return {
    see({ outcome, firstByteMs, endMs = 0 }) {
      if (outcome.kind !== "connect_error") {
        // One that was open before the streak only shows that it was not cut.
        if (firstByteMs !== undefined && firstByteMs >= streak.sinceMs) streak.failures = 0;
        return undefined;
      }
      if (most === 0 || lost || OURS.test(outcome.message)) return undefined;
      const { reads, sent, ended } = live();
      if (streak.failures === 0 || reads !== streak.reads) {
        streak = { failures: 0, sinceMs: endMs, reads, idle: false };
      }
      streak.failures++;
      // Threads report in turns of their own: a record may be older than the first of its streak.
      streak.sinceMs = Math.min(streak.sinceMs, endMs);
      streak.idle ||= sent === ended;
      const { failures, sinceMs: atMs, idle } = streak;
      if (failures < most || endMs - atMs < (idle ? LEAST_MS : OPEN_MS)) return undefined;
      lost = true;
      return { atMs, failures, message: outcome.message };
    },
  };
}

/**
 * Watches one load of several servers, each by itself: one that is gone ends the load, whatever the
 * others do. Nobody counts the requests that are open at each of them, so while any is open, a server
 * that refuses has the longer time.
 *
 * @param servers their addresses.
 */
export function watchServers(
  most: number,
  { live, servers }: {
    readonly live: () => Pick<LiveCounters, "reads" | "sent" | "ended">;
    readonly servers: readonly string[];
  },
): ServerWatch {
  if (servers.length < 2) return watchServer(most, live);
  const answered = servers.map(() => 0);
  const watches = servers.map((_, i) =>
    watchServer(most, () => ({ ...live(), reads: answered[i]! }))
  );
  return {
    see(record) {
      const { server = 0, firstByteMs } = record;
      if (firstByteMs !== undefined) answered[server]!++;
      const lost = watches[server]!.see(record);
      return lost && { ...lost, message: `${withoutPassword(servers[server]!)}: ${lost.message}` };
    },
  };
}

/** When the server went away, in ms since the epoch, and what is done about it. */
export function lossNote({ atMs, failures, message }: ServerLost, epochMs: number): string {
  return `The server was lost ${formatMs(atMs)} after the start of the load, at ${
    new Date(epochMs).toISOString()
  }: ${plural(failures, "connection")} in a row failed, the last with "${message}"; ` +
    "nothing more is sent (--stop-on-errors 0 goes on)";
}
