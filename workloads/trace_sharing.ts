/**
 * A prefix cache that never forgets: how many tokens of a request it would have.
 *
 * @module
 */
import type { BlockIds, Trace, TraceSession, Turn } from "./trace.ts";

/** A request as a cache sees it. */
export interface SeenRequest {
  /** Block ids mean the same wherever this is the same. */
  readonly scope: string;
  /** From the first token on. */
  readonly blocks: BlockIds | Uint32Array;
  /** Tokens of a block; 0 = it shares nothing. */
  readonly blockTokens: number;
  /** Tokens of the prompt: a block that they cut is not seen. */
  readonly inputTokens: number;
  /** Mark of the prompt: what differs in it shares nothing. */
  readonly salt?: string;
  /** Token before which the mark stands; default 0: the very front. */
  readonly saltAt?: number;
}

/**
 * A prefix cache without end, in front of which requests pass in the order in which they leave. It
 * takes 8 to 16 bytes for each block that differs.
 */
export class PerfectCache {
  readonly #scopes = new Map<string, BlockSet>();

  /**
   * How many tokens of the request it has; then it has all of them.
   *
   * @returns tokens of whole blocks: all before the first block that was not seen.
   */
  see(request: SeenRequest): number {
    const { blocks, blockTokens, inputTokens } = request;
    if (blockTokens === 0 || blocks.length === 0) return 0;
    const ids = blocks instanceof Uint32Array ? blocks : blocks.toArray();
    // A block that is cut is none that another request could have whole.
    const whole = ids.subarray(0, Math.floor(inputTokens / blockTokens));
    return this.seeBlocks({ ...request, blocks: whole }) * blockTokens;
  }

  /** The same in blocks, and any that is given counts, whole or cut. */
  seeBlocks(
    { scope, salt = "", saltAt = 0, blocks, blockTokens = 0 }:
      & Pick<SeenRequest, "scope" | "salt" | "saltAt" | "blocks">
      & Partial<SeenRequest>,
  ): number {
    if (blocks.length === 0) return 0;
    const ids = blocks instanceof Uint32Array ? blocks : blocks.toArray();
    // Blocks that end before the mark are shared with prompts of other marks.
    const before = blockTokens === 0 ? 0 : Math.min(ids.length, Math.floor(saltAt / blockTokens));
    const shared = before === 0 ? 0 : this.#seeIn(`\0${scope}`, ids.subarray(0, before));
    const behind = this.#seeIn(`${salt}\0${scope}`, ids.subarray(before));
    return shared < before ? shared : before + behind;
  }

  /** How many of the first ids that set has; then it has all of them. */
  #seeIn(name: string, ids: Uint32Array): number {
    let seen = this.#scopes.get(name);
    if (seen === undefined) this.#scopes.set(name, seen = new BlockSet());
    let shared = 0;
    while (shared < ids.length && seen.has(ids[shared]!)) shared++;
    for (let i = shared; i < ids.length; i++) seen.add(ids[i]!);
    return shared;
  }

  /** Forgets what can come no more: the session whose mark it was is over. */
  forget({ scope, salt = "" }: Pick<SeenRequest, "scope" | "salt">): void {
    this.#scopes.delete(`${salt}\0${scope}`);
  }
}

/** What of a recording a perfect cache would have, if its requests were sent as recorded. */
export interface TraceSharing {
  /** How many were seen. */
  readonly requests: number;
  /** Ids of all requests, of cut blocks too. */
  readonly blocks: number;
  /** Of these, seen before together with all in front of them. */
  readonly seenBlocks: number;
  /** Tokens of the prompts whose lengths are known. */
  readonly inputTokens: number;
  /** Of these, in whole blocks that were seen before. */
  readonly cachedTokens: number;
  /** Of these, seen in the same session. */
  readonly cachedInSession: number;
}

/** What of a recording a perfect cache would have, each request seen at its recorded instant. */
export function sharingOf(trace: Trace): TraceSharing {
  const sum = {
    requests: 0,
    blocks: 0,
    seenBlocks: 0,
    inputTokens: 0,
    cachedTokens: 0,
    cachedInSession: 0,
  };
  const { blockTokens } = trace;
  const blocksSeen = new PerfectCache();
  const all = new PerfectCache();
  const own = new PerfectCache();
  for (const { session: { id, scope }, turn: { prompt } } of turnsInOrder(trace)) {
    sum.requests++;
    if (prompt.kind !== "blocks") continue;
    const { inputTokens } = prompt;
    sum.inputTokens += inputTokens;
    if (prompt.blocks.length === 0) continue;
    const blocks = prompt.blocks.toArray();
    const request = { scope, blocks, blockTokens, inputTokens };
    sum.blocks += blocks.length;
    sum.seenBlocks += blocksSeen.seeBlocks({ scope, blocks });
    sum.cachedTokens += all.see(request);
    if (trace.hasSessions) sum.cachedInSession += own.see({ ...request, salt: id });
  }
  return sum;
}

/** A turn and the session that it is of. */
export interface PlacedTurn {
  readonly session: TraceSession;
  readonly turn: Turn;
}

/** All turns by their recorded instants; of equal ones in the order of the file. */
export function* turnsInOrder(
  { sessions, hasSessions }: Pick<Trace, "sessions" | "hasSessions">,
): Generator<PlacedTurn> {
  if (!hasSessions) {
    // They are in order, and may be millions.
    for (const session of sessions) for (const turn of session.turns) yield { session, turn };
    return;
  }
  yield* sessions.flatMap((session) => session.turns.map((turn) => ({ session, turn })))
    .sort((a, b) => a.turn.atMs - b.turn.atMs);
}

/** Ids with open addressing, at most half full; 0 marks a free place, so the id 0 stands apart. */
class BlockSet {
  #slots = new Uint32Array(64);
  #used = 0;
  #hasZero = false;

  has(id: number): boolean {
    return id === 0 ? this.#hasZero : this.#slots[this.#find(id)] === id;
  }

  add(id: number): void {
    if (id === 0) {
      this.#hasZero = true;
      return;
    }
    const slot = this.#find(id);
    if (this.#slots[slot] === id) return;
    this.#slots[slot] = id;
    if (2 * ++this.#used > this.#slots.length) this.#grow();
  }

  /** The place of an id, or the free one where it belongs. */
  #find(id: number): number {
    const last = this.#slots.length - 1;
    let slot = (Math.imul(id, 0x9e3779b1) >>> 7) & last;
    for (; this.#slots[slot] !== 0 && this.#slots[slot] !== id; slot = (slot + 1) & last);
    return slot;
  }

  #grow(): void {
    const old = this.#slots;
    this.#slots = new Uint32Array(2 * old.length);
    for (const id of old) if (id !== 0) this.#slots[this.#find(id)] = id;
  }
}
