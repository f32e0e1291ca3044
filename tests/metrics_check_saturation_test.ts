import { assertEquals, assertStringIncludes } from "@std/assert";
import { summarize } from "../metrics/summary.ts";
import { createRecord } from "./support/create_record.ts";
import { createRun } from "./support/create_run.ts";

/** 20 requests a second, of which so many are ended a second. */
function saturationOf(endsPerSec: number): string | undefined {
  const records = Array.from({ length: 1200 }, (_, index) => {
    const sentMs = index * 50;
    const endMs = Math.max(sentMs + 400, 400 + index * 1000 / endsPerSec);
    return createRecord({ index, sentMs, ticks: [[endMs - 300, 1], [endMs, 5]] });
  });
  const run = createRun(records, {
    loads: [{ kind: "open", arrival: "constant", ratePerSec: 20, label: "20 req/s" }],
  });
  return summarize(run).loads[0]!.checks.find(({ name }) => name === "saturation")?.message;
}

Deno.test("an open load that is more than the server ends says which rate was held", () => {
  assertStringIncludes(saturationOf(12) ?? "", "Saturated: the highest rate held was 11.9");
  assertEquals(saturationOf(20), undefined);
  assertEquals(saturationOf(30), undefined);
});
