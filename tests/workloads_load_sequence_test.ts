import { assertEquals } from "@std/assert";
import { countNote } from "../workloads/prompt.ts";
import type { ClosedLoad } from "../workloads/load.ts";
import {
  type Sequence,
  sequenceOf,
  sparePrompts,
  type TakeNext,
} from "../workloads/load_sequence.ts";

function closed(users: number, sequence: ClosedLoad["sequence"]): ClosedLoad {
  return { kind: "closed", users, rampUpMs: 0, sequence };
}

function items(next: Sequence, user: number, most = 20): number[] {
  const taken: number[] = [];
  for (let k = 0; k < most; k++) {
    const request = next(user, k);
    if (request === undefined) break;
    taken.push(request.item);
  }
  return taken;
}

/** A count that all users share. */
function counter(): TakeNext {
  let taken = 0;
  return () => taken++;
}

Deno.test("sequenceOf() disjoint gives neighbours prompts that do not overlap (T22)", () => {
  const next = sequenceOf(closed(3, "disjoint"), {
    poolSize: 9,
    stop: {},
    takeNext: counter(),
  });
  assertEquals([0, 1, 2].map((user) => items(next, user, 3)), [[0, 3, 6], [1, 4, 7], [2, 5, 8]]);
});

Deno.test("sequenceOf() disjoint: one count for all, and prompts of one's own all the same", () => {
  const next = sequenceOf(closed(3, "disjoint"), {
    poolSize: 100,
    stop: { requests: 8 },
    takeNext: counter(),
  });
  // User 1 answers five times as fast as the others.
  assertEquals([next(0, 0), next(2, 0)], [{ index: 0, item: 0 }, { index: 2, item: 2 }]);
  assertEquals(items(next, 1, 5), [1, 4, 7, 10, 13]);
  assertEquals(next(0, 1), { index: 3, item: 3 });
  // All of them stop there, whoever asks.
  assertEquals([0, 1, 2].map((user) => next(user, 9)), [undefined, undefined, undefined]);
});

Deno.test("sequenceOf() disjoint sends each prompt once where none may be sent again", () => {
  const next = sequenceOf(closed(3, "disjoint"), {
    poolSize: 7,
    stop: { requests: 100, once: true },
    takeNext: counter(),
  });
  assertEquals([...items(next, 2, 5), ...items(next, 0)], [0, 1, 2, 3, 4, 5, 6]);
});

Deno.test("sequenceOf() rounds gives each user a share to itself", () => {
  const next = sequenceOf(closed(3, "rounds"), {
    poolSize: 100,
    stop: { requests: 8 },
    takeNext: () => 0,
  });
  assertEquals([0, 1, 2].flatMap((user) => items(next, user)).sort(), [0, 1, 2, 3, 4, 5, 6, 7]);
});

Deno.test("sparePrompts() keeps the prompts of fast users new", () => {
  // Alone, or with one request each, no user can overtake.
  assertEquals(sparePrompts(closed(1, "disjoint"), { requests: 100 }), 0);
  assertEquals(sparePrompts(closed(64, "disjoint"), { requests: 64 }), 0);
  assertEquals(sparePrompts(closed(8, "disjoint"), { requests: 128 }), 32);
  assertEquals(sparePrompts(closed(8, "rounds"), { requests: 128 }), 0);
  assertEquals(sparePrompts(closed(8, "disjoint"), { durationMs: 1000 }), 0);
});

Deno.test("sequenceOf() rounds starts over when the pool is used up (T28)", () => {
  const next = sequenceOf(closed(2, "rounds"), {
    poolSize: 3,
    stop: { requests: 8 },
    takeNext: () => 0,
  });
  assertEquals(items(next, 0), [0, 2, 1, 0]);
  assertEquals(next(0, 3), { index: 6, item: 0 });
});

Deno.test("sequenceOf() shared gives each prompt to whoever asks next", () => {
  let queue = 0;
  const next = sequenceOf(closed(2, "shared"), {
    poolSize: 4,
    stop: { requests: 4 },
    takeNext: () => queue++,
  });
  assertEquals(next(1, 0), { index: 0, item: 0 });
  assertEquals(next(0, 0), { index: 1, item: 1 });
  assertEquals(items(next, 1), [2, 3]);
});

Deno.test("sequenceOf() legacy rotates and reverses as api_bench_tools does (T22)", () => {
  const next = sequenceOf(closed(6, "legacy"), { poolSize: 4, stop: {}, takeNext: () => 0 });
  assertEquals(items(next, 0), [0, 1, 2, 3]);
  assertEquals(items(next, 1), [0, 3, 2, 1]);
  assertEquals(items(next, 2), [2, 3, 0, 1]);
  assertEquals(items(next, 3), [2, 1, 0, 3]);
  // From user 4 on the rotation does nothing: the script slices past the end of its list.
  assertEquals(items(next, 4), [0, 1, 2, 3]);
  assertEquals(items(next, 5), [3, 2, 1, 0]);
});

Deno.test("countNote says nothing of prompts that only fast users need", () => {
  const note = (found: number) => countNote(found, { count: 140, spare: 32 });
  assertEquals([140, 120, 108].map(note), [undefined, undefined, undefined]);
  assertEquals(note(107), "108 prompts wanted, 107 found");
});
