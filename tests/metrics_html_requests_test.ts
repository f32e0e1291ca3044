import { assert, assertEquals, assertFalse, assertLess, assertStringIncludes } from "@std/assert";
import { packRows, requestQuotas, requestSection } from "../metrics/html_requests.ts";
import { REQUESTS_SCRIPT } from "../metrics/html_requests_script.ts";
import type { RequestRow } from "../metrics/load_requests.ts";
import type { LoadSummary } from "../metrics/load_summary.ts";
import { summarize } from "../metrics/summary.ts";
import { createFailure, createRecord } from "./support/create_record.ts";
import { createRun } from "./support/create_run.ts";
import { textOf } from "./support/html_text.ts";

const ROW: RequestRow = {
  ...{ index: 0, user: 0, sentMs: 0, ttftMs: 20.5, tpotMs: 1.25, e2eMs: 100 },
  ...{ promptTokens: 10, outputTokens: 5, outcome: "ok", message: undefined },
};

/** What the page's script reads from packed rows. */
function unpacked(count: number, columns: string): Record<string, readonly (number | undefined)[]> {
  // The script is one function that is called at once; its part that unpacks stands alone.
  const part = /const unpack = [^]*?\n};\n/.exec(REQUESTS_SCRIPT)![0];
  return new Function("data", `${part}; return unpack(data);`)({ count, columns });
}

Deno.test("packRows and the page's script agree on every column", () => {
  const rows: RequestRow[] = [
    { ...ROW, index: 3, user: 7, sentMs: 12.345 },
    // Sent before the one above, and a day into the load.
    { ...ROW, index: 4, sentMs: 5, ttftMs: 0.001, e2eMs: 86_400_000.123 },
    { ...ROW, index: 2, sentMs: undefined, ttftMs: undefined, tpotMs: undefined, e2eMs: undefined },
    { ...ROW, index: 5, outcome: "timeout", message: "late", promptTokens: undefined },
    { ...ROW, index: 6, outcome: "timeout", message: "not among those that are carried" },
  ];
  const read = unpacked(rows.length, packRows(rows, ["slow", "late"]));
  assertEquals(read.index, [3, 4, 2, 5, 6]);
  assertEquals(read.user, [7, 0, 0, 0, 0]);
  assertEquals(read.sent, [0.012345, 0.005, undefined, 0, 0]);
  assertEquals(read.ttft, [20.5, 0.001, undefined, 20.5, 20.5]);
  assertEquals(read.tpot, [1.25, 1.25, undefined, 1.25, 1.25]);
  assertEquals(read.e2e, [100, 86_400_000.123, undefined, 100, 100]);
  assertEquals(read.prompt, [10, 10, 10, undefined, 10]);
  assertEquals(read.output, [5, 5, 5, 5, 5]);
  assertEquals(read.kind, [0, 0, 0, 3, 3]);
  assertEquals(read.message, [undefined, undefined, undefined, 1, undefined]);
});

Deno.test("packRows takes about 20 characters a request", () => {
  const rows = Array.from({ length: 1000 }, (_, index) => ({
    ...ROW,
    ...{ index, user: index % 64, sentMs: index * 3.217 },
    ...{ ttftMs: 20 + index % 77 * 1.113, tpotMs: 8 + index % 13 * 0.137, e2eMs: 400 + index % 91 },
    outputTokens: 20 + index % 40,
  }));
  assertLess(packRows(rows, []).length / rows.length, 20);
});

Deno.test("requestQuotas gives small loads all and shares the rest", () => {
  const of = (...counts: number[]) =>
    requestQuotas(counts.map((offered) => ({ counts: { offered } as LoadSummary["counts"] })));
  assertEquals(of(10, 20), [10, 20]);
  assertEquals(of(1e6, 100, 1e6), [9950, 100, 9950]);
  assertEquals(of(), []);
  const many = of(...Array.from({ length: 1000 }, () => 5000));
  assertEquals(new Set(many), new Set([20]));
});

Deno.test("requestSection tells the slowest requests, and what it leaves out", () => {
  const records = Array.from(
    { length: 300 },
    (_, index) =>
      createRecord({ index, sentMs: 0, endMs: 50 + index, ticks: [[10, 1], [50 + index, 2]] }),
  );
  const [load] = summarize(createRun([
    ...records,
    createFailure("timeout", { index: 300, endMs: 9000, message: `no <token>" onload="x` }),
  ])).loads;
  const section = requestSection(load!, 1000).toString();
  assertStringIncludes(textOf(section), "301 requests, the slowest first");
  assertStringIncludes(textOf(section), "300 0 0 ms n/a n/a 9.00 s");
  assertFalse(section.includes('" onload'));
  assertFalse(section.includes("The page carries"));
  const some = textOf(requestSection(load!, 40).toString());
  assertStringIncludes(some, "of 301 requests: the slowest, failed ones, and an even sample");
  assertEquals(requestSection(summarize(createRun([])).loads[0]!, 40).toString(), "");
});

Deno.test("the script of requests makes text, never markup", () => {
  assertFalse(/innerHTML|outerHTML|insertAdjacent|document\.write|eval\(/.test(REQUESTS_SCRIPT));
  assert(REQUESTS_SCRIPT.startsWith("\n(() => {\n"), "its names are its own");
});
