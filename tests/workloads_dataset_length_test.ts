import { assert, assertAlmostEquals, assertEquals, assertThrows } from "@std/assert";
import {
  formatLengthSpec,
  lengthsOf,
  type LengthSpec,
  parseLengthSpec,
} from "../workloads/dataset_length.ts";
import { UserError } from "../workloads/user_error.ts";

const FORMS: [text: string, spec: LengthSpec][] = [
  ["128", { kind: "fixed", tokens: 128 }],
  ["1", { kind: "fixed", tokens: 1 }],
  ["uniform:100:200", { kind: "uniform", low: 100, high: 200 }],
  ["uniform:7:7", { kind: "uniform", low: 7, high: 7 }],
  ["normal:128:32", { kind: "normal", mean: 128, std: 32 }],
  ["normal:128:0", { kind: "normal", mean: 128, std: 0 }],
  ["lognormal:128:0.5", { kind: "lognormal", median: 128, sigma: 0.5 }],
];

function draw(text: string, count: number, seed = 0): number[] {
  const length = lengthsOf(parseLengthSpec(text, "--x"), { seed, label: "x" });
  return Array.from({ length: count }, (_, index) => length(index));
}

Deno.test("parseLengthSpec reads each form and formatLengthSpec writes it", () => {
  for (const [text, spec] of FORMS) {
    assertEquals(parseLengthSpec(text, "--input-tokens"), spec, text);
    assertEquals(formatLengthSpec(spec), text);
  }
});

Deno.test("parseLengthSpec says what would work", () => {
  const rows: [text: string, says: string][] = [
    ["", "give 128, uniform:100:200"],
    ["many", "give 128, uniform:100:200"],
    ["-5", "give 128, uniform:100:200"],
    ["1.5", "give 128, uniform:100:200"],
    ["1e3", "give 128, uniform:100:200"],
    ["0", "give lengths from 1"],
    ["99999999999", "give lengths from 1 to 10000000"],
    ["uniform:100", "give 128, uniform:100:200"],
    ["uniform:200:100", "give the smaller length first: uniform:100:200"],
    ["uniform:0:100", "give lengths from 1"],
    ["normal:128:-1", "normal:MEAN:STD"],
    ["lognormal:128:64", "give a SIGMA of at most 5"],
    ["poisson:1:2", "give 128, uniform:100:200"],
    ["uniform:1:2:3", "give 128, uniform:100:200"],
  ];
  for (const [text, says] of rows) {
    const error = assertThrows(() => parseLengthSpec(text, "--input-tokens"), UserError, says);
    assert(error.message.startsWith(`Cannot use --input-tokens "${text}"`), error.message);
  }
});

Deno.test("lengthsOf gives an index the same length in any order", () => {
  const length = lengthsOf({ kind: "uniform", low: 1, high: 1000 }, { seed: 3, label: "x" });
  const forward = [0, 1, 2, 3].map(length);
  assertEquals([3, 2, 1, 0].map(length).reverse(), forward);
  assert(new Set(forward).size > 1);
});

Deno.test("lengthsOf draws other lengths for another seed or label", () => {
  const spec: LengthSpec = { kind: "uniform", low: 1, high: 1_000_000 };
  const lengths = [[0, "a"], [1, "a"], [0, "b"]].map(([seed, label]) =>
    lengthsOf(spec, { seed: seed as number, label: label as string })(0)
  );
  assertEquals(new Set(lengths).size, 3);
});

Deno.test("lengthsOf stays within the distribution", () => {
  assertEquals(draw("5", 3), [5, 5, 5]);
  assertEquals([...new Set(draw("uniform:2:4", 100))].sort(), [2, 3, 4]);
  const normals = draw("normal:1000:100", 2000);
  assertAlmostEquals(normals.reduce((a, b) => a + b) / 2000, 1000, 12);
  assert(draw("normal:1:50", 200).every((tokens) => tokens >= 1 && Number.isInteger(tokens)));
  const sorted = draw("lognormal:100:1", 2001).sort((a, b) => a - b);
  assertAlmostEquals(sorted[1000] as number, 100, 10);
  assert((sorted[2000] as number) > 1000, "a long tail");
});
