import { assert, assertEquals } from "@std/assert";
import * as metrics from "../metrics/mod.ts";

Deno.test("REPORTS have names, descriptions and extensions of their own", () => {
  const { REPORTS } = metrics;
  for (const field of ["name", "extension"] as const) {
    assertEquals(new Set(REPORTS.map((report) => report[field])).size, REPORTS.length, field);
  }
  for (const { description } of REPORTS) assert(description !== "");
  assertEquals(REPORTS.slice(0, 3).map(({ name }) => name), ["table", "csv", "json"]);
});

Deno.test("metrics/mod.ts exports every metric of the registry", () => {
  const exported = new Set<unknown>(Object.values(metrics));
  for (const metric of metrics.METRICS) assert(exported.has(metric), metric.name);
});

Deno.test("metrics/*.ts with a metric or a report are all in a registry", async () => {
  const listed: readonly object[] = [...metrics.METRICS, ...metrics.REPORTS];
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
