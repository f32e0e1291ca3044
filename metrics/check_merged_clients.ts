/**
 * Whether all of several clients took part, and whether they share one time axis.
 *
 * @module
 */
import type { Finding } from "./check.ts";
import type { LoadPlan, RunHeader } from "./run.ts";
import type { MergedClient } from "./merged_clients.ts";
import { plural } from "./format.ts";

/** Whether a load had all of its clients; absent where there is only one. */
export function checkClients(plan: LoadPlan, { merged, loads }: RunHeader): Finding | undefined {
  if (merged === undefined) return undefined;
  const { clients } = merged;
  const load = loads.indexOf(plan);
  const absent = clients.filter(({ absentFrom = Infinity }) => absentFrom <= load);
  const killed = clients.filter(({ absentFrom, killed }) => killed && absentFrom === load + 1);
  if (absent.length > 0) {
    return [
      `${namesOf(absent, clients)} never began this load: the server got less than ` +
      `"${plan.label}"`,
      "run it again, or report the files of the other clients only",
    ];
  }
  if (killed.length > 0) {
    return [
      `${namesOf(killed, clients)} ended during this load: from then on the server got ` +
      `less than "${plan.label}", and rates of the whole run mix both`,
      "use the steady window, which ends there (requests in flight are lost), or run it again",
    ];
  }
  return `All ${plural(clients.length, "client")} took part`;
}

/** Whether the clients' loads share one time axis; absent where there is one client. */
export function checkMergedClock({ merged }: RunHeader): Finding | undefined {
  if (merged === undefined) return undefined;
  const { clients, clock } = merged;
  const untimed = clients.filter((client) => client.untimed);
  if (clock === "wall" || untimed.length === 0) return "The clients share a time axis";
  return [
    `${namesOf(untimed, clients)} ${
      untimed.length === 1 ? "does" : "do"
    } not say when each load began (killed, or an older file), so all are assumed to have begun at ` +
    "the same instant: requests in flight, the steady window and the course over time are off by " +
    "the actual difference",
    "rely on latencies, totals and failures, or run it again",
  ];
}

/** `1 of 2 clients (node-b)`. */
function namesOf(some: readonly MergedClient[], all: readonly MergedClient[]): string {
  const names = some.map(({ hostname, startedAt }) => hostname ?? startedAt).join(", ");
  return `${some.length} of ${plural(all.length, "client")} (${names})`;
}
