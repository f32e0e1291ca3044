/**
 * Requests of one load in place of the pool's: the same prompts with marks of its own, so that a load
 * finds nothing in a prefix cache that an earlier one has left there.
 *
 * @module
 */
import { defined } from "../backends/defined.ts";
import type { GenerationRequest } from "../backends/protocol.ts";
import type { LoadPlace } from "./bench_order.ts";
import { withOtherMark } from "./dataset_salt.ts";
import type { SharedWires } from "./load_wires.ts";
import { PoolSharer, slowly } from "./run_encode.ts";
import type { Prepared } from "./run_prepare.ts";
import { firstMark, loadMark, requestMark } from "./run_salt.ts";

/** Requests of a load, in the order in which it takes them. */
export interface LoadRequests {
  readonly requests: readonly GenerationRequest[];
  readonly wires: SharedWires;
  /** Position in the pool of the request that each is like but for its mark. */
  readonly likeAt: (index: number) => number;
}

/** Which prompts of the pool a load takes. */
export interface LoadReach extends LoadPlace {
  /** A load before it has sent the same prompts. */
  readonly again: boolean;
  /** Position of its first prompt; it goes around at the end of the pool. */
  readonly from: number;
  /** Requests at most; Infinity = not known. */
  readonly count: number;
}

/** What marking needs of what was prepared. */
type Marking = Pick<
  Prepared,
  "protocol" | "targets" | "pool" | "dataset" | "requests" | "marks"
>;

/** The requests of a load; absent where those of the pool have its marks. */
export async function requestsOfLoad(
  prepared: Marking,
  { number, from, count, again }: LoadReach,
): Promise<LoadRequests | undefined> {
  const { marks, requests: { length }, dataset: { prompts } } = prepared;
  if (marks === undefined || marks.scope === "session") return undefined;
  if (marks.scope === "load") {
    if (number === 0) return undefined;
    return await remark(prepared, { from, count: Math.min(count, length) }, () => loadMark(number));
  }
  // No prompt is sent twice.
  if (!again && from + count <= prompts.length) return undefined;
  return await remark(prepared, { from, count }, (n) => requestMark(n, number));
}

/** Whole requests of the pool for a warm-up; absent where they have no marks. */
export async function requestsOfWarmUp(
  prepared: Marking,
  { number, from, count }: Pick<LoadReach, "number" | "from" | "count">,
): Promise<LoadRequests | undefined> {
  const { marks } = prepared;
  if (marks === undefined || marks.scope === "session") return undefined;
  return await remark(prepared, { from, count }, () => `warm-up/${number}`);
}

async function remark(
  prepared: Marking,
  { from, count }: Pick<LoadReach, "from" | "count">,
  nameOf: (index: number) => string,
): Promise<LoadRequests> {
  const { protocol, targets, pool: plan, dataset: { prompts }, requests: pool, marks } = prepared;
  const { scope, marks: { of } } = marks!;
  const likeAt = (index: number) => (from + index) % pool.length;
  const requests = Array.from({ length: count }, (_, index): GenerationRequest => {
    const position = likeAt(index);
    const own = position % prompts.length;
    const { messages, tokenIds } = withOtherMark(
      prompts[own]!,
      of(firstMark(marks!, own)),
      of(nameOf(index)),
    );
    const request = pool[position]!;
    return {
      ...request,
      messages,
      requestId: pool[0]!.requestId + BigInt(index),
      // Ids that the server made of a text keep the mark that was in it.
      ...defined({ promptTokenIds: tokenIds ?? request.promptTokenIds }),
    };
  });
  // Of equal bodies one is kept.
  const known = scope === "request" ? Infinity : prompts.length;
  const sharer = new PoolSharer(protocol, plan, known);
  await slowly(requests.length, undefined, (index) => {
    const [request, position] = [requests[index]!, likeAt(index)];
    const target = targets[plan.serverAt(position)]!;
    sharer.add(protocol.buildRequest(request, target), request, position);
  });
  return { requests, likeAt, wires: sharer.shared() };
}
