/**
 * Who leads a fleet: one at a time. A leader that goes on renews what is kept under its name each second;
 * one whose entry stays as it is, is dead, and another may take its place.
 *
 * @module
 */
import type { Clock } from "../backends/clock.ts";
import { visibleLine } from "../metrics/visible_text.ts";
import type { FleetBus, KeptValue } from "./fleet_bus.ts";
import { packMessage, readMessage } from "./fleet_codec.ts";
import { countTo, numberFrom, objectOf, optional, type Shape, textTo } from "./json_shape.ts";
import { EXIT, UserError } from "./user_error.ts";

/** Under which it is kept. */
const KEY = "leader";

/** A leader that has not renewed it for so long is dead. */
export const DEAD_MS = 10_000;

/** What a leader says of itself. */
export interface LeaderEntry {
  /** Its run. */
  readonly run: string;
  readonly agents: number;
  readonly pid: number;
  readonly hostname?: string;
  /** Ms since the epoch. */
  readonly startedAtMs: number;
  /** The load that goes on; absent = none does. */
  readonly load?: number;
}

const entryShape: Shape = objectOf<LeaderEntry>({
  run: textTo(100, 1),
  agents: countTo(1e6),
  pid: countTo(1e12),
  hostname: optional(textTo(200)),
  startedAtMs: numberFrom(0, 1e14),
  load: optional(countTo(1e6)),
});

function entryOf(kept: KeptValue | undefined): LeaderEntry | undefined {
  if (kept === undefined) return undefined;
  const read = readMessage<LeaderEntry>(kept.data, entryShape, { at: KEY });
  return "value" in read ? read.value : undefined;
}

/** Where a leader runs, for people. */
export function leaderText({ hostname, pid }: LeaderEntry): string {
  return `process ${pid}${hostname === undefined ? "" : ` on ${visibleLine(hostname)}`}`;
}

/** The place of the leader, as long as it is renewed. */
export interface LeaderLock {
  /** The leader before, which was killed; absent = there was none, or it left. */
  readonly dead: LeaderEntry | undefined;
  /** Says that this leader goes on; resolves to `false` when another one has taken its place. */
  renew(entry: LeaderEntry): Promise<boolean>;
  /** Gives up the place. */
  release(): Promise<void>;
}

/**
 * Takes the place of the leader.
 *
 * @param onWait is told of another leader's entry, before it is seen whether that one lives.
 * @throws {UserError} when another leader lives.
 */
export async function lockFleet(
  bus: FleetBus,
  { entry, fleet, clock, signal, onWait }: {
    readonly entry: LeaderEntry;
    readonly fleet: string;
    readonly clock: Clock;
    readonly signal: AbortSignal;
    readonly onWait?: (other: LeaderEntry) => void;
  },
): Promise<LeaderLock> {
  const mine = packMessage(entry);
  for (;;) {
    const there = await bus.read(KEY);
    const other = there === undefined ? undefined : entryOf(there);
    if (there !== undefined) {
      if (other !== undefined) onWait?.(other);
      const now = await stillThere(bus, there, { clock, signal });
      if (now === "changed") throw new UserError(taken(fleet, other), EXIT.unreachable);
      if (now === "gone") continue;
    }
    const revision = await bus.keep(KEY, mine, there?.revision ?? 0);
    // Somebody was faster, and is looked at.
    if (revision === undefined) continue;
    return new Lock(bus, revision, other);
  }
}

function taken(fleet: string, other: LeaderEntry | undefined): string {
  return `Cannot lead the fleet ${fleet}: ${
    other === undefined ? "another leader" : leaderText(other)
  } leads it; wait for its end, or give this one another name with --fleet`;
}

/** Whether an entry is renewed, is given up, or stays as it is. */
async function stillThere(
  bus: FleetBus,
  there: KeptValue,
  { clock, signal }: { readonly clock: Clock; readonly signal: AbortSignal },
): Promise<"changed" | "gone" | "stays"> {
  const untilMs = clock.now() + DEAD_MS;
  while (clock.now() < untilMs) {
    await clock.sleepUntil(clock.now() + 500, signal);
    if (signal.aborted) {
      throw new UserError("Interrupted before anything was measured", EXIT.interrupted);
    }
    const now = await bus.read(KEY);
    if (now === undefined) return "gone";
    if (now.revision !== there.revision) return "changed";
  }
  return "stays";
}

class Lock implements LeaderLock {
  readonly #bus: FleetBus;
  #revision: number;
  #run: string | undefined;
  #released = false;

  constructor(bus: FleetBus, revision: number, readonly dead: LeaderEntry | undefined) {
    this.#bus = bus;
    this.#revision = revision;
  }

  async renew(entry: LeaderEntry): Promise<boolean> {
    this.#run = entry.run;
    if (this.#released) return true;
    const revision = await this.#bus.keep(KEY, packMessage(entry), this.#revision);
    if (revision !== undefined) {
      this.#revision = revision;
      return true;
    }
    const there = await this.#bus.read(KEY);
    if (there === undefined) {
      // A server that was started again has forgotten everything.
      this.#revision = 0;
      return true;
    }
    const other = entryOf(there);
    if (other?.run !== entry.run) return false;
    // The answer to an earlier renewal was lost.
    this.#revision = there.revision;
    return true;
  }

  async release(): Promise<void> {
    this.#released = true;
    const there = await this.#bus.read(KEY);
    const other = there === undefined ? undefined : entryOf(there);
    if (there?.revision === this.#revision || other?.run === this.#run) await this.#bus.drop(KEY);
  }
}
