import { assert, assertEquals, assertStrictEquals, assertThrows } from "@std/assert";
import { createRandom, type Random } from "../backends/random.ts";
import { exactValues, sortValues } from "../metrics/stat_quantile.ts";
import {
  createValueHistogram,
  RELATIVE_ERROR,
  type ValueHistogram,
  type ValueHistogramData,
} from "../metrics/stat_value_histogram.ts";

/** Stamps have whole microseconds; what is not a latency need not. */
const us = (ms: number) => Math.round(ms * 1000) / 1000;

const DISTRIBUTIONS: Readonly<Record<string, (random: Random) => number>> = {
  "gaps of a steady engine": (random) => us(10 + 0.2 * (random.next() - 0.5)),
  "latencies with a heavy tail": (random) => us(20 * (1 - random.next()) ** -1.2),
  "twelve orders of magnitude": (random) => 10 ** (12 * random.next() - 5),
  "two far peaks": (random) => us(random.next() < 0.9 ? 1 + random.next() : 5000 + random.next()),
  "ratios": (random) => Math.floor(1 + 9 * random.next()) / 7,
  "below and above zero": (random) => 200 * (random.next() - 0.3) ** 3,
  "only below zero": (random) => -(10 ** (3 * random.next())),
  "mostly zero": (random) => random.next() < 0.8 ? 0 : random.next(),
  "a single number": () => 12.345,
};

function draw(name: string, count: number): number[] {
  const random = createRandom(1, name);
  return Array.from({ length: count }, () => DISTRIBUTIONS[name]!(random));
}

function histogramOf(values: readonly number[]): ValueHistogram {
  const histogram = createValueHistogram();
  for (const value of values) histogram.add(value);
  return histogram;
}

const PERCENTILES = [0, 0.1, 1, 5, 25, 37.5, 50, 75, 90, 95, 99, 99.9, 99.99, 100];

/** Values are taken in millionths. */
const QUANTUM = 0.5e-6;

Deno.test("value histogram: percentiles of every distribution are within the stated error", async (t) => {
  for (const name of Object.keys(DISTRIBUTIONS)) {
    await t.step(name, () => {
      for (const count of [1, 2, 3, 100, 20_000]) {
        const values = draw(name, count);
        const histogram = histogramOf(values);
        const raw = exactValues(sortValues(values));
        const sorted = sortValues(values);
        for (const p of PERCENTILES) {
          const near = histogram.quantile(p)!;
          const exact = raw.quantile(p)!;
          // Between two ranks of unlike sign the larger one's error is what remains.
          const rank = Math.floor((count - 1) * p / 100);
          const neighbors = [sorted[rank]!, sorted[Math.min(rank + 1, count - 1)]!];
          const size = neighbors[0]! * neighbors[1]! < 0
            ? Math.max(...neighbors.map(Math.abs))
            : Math.abs(exact);
          assert(
            Math.abs(near - exact) <= RELATIVE_ERROR * size + QUANTUM,
            `p${p} of ${count}: ${near} for ${exact}`,
          );
        }
      }
    });
  }
});

Deno.test("value histogram: count, both ends, mean and deviation are exact", () => {
  for (const name of Object.keys(DISTRIBUTIONS)) {
    const values = draw(name, 5000);
    const { count, min, max, mean, std } = histogramOf(values);
    const raw = exactValues(sortValues(values));
    assertStrictEquals(count, 5000);
    const near = (found: number | undefined, expected: number | undefined, what: string) =>
      assert(
        Math.abs(found! - expected!) <= QUANTUM + 1e-12 * Math.abs(expected!),
        `${what} of ${name}: ${found} for ${expected}`,
      );
    near(min, raw.min, "min");
    near(max, raw.max, "max");
    near(mean, raw.mean, "mean");
    near(std, raw.std, "std");
  }
});

