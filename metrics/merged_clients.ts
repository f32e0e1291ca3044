/**
 * Several clients of one server, reported as one.
 *
 * @module
 */
import { formatMs, plural } from "./format.ts";

/** Several clients of one server at the same time, reported as one. */
export interface MergedClients {
  /**
   * How the clients share a time axis. `wall`: each load's start by the clock of its machine;
   * `start`: each load is assumed to begin everywhere at the same instant.
   */
  readonly clock: "wall" | "start";
  /** One per record file, in the order given. */
  readonly clients: readonly MergedClient[];
}

/** One of several clients. */
export interface MergedClient {
  /** Network name of its machine; absent where unknown. */
  readonly hostname?: string;
  /** When its run began, ISO 8601. */
  readonly startedAt: string;
  /** Largest delay of its load starts behind the first client, in ms. */
  readonly laterMs: number;
  /** 0-based position of the first load that it never began; absent = it began all loads. */
  readonly absentFrom?: number;
  /** Its record has no end: it was killed in the load before `absentFrom`. */
  readonly killed?: true;
  /** Its file does not say when some load began that others ran. */
  readonly untimed?: true;
}

/** The clients and their time axis in one sentence. */
export function mergedText({ clock, clients }: MergedClients): string {
  const names = clients.map(({ hostname, startedAt }) => hostname ?? startedAt).join(", ");
  const latestMs = Math.max(...clients.map(({ laterMs }) => laterMs));
  const axis = clock === "wall"
    ? `by their clocks, the last began each load within ${formatMs(latestMs)} of the first`
    : "assumed to begin each load at the same instant";
  return `${plural(clients.length, "client")} merged (${names}): ${axis}`;
}
