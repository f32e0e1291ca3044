import {
  assert,
  assertAlmostEquals,
  assertEquals,
  assertNotEquals,
  assertThrows,
} from "@std/assert";
import {
  createRandom,
  exponential,
  gamma,
  lognormal,
  normal,
  type Random,
  shuffled,
  toDouble,
  uniform,
  uniformInteger,
} from "../backends/random.ts";

function times<T>(n: number, draw: () => T): T[] {
  return Array.from({ length: n }, draw);
}

function moments(values: readonly number[]): { mean: number; std: number } {
  const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
  const squares = values.reduce((sum, value) => sum + (value - mean) ** 2, 0);
  return { mean, std: Math.sqrt(squares / values.length) };
}

/** Always the same draw, to reach the ends of the ranges. */
function stuck(word: number): Random {
  return { uint32: () => word, next: () => toDouble(word, word) };
}

Deno.test("createRandom repeats itself for the same seed and label", () => {
  const draws = (seed: number, label: string) => {
    const random = createRandom(seed, label);
    return times(4, () => random.uint32());
  };
  assertEquals(draws(7, "arrival"), draws(7, "arrival"));
  const others = [draws(8, "arrival"), draws(7, "lengths"), draws(71, "rrival"), draws(0, "")];
  for (const other of others) assertNotEquals(draws(7, "arrival"), other);
});

Deno.test("createRandom gives the same stream in every version", () => {
  // A change here changes every seeded run: it belongs into the changelog.
  const random = createRandom(0, "arrival");
  assertEquals(times(3, () => random.uint32()), [3074735339, 3803124707, 567667143]);
});

Deno.test("createRandom gives unrelated streams for neighboring seeds and labels", () => {
  const bits = times(400, () => 0).map((_, seed) => createRandom(seed, "x").uint32());
  assertEquals(new Set(bits).size, 400);
  for (let bit = 0; bit < 32; bit++) {
    const ones = bits.filter((word) => (word >>> bit) & 1).length;
    // 200 expected, standard deviation 10.
    assert(ones > 150 && ones < 250, `bit ${bit}: ${ones} ones of 400`);
  }
});

Deno.test("createRandom draws 53-bit doubles from 0 to just below 1", () => {
  assertEquals(toDouble(0, 0), 0);
  assertEquals(toDouble(0xffffffff, 0xffffffff), 1 - 2 ** -53);
  const random = createRandom(3, "x");
  const { mean, std } = moments(times(20_000, () => random.next()));
  assertAlmostEquals(mean, 1 / 2, 0.01);
  assertAlmostEquals(std, Math.sqrt(1 / 12), 0.01);
});

Deno.test("createRandom refuses seeds that are no whole number", () => {
  for (const seed of [-1, 0.5, NaN, 2 ** 53]) {
    assertThrows(() => createRandom(seed, "x"), RangeError, `seed ${seed}`);
  }
});

Deno.test("distributions have the mean and spread they are named for", () => {
  const rows: [name: string, mean: number, std: number, draw: (random: Random) => number][] = [
    ["uniform", 15, 10 / Math.sqrt(12), (random) => uniform(random, { low: 10, high: 20 })],
    ["integer", 2, Math.sqrt(2), (random) => uniformInteger(random, { low: 0, high: 4 })],
    ["exponential", 4, 4, (random) => exponential(random, 4)],
    ["normal", 50, 5, (random) => normal(random, { mean: 50, std: 5 })],
    ["gamma 4", 8, 4, (random) => gamma(random, { shape: 4, scale: 2 })],
    ["gamma 1", 3, 3, (random) => gamma(random, { shape: 1, scale: 3 })],
    ["gamma 1/4", 1, 2, (random) => gamma(random, { shape: 0.25, scale: 4 })],
    [
      "lognormal",
      Math.exp(0.125),
      Math.exp(0.125) * Math.sqrt(Math.exp(0.25) - 1),
      (random) => lognormal(random, { median: 1, sigma: 0.5 }),
    ],
  ];
  for (const [name, mean, std, draw] of rows) {
    const random = createRandom(11, name);
    const found = moments(times(40_000, () => draw(random)));
    // Five standard errors of the mean; the spread of the skewed ones settles slower.
    assertAlmostEquals(found.mean, mean, 5 * std / 200, `${name} mean`);
    assertAlmostEquals(found.std, std, std * 0.06, `${name} std`);
  }
});

Deno.test("distributions stay finite at both ends of the generator", () => {
  for (const random of [stuck(0), stuck(0xffffffff)]) {
    for (const value of [exponential(random, 1), normal(random, { mean: 0, std: 1 })]) {
      assert(Number.isFinite(value), String(value));
    }
  }
  assertEquals(exponential(stuck(0), 1), 0);
});

Deno.test("uniformInteger reaches both ends and nothing else", () => {
  const random = createRandom(5, "x");
  const seen = new Set(times(200, () => uniformInteger(random, { low: -1, high: 2 })));
  assertEquals([...seen].sort((a, b) => a - b), [-1, 0, 1, 2]);
  assertEquals(uniformInteger(random, { low: 9, high: 9 }), 9);
});

Deno.test("uniformInteger throws the incomplete last block of draws away", () => {
  // 2³² − 1 belongs to the block that three values cannot share evenly.
  const words = [0xffffffff, 5];
  const random: Random = { uint32: () => words.shift() as number, next: () => 0 };
  assertEquals(uniformInteger(random, { low: 0, high: 2 }), 2);
  assertEquals(words.length, 0);
});

Deno.test("uniformInteger and gamma refuse impossible bounds", () => {
  const random = createRandom(0, "x");
  assertThrows(() => uniformInteger(random, { low: 2, high: 1 }), RangeError, "from 2 to 1");
  assertThrows(() => uniformInteger(random, { low: 0, high: 0.5 }), RangeError, "0.5");
  assertThrows(() => gamma(random, { shape: 0, scale: 1 }), RangeError, "shape 0");
});

Deno.test("shuffled returns every order about equally often and leaves its input alone", () => {
  const random = createRandom(1, "order");
  const list = ["a", "b", "c"];
  const counts = new Map<string, number>();
  for (let i = 0; i < 6000; i++) {
    const order = shuffled(random, list).join("");
    counts.set(order, (counts.get(order) ?? 0) + 1);
  }
  assertEquals(list, ["a", "b", "c"]);
  assertEquals(counts.size, 6);
  // 1000 expected, standard deviation 29.
  for (const [order, count] of counts) assert(Math.abs(count - 1000) < 150, `${order}: ${count}`);
});
