import { assert, assertEquals } from "@std/assert";
import {
  bracketedText,
  doubtedText,
  formatBracketed,
  formatByError,
  formatCount,
  formatDoubted,
  formatMs,
  formatNumber,
  formatPercentile,
  formatShare,
  formatValue,
  formatWider,
  plural,
} from "../metrics/format.ts";

Deno.test("formatMs keeps three digits and takes the unit that fits", () => {
  const table: [number | undefined, string][] = [
    [undefined, "n/a"],
    [0, "0 ms"],
    [0.006, "6 µs"],
    [0.0351, "35 µs"],
    [0.35, "350 µs"],
    [0.9996, "1.00 ms"],
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

Deno.test("formatBracketed gives as many digits as tell the ends apart, rounded outwards", () => {
  const table: [number, [low: number, high: number], string][] = [
    [50.1, [49.9, 50.3], "50.1 ms (49.9–50.3)"],
    [50.13, [50.11, 50.15], "50.13 ms (50.11–50.15)"],
    [50.1, [45.3, 61.2], "50.1 ms (45–62)"],
    [50.1, [40.2, 165], "50.1 ms (40–165)"],
    // Four digits at most: what is printed is then wider than the bracket.
    [10.003, [10.0011, 10.0042], "10.00 ms (10.00–10.01)"],
    [1241.3, [1241.1, 1241.4], "1.241 s (1.241–1.242)"],
    [10, [10, 10], "10.00 ms (10.00–10.00)"],
    [0, [0, 0.35], "0 ms (0–0.35)"],
    [0, [0, 0], "0 ms (0–0)"],
    // Both ends in the unit of the number.
    [999.7, [990, 1004], "1.000 s (0.990–1.004)"],
    [125_000, [124_800, 125_300], "2 min 5 s (124.8–125.3 s)"],
    // A number that binary fractions put beside its decimal one.
    [0.019, [0.017, 0.0234], "19 µs (17–24)"],
    [0.0004, [0, 0.9], "0 µs (0–900)"],
    [0.3, [0.1 + 0.2, 0.7], "300 µs (300–700)"],
  ];
  for (const [value, [low, high], text] of table) {
    assertEquals(bracketedText(formatBracketed(value, { low, high }, "ms")), text);
  }
  assertEquals(
    bracketedText(formatBracketed(1548.3, { low: 1540.2, high: 1552 }, "1")),
    "1,548 (1,540–1,552)",
  );
  assertEquals(
    bracketedText(formatBracketed(17, { low: 16.8, high: 17.2 }, "req/s")),
    "17.0 req/s (16.8–17.2)",
  );
  assertEquals(formatBracketed(4.123, undefined, "ms"), { value: "4.12 ms", ends: undefined });
  assertEquals(formatBracketed(undefined, { low: 1, high: 2 }, "ms").value, "n/a");
});

Deno.test("formatBracketed prints no bracket without its number, none narrower than it is", () => {
  for (let i = 1; i < 2000; i++) {
    const value = 0.001 * 1.0093 ** i;
    const low = value * (1 - (i * 7 % 11) / 40);
    const high = value + (i * 5 % 13) * value / 9;
    const printed = formatBracketed(value, { low, high }, "1");
    const [from, to] = printed.ends!.split("–").map((end) => Number(end.replaceAll(",", "")));
    const shown = Number(printed.value.replaceAll(",", ""));
    const near = 1e-6 * value;
    assert(from! <= low + near && to! >= high - near, `${low} ${high}: ${printed.ends}`);
    assert(from! <= shown && shown <= to!, `${printed.value} ${printed.ends}`);
  }
});

Deno.test("what is open about a number goes under its name, both or the wider one", () => {
  const doubt = { client: { low: 49.9, high: 50.3 }, sampling: { low: 48.7, high: 51.6 } };
  assertEquals(
    doubtedText(formatDoubted(50.1, doubt, "ms")),
    "50.1 ms, client 49.9–50.3, sampling 48.7–51.6",
  );
  assertEquals(formatWider(50.1, doubt, "ms"), { value: "50.1 ms", sampling: "48.7–51.6" });
  const wide = { ...doubt, client: { low: 10, high: 90 } };
  assertEquals(Object.keys(formatWider(50.1, wide, "ms")), ["value", "client"]);
  assertEquals(formatWider(50.1, { client: doubt.client }, "ms").client, "49.9–50.3");
  assertEquals(formatWider(50.1, {}, "ms"), { value: "50.1 ms" });
  assertEquals(doubtedText(formatDoubted(undefined, doubt, "ms")), "n/a");
});

Deno.test("formatByError prints what the error leaves, two digits at least, four at most", () => {
  const of = (value: number, low: number, high: number, unit: "ms" | "1" = "ms") =>
    formatByError(value, { client: { low: value, high: value }, sampling: { low, high } }, unit);
  assertEquals(of(45.11, 41, 51), "45 ms");
  assertEquals(of(854.1, 808, 902), "850 ms");
  assertEquals(of(14.16, 14.03, 14.16), "14.16 ms");
  assertEquals(of(2531, 2100, 2900), "2.5 s");
  assertEquals(of(12.3, 1, 90), "12 ms");
  assertEquals(of(0.0193, 0.017, 0.023), "19 µs");
  assertEquals(of(1477, 1431, 1596, "1"), "1,480");
  assertEquals(of(1477.3, 1477.2, 1477.4, "1"), "1,477");
  assertEquals(of(0.1234, 0.12, 0.13, "1"), "0.123");
  assertEquals(of(125_000, 124_000, 126_000), "2 min 5 s");
  assertEquals(of(0, 0, 5), "0 ms");
  // What rounds to the next unit is told in it.
  assertEquals(formatByError(0.9964, { sampling: { low: 0.7, high: 1.2 } }, "ms"), "1.0 ms");
  assertEquals(formatByError(4.123, {}, "ms"), "4.12 ms");
  assertEquals(formatByError(undefined, {}, "ms"), "n/a");
});
