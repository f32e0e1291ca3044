import { assertAlmostEquals, assertEquals } from "@std/assert";
import {
  indexPercentile,
  perTokenArray,
  recordTokenArray,
  type TokenStep,
} from "../metrics/script_per_token_array.ts";
import { createRecord } from "./support/create_record.ts";

function stepsOf(pairs: readonly (readonly [number, number])[]): TokenStep[] {
  return pairs.map(([atSec, tokens]) => ({ atSec, tokens }));
}

Deno.test("perTokenArray() records the golden example as the script does (T12)", () => {
  const steps = stepsOf([[0.1, 1], [0.15, 1], [0.18, 3], [0.2, 4]]);
  const row = perTokenArray(steps, { startSec: 0, outputTokens: 4 }).slice(0, 4);
  assertEquals(row, [0.1, 0.03, 0, 0.02]);
  // 0.200 s passed: the event without a new token has lost 50 ms.
  assertAlmostEquals(row.reduce((sum, value) => sum + value, 0), 0.15);
});

Deno.test("perTokenArray() keeps a slot for one token too many, and no more", () => {
  const options = { startSec: 1, outputTokens: 2 };
  assertEquals(perTokenArray(stepsOf([[1.1, 1], [1.2, 2], [1.3, 3]]), options), [0.1, 0.1, 0.1]);
  assertEquals(perTokenArray(stepsOf([[1.1, 3], [1.2, 4]]), options), [0.1, 0, 0]);
  assertEquals(perTokenArray([], options), [0, 0, 0]);
});

Deno.test("recordTokenArray() counts from the moment of sending", () => {
  const record = createRecord({
    sentMs: 1000,
    requestedTokens: 3,
    ticks: [[1100.4, 1], [1130, 3]],
  });
  assertEquals(recordTokenArray(record), [0.1, 0.03, 0, 0]);
});

Deno.test("indexPercentile() takes element int(p·n), without interpolation (T13)", () => {
  const sorted = [1, 2, 3, 4];
  assertEquals([0, 24, 25, 50, 74, 75, 99].map((p) => indexPercentile(sorted, p)), [
    ...[1, 1, 2, 3, 3, 4, 4],
  ]);
  assertEquals(indexPercentile([], 50), undefined);
});
