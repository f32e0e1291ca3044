/**
 * Where the messages of a session's prompts end: on the same tokens in every turn, so that prompts
 * that share blocks share messages too.
 *
 * @module
 */
import type { PromptSpec } from "./session.ts";
import type { TraceSession } from "./trace.ts";

/** Messages of a prompt of blocks: see {@linkcode PromptSpec}. */
export type PromptBorders = Pick<PromptSpec, "borders" | "hasSystem">;

/**
 * The messages of each turn, by its position in the session; absent for turns that are written out.
 * The first is of the system where its length is known, then user and assistant by turns, the last of
 * the user: a turn's part ends where its ids end, its answer's length follows. Where ids stop being
 * those of earlier turns (a context that was compacted), only borders before that place stay.
 *
 * Two turns that share blocks have the same borders inside of them, whatever chains they are of. Call
 * it once, when the session is begun: it looks at each id of the session.
 *
 * Sessions that share their blocks with others (`scope` is not their `id`) have one message a prompt:
 * other borders in another session would end what they share.
 *
 * @param blockTokens tokens of a block, as the trace says.
 */
export function bordersOf(
  session: TraceSession,
  blockTokens: number,
): readonly (PromptBorders | undefined)[] {
  const { turns, chains } = session;
  if (session.scope !== session.id) {
    return turns.map(({ prompt }) =>
      prompt.kind === "blocks" ? { borders: [prompt.inputTokens], hasSystem: false } : undefined
    );
  }
  const heads = sharedHeads(session, blockTokens);
  const tree = new PrefixTree();
  /** Last turn of each chain so far. */
  const lastOf = new Map<number, LaidTurn>();
  return turns.map(({ prompt, chain, outputTokens = 0 }) => {
    if (prompt.kind !== "blocks") return undefined;
    const before = lastOf.get(chain);
    const laid: LaidTurn = { outputTokens, leaf: undefined, borders: [], hasSystem: false };
    const { shared, last } = tree.add(prompt.blocks.toArray(), laid);
    layBorders(laid, {
      inputTokens: prompt.inputTokens,
      end: Math.min(prompt.inputTokens, shared * blockTokens),
      owner: last?.owner,
      // Nothing is shared behind its ids, and nothing of them is not.
      answered: before?.leaf !== undefined && before.leaf === last ? before.outputTokens : 0,
      systemTokens: Math.max(chains[chain]?.systemTokens ?? 0, heads[chain] ?? 0),
    });
    lastOf.set(chain, laid);
    return { borders: laid.borders, hasSystem: laid.hasSystem };
  });
}

/** A turn whose borders are known, or about to be. */
interface LaidTurn {
  readonly outputTokens: number;
  /** Its last id in the tree of all; absent = it has none. */
  leaf: PrefixNode | undefined;
  borders: readonly number[];
  hasSystem: boolean;
}

/** What a turn's borders follow from. */
interface Surroundings {
  readonly inputTokens: number;
  /** Where the ids end that it has in common with earlier turns. */
  readonly end: number;
  /** The first turn that has these ids; no earlier turn shares more. */
  readonly owner: LaidTurn | undefined;
  /** Tokens of the answer that stands behind them; 0 = what is there is no answer. */
  readonly answered: number;
  /** Tokens of the system message; 0 = none. */
  readonly systemTokens: number;
}

function layBorders(laid: LaidTurn, around: Surroundings): void {
  const { inputTokens, end, owner, answered, systemTokens } = around;
  // A border at the end changes the token behind it, which is not shared: it may be there or not.
  const borders = (owner?.borders ?? []).filter((border) => border < end);
  const hasSystem = inputTokens > 1 &&
    (owner !== undefined ? owner.hasSystem : systemTokens > 0 && systemTokens < inputTokens);
  // A message of the user must follow, of one token at least.
  if (hasSystem && borders.length === 0) {
    borders.push(Math.min(Math.max(systemTokens, end), inputTokens - 1));
  }
  const open = end > (borders.at(-1) ?? 0);
  const userIsOpen = (borders.length % 2 === 0) !== hasSystem;
  if (userIsOpen) {
    if (open && answered > 0 && end + answered < inputTokens) borders.push(end, end + answered);
  } else {
    // An answer would be last: the user goes on behind what is shared.
    const close = Math.min(end, inputTokens - 1);
    if (close > borders.at(-1)!) borders.push(close);
    else borders.pop();
  }
  laid.borders = borders.at(-1) === inputTokens ? borders : [...borders, inputTokens];
  laid.hasSystem = hasSystem;
}

/** Tokens that the first prompt of each chain shares with another chain's, where both go on differently. */
function sharedHeads({ turns, chains }: TraceSession, blockTokens: number): number[] {
  const heads = chains.map(() => 0);
  const firsts: { readonly chain: number; readonly ids: Uint32Array }[] = [];
  const seen = new Set<number>();
  for (const { chain, prompt } of turns) {
    if (seen.has(chain)) continue;
    seen.add(chain);
    if (prompt.kind === "blocks") firsts.push({ chain, ids: prompt.blocks.toArray() });
  }
  for (const [i, one] of firsts.entries()) {
    for (const other of firsts.slice(0, i)) {
      const shared = commonLength(one.ids, other.ids);
      if (shared === one.ids.length || shared === other.ids.length) continue;
      for (const { chain } of [one, other]) {
        heads[chain] = Math.max(heads[chain]!, shared * blockTokens);
      }
    }
  }
  return heads;
}

function commonLength(one: Uint32Array, other: Uint32Array): number {
  const most = Math.min(one.length, other.length);
  let length = 0;
  while (length < most && one[length] === other[length]) length++;
  return length;
}

/** An id, and the first turn whose prompt has it behind all before it. */
interface PrefixNode {
  readonly owner: LaidTurn;
  readonly next: Map<number, PrefixNode>;
}

/** All prompts so far, by their ids. */
class PrefixTree {
  readonly #next = new Map<number, PrefixNode>();

  /** Adds a prompt; says how many ids it has in common with an earlier one, and the last of them. */
  add(ids: Uint32Array, turn: LaidTurn): { shared: number; last: PrefixNode | undefined } {
    let next = this.#next;
    let shared = 0;
    let last: PrefixNode | undefined;
    for (const id of ids) {
      let node = next.get(id);
      if (node === undefined) next.set(id, node = { owner: turn, next: new Map() });
      else if (node.owner !== turn) {
        shared++;
        last = node;
      }
      turn.leaf = node;
      next = node.next;
    }
    return { shared, last };
  }
}
