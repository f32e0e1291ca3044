/**
 * Which request of which session leaves when: a state machine without clock and I/O.
 *
 * A fixed number of slots holds one session each. A turn is ready when all that it waits for has ended,
 * and leaves after its delay. A slot is free when its whole session has ended, sub-agents in the
 * background included; then it takes the next session.
 *
 * @module
 */
import { createRandom } from "../backends/random.ts";
import type { SessionEnd } from "../metrics/run_replay.ts";
import { DueQueue } from "./due_queue.ts";
import { type AgentShare, isOwn, shareOfUsers, WHOLE } from "./agent_share.ts";
import { type QueueOptions, sessionQueue } from "./session_queue.ts";
import {
  dependentsOf,
  endOf,
  phaseOf,
  type Place,
  plantTree,
  type Tree,
  type TreeStart,
  type TurnState,
} from "./session_tree.ts";
import type {
  DueTurn,
  ForeseenTurn,
  SessionUse,
  TurnAllowance,
  TurnEnd,
  TurnSource,
} from "./session_turn.ts";
import type { TraceSession, Turn } from "./trace.ts";

/** How sessions are sent. */
export interface ConductorOptions extends QueueOptions {
  /** Sessions that are alive at once. */
  readonly slots: number;
  /** Slot i begins at i · rampUpMs ÷ slots. */
  readonly rampUpMs?: number;
  /** Longest delay of a turn; absent = no limit. */
  readonly idleCapMs?: number;
  /** The first session of each slot begins at an instant drawn from 0 to this share of its record. */
  readonly sessionStart?: number;
  /** Measured requests after which nothing more is sent; absent = no limit. */
  readonly mostTurns?: number;
  /** In its place, where several machines draw on one count of requests; absent = they do not. */
  readonly allowance?: TurnAllowance;
  /** Whether a prompt can be made before what it waits for has ended; default: none. */
  readonly canForesee?: (turn: Turn) => boolean;
  /** Called when all that a session has sent has ended. */
  readonly onSession?: (end: SessionEnd, use: SessionUse) => void;
}

/** Prompts of turns that leave so soon after others are made while these run. */
const SOON_MS = 250;

/**
 * Where there is no connection the next session begins so much later for each slot: without a pause a
 * server that restarts would cost every session of the recording.
 */
const REFUSED_PAUSE_MS = 50;

/** The next session of the queue, and the indexes of its turns that were foreseen. */
interface Coming {
  readonly use: SessionUse;
  readonly foreseen: Map<number, number>;
}

/** Sends sessions from a fixed number of slots. */
export class SessionConductor implements TurnSource {
  readonly #options: ConductorOptions;
  /** Of the slots and sessions. */
  readonly #share: AgentShare;
  readonly #queue: Iterator<SessionUse>;
  /** Taken from the queue before there is a slot for it. */
  #coming: Coming | undefined;
  readonly #trees = new Set<Tree>();
  readonly #ready = new DueQueue<Place>();
  /** Those that were taken and have not ended, by index. */
  readonly #taken = new Map<number, Place>();
  readonly #dependents = new WeakMap<TraceSession, readonly (readonly number[])[]>();
  /** Those that wait for one that runs, and for nothing else. */
  #soon: Place[] = [];
  #indexes = 0;
  onForgone: ((index: number) => void) | undefined;
  #measured = 0;
  #stopped = false;
  #idleFromMs: number | undefined;