Deno.test("value histogram: sums beyond 2⁵³ lose no digit", () => {
  const histogram = createValueHistogram();
  // 100,000 × 10¹³ millionths, each followed by one: floats would drop the ones.
  for (let i = 0; i < 100_000; i++) {
    histogram.add(1e7);
    histogram.add(1e-6);
  }
  const { sum, squares } = histogram.toJSON();
  assertEquals(BigInt(sum), 10n ** 5n * (10n ** 13n + 1n));
  assertEquals(BigInt(squares), 10n ** 5n * (10n ** 26n + 1n));
});

Deno.test("value histogram: any split merged in any order is bit for bit the whole", async (t) => {
  for (const name of Object.keys(DISTRIBUTIONS)) {
    await t.step(name, () => {
      const values = draw(name, 3000);
      const whole = JSON.stringify(histogramOf(values));
      const random = createRandom(2, name);
      for (const parts of [2, 3, 7]) {
        const split = Array.from({ length: parts }, () => createValueHistogram());
        for (const value of values) split[Math.floor(random.next() * parts)]!.add(value);
        const packed = split.map((one): ValueHistogramData => JSON.parse(JSON.stringify(one)));
        for (const order of [packed, packed.toReversed()]) {
          const merged = createValueHistogram();
          for (const part of order) merged.merge(part);
          assertEquals(JSON.stringify(merged), whole);
        }
        // As a tree: pairs first, and the histograms themselves instead of their JSON.
        while (split.length > 1) split.push(mergeTwo(split.shift()!, split.shift()!));
        assertEquals(JSON.stringify(split[0]), whole);
      }
      assertEquals(JSON.stringify(histogramOf(values.toReversed())), whole);
    });
  }
});

function mergeTwo(a: ValueHistogram, b: ValueHistogram): ValueHistogram {
  a.merge(b);
  return a;
}

Deno.test("value histogram: the same difference of other stamps is the same value", () => {
  // 128.125 ms lies on the border of two buckets; the last bits of a difference tell its stamps.
  const stamps = Array.from({ length: 1000 }, (_, i) => us(i * 1.123));
  const differences = stamps.map((ms) => us(ms + 128.125) - ms);
  assert(new Set(differences).size > 1, "stamps that show it");
  for (const difference of differences) {
    assertEquals(JSON.stringify(histogramOf([difference])), JSON.stringify(histogramOf([128.125])));
  }
});

Deno.test("value histogram: whole numbers up to 1024 are exact", () => {
  const values = Array.from({ length: 1025 }, (_, i) => i);
  const seen: [number, number][] = [];
  histogramOf([...values, 7, -3]).each((value, count) => seen.push([value, count]));
  assertEquals(seen, [[-3, 1], ...values.map((n): [number, number] => [n, n === 7 ? 2 : 1])]);
});

Deno.test("value histogram: an hour of microseconds takes a few kilobytes of JSON", () => {
  const values = draw("latencies with a heavy tail", 100_000);
  const text = JSON.stringify(histogramOf(values));
  assert(text.length < 60_000, `${text.length}`);
  const again = createValueHistogram(JSON.parse(text));
  assertEquals(again.quantile(99), histogramOf(values).quantile(99));
});

Deno.test("value histogram: nothing is absent, never 0 (T13)", () => {
  const { count, min, max, mean, std, quantile } = createValueHistogram();
  assertEquals([count, min, max, mean, std, quantile(50)], [0, ...Array(5).fill(undefined)]);
  const merged = createValueHistogram(createValueHistogram().toJSON());
  assertStrictEquals(merged.min, undefined);
});

Deno.test("value histogram: refuses infinite values, bad percentiles and other buckets", () => {
  const histogram = createValueHistogram();
  for (const value of [NaN, Infinity, -Infinity]) {
    assertThrows(() => histogram.add(value), RangeError, `Cannot count ${value}`);
  }
  assertThrows(() => histogram.quantile(101), RangeError, "percentile 101");
  const other = { ...histogram.toJSON(), bits: 9 };
  assertThrows(() => histogram.merge(other), RangeError, "9 significant bits into one of 10");
});
