/** Vectors made by CPython 3.11 and numpy 1.24. */
import { assertAlmostEquals, assertEquals, assertThrows } from "@std/assert";
import { createHash } from "node:crypto";
import { numpyRandom, type PythonRandom, pythonRandom } from "../backends/mt19937.ts";

function range(n: number): number[] {
  return Array.from({ length: n }, (_, i) => i);
}

function times<T>(n: number, draw: () => T): T[] {
  return range(n).map(draw);
}

function shuffledRange(random: PythonRandom, n: number): number[] {
  const list = range(n);
  random.shuffle(list);
  return list;
}

Deno.test("pythonRandom getrandbits gives CPython's draws", () => {
  const rows: [seed: number, draws: number[]][] = [
    [0, [3626764237, 1654615998, 3255389356, 3823568514, 1806341205]],
    [1, [577090037, 2444712010, 3639700191]],
    // Two key words, and a sign that Python ignores.
    [123456789012345, [2896848117, 946991832, 1255537387]],
    [-5, [2675342405, 1097127993]],
  ];
  for (const [seed, draws] of rows) {
    const random = pythonRandom(seed);
    assertEquals(times(draws.length, () => random.getrandbits(32)), draws, `seed ${seed}`);
  }
  const random = pythonRandom(0);
  assertEquals([1, 5, 31, 32].map((bits) => random.getrandbits(bits)), [
    1,
    12,
    1627694678,
    3823568514,
  ]);
});

Deno.test("pythonRandom getrandbits goes on past the first 624 words", () => {
  const random = pythonRandom(0);
  assertEquals(times(2000, () => random.getrandbits(32)).at(-1), 3908016617);
});

Deno.test("pythonRandom random gives CPython's doubles to the last bit", () => {
  const random = pythonRandom(0);
  assertEquals(times(3, () => random.random()), [
    0.8444218515250481,
    0.7579544029403025,
    0.420571580830845,
  ]);
});

Deno.test("pythonRandom shuffle gives CPython's orders", () => {
  assertEquals(shuffledRange(pythonRandom(0), 10), [7, 8, 1, 5, 3, 4, 2, 0, 9, 6]);
  assertEquals(shuffledRange(pythonRandom(42), 10), [7, 3, 2, 8, 5, 6, 9, 4, 0, 1]);
  const long = shuffledRange(pythonRandom(0), 1024);
  assertEquals(long.slice(0, 10), [782, 399, 921, 800, 451, 968, 558, 368, 339, 270]);
  assertEquals(long.slice(-5), [41, 430, 911, 776, 788]);
  assertEquals(
    createHash("sha256").update(long.join(",")).digest("hex"),
    "0e00c369e285659e6d1574aa700d55289f430b61005ab42b633cc61596c74a1a",
  );
});

Deno.test("pythonRandom sample gives CPython's samples by either of its two methods", () => {
  assertEquals(
    pythonRandom(0).sample(range(1000), 10),
    [864, 394, 776, 911, 430, 41, 265, 988, 523, 497],
  );
  assertEquals(pythonRandom(0).sample(range(30), 10), [27, 12, 24, 13, 1, 8, 16, 15, 28, 9]);
  assertEquals(pythonRandom(0).sample(range(94145), 5), [50494, 55125, 5306, 33936, 67013]);
  // At the border between the methods, with seeds for which they differ.
  assertEquals(pythonRandom(5).sample(range(85), 6), [79, 32, 45, 67, 3, 59]);
  assertEquals(pythonRandom(2).sample(range(86), 6), [7, 11, 10, 46, 21, 85]);
  assertEquals(pythonRandom(2).sample(range(21), 5), [1, 2, 19, 11, 5]);
  assertEquals(pythonRandom(2).sample(range(22), 5), [1, 2, 11, 5, 21]);
});

Deno.test("pythonRandom refuses what Python refuses", () => {
  assertThrows(() => pythonRandom(0).sample([1, 2], 3), RangeError, "Cannot sample 3 of 2");
  assertThrows(() => pythonRandom(0).randbelow(0), RangeError, "Cannot draw below 0");
  assertThrows(() => pythonRandom(0).getrandbits(33), RangeError, "33 bits");
  assertThrows(() => pythonRandom(0.5), RangeError, "0.5");
});

Deno.test("numpyRandom gives the draws of np.random.seed", () => {
  const uniforms = numpyRandom(0);
  assertEquals(times(3, () => uniforms.uniform()), [
    0.5488135039273248,
    0.7151893663724195,
    0.6027633760716439,
  ]);
  const integers: [seed: number, low: number, high: number, draws: number[]][] = [
    [0, 1, 1025, [685, 560, 630, 193, 836, 764, 708, 360]],
    [1, 1, 1025, [38, 236, 909, 73, 768, 906, 716, 646]],
    [0, 0, 101, [44, 47, 64, 67, 67, 9, 83, 21]],
  ];
  for (const [seed, low, high, draws] of integers) {
    const random = numpyRandom(seed);
    assertEquals(times(8, () => random.randint(low, high)), draws, `seed ${seed}`);
  }
  const largest = numpyRandom(2 ** 32 - 1);
  assertEquals(times(2, () => largest.uniform()), [0.0976320289940138, 0.9123828453026218]);
  assertEquals(times(2, () => largest.randint(5, 6)), [5, 5]);
  assertEquals(times(3, () => largest.randint(0, 2 ** 31)), [1241397172, 113049152, 1202606294]);
});

Deno.test("numpyRandom exponential gives numpy's gaps but for the last bit", () => {
  const rows: [scale: number, draws: number[]][] = [
    [1, [
      0.79587450816311,
      1.2559307629658378,
      0.9232231458040688,
      0.7872011523172707,
      0.5510484910954992,
    ]],
    [1 / 4, [0.1989686270407775, 0.31398269074145946, 0.2308057864510172]],
  ];
  for (const [scale, draws] of rows) {
    const random = numpyRandom(0);
    for (const draw of draws) assertAlmostEquals(random.exponential(scale), draw, draw * 2 ** -51);
  }
});

Deno.test("numpyRandom refuses what numpy refuses", () => {
  assertThrows(() => numpyRandom(-1), RangeError, "-1");
  assertThrows(() => numpyRandom(2 ** 32), RangeError, "4294967296");
  assertThrows(() => numpyRandom(0).randint(5, 5), RangeError, "[5, 5)");
});
