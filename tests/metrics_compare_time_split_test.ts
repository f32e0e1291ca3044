import { assertEquals, assertStringIncludes } from "@std/assert";
import { compareRuns } from "../metrics/compare.ts";
import type { TimeSplit } from "../metrics/load_server.ts";
import { createCompared } from "./support/create_compared.ts";
import { createPart, createSplit } from "./support/create_server.ts";

function side(name: string, ...splits: readonly (TimeSplit | undefined)[]) {
  return {
    name,
    runs: splits.map((timeSplit, i) =>
      createCompared([{ ttftMs: 100, load: { timeSplit } }], {
        header: { startedAt: `2026-01-02T03:04:0${i}.000Z` },
      })
    ),
  };
}

const QUEUED = (queueMs: number) =>
  createSplit({
    ttftMs: queueMs + 40,
    parts: [createPart("queue", queueMs), createPart("prefill", 40)],
  });

function remarkOf(...sides: ReturnType<typeof side>[]): string | undefined {
  return compareRuns(sides).remarks.find((remark) => remark.includes("TTFT goes"));
}

Deno.test("a comparison tells where the time went on both sides, without a verdict", () => {
  assertEquals(
    remarkOf(side("old", QUEUED(80)), side("new", QUEUED(20))),
    "1 user, where the mean TTFT goes: old 120 ms = queue 80 + prefill 40; new 60.0 ms = " +
      "queue 20.0 + prefill 40.0; told only, there is no verdict on parts",
  );
});

Deno.test("repeats are averaged where all know the same parts", () => {
  const remark = remarkOf(side("old", QUEUED(80), QUEUED(120)), side("new", QUEUED(20)));
  assertStringIncludes(remark!, "old 140 ms = queue 100 + prefill 40; new 60.0 ms");
  const other = createSplit({ ...QUEUED(10), basis: "requests" });
  assertEquals(remarkOf(side("old", QUEUED(80), other), side("new", QUEUED(20))), undefined);
  assertEquals(remarkOf(side("old", QUEUED(80), undefined), side("new", QUEUED(20))), undefined);
});

Deno.test("nothing is told where a side does not know", () => {
  assertEquals(remarkOf(side("old", undefined), side("new", QUEUED(20))), undefined);
});
