import { assert, assertEquals, assertFalse, assertThrows } from "@std/assert";
import { meetsLimit, meetsSlo, parseSlo, SLO_METRICS } from "../metrics/summary_slo.ts";
import { createFailure, createRecord } from "./support/create_record.ts";

Deno.test("parseSlo reads metric:limit pairs", () => {
  assertEquals(parseSlo("ttft:500,tpot:50").limits, [
    { metric: "ttft", limit: 500 },
    { metric: "tpot", limit: 50 },
  ]);
  assertEquals(parseSlo(" e2e : 1.5 ").limits, [{ metric: "e2e", limit: 1.5 }]);
  assertEquals(parseSlo("ttft:0.5s,tpot<50ms").limits, [
    { metric: "ttft", limit: 500 },
    { metric: "tpot", limit: 50, operator: "<" },
  ]);
});

Deno.test("parseSlo says what would work", () => {
  const table: [text: string, error: typeof Error, part: string][] = [
    ["", SyntaxError, "metric:limit"],
    ["ttft", SyntaxError, `"ttft" is not metric:limit`],
    ["ttft:500,", SyntaxError, "metric:limit"],
    ["ttft:fast", RangeError, `"fast" of ttft is not a number of ms`],
    ["ttft:500min", RangeError, `"min" is no unit of ttft, in ms, s, us`],
    ["ttft:", RangeError, "at least 0"],
    ["ttft:-1", RangeError, "at least 0"],
    ["ttft:1,ttft:2", RangeError, `"ttft" has two limits`],
    ["e2el:5", RangeError, "known are ttft,"],
    ["itl:5", RangeError, `with "tpot"`],
    ["output_tokens:5", SyntaxError, "which side is good"],
    ["itl<5", RangeError, "give a percentile, as in itl:p99<5"],
  ];
  for (const [text, error, part] of table) assertThrows(() => parseSlo(text), error, part);
});

Deno.test("parseSlo tells limits of the load from those of each request", () => {
  const { limits, ofLoad } = parseSlo("ttft:p99<500,ttft:1000,failures<1%");
  assertEquals(limits, [{ metric: "ttft", limit: 1000 }]);
  assertEquals(ofLoad?.map(({ name, statistic }) => [name, statistic]), [
    ["ttft", 99],
    ["failures", undefined],
  ]);
  assertEquals(parseSlo("ttft:500").ofLoad, undefined);
});

Deno.test("meetsLimit compares as it was written, and has no answer without a value", () => {
  // TTFT 100.
  const record = createRecord();
  const meets = (text: string) => meetsLimit(record, parseSlo(text).limits[0]!);
  assertEquals(["ttft<100", "ttft<=100", "ttft:100", "ttft>99"].map(meets), [
    false,
    true,
    true,
    true,
  ]);
  const whole = { ...record, wholeBody: true as const };
  for (const text of ["ttft:1000", "tpot:1000"]) {
    assertEquals(meetsLimit(whole, parseSlo(text).limits[0]!), undefined);
    assertFalse(meetsSlo(whole, parseSlo(text)));
  }
});

Deno.test("SLO_METRICS are those with one value per request and a better direction", () => {
  const names = SLO_METRICS.map(({ name }) => name);
  for (const name of ["ttft", "tpot", "e2e", "ttft_intended"]) assert(names.includes(name), name);
  for (const name of ["itl", "output_tokens"]) assertFalse(names.includes(name), name);
});

Deno.test("meetsSlo needs every limit met; a value at the limit meets it", () => {
  // TTFT 100, TPOT 10.
  const record = createRecord();
  assert(meetsSlo(record, parseSlo("ttft:100,tpot:10")));
  assertFalse(meetsSlo(record, parseSlo("ttft:99.9,tpot:10")));
  assertFalse(meetsSlo(record, parseSlo("ttft:100,tpot:9.9")));
});

Deno.test("meetsSlo is false for a failure, whatever its stamps", () => {
  const broken = createRecord({ outcome: { kind: "truncated", message: "cut" } });
  assertFalse(meetsSlo(broken, parseSlo("ttft:1000")));
  assertFalse(meetsSlo(createFailure("timeout"), parseSlo("tpot:1000")));
});

Deno.test("meetsSlo: a missing value fails, but one token has no TPOT to exceed (T13)", () => {
  const single = createRecord({ ticks: [[100, 1]] });
  assert(meetsSlo(single, parseSlo("tpot:1")));
  assertFalse(meetsSlo(single, parseSlo("ttft_answer:1000")));
});
