import { assert, assertEquals, assertFalse, assertThrows } from "@std/assert";
import { meetsSlo, parseSlo, SLO_METRICS } from "../metrics/summary_slo.ts";
import { createFailure, createRecord } from "./support/create_record.ts";

Deno.test("parseSlo reads metric:limit pairs", () => {
  assertEquals(parseSlo("ttft:500,tpot:50").limits, [
    { metric: "ttft", limit: 500 },
    { metric: "tpot", limit: 50 },
  ]);
  assertEquals(parseSlo(" e2e : 1.5 ").limits, [{ metric: "e2e", limit: 1.5 }]);
});

Deno.test("parseSlo says what would work", () => {
  const table: [text: string, error: typeof Error, part: string][] = [
    ["", SyntaxError, "metric:limit"],
    ["ttft", SyntaxError, `"ttft" is not metric:limit`],
    ["ttft:500,", SyntaxError, "metric:limit"],
    ["ttft:fast", RangeError, `"fast" of ttft is not a number of ms`],
    ["ttft:500ms", RangeError, "without a unit"],
    ["ttft:", RangeError, "at least 0"],
    ["ttft:-1", RangeError, "at least 0"],
    ["ttft:1,ttft:2", RangeError, `"ttft" has two limits`],
    ["e2el:5", RangeError, "known are ttft,"],
    ["itl:5", RangeError, `with "tpot"`],
    ["output_tokens:5", RangeError, "known are"],
  ];
  for (const [text, error, part] of table) assertThrows(() => parseSlo(text), error, part);
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
