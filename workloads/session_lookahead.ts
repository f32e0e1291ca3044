/**
 * Makes prompts just ahead of their departure, and hands them over a moment before: few enough that
 * memory does not grow with the recording, early enough that long ones leave on time.
 *
 * @module
 */
import { DueQueue } from "./due_queue.ts";
import type { Order, OrderDesk } from "./order.ts";
import type { DueTurn, ForeseenTurn, TurnSource } from "./session_turn.ts";

/** So long before it is due a prompt is made. */
const MAKE_AHEAD_MS = 2000;
/** So long before it is due it is handed over: until then it can be withdrawn. */
const GIVE_AHEAD_MS = 50;
/** So many bytes of prompts may wait for their departure. */
const MOST_WAITING_BYTES: number = 32 * 2 ** 20;
/** Prompts that are asked for at once: one is made while another one is on its way. */
const MOST_MAKING = 2;
/** The same of those that are due: their maker takes the most urgent first. */
const MOST_DUE_MAKING = 16;

/** What the prompts of a load are made and given with. */
export interface LookaheadOptions {
  readonly source: TurnSource;
  /** Makes the request of a turn. */
  readonly make: (turn: ForeseenTurn & Partial<DueTurn>) => Promise<Order["wire"]>;
  /** One that was made will not be given. */
  readonly onForgone?: (index: number) => void;
  /** A prompt could not be made: nothing more is given. */
  readonly onFailure: (error: unknown) => void;
  /** Default {@linkcode MOST_WAITING_BYTES}. */
  readonly mostWaitingBytes?: number;
  /** Calls later; returns what takes that back. Default: the platform's timer. */
  readonly later?: (action: () => void, delayMs: number) => () => void;
}

interface Made {
  readonly turn: DueTurn;
  readonly wire: Order["wire"];
  readonly bytes: number;
}

interface Foreseen {
  readonly making: Promise<Order["wire"]>;
  /** 0 = not made yet. */
  bytes: number;
}

/** Takes what is due from a source, and gives it to a desk as orders. */
export class Lookahead {
  readonly #options: Required<Omit<LookaheadOptions, "onForgone">>;
  /** Made or being made before it is known when they are due, by index. */
  readonly #foreseen = new Map<number, Foreseen>();
  /** Made, and not yet given. */
  readonly #made = new DueQueue<Made>();
  /** Bytes of those that were given and have not left, by index. */
  readonly #given = new Map<number, number>();
  #makingCount = 0;
  #madeBytes = 0;
  #givenBytes = 0;
  #foreseenBytes = 0;
  #desk: OrderDesk | undefined;
  #cancelTimer: (() => void) | undefined;
  #finished = false;
  #onQuiet: (() => void) | undefined;

  constructor(options: LookaheadOptions) {
    this.#options = { later: callLater, mostWaitingBytes: MOST_WAITING_BYTES, ...options };
    options.source.onForgone = (index) => {
      void this.#takeForeseen(index);
      options.onForgone?.(index);
    };
  }

