import { assertEquals, assertMatch } from "@std/assert";
import { renderTable } from "../metrics/report_table.ts";
import { saturatedLoads } from "../metrics/summary_saturated.ts";
import { summarize, type Summary } from "../metrics/summary.ts";
import { createRecord } from "./support/create_record.ts";
import { createRun, type RunFields } from "./support/create_run.ts";

/** Each load has so many users, and requests that take so long, one after the other in each user. */
function loadsOf(
  loads: readonly (readonly [users: number, ms: number])[],
  plan: NonNullable<RunFields["loads"]>[number] = {},
): Summary {
  const records = loads.flatMap(([users, ms], load) =>
    Array.from({ length: users * 20 }, (_, index) => {
      const sentMs = Math.floor(index / users) * ms;
      const ticks = [[sentMs + ms / 2, 1], [sentMs + ms, 10]] as const;
      return createRecord({ load, index, user: index % users, sentMs, ticks });
    })
  );
  return summarize(createRun(records, {
    loads: loads.map(([users]) => ({ label: `${users} users`, users, ...plan })),
  }));
}

function namesOf(summary: Summary): readonly (string | undefined)[] {
  return saturatedLoads(summary.loads).map((one) => one?.by);
}

Deno.test("users who only wait longer are beyond saturation, those who bring throughput are not", () => {
  // 1, 2, and 4 users per 100 ms; then 8 users wait twice as long for the same.
  const summary = loadsOf([[1, 100], [2, 100], [4, 100], [8, 196]]);
  assertEquals(namesOf(summary), [undefined, undefined, undefined, "users"]);
  assertMatch(
    saturatedLoads(summary.loads)[3]!.why,
    /^8 users have 2\.\d % more output tokens\/s than 4 users, and E2E p50 is 196 ms instead of 100 ms$/,
  );
  // In any order; fewer is said as such.
  const falling = loadsOf([[8, 250], [4, 100]]);
  assertEquals(namesOf(falling), ["users", undefined]);
  assertMatch(saturatedLoads(falling.loads)[0]!.why, /8 users have 20\.\d % fewer /);
});

Deno.test("no load is beyond saturation by itself, nor by one of nearly its size", () => {
  assertEquals(namesOf(loadsOf([[8, 1000]])), [undefined]);
  assertEquals(namesOf(loadsOf([[8, 100], [9, 113]])), [undefined, undefined]);
  // Half of what they would bring is worth it.
  assertEquals(namesOf(loadsOf([[4, 100], [8, 133]])), [undefined, undefined]);
});

Deno.test("users who think, and loads of other sides, say nothing", () => {
  assertEquals(namesOf(loadsOf([[4, 100], [8, 200]], { thinkTime: "5000" })), [
    undefined,
    undefined,
  ]);
  const { loads } = loadsOf([[4, 100], [8, 200]]);
  const sides = loads.map((load, side) => ({ ...load, plan: { ...load.plan, side } }));
  assertEquals(saturatedLoads(sides), [undefined, undefined]);
});

Deno.test("arrivals go by their own check", () => {
  const { loads } = loadsOf([[4, 100]]);
  const checks = [{ name: "saturation", ok: false, message: "Saturated: x", advice: "y" }];
  assertEquals(saturatedLoads([{ ...loads[0]!, checks }])[0]?.by, "arrivals");
});

Deno.test("the table names it beside the verdict, which is the last column to go", () => {
  const summary = loadsOf([[1, 100], [4, 100], [8, 196]]);
  const verdicts = summary.loads.map((load) => ({
    ...load,
    verdict: { kind: "ok", message: "", reasons: [] } as const,
  }));
  let columns = Infinity;
  for (const width of [100, 80, 60, 50, 40, 30]) {
    const text = renderTable({ ...summary, loads: verdicts }, { width });
    const lines = text.split("\n");
    const heading = lines.findIndex((line) => line.startsWith("Load "));
    const names = lines[heading]!.split(/ {2,}/);
    assertEquals(names.at(-1), "verdict", lines[heading]);
    assertMatch(lines[heading + 3]!, /^8 users +(.* {2})?ok, saturated$/);
    assertEquals(names.length <= columns, true);
    columns = names.length;
    assertMatch(text.replace(/\s+/g, " "), / saturated: 8 users have 2\.\d % more output tokens/);
  }
  assertEquals(columns, 2);
});
