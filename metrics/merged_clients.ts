/**
 * Several clients of one server, reported as one.
 *
 * @module
 */
import { formatMs, plural } from "./format.ts";

/** Several clients of one server at the same time, reported as one. */
export interface MergedClients {
  /**
   * What put the clients on one time axis: `wall`, each load's start by the clock of its machine;
   * `start`, the assumption that each load began everywhere at the same instant.
   */
  readonly clock: "wall" | "start";
  /** One for each record file, in the order given. */
  readonly clients: readonly MergedClient[];
}

/** One of several clients. */
export interface MergedClient {
  /** Network name of its machine; absent where it is not known. */
  readonly hostname?: string;
  /** When its run began, ISO 8601. */
  readonly startedAt: string;
  /** How much later than the first client it began a load, at most, in ms. */
  readonly laterMs: number;
  /** 0-based position of the first load that it never began; absent = it began all. */
  readonly absentFrom?: number;
  /** Its record has no end: it was killed in the load before that one. */
  readonly killed?: true;
  /** Its file does not tell when some load began that others ran. */
  readonly untimed?: true;
}

/** Who they were and what put them together, in one sentence. */
export function mergedText({ clock, clients }: MergedClients): string {
  const names = clients.map(({ hostname, startedAt }) => hostname ?? startedAt).join(", ");
  const latestMs = Math.max(...clients.map(({ laterMs }) => laterMs));
  const axis = clock === "wall"
    ? `by their clocks the last began a load at most ${formatMs(latestMs)} after the first`
    : "taken to have begun each load at the same instant";
  return `${plural(clients.length, "client")} put together (${names}): ${axis}`;
}