  /** Fills the slots: their first turns are ready. */
  constructor(sessions: readonly TraceSession[], options: ConductorOptions) {
    this.#options = options;
    this.#share = options.share ?? WHOLE;
    const { slots, rampUpMs = 0, sessionStart } = options;
    // Only machines with slots have sessions.
    this.#queue = sessionQueue(sessions, { ...options, share: shareOfUsers(slots, this.#share) });
    const starts = createRandom(options.seed, `session-start:${options.load}`);
    for (let slot = 0; slot < slots; slot++) {
      const share = sessionStart === undefined ? 0 : sessionStart * starts.next();
      if (isOwn(slot, this.#share)) this.#fill({ slot, startMs: slot * rampUpMs / slots, share });
    }
  }

  get isDone(): boolean {
    return this.#trees.size === 0;
  }

  /** When a slot first found no session to take; absent = none has. */
  get idleFromMs(): number | undefined {
    return this.#idleFromMs;
  }

  nextDueMs(): number | undefined {
    return this.#ready.size === 0 || this.#isHeld ? undefined : this.#ready.dueMs;
  }

  take(): DueTurn | undefined {
    if (this.#isHeld) return undefined;
    const { dueMs } = this.#ready;
    const place = this.#ready.take();
    if (place === undefined) return undefined;
    const { tree, position } = place;
    const turn = this.#turnAt(tree, position);
    const { index, phase } = turn;
    tree.foreseen.delete(position);
    tree.states[position] = "taken";
    this.#taken.set(index, { tree, position });
    if (phase === "measure") {
      if (++this.#measured === this.#options.mostTurns) this.#endSending(["waiting", "ready"]);
      this.#options.allowance?.take();
      this.allowanceChanged();
    }
    return { ...turn, dueMs };
  }

  /** It may be known by now whether more may be sent. */
  allowanceChanged(): void {
    const { allowance } = this.#options;
    if (allowance?.isOpen === false && !this.#stopped) this.#endSending(["waiting", "ready"]);
  }

  foresee(): ForeseenTurn | undefined {
    for (;;) {
      const place = this.#soon.shift();
      if (place === undefined) return this.#foreseeNext();
      const { tree, position } = place;
      if (tree.states[position] !== "waiting" || tree.foreseen.has(position)) continue;
      const turn = this.#turnAt(tree, position);
      tree.foreseen.set(position, turn.index);
      return turn;
    }
  }

  /** A first turn of the session that takes the next slot. */
  #foreseeNext(): ForeseenTurn | undefined {
    const coming = this.#stopped ? undefined : this.#comingNext();
    if (coming === undefined) return undefined;
    const { use, foreseen } = coming;
    const position = use.session.turns.findIndex((turn, position) =>
      turn.waitsFor.length === 0 && !foreseen.has(position) && this.#isSoon(turn)
    );
    if (position < 0) return undefined;
    const index = this.#newIndex();
    foreseen.set(position, index);
    return { index, use, position, phase: "measure" };
  }

  give(index: number): boolean {
    const { tree, position } = this.#taken.get(index)!;
    if (tree.states[position] !== "taken") {
      this.#taken.delete(index);
      return false;
    }
    tree.states[position] = "running";
    if (phaseOf(tree, position) === "measure") tree.sent++;
    this.#lookOut(tree, position);
    return true;
  }

  ended(index: number, endMs: number, how: TurnEnd): void {
    const { tree, position } = this.#takeBack(index);
    tree.lastEndMs = Math.max(tree.lastEndMs, endMs);
    this.#close(tree, position);
    if (how === "ok") this.#release(tree, position, endMs);
    else this.#endTree(tree, how === "refused" ? "failed" : how);
    if (how === "refused") tree.pauseMs = REFUSED_PAUSE_MS * this.#options.slots;
    this.#freeSlot(tree);
  }

  revoked(index: number): void {
    const { tree, position } = this.#takeBack(index);
    if (phaseOf(tree, position) === "measure") {
      tree.sent--;
      tree.notSent++;
    }
    this.#close(tree, position);
    this.#endTree(tree, "cut");
    this.#freeSlot(tree);
  }

  stop(): void {
    this.#endSending(["waiting", "ready", "taken"]);
  }

  /** One that was counted is not sent. */
  #uncount(): void {
    this.#measured--;
    this.#options.allowance?.giveBack();
  }

  /** Whether nothing is taken before it is known whether more may be sent. */
  get #isHeld(): boolean {
    const { allowance } = this.#options;
    return allowance !== undefined && allowance.isOpen === undefined;
  }

  /** Unique over all machines. */
  #newIndex(): number {
    const { agent, agents } = this.#share;
    return agent + agents * this.#indexes++;
  }

  #turnAt(tree: Tree, position: number): Omit<DueTurn, "dueMs"> {
    const { slot: user, use } = tree;
    const index = tree.foreseen.get(position) ?? this.#newIndex();
    return { index, user, use, position, phase: phaseOf(tree, position) };
  }

  /** Notes what will be ready soon after a turn that runs now. */
  #lookOut(tree: Tree, position: number): void {
    const { session } = tree.use;
    for (const one of this.#dependentsOf(session)[position]!) {
      if (tree.missing[one] !== 1 || tree.states[one] !== "waiting") continue;
      if (this.#isSoon(session.turns[one]!)) this.#soon.push({ tree, position: one });
    }
  }

