/**
 * Sessions that a killed client left without a line: what their records tell of them.
 *
 * @module
 */
import type { RequestRecord } from "../backends/record.ts";
import type { LoadPlan } from "../metrics/run.ts";
import type { SessionEnd } from "../metrics/run_replay.ts";

/** Sessions of a record file that are alive where it has been read to. */
export class OpenSessions {
  readonly #loads: readonly LoadPlan[];
  readonly #open = new Map<string, SessionEnd>();

  /** @param loads as planned; only sessions that wait for ends have lines. */
  constructor(loads: readonly LoadPlan[]) {
    this.#loads = loads;
  }

  /** Notes a request. */
  add(record: RequestRecord): void {
    const { load, session, user, phase, intendedMs, endMs = intendedMs } = record;
    if (session === undefined || this.#loads[load]?.replay !== "sessions") return;
    const key = `${load} ${session}`;
    const before = this.#open.get(key);
    const measured = phase === "measure" ? 1 : 0;
    this.#open.set(key, {
      ...{ load, session, user },
      startMs: Math.min(before?.startMs ?? Infinity, intendedMs),
      endMs: Math.max(before?.endMs ?? 0, endMs),
      sent: (before?.sent ?? 0) + measured,
      // Nobody has written down how many there were to come.
      notSent: 0,
      end: before !== undefined && before.end !== "cut" ? before.end : endOf(record),
    });
  }

  /** A session has a line of its own. */
  close({ load, session }: Pick<SessionEnd, "load" | "session">): void {
    this.#open.delete(`${load} ${session}`);
  }

  /** Those of a load that have none. */
  left(load: number): readonly SessionEnd[] {
    return [...this.#open.values()].filter((end) => end.load === load);
  }
}

function endOf({ outcome, contextTooLong }: RequestRecord): SessionEnd["end"] {
  if (contextTooLong === true) return "context";
  const goesOn = ["ok", "cancelled", "cancelled_as_planned", "dropped"].includes(outcome.kind);
  return goesOn ? "cut" : "failed";
}
