import { assert, assertEquals } from "@std/assert";
import { METRICS } from "../metrics/metrics.ts";
import { COMPARISON_REPORTS } from "../metrics/report_comparisons.ts";
import { FRONTIER_REPORTS } from "../metrics/report_frontiers.ts";
import { REPORTS } from "../metrics/reports.ts";

Deno.test("REPORTS have names, descriptions and extensions of their own", () => {
  for (const field of ["name", "extension"] as const) {
    assertEquals(new Set(REPORTS.map((report) => report[field])).size, REPORTS.length, field);
  }
  for (const { description } of REPORTS) assert(description !== "");
  assertEquals(REPORTS.slice(0, 3).map(({ name }) => name), ["table", "csv", "json"]);
});

Deno.test("metrics/*.ts with a metric or a report are all in a registry", async () => {
  const listed: readonly object[] = [
    ...METRICS,
    ...REPORTS,
    ...COMPARISON_REPORTS,
    ...FRONTIER_REPORTS,
  ];
  for await (const { name } of Deno.readDir(new URL("../metrics/", import.meta.url))) {
    if (!name.endsWith(".ts")) continue;
    const module: Record<string, unknown> = await import(`../metrics/${name}`);
    for (const value of Object.values(module)) {
      const isEntry = typeof value === "object" && value !== null && "name" in value &&
        ("formula" in value || "render" in value);
      if (isEntry) assert(listed.includes(value), `${name} is in no registry`);
    }
  }
});