  #isSoon(turn: Turn): boolean {
    return this.#capped(turn.delayMs) <= SOON_MS && this.#options.canForesee?.(turn) === true;
  }

  #capped(delayMs: number): number {
    return Math.min(delayMs, this.#options.idleCapMs ?? Infinity);
  }

  #takeBack(index: number): Place {
    const place = this.#taken.get(index)!;
    this.#taken.delete(index);
    return place;
  }

  /** No slot takes a session, and no session goes on. */
  #endSending(withdrawn: readonly TurnState[]): void {
    this.#stopped = true;
    for (const index of this.#coming?.foreseen.values() ?? []) this.onForgone?.(index);
    this.#coming = undefined;
    for (const tree of this.#trees) {
      if (!tree.states.some((state) => withdrawn.includes(state))) continue;
      this.#endTree(tree, "cut", withdrawn);
      this.#freeSlot(tree);
    }
  }

  /** The next session takes the slot, if there is one. */
  #fill(start: TreeStart): void {
    if (this.#stopped) return;
    const coming = this.#comingNext();
    if (coming === undefined) {
      this.#idleFromMs ??= start.startMs;
      return;
    }
    this.#coming = undefined;
    const tree = plantTree(coming.use, start);
    for (const [position, index] of coming.foreseen) tree.foreseen.set(position, index);
    this.#trees.add(tree);
    for (const position of tree.states.keys()) this.#readyIfFree(tree, position);
    this.#freeSlot(tree);
  }

  #comingNext(): Coming | undefined {
    if (this.#coming !== undefined) return this.#coming;
    const { value: use, done } = this.#queue.next();
    return done === true ? undefined : this.#coming = { use, foreseen: new Map() };
  }

  /** A turn that waits for nothing more gets its instant. */
  #readyIfFree(tree: Tree, position: number): void {
    if (tree.states[position] !== "waiting" || tree.missing[position] !== 0) return;
    tree.states[position] = "ready";
    const { delayMs } = tree.use.session.turns[position]!;
    const waitMs = tree.parts?.[position] === "warmup" ? 0 : this.#capped(delayMs);
    this.#ready.add(tree.afterMs[position]! + waitMs, { tree, position });
  }

  /** Those that wait for a turn are told of its end. */
  #release(tree: Tree, position: number, endMs: number): void {
    for (const one of this.#dependentsOf(tree.use.session)[position]!) {
      tree.missing[one]!--;
      tree.afterMs[one] = Math.max(tree.afterMs[one]!, endMs);
      this.#readyIfFree(tree, one);
    }
  }

  /** Nothing more of a session is sent, but what runs goes on. */
  #endTree(
    tree: Tree,
    how: NonNullable<Tree["end"]>,
    withdrawn: readonly TurnState[] = ["waiting", "ready", "taken"],
  ): void {
    tree.end ??= how;
    for (const [position, state] of tree.states.entries()) {
      if (!withdrawn.includes(state)) continue;
      if (phaseOf(tree, position) === "measure") {
        tree.notSent++;
        if (state === "taken") this.#uncount();
      }
      this.#close(tree, position);
      this.#forgo(tree, position);
    }
    this.#ready.remove((place) => place.tree === tree);
  }

  #forgo(tree: Tree, position: number): void {
    const index = tree.foreseen.get(position);
    if (index === undefined) return;
    tree.foreseen.delete(position);
    this.onForgone?.(index);
  }

  #close(tree: Tree, position: number): void {
    tree.states[position] = "over";
    tree.open--;
  }

  /** Lets the slot of a session go that is over. */
  #freeSlot(tree: Tree): void {
    if (tree.open > 0 || !this.#trees.delete(tree)) return;
    const { use, slot, lastEndMs, pauseMs } = tree;
    this.#options.onSession?.(endOf(tree, this.#options.load), use);
    this.#fill({ slot, startMs: lastEndMs + pauseMs, share: 0 });
  }

  /** Of each turn, those that wait for it. */
  #dependentsOf(session: TraceSession): readonly (readonly number[])[] {
    let lists = this.#dependents.get(session);
    if (lists === undefined) this.#dependents.set(session, lists = dependentsOf(session));
    return lists;
  }
}
