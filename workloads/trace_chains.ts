/**
 * Tells apart the agents of a flat list of requests: the main one, and helpers that ran between its
 * turns without the record saying so.
 *
 * @module
 */
import { sharedLength } from "./trace_block_ids.ts";

/** A request as recorded, on any axis. */
export interface Recorded {
  readonly startMs: number;
  /** Absent = not known. */
  readonly endMs?: number | undefined;
  readonly model: string;
  /** Ids of its blocks, from the first token on. */
  readonly ids: ArrayLike<number>;
}

/** Which chain each request belongs to, and what founded the chains. */
export interface Chains {
  /** Chain of each request; 0 is the main one, of which there are most. */
  readonly chainOf: readonly number[];
  /** For the first request of each chain the one that it came after; absent = none had ended. */
  readonly after: readonly (number | undefined)[];
}

/** Starts are rounded to a second: an overlap of one is none. */
export const ROUNDING_MS = 1000;

/**
 * A request continues a chain when it is of the same model, starts after the chain's tail has ended,
 * and its ids extend the tail's, or keep a beginning of it while nobody touches the rest again, as
 * after a compaction. Any other request begins a chain, behind the one before it that had ended. So no
 * chain holds two requests that overlap.
 *
 * @param requests by their starts.
 */
export function chainsOf(requests: readonly Recorded[]): Chains {
  const tails: number[] = [];
  const chainOf: number[] = [];
  const after: (number | undefined)[] = [];
  for (const [position, request] of requests.entries()) {
    const chain = continued(request, { position, requests, tails });
    if (chain === undefined) {
      after.push(lastEnded(requests, position));
      tails.push(position);
      chainOf.push(tails.length - 1);
    } else {
      tails[chain] = position;
      chainOf.push(chain);
    }
  }
  return mainFirst({ chainOf, after });
}

/** Whether a request had ended when another one started, as far as the record can tell. */
export function hasEnded(
  { startMs, endMs = startMs }: Recorded,
  { startMs: now }: Recorded,
): boolean {
  return endMs <= now + ROUNDING_MS;
}

/** The chain that a request continues: of the longest tail that it keeps whole, else most of. */
function continued(
  request: Recorded,
  { position, requests, tails }: {
    readonly position: number;
    readonly requests: readonly Recorded[];
    readonly tails: readonly number[];
  },
): number | undefined {
  let whole: Candidate | undefined;
  const parts: Candidate[] = [];
  for (let chain = 0; chain < tails.length; chain++) {
    const tail = tails[chain]!;
    const before = requests[tail]!;
    if (before.model !== request.model || !hasEnded(before, request)) continue;
    const candidate = { chain, tail, shared: sharedLength(before.ids, request.ids) };
    if (candidate.shared === before.ids.length) {
      if (whole === undefined || isBetter(candidate, whole)) whole = candidate;
    } else if (candidate.shared > 0) parts.push(candidate);
  }
  if (whole !== undefined) return whole.chain;
  parts.sort((a, b) => isBetter(a, b) ? -1 : 1);
  return parts.find(({ tail, shared }) => !isTouched(requests, { tail, kept: shared, position }))
    ?.chain;
}

/** A chain that a request may continue. */
interface Candidate {
  readonly chain: number;
  /** Position of its last request. */
  readonly tail: number;
  /** Ids that the request keeps of it. */
  readonly shared: number;
}

/** More is kept; of equals it is the later one. */
function isBetter(a: Candidate, b: Candidate): boolean {
  return a.shared > b.shared || a.shared === b.shared && a.tail > b.tail;
}

/** Whether a request behind a position has more of the tail than the beginning that was kept. */
function isTouched(
  requests: readonly Recorded[],
  { tail, kept, position }: {
    readonly tail: number;
    readonly kept: number;
    readonly position: number;
  },
): boolean {
  const { ids } = requests[tail]!;
  for (let i = position + 1; i < requests.length; i++) {
    const other = requests[i]!.ids;
    if (other.length > kept && other[kept] === ids[kept] && sharedLength(other, ids) > kept) {
      return true;
    }
  }
  return false;
}

/** The last request in front of a position that had ended when that one started. */
function lastEnded(requests: readonly Recorded[], position: number): number | undefined {
  for (let i = position - 1; i >= 0; i--) {
    if (hasEnded(requests[i]!, requests[position]!)) return i;
  }
  return undefined;
}

/** The chain with most requests is the main agent; of equals the first. */
function mainFirst({ chainOf, after }: Chains): Chains {
  const lengths = after.map(() => 0);
  for (const chain of chainOf) lengths[chain]!++;
  const main = lengths.indexOf(lengths.reduce((most, length) => Math.max(most, length), 0));
  const places = after.map((_, chain) => chain === main ? 0 : chain < main ? chain + 1 : chain);
  const moved: (number | undefined)[] = [];
  for (const [chain, founder] of after.entries()) moved[places[chain]!] = founder;
  return { chainOf: chainOf.map((chain) => places[chain]!), after: moved };
}
