/**
 * Which prompt a closed-loop user sends next.
 *
 * @module
 */
import { createRandom, shuffled } from "../backends/random.ts";
import type { ClosedLoad, Load, Stop } from "./load.ts";

/** One request to come: its number, unique in the load, and the prompt's position in the pool. */
export interface SequenceItem {
  readonly index: number;
  readonly item: number;
}

/** The request number `k` of a user, or nothing when the user has sent its share. */
export type Sequence = (user: number, k: number) => SequenceItem | undefined;

/** Takes the next number of a shared queue: 0, 1, 2 … (over all workers). */
export type TakeNext = () => number;

/** Requests of a load at most. */
export function requestLimit(stop: Stop, poolSize: number): number {
  return Math.min(stop.requests ?? Infinity, stop.once ? poolSize : Infinity);
}

/**
 * Prompts beyond the number of requests that a load may reach: a user whose answers are short sends
 * more than its share, and its own next prompts must be new ones, too. A user's number of requests
 * spreads about as the square root of its share.
 */
export function sparePrompts(load: Load, { requests }: Stop): number {
  if (load.kind !== "closed" || load.sequence !== "disjoint" || requests === undefined) return 0;
  const share = requests / load.users;
  return load.users === 1 || share <= 1 ? 0 : load.users * Math.ceil(Math.sqrt(share));
}

/**
 * The sequence of a closed load over a pool of prompts that are already in seeded order.
 *
 * `disjoint`, `rounds` and `shared` walk the pool once around and start over when more requests are
 * wanted than there are prompts. The users of `disjoint` draw on one count, so that none is left to
 * send alone at the end; only which request is the last of each depends on the answers. Where each
 * prompt may be sent once, the count is a queue of the prompts themselves. `legacy` is the rotation of the api_bench_tools script, so that old runs
 * can be compared: user i starts at position i, odd users go through the rotated pool backwards,
 * which makes users 2k and 2k + 1 begin with the same prompt (T22 in docs/python-scripts.md). `shuffled` gives each user all
 * of the pool too, in an order that follows from the seed and the user alone.
 */
export function sequenceOf(
  load: ClosedLoad,
  { poolSize: pool, stop, takeNext }: {
    readonly poolSize: number;
    readonly stop: Stop;
    readonly takeNext: TakeNext;
  },
): Sequence {
  const limit = requestLimit(stop, pool);
  switch (load.sequence) {
    case "disjoint": {
      if (stop.once) {
        return sequenceOf({ ...load, sequence: "shared" }, { poolSize: pool, stop, takeNext });
      }
      return (user, k) => {
        if (limit < Infinity && takeNext() >= limit) return undefined;
        const index = user + k * load.users;
        return { index, item: index % pool };
      };
    }
    case "rounds":
      return (user, k) => {
        const index = user + k * load.users;
        return index < limit ? { index, item: index % pool } : undefined;
      };
    case "shared":
      return () => {
        const index = takeNext();
        return index < limit ? { index, item: index % pool } : undefined;
      };
    case "legacy":
      return (user, k) => {
        const index = user * pool + k;
        if (k >= pool || index >= limit) return undefined;
        // A rotation by a whole pool or more is the identity: the script slices without modulo.
        const shift = user < pool ? user : 0;
        const step = user % 2 === 1 ? pool - 1 - k : k;
        return { index, item: (shift + step) % pool };
      };
    case "shuffled": {
      const orders = new Map<number, readonly number[]>();
      return (user, k) => {
        const index = user * pool + k;
        if (k >= pool || index >= limit) return undefined;
        let order = orders.get(user);
        if (order === undefined) {
          const random = createRandom(load.seed ?? 0, `sequence/${user}`);
          order = shuffled(random, Array.from({ length: pool }, (_, item) => item));
          orders.set(user, order);
        }
        return { index, item: order[k]! };
      };
    }
  }
}