  /** Makes what is due at the start of the load; resolves when that is made. */
  prepare(): Promise<void> {
    // It was known before that nothing is left to send.
    if (this.#finished) return Promise.resolve();
    return new Promise((resolve) => {
      this.#onQuiet = resolve;
      this.pump();
    });
  }

  /** From now on orders are given. */
  start(desk: OrderDesk): void {
    this.#desk = desk;
    // A first prompt that could not be made has ended it already.
    if (this.#finished) desk.finish();
    else this.pump();
  }

  /** An order has left, or will not. */
  left(index: number): void {
    const bytes = this.#given.get(index);
    if (bytes === undefined) return;
    this.#given.delete(index);
    this.#givenBytes -= bytes;
    this.pump();
  }

  /** Makes and gives what is to be made and given now. Called whenever the source may have more. */
  pump(): void {
    if (this.#finished) return;
    this.#cancelTimer?.();
    this.#cancelTimer = undefined;
    const nowMs = this.#desk?.now() ?? 0;
    const nextMs = Math.min(this.#giveUntil(nowMs), this.#makeUntil(nowMs));
    if (this.#options.source.isDone) return this.finish();
    if (this.#desk === undefined) {
      if (this.#makingCount === 0) this.#onQuiet?.();
    } else if (nextMs < Infinity) {
      const action = () => this.pump();
      this.#cancelTimer = this.#options.later(action, Math.max(0, nextMs - nowMs));
    }
  }

  /** Gives nothing more. */
  finish(): void {
    if (this.#finished) return;
    this.#finished = true;
    this.#cancelTimer?.();
    this.#made.clear();
    this.#onQuiet?.();
    this.#desk?.finish();
  }

  /** Gives what is due soon; returns when the next one is. */
  #giveUntil(nowMs: number): number {
    if (this.#desk === undefined) return Infinity;
    for (;;) {
      const { dueMs } = this.#made;
      if (dueMs > nowMs + GIVE_AHEAD_MS) return dueMs - GIVE_AHEAD_MS;
      const { turn, wire, bytes } = this.#made.take()!;
      this.#madeBytes -= bytes;
      if (!this.#options.source.give(turn.index)) continue;
      this.#given.set(turn.index, bytes);
      this.#givenBytes += bytes;
      const { index, user, dueMs: intendedMs, use, position, phase } = turn;
      // Whose user leaves does not depend on which sessions were faster; nobody leaves in a warm-up.
      const key = phase === "warmup" ? null : `${use.name}/${position}`;
      this.#desk.give({ departure: { index, user, item: 0, intendedMs, key }, wire });
    }
  }

  /** Has made what is due in a while; returns when the next one is to be made. */
  #makeUntil(nowMs: number): number {
    const { source } = this.#options;
    for (;;) {
      const dueMs = source.nextDueMs();
      const isDue = dueMs !== undefined && dueMs <= nowMs + GIVE_AHEAD_MS;
      // What is made, or leaves, comes back to this.
      if (
        this.#makingCount >= (isDue && this.#desk !== undefined ? MOST_DUE_MAKING : MOST_MAKING)
      ) {
        return Infinity;
      }
      if (isDue) {
        if (this.#isFull(isDue)) return Infinity;
      } else {
        // Before the load begins only what its beginning needs is made.
        if (this.#desk === undefined) return Infinity;
        const isSoon = dueMs !== undefined && dueMs <= nowMs + MAKE_AHEAD_MS;
        if (this.#isFull(isDue)) return dueMs === undefined ? Infinity : dueMs - GIVE_AHEAD_MS;
        if (!isSoon) {
          if (this.#foresee()) continue;
          return dueMs === undefined ? Infinity : dueMs - MAKE_AHEAD_MS;
        }
      }
      const turn = source.take();
      if (turn !== undefined) void this.#make(turn);
    }
  }

  /** Whether so much waits to leave that nothing more is made; what is due need not wait for the rest. */
  #isFull(isDue: boolean): boolean {
    const waiting = isDue && this.#desk !== undefined
      ? this.#givenBytes
      : this.#givenBytes + this.#madeBytes + this.#foreseenBytes;
    return waiting >= this.#options.mostWaitingBytes;
  }

  /** Begins to make one whose instant is not known yet; returns whether there was one. */
  #foresee(): boolean {
    const turn = this.#options.source.foresee?.();
    if (turn === undefined) return false;
    this.#makingCount++;
    const making = this.#options.make(turn);
    const foreseen = { making, bytes: 0 };
    this.#foreseen.set(turn.index, foreseen);
    making.then(({ body }) => {
      if (this.#foreseen.get(turn.index) !== foreseen) return;
      foreseen.bytes = body?.length ?? 0;
      this.#foreseenBytes += foreseen.bytes;
    }, () => {
      // Told when it is taken.
    }).finally(() => {
      this.#makingCount--;
      this.pump();
    });
    return true;
  }

  /** Takes out one that was foreseen. */
  #takeForeseen(index: number): Promise<Order["wire"]> | undefined {
    const foreseen = this.#foreseen.get(index);
    if (foreseen === undefined) return undefined;
    this.#foreseen.delete(index);
    this.#foreseenBytes -= foreseen.bytes;
    return foreseen.making;
  }

  async #make(turn: DueTurn): Promise<void> {
    this.#makingCount++;
    try {
      const wire = await (this.#takeForeseen(turn.index) ?? this.#options.make(turn));
      this.#makingCount--;
      if (this.#finished) return;
      const bytes = wire.body?.length ?? 0;
      this.#madeBytes += bytes;
      this.#made.add(turn.dueMs, { turn, wire, bytes });
      this.pump();
    } catch (error) {
      this.#makingCount--;
      if (this.#finished) return;
      this.finish();
      this.#options.onFailure(error);
    }
  }
}

function callLater(action: () => void, delayMs: number): () => void {
  const timer = setTimeout(action, delayMs);
  return () => clearTimeout(timer);
}
