/**
 * The requests of a load that several machines draw on, on the thread that leads one of them: portions are
 * asked for ahead, so that nobody waits as long as the answers come.
 *
 * @module
 */
import { systemClock } from "../backends/clock.ts";
import { type AgentShare, type LeasedPortion, partOfUsers, shareOfUsers } from "./agent_share.ts";
import type { ClosedLoad, Load, Stop } from "./load.ts";
import type { RequestNumbers } from "./load_messages.ts";
import { requestLimit } from "./load_sequence.ts";

/** A portion is to last so long: it bridges as long a cut of the network. */
const LASTS_MS = 5000;

/** Asks for requests of a load; `undefined` = none is left. */
export type AskForPortion = (
  ask: { readonly want: number; readonly limit: number },
) => Promise<LeasedPortion | undefined>;

/** What a lease works with. */
export interface LeaseTools {
  readonly ask: AskForPortion;
  /** Requests of the whole load. */
  readonly limit: number;
  /** Those of them that are not asked for: the first ones. */
  readonly reserved: number;
  /** So many could be sent here at most: others must not wait for what nobody can use; absent = any number. */
  readonly usable?: number;
  /** Users of this machine. */
  readonly users: number;
  /** Requests that they have taken, those that they wait for included. */
  readonly taken: () => number;
  /** Any clock, in ms. */
  readonly now: () => number;
  /** Tells what was given; `undefined` = there are no more. */
  readonly tell: (portion: LeasedPortion | undefined) => void;
}

/**
 * First requests that need not be asked for: of users who start at once. So each of them sends one, as on one
 * machine, however fast the others are.
 */
export function reservedOf({ users, rampUpMs }: ClosedLoad, limit: number): number {
  return rampUpMs > 0 ? 0 : Math.min(users, limit);
}

/** Whether the users of a load draw on one count of requests. */
export function drawsOnCount({ sequence }: ClosedLoad, stop: Stop, poolSize: number): boolean {
  const limited = requestLimit(stop, poolSize) < Infinity;
  return sequence === "shared" || sequence === "disjoint" && limited;
}

/** Which requests of a closed load are a machine's, and where it asks for them; both absent = all are. */
export function numbersOf(
  { load, stop, poolSize, share, lease: ask }: {
    readonly load: Load;
    readonly stop: Stop;
    readonly poolSize: number;
    readonly share?: AgentShare;
    readonly lease?: AskForPortion;
  },
  tools: Pick<LeaseTools, "taken" | "tell">,
): { readonly numbers?: RequestNumbers; readonly lease?: Lease } {
  if (share === undefined || load.kind !== "closed") return {};
  if (!drawsOnCount(load, stop, poolSize)) return {};
  if (ask === undefined) {
    const { agent: first, agents: step } = shareOfUsers(load.users, share);
    return { numbers: { kind: "dealt", first, step } };
  }
  const limit = requestLimit(stop, poolSize);
  const reserved = reservedOf(load, limit);
  const lease = new Lease({
    ...{ ask, limit, reserved, users: partOfUsers(load.users, share) },
    now: () => systemClock.now(),
    ...tools,
  });
  return { numbers: { kind: "leased", reserved }, lease };
}

/** Asks for portions ahead. */
export class Lease {
  readonly #tools: LeaseTools;
  #sinceMs: number;
  #first: Promise<LeasedPortion | undefined> | undefined;
  /** Given before the newest portion, and with it. */
  #before = 0;
  #given = 0;
  #asking = false;
  #over = false;
  #failure: unknown;

  constructor(tools: LeaseTools) {
    this.#tools = tools;
    this.#sinceMs = tools.now();
  }

  /** What a question has failed with. */
  get failure(): unknown {
    return this.#failure;
  }

  /** Asks for the first portion, which is told by {@linkcode open}. */
  prepare(): void {
    this.#asking = true;
    this.#first = this.#ask();
    // Handled where it is told.
    this.#first.catch(() => {});
  }

  /** From now on portions are told. Resolves when the first one was. */
  async open(): Promise<void> {
    if (this.#first === undefined) this.prepare();
    this.#sinceMs = this.#tools.now();
    await this.#take(this.#first!);
  }

  /** The newest portion is being used. */
  low(): void {
    if (this.#asking || this.#over) return;
    this.#asking = true;
    void this.#take(this.#ask());
  }

  /** Nothing more is asked for. */
  close(): void {
    this.#over = true;
  }

  async #take(asking: Promise<LeasedPortion | undefined>): Promise<void> {
    let portion: LeasedPortion | undefined;
    try {
      portion = await asking;
    } catch (error) {
      this.#failure = error;
    }
    this.#asking = false;
    if (this.#over) return;
    if (portion === undefined) {
      this.#over = true;
      return this.#tools.tell(undefined);
    }
    const { from, count } = portion;
    this.#before = this.#given;
    this.#given += count;
    this.#tools.tell({ from: this.#tools.reserved + from, count });
    // Those who wait may have used it up.
    if (this.#tools.taken() > this.#before) this.low();
  }

  async #ask(): Promise<LeasedPortion | undefined> {
    const { ask, limit, reserved, users, usable = Infinity, taken, now } = this.#tools;
    const left = Math.min(limit - reserved, usable - this.#given);
    if (users === 0 || left <= 0) return undefined;
    const count = taken();
    const perMs = count / Math.max(1, now() - this.#sinceMs);
    const missing = Math.max(0, count - this.#given);
    const want = missing + Math.max(users, Math.ceil(perMs * LASTS_MS));
    return await ask({ want: Math.min(want, left), limit: limit - reserved });
  }
}
