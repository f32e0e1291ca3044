import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { type CurvePoint, nextOfCurve, summarizeCurve } from "../metrics/capacity_curve.ts";
import type { RunFind } from "../metrics/run_find.ts";
import { summarize } from "../metrics/summary.ts";
import { createRecord } from "./support/create_record.ts";
import { createRun } from "./support/create_run.ts";

const FIND: RunFind = {
  ...{ goal: "curve", axis: "concurrency", maxFailures: 0, tolerance: 0.05 },
  ...{ first: 1, lowest: 1, highest: 1024 },
};

/** A server that ends at most 16 users' worth. */
const throughputAt = (users: number) => 100 * Math.min(users, 16);

function measured(find: RunFind, cut = Infinity): CurvePoint[] {
  const points: CurvePoint[] = [];
  for (let next = nextOfCurve(find, points); next !== undefined; next = nextOfCurve(find, points)) {
    assert(points.length < 30);
    points.push({ value: next, throughput: throughputAt(next), cutShort: next >= cut });
  }
  return points;
}

Deno.test("curve: doubles until a doubling gains nothing, then looks around the knee", () => {
  assertEquals(measured(FIND).map(({ value }) => value), [1, 2, 4, 8, 16, 32, 23, 11]);
});

Deno.test("curve: ends at the highest load, and where the server falls behind", () => {
  assertEquals(measured({ ...FIND, highest: 6 }).map(({ value }) => value).slice(0, 4), [
    1,
    2,
    4,
    6,
  ]);
  assert(measured(FIND, 8).every(({ value }) => value <= 8));
});

Deno.test("curve: its knee and its end are named", () => {
  const values = [1, 2, 4, 8, 16, 32];
  const records = values.flatMap((users, load) =>
    // Each load lasts 10 s.
    Array.from({ length: throughputAt(users) / 10 }, (_, index) => {
      const sentMs = 10_000 * index / (throughputAt(users) / 10);
      return createRecord({ load, index, sentMs, ticks: [[sentMs + 10, 1], [sentMs + 100, 10]] });
    })
  );
  const run = createRun(records, {
    header: { find: FIND },
    loads: values.map((users) => ({ label: `${users} users`, users, probe: users })),
    ends: values.map(() => ({ durationMs: 10_000, sendingEndMs: 10_000 })),
  });
  const { curve } = summarize(run);
  assertEquals([curve?.knee, curve?.saturated], [16, true]);
  assertStringIncludes(curve!.sentence, "knee at 16 users with 160");
  assertStringIncludes(curve!.sentence, "saturated");
  assertEquals(summarizeCurve(FIND, []).sentence, "nothing was measured");
});
