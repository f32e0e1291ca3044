import { assertEquals } from "@std/assert";
import type { ServerFamily, ServerScrapes } from "../metrics/run_server.ts";
import { withinBudget } from "../workloads/scrape_budget.ts";

const family = (name: string, label: string): ServerFamily => ({
  ...{ name, type: "gauge" },
  series: [{ labels: { label }, last: 1 }, { labels: { label: "b" }, last: 2 }],
});

const scrapes = (families: readonly ServerFamily[], leftOut?: number): ServerScrapes => ({
  ...{ url: "http://a", timeMs: [0], families },
  ...(leftOut === undefined ? {} : { leftOut }),
});

Deno.test("withinBudget keeps everything that there is room for, and known metrics first", () => {
  const known = family("vllm:num_requests_running", "x".repeat(300));
  const [a, b] = [family("a", "y".repeat(500)), family("b", "z")];
  const all = [scrapes([a, known]), scrapes([b], 3)];
  assertEquals(withinBudget(all), all);
  assertEquals(withinBudget(all, 700), [scrapes([known], 2), scrapes([b], 3)]);
  assertEquals(withinBudget(all, 10), [scrapes([], 4), scrapes([], 5)]);
});
