import { assert, assertEquals, assertThrows } from "@std/assert";
import { dealShares, parseShares, ShareDeck } from "../workloads/dataset_shares.ts";
import { UserError } from "../workloads/user_error.ts";

function countsOf(dealt: Iterable<number>, positions: number): number[] {
  const counts = Array.from({ length: positions }, () => 0);
  for (const one of dealt) counts[one]!++;
  return counts;
}

function draw(deck: ShareDeck, count: number): number[] {
  return Array.from({ length: count }, () => deck.next());
}

Deno.test("a deck holds each position as often as its weight says", () => {
  const deck = new ShareDeck([70, 20, 10], { seed: 3, label: "x" });
  for (let i = 0; i < 50; i++) assertEquals(countsOf(draw(deck, 10), 3), [7, 2, 1], `deck ${i}`);
});

Deno.test("weights that no small deck holds have their shares to within a request", () => {
  for (const weights of [[1, Math.PI], [0.1, 99.9], [1, 1, 1e6], [3, 7, 11, 13, 17]]) {
    const total = weights.reduce((sum, weight) => sum + weight, 0);
    for (const count of [1, 7, 99, 100, 101, 1000, 12_345]) {
      const counts = countsOf(
        draw(new ShareDeck(weights, { seed: 1, label: "x", count }), count),
        5,
      );
      weights.forEach((weight, i) => {
        const off = Math.abs(counts[i]! - count * weight / total);
        assert(off < 1 + 1e-6, `${weights} of ${count}: ${counts}`);
      });
    }
  }
});

Deno.test("the order is of the seed and the label alone, and keeps no step with users", () => {
  const order = (seed: number, label = "x") =>
    draw(new ShareDeck([50, 50], { seed, label }), 64).join("");
  assertEquals(order(7), order(7));
  assert(order(7) !== order(8));
  assert(order(7) !== order(7, "y"));
  // With two users, one of them would send one class alone if they took turns.
  for (let seed = 0; seed < 20; seed++) {
    const first = draw(new ShareDeck([50, 50], { seed, label: "x" }), 64).filter((_, i) =>
      i % 2 === 0
    );
    assert(new Set(first).size === 2, `seed ${seed}`);
  }
});

Deno.test("each load of a pool has its shares", () => {
  const stretches = [3, 40, 7, 100];
  const dealt = dealShares([60, 40], { seed: 5, label: "mix", stretches });
  assertEquals(dealt.length, 150);
  const counts = stretches.map((count, i) => {
    const from = stretches.slice(0, i).reduce((sum, one) => sum + one, 0);
    return countsOf(dealt.subarray(from, from + count), 2);
  });
  assertEquals(counts, [[2, 1], [24, 16], [4, 3], [60, 40]]);
});

Deno.test("parseShares reads names with weights, and refuses what has none", () => {
  assertEquals(parseShares("base:70, sql:20,chat", "--models"), [
    { name: "base", weight: 70 },
    { name: "sql", weight: 20 },
    { name: "chat", weight: 1 },
  ]);
  // Names of registries have colons and slashes.
  assertEquals(parseShares("a/llama3:8b:2.5,b:1e1", "--models"), [
    { name: "a/llama3:8b", weight: 2.5 },
    { name: "b", weight: 10 },
  ]);
  const refused = (text: string, why: string) =>
    assertThrows(() => parseShares(text, "--models"), UserError, why);
  refused("a:0,b:1", 'the weight 0 of "a" in --models');
  refused("a:-1,b:1", 'the weight -1 of "a"');
  refused("a:1,b:2,a:3", 'Cannot use "a" twice in --models');
  refused("a:1,", "an empty name");
  refused(":5,a", "an empty name");
});
