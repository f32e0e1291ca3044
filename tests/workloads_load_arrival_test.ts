import { assertAlmostEquals, assertEquals, assertNotEquals } from "@std/assert";
import { arrivalTimes } from "../workloads/load_arrival.ts";
import type { OpenLoad } from "../workloads/load.ts";

function open(changes: Partial<OpenLoad>): OpenLoad {
  return {
    kind: "open",
    arrival: "poisson",
    ratePerSec: 10,
    shape: 1,
    maxInFlight: 0,
    overflow: "wait",
    ...changes,
  };
}

function take(load: OpenLoad, count: number, seed = 0, loadNumber = 0): number[] {
  const times: number[] = [];
  for (const atMs of arrivalTimes(load, seed, loadNumber)) {
    if (times.push(atMs) === count) break;
  }
  return times;
}

function gaps(times: readonly number[]): number[] {
  return times.slice(1).map((atMs, i) => atMs - times[i]!);
}

function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}

function squaredVariation(values: readonly number[]): number {
  const m = mean(values);
  return mean(values.map((value) => (value - m) ** 2)) / m ** 2;
}

Deno.test("arrivalTimes() constant is i / rate without drift", () => {
  assertEquals(take(open({ arrival: "constant", ratePerSec: 4 }), 4), [0, 250, 500, 750]);
  const far = take(open({ arrival: "constant", ratePerSec: 3 }), 30_001).at(-1);
  assertAlmostEquals(far!, 10_000_000, 1e-6);
});

Deno.test("arrivalTimes() poisson has the mean gap and the spread of an exponential", () => {
  const seen = gaps(take(open({ ratePerSec: 50 }), 20_001));
  assertAlmostEquals(mean(seen), 20, 0.5);
  assertAlmostEquals(squaredVariation(seen), 1, 0.06);
});

Deno.test("arrivalTimes() gamma has variation 1 / shape", () => {
  for (const shape of [0.25, 4]) {
    const seen = gaps(take(open({ arrival: "gamma", ratePerSec: 50, shape }), 20_001));
    assertAlmostEquals(mean(seen), 20, 1);
    assertAlmostEquals(squaredVariation(seen) * shape, 1, 0.15);
  }
});

Deno.test("arrivalTimes() depends on the seed and the load's number alone", () => {
  assertEquals(take(open({}), 5, 7, 1), take(open({}), 5, 7, 1));
  assertNotEquals(take(open({}), 5, 7, 1), take(open({}), 5, 8, 1));
  assertNotEquals(take(open({}), 5, 7, 1), take(open({}), 5, 7, 2));
});
