/**
 * One time axis for several clients, by when each began its loads.
 *
 * @module
 */
import { formatMs } from "../metrics/format.ts";
import type { MergedClients } from "../metrics/merged_clients.ts";
import type { LoadEnd, RunHeader } from "../metrics/run.ts";
import { microseconds } from "./record_stamps.ts";
import { UserError } from "./user_error.ts";

/** How several clients are put on one time axis. */
export type Alignment = MergedClients["clock"];

/** One of the clients, without its records. */
export interface Client {
  readonly path: string;
  readonly header: RunHeader;
  readonly ends: readonly LoadEnd[];
}

/** How their times are put together. */
export interface Axis {
  readonly clock: Alignment;
  /** By client and load: how much later than the first of the clients it began the load. */
  readonly laterMs: readonly (readonly number[])[];
  /** By client: the start of some load that was run is unknown. */
  readonly untimed: readonly boolean[];
}

/**
 * When each client began each load, after the first of them.
 *
 * @throws {UserError} where that is unknown, or they did not run together.
 */
export function alignLoads(clients: readonly Client[], asked: Alignment | undefined): Axis {
  const endOf = ({ ends }: Client, load: number) => ends.find((end) => end.load === load);
  const startOf = (client: Client, load: number) => endOf(client, load)?.startedAtMs;
  const loads = [...clients[0]!.header.loads.keys()];
  const skipped = (client: Client, load: number) => endOf(client, load)?.skipped === true;
  // A load that no client has reached needs no start.
  const reached = loads.filter((load) =>
    clients.some((client) => endOf(client, load) !== undefined && !skipped(client, load))
  );
  const untimed = clients.map((client) =>
    reached.some((load) => startOf(client, load) === undefined && !skipped(client, load))
  );
  const firstUntimed = untimed.indexOf(true);
  if (asked === "wall" && firstUntimed >= 0) {
    throw new UserError(
      `Cannot align ${
        clients[firstUntimed]!.path
      } by the wall clock: it has no time at which each load began ` +
        "(its client was killed, or is older); --align start assumes that all clients began together",
    );
  }
  if (asked === "start" || firstUntimed >= 0) {
    return { clock: "start", laterMs: clients.map(() => loads.map(() => 0)), untimed };
  }
  const firstMs = loads.map((load) =>
    Math.min(...clients.map((client) => startOf(client, load) ?? Infinity))
  );
  const laterMs = clients.map((client) =>
    loads.map((load) => {
      const startMs = startOf(client, load);
      return startMs === undefined ? 0 : microseconds(startMs - firstMs[load]!);
    })
  );
  refuseSeparateRuns(clients, laterMs);
  return { clock: "wall", laterMs, untimed };
}

/** Runs one after the other never loaded the server together. */
function refuseSeparateRuns(
  clients: readonly Client[],
  laterMs: readonly (readonly number[])[],
): void {
  for (const load of clients[0]!.header.loads.keys()) {
    const spans = clients.flatMap(({ path, ends }, client) => {
      const end = ends.find((one) => one.load === load);
      const fromMs = laterMs[client]![load]!;
      return end === undefined || end.skipped
        ? []
        : [{ path, fromMs, toMs: fromMs + end.durationMs }];
    });
    const latest = spans.toSorted((a, b) => b.fromMs - a.fromMs)[0];
    const soonest = spans.toSorted((a, b) => a.toMs - b.toMs)[0];
    if (latest === undefined || soonest === undefined || latest.fromMs <= soonest.toMs) continue;
    throw new UserError(
      `Cannot merge ${latest.path} with ${soonest.path}: by the clocks of their machines load ${
        load + 1
      } began ${formatMs(latest.fromMs - soonest.toMs)} after it had ended there; if the clocks ` +
        "are wrong and they did run together, use --align start",
    );
  }
}
