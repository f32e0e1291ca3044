import { assertEquals } from "@std/assert";
import {
  formatFixed,
  formatRepr,
  roundNumpy,
  roundPython,
} from "../metrics/script_python_format.ts";

Deno.test("formatFixed writes what Python's %.Nf writes", () => {
  const table: [value: number, digits: number, text: string][] = [
    [0.125, 2, "0.12"],
    [0.375, 2, "0.38"],
    [2.5, 0, "2"],
    [3.5, 0, "4"],
    [-2.5, 0, "-2"],
    [0.5, 0, "0"],
    [1.5, 0, "2"],
    // Not a tie in binary: 1.005 is a little less than it looks.
    [1.005, 2, "1.00"],
    [0.0005, 3, "0.001"],
    [2.675, 2, "2.67"],
    [116.66666666666667, 3, "116.667"],
    [1e21, 3, "1000000000000000000000.000"],
    [1e22, 0, "10000000000000000000000"],
    [-0, 1, "-0.0"],
    [-0.0001, 3, "-0.000"],
    [NaN, 3, "nan"],
    [-Infinity, 3, "-inf"],
    [1234567.0625, 3, "1234567.062"],
    [9.5, 0, "10"],
    [10.5, 0, "10"],
  ];
  for (const [value, digits, text] of table) {
    assertEquals(formatFixed(value, digits), text, `%.${digits}f of ${value}`);
  }
});

Deno.test("formatRepr writes what Python's repr of a float writes", () => {
  const table: [number, string][] = [
    [0.05, "0.05"],
    [1, "1.0"],
    [0, "0.0"],
    [-0, "-0.0"],
    [0.1 + 0.2, "0.30000000000000004"],
    [123456789012345680, "1.2345678901234568e+17"],
    [1e16, "1e+16"],
    [9999999999999998, "9999999999999998.0"],
    [0.0001, "0.0001"],
    [0.00001, "1e-05"],
    [1.5e-7, "1.5e-07"],
    [1e100, "1e+100"],
    [NaN, "nan"],
    [Infinity, "inf"],
  ];
  for (const [value, text] of table) assertEquals(formatRepr(value), text);
});

Deno.test("roundNumpy scales and rounds half to even, roundPython rounds the exact value", () => {
  assertEquals([0.0005, 0.0015, 0.0025].map((value) => roundNumpy(value, 3)), [0, 0.002, 0.002]);
  assertEquals(roundNumpy(-2.5, 0), -2);
  assertEquals(roundNumpy(1.2345, 2), 1.23);
  // 0.0015 and 0.0025 are a little above what they look like.
  assertEquals([0.0005, 0.0015, 0.0025].map((value) => roundPython(value, 3)), [
    0.001,
    0.002,
    0.003,
  ]);
  assertEquals(roundPython(2.675, 2), 2.67);
});
