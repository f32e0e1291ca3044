/**
 * Users, each of whom sends its next request when its last one has ended.
 *
 * @module
 */
import type { WireRequest } from "../backends/protocol.ts";
import type { ClosedLoad } from "./load.ts";
import type { Agenda, AgendaTools, LoadShare, ShareEnd } from "./load_agenda.ts";
import { DueQueue } from "./due_queue.ts";
import type { Portions } from "./load_portions.ts";
import { type Sequence, sequenceOf, type TakeNext } from "./load_sequence.ts";
import type { Departure } from "./order.ts";

/**
 * A user whose connection was refused waits so long before its next request: without a pause, a
 * server that is gone would be asked thousands of times a second. All users together ask no more
 * than about once a millisecond.
 */
function refusedPauseMs(users: number): number {
  return Math.max(100, users);
}

/** What users work with. */
export interface UsersTools extends AgendaTools {
  readonly takeNext: TakeNext;
  /** In its place, where the numbers of requests come from elsewhere; absent = they do not. */
  readonly portions?: Portions | undefined;
  /** How long a user thinks before its request number `k`, in ms; absent = not at all. */
  readonly thinkMs: ((user: number, k: number) => number) | undefined;
}

/** A request that waits for its instant. */
interface Pausing {
  readonly departure: Departure;
  /** It waited for a number, too: when it was due is told, and not when it left. */
  readonly late: boolean;
}

/** This thread's users of a closed load. */
export class Users implements Agenda {
  readonly #load: ClosedLoad;
  readonly #share: LoadShare;
  readonly #tools: UsersTools;
  readonly #next: Sequence;
  readonly #deadlineMs: number;
  /** Users of this thread, and those of them that started, or would have. */
  readonly #count: number;
  #started = 0;
  /** Requests that each has taken. */
  readonly #taken: Uint32Array;
  /** Requests of users who think, or pause. */
  readonly #pausing = new DueQueue<Pausing>();
  /** Users who wait for the number of a request. */
  #waiting = 0;
  /** The number that was taken last. */
  #number = 0;
  /** The runner's. */
  onChange?: () => void;
  #stopped = false;
  /** First requests: when the last one left, and how many did. */
  #lastStartMs = 0;
  #left = 0;
  #sendingEndMs = Infinity;

  constructor(
    share: LoadShare,
    load: ClosedLoad,
    tools: UsersTools,
  ) {
    const { stop, poolSize, worker, workers } = share;
    this.#load = load;
    this.#share = share;
    this.#tools = tools;
    const { portions } = tools;
    const takeNext = portions === undefined ? tools.takeNext : () => this.#number;
    this.#next = sequenceOf(load, { poolSize, stop, takeNext });
    if (portions !== undefined) portions.onTold = () => this.onChange?.();
    this.#deadlineMs = stop.durationMs ?? Infinity;
    this.#count = Math.ceil((load.users - worker) / workers);
    this.#taken = new Uint32Array(this.#count);
  }

  dueMs(): number {
    return Math.min(this.#pausing.dueMs, this.#startMs());
  }

  take(nowMs: number): Departure | undefined {
    const due = this.#pausing.dueMs < this.#startMs() ? this.#pausing.take() : undefined;
    if (due === undefined) return this.#request(this.#userOf(this.#started++), nowMs);
    if (nowMs >= this.#deadlineMs) return this.#stopAt(nowMs);
    // A pause after a refusal was no plan of the user's.
    const { departure, late } = due;
    return late || this.#load.thinkTime !== undefined
      ? departure
      : { ...departure, intendedMs: nowMs };
  }

  requestOf({ item, index }: Departure): WireRequest {
    return this.#tools.requestOf(item, index, Math.floor(index / this.#share.poolSize));
  }

  follow({ user }: Departure, refused: boolean): Departure | undefined {
    const nowMs = this.#tools.now();
    if (this.#stopped) return this.#stopAt(nowMs);
    const { thinkMs } = this.#tools;
    let pauseMs = thinkMs === undefined ? 0 : thinkMs(user, this.#taken[this.#placeOf(user)]!);
    if (refused) pauseMs = Math.max(pauseMs, refusedPauseMs(this.#load.users));
    const next = this.#request(user, nowMs, pauseMs);
    if (next === undefined || pauseMs === 0) return next;
    this.#pausing.add(next.intendedMs, { departure: next, late: false });
    return undefined;
  }

  stop(): void {
    if (!this.over()) this.#stopAt(this.#tools.now());
    this.#started = this.#count;
    this.#pausing.clear();
    this.#waiting = 0;
    this.#stopped = true;
  }

  over(): boolean {
    return this.#started === this.#count && this.#pausing.size === 0 && this.#waiting === 0;
  }

  begun(): number {
    return this.#load.rampUpMs > 0 || this.#count === 0 ? 1 : this.#started / this.#count;
  }

  onDeparture({ user }: Departure, atMs: number): void {
    if (this.#taken[this.#placeOf(user)] !== 1) return;
    this.#lastStartMs = atMs;
    this.#left++;
  }

  end(): ShareEnd {
    return {
      rampEndMs: this.#left < this.#count ? Math.max(0, this.#tools.now()) : this.#lastStartMs,
      sendingEndMs: isFinite(this.#sendingEndMs) ? Math.max(0, this.#sendingEndMs) : 0,
    };
  }

  /** When the next user starts; Infinity = all have. */
  #startMs(): number {
    if (this.#started === this.#count) return Infinity;
    return (this.#userOf(this.#started) * this.#load.rampUpMs) / this.#load.users;
  }

  #userOf(place: number): number {
    return this.#share.worker + place * this.#share.workers;
  }

  #placeOf(user: number): number {
    return (user - this.#share.worker) / this.#share.workers;
  }

  /** What a user sends next, after a pause: whoever is to send nothing more need not think of it. */
  #request(user: number, nowMs: number, pauseMs = 0): Departure | undefined {
    // "No time left" means "do not start", never "unlimited" (T20 in docs/python-scripts.md).
    if (nowMs >= this.#deadlineMs) return this.#stopAt(nowMs);
    const { portions } = this.#tools;
    if (portions !== undefined) {
      const first = this.#taken[this.#placeOf(user)] === 0;
      const number = first && user < portions.reserved
        ? user
        : portions.take((number) => this.#goOn(user, { nowMs, pauseMs, number }));
      if (number === undefined) {
        this.#waiting++;
        return undefined;
      }
      this.#number = number;
    }
    const request = this.#next(user, this.#taken[this.#placeOf(user)]!++);
    if (request === undefined) return this.#stopAt(nowMs);
    return { index: request.index, user, item: request.item, intendedMs: nowMs + pauseMs };
  }

  /** A user has waited for a number since it would have taken one. */
  #goOn(
    user: number,
    { nowMs, pauseMs, number }: {
      readonly nowMs: number;
      readonly pauseMs: number;
      readonly number: number;
    },
  ): void {
    if (this.#stopped) return;
    this.#waiting--;
    if (this.#tools.now() >= this.#deadlineMs) return this.#stopAt(this.#deadlineMs);
    this.#number = number;
    const request = this.#next(user, this.#taken[this.#placeOf(user)]!++);
    if (request === undefined) return this.#stopAt(nowMs);
    const { index, item } = request;
    const intendedMs = nowMs + pauseMs;
    this.#pausing.add(intendedMs, { departure: { index, user, item, intendedMs }, late: true });
  }

  /** A user has nothing left to send. */
  #stopAt(nowMs: number): undefined {
    this.#sendingEndMs = Math.min(this.#sendingEndMs, nowMs, this.#deadlineMs);
  }
}
