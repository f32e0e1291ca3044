import { assertEquals } from "@std/assert";
import {
  formatCount,
  formatMs,
  formatNumber,
  formatPercentile,
  formatShare,
  formatValue,
  plural,
} from "../metrics/format.ts";

Deno.test("formatMs keeps three digits and takes the unit that fits", () => {
  const table: [number | undefined, string][] = [
    [undefined, "n/a"],
    [0, "0 ms"],
    [0.0351, "0.0351 ms"],
    [0.35, "0.350 ms"],
    [4.123, "4.12 ms"],
    [9.996, "10.0 ms"],
    [41.23, "41.2 ms"],
    [412.3, "412 ms"],
    [999.6, "1.00 s"],
    [1000, "1.00 s"],
    [1240, "1.24 s"],
    [99_940, "99.9 s"],
    [99_960, "1 min 40 s"],
    [125_000, "2 min 5 s"],
    [-5.5, "-5.50 ms"],
  ];
  for (const [ms, text] of table) assertEquals(formatMs(ms), text);
});

Deno.test("formatNumber keeps integers whole and three digits of the rest", () => {
  const table: [number | undefined, string][] = [
    [undefined, "n/a"],
    [0, "0"],
    [5, "5"],
    [4.5678, "4.57"],
    [0.01234, "0.0123"],
    [12_345.6, "12,346"],
    [1_234_567, "1,234,567"],
  ];
  for (const [value, text] of table) assertEquals(formatNumber(value), text);
});

Deno.test("formatShare is 100 % only when it is exactly that", () => {
  const table: [number | undefined, string][] = [
    [undefined, "n/a"],
    [0, "0 %"],
    [1, "100 %"],
    [0.975, "97.5 %"],
    [0.9999, "99.9 %"],
    [0.0001, "0.1 %"],
  ];
  for (const [share, text] of table) assertEquals(formatShare(share), text);
});

Deno.test("formatValue, formatCount, formatPercentile and plural name what they count", () => {
  assertEquals(formatValue(1500, "ms"), "1.50 s");
  assertEquals(formatValue(12, "tokens"), "12 tokens");
  assertEquals(formatValue(0.98, "1"), "0.980");
  assertEquals(formatValue(undefined, "tokens"), "n/a");
  assertEquals(formatCount(1_000_000), "1,000,000");
  assertEquals(formatCount(999), "999");
  assertEquals(formatPercentile(99.9), "p99.9");
  assertEquals([plural(1, "user"), plural(2000, "user")], ["1 user", "2,000 users"]);
});
