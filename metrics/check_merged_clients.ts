/**
 * Did all of several clients take part, and do they share one time axis?
 *
 * @module
 */
import type { Check } from "./check.ts";
import type { LoadPlan, RunHeader } from "./run.ts";
import type { MergedClient } from "./merged_clients.ts";
import { plural } from "./format.ts";

/** Whether a load had all of its clients; absent where there is only one. */
export function checkClients(plan: LoadPlan, { merged, loads }: RunHeader): Check | undefined {
  if (merged === undefined) return undefined;
  const { clients } = merged;
  const load = loads.indexOf(plan);
  const absent = clients.filter(({ absentFrom = Infinity }) => absentFrom <= load);
  const killed = clients.filter(({ absentFrom, killed }) => killed && absentFrom === load + 1);
  const name = "clients";
  if (absent.length > 0) {
    return {
      name,
      ok: false,
      message:
        `${namesOf(absent, clients)} never began this load: the server had less of it than ` +
        `"${plan.label}" says`,
      advice: "run it again, or report the files of the other clients alone",
    };
  }
  if (killed.length > 0) {
    return {
      name,
      ok: false,
      message: `${namesOf(killed, clients)} ended during this load: from then on the server had ` +
        `less of it than "${plan.label}" says, and rates of the whole run mix both`,
      advice:
        "read the steady window, which ends there (what was in flight is lost), or run it again",
    };
  }
  return {
    name,
    ok: true,
    message: `All ${plural(clients.length, "client")} took part`,
    advice: undefined,
  };
}

/** Whether the clients' loads are known to lie on one time axis; absent where there is one client. */
export function checkMergedClock({ merged }: RunHeader): Check | undefined {
  if (merged === undefined) return undefined;
  const { clients, clock } = merged;
  const name = "merged_clock";
  const untimed = clients.filter((client) => client.untimed);
  if (clock === "wall" || untimed.length === 0) {
    return { name, ok: true, message: "The clients share a time axis", advice: undefined };
  }
  return {
    name,
    ok: false,
    message:
      `${namesOf(untimed, clients)} ${
        untimed.length === 1 ? "does" : "do"
      } not tell when each load began (killed, or an older file), so all are taken to have begun at ` +
      "the same instant: in flight, the steady window and the course over time are wrong by as " +
      "much as they really were apart",
    advice: "rely on latencies, totals and failures, or run it again",
  };
}

/** `1 of 2 clients (node-b)`. */
function namesOf(some: readonly MergedClient[], all: readonly MergedClient[]): string {
  const names = some.map(({ hostname, startedAt }) => hostname ?? startedAt).join(", ");
  return `${some.length} of ${plural(all.length, "client")} (${names})`;
}
