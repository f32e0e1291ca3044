import { assert, assertEquals } from "@std/assert";
import { parsePrometheus } from "../backends/telemetry_prometheus.ts";
import type { ServerFigure } from "../metrics/load_server.ts";
import type { ServerScrapes } from "../metrics/run_server.ts";
import { SERVER_ENGINES, SERVER_ROLES } from "../metrics/server_names.ts";
import { summarizeServer } from "../metrics/summary_server.ts";
import { keepScrapes } from "../workloads/scrape_keeper.ts";
import { type Expected, FAKE_METRICS, type FakeMetrics } from "./support/fake_metrics.ts";

/** What answers before a load, during it, and after it come to, each 5 s later. */
function scrapesOf({ texts: [before, after], path }: FakeMetrics): ServerScrapes {
  const keeper = keepScrapes(`http://127.0.0.1:8000${path}`);
  for (const [i, text] of [before, after, after].entries()) {
    const parsed = parsePrometheus(text);
    assertEquals(parsed.unusable, 0, "every line is usable");
    keeper.add(i * 5000, parsed, 1, i !== 1);
  }
  return keeper.scrapes(0);
}

function near(actual: number | undefined, expected: number, what: string): void {
  assert(
    actual !== undefined && Math.abs(actual - expected) <= 1e-6 * Math.max(1, Math.abs(expected)),
    `${what}: ${actual} instead of ${expected}`,
  );
}

function assertFigure(figure: ServerFigure, expected: Expected, what: string): void {
  assertEquals(figure.kind, expected.kind, what);
  switch (expected.kind) {
    case "gauge":
      near(figure.max, expected.value, `${what} max`);
      near(figure.mean, expected.value, `${what} mean`);
      return;
    case "counter":
      near(figure.difference, expected.difference, `${what} difference`);
      near(figure.perSec, expected.difference / 10, `${what} per second`);
      return;
    case "histogram": {
      assertEquals(figure.count, expected.count, what);
      near(figure.mean, expected.mean, `${what} mean`);
      // All values are alike: the median lies in the bucket that the mean lies in.
      const { value, bucket } = figure.percentiles.find(({ p }) => p === 50)!;
      assert(bucket!.low <= expected.mean && expected.mean <= bucket!.high!, `${what} bucket`);
      assert(bucket!.low <= value! && value! <= bucket!.high!, `${what} p50`);
    }
  }
}

for (const fake of FAKE_METRICS) {
  Deno.test(`every metric of known meaning is found at an endpoint of ${fake.engine}`, () => {
    const { endpoints: [endpoint], figures } = summarizeServer([scrapesOf(fake)])!;
    assertEquals(endpoint!.engine, fake.engine);
    const order = SERVER_ROLES.map(({ role }) => role);
    assertEquals(
      figures.map(({ role }) => role),
      order.filter((role) => fake.expected[role] !== undefined),
    );
    for (const figure of figures) {
      const expected = fake.expected[figure.role as keyof typeof fake.expected]!;
      assertFigure(figure, expected, `${fake.engine} ${figure.role}`);
    }
  });
}

Deno.test("there is a fake endpoint for each engine whose names are known", () => {
  assertEquals(
    FAKE_METRICS.map(({ engine }) => engine).toSorted(),
    SERVER_ENGINES.map(({ engine }) => engine).toSorted(),
  );
});

Deno.test("replicas of an engine are added up, or averaged where they are shares", () => {
  const fake = FAKE_METRICS.find(({ engine }) => engine === "lmdeploy")!;
  const one = scrapesOf(fake);
  const { figures, endpoints } = summarizeServer([one, { ...one, url: "http://b/metrics" }])!;
  const figure = (role: string) => figures.find((figure) => figure.role === role)!;
  assertEquals(endpoints.length, 2);
  near(figure("running").max, 16, "running");
  near(figure("cache_use").max, 0.4, "cache use");
  near(figure("output_tokens").difference, 12_000, "output tokens");
  assertEquals(figure("ttft").count, 240);
  near(figure("ttft").mean, 120, "TTFT");
});
