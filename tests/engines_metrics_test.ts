import { assert, assertEquals } from "@std/assert";
import {
  parsePrometheus,
  type PrometheusFamily,
  type PrometheusSeries,
} from "../backends/telemetry_prometheus.ts";
import type { ServerFigure } from "../metrics/load_server.ts";
import type { ServerHistogram, ServerScrapes, ServerSeries } from "../metrics/run_server.ts";
import { SERVER_ENGINES, SERVER_ROLES } from "../metrics/server_names.ts";
import { summarizeServer } from "../metrics/summary_server.ts";
import { type Expected, FAKE_METRICS, type FakeMetrics } from "./support/fake_metrics.ts";

/** What two answers, 10 s apart, come to: written for this test alone, by the definitions. */
function scrapesOf({ texts, path }: FakeMetrics): ServerScrapes {
  const [before, after] = texts.map((text) => {
    const { families, unusable } = parsePrometheus(text);
    assertEquals(unusable, 0, "every line is usable");
    return families;
  });
  return {
    url: `http://127.0.0.1:8000${path}`,
    timeMs: [0, 10_000],
    families: after!.map(({ name, type, series }) => ({
      ...{ name, type },
      series: series.map((one) => {
        const earlier = seriesOf(before!, name, one.labels);
        return earlier === undefined ? { labels: one.labels } : addedBetween(type, earlier, one);
      }),
    })),
  };
}

function seriesOf(
  families: readonly PrometheusFamily[],
  name: string,
  labels: PrometheusSeries["labels"],
): PrometheusSeries | undefined {
  return families.find((family) => family.name === name)?.series
    .find((one) => JSON.stringify(one.labels) === JSON.stringify(labels));
}

function addedBetween(
  type: PrometheusFamily["type"],
  { value: first, spread: old }: PrometheusSeries,
  { labels, value: last, spread }: PrometheusSeries,
): ServerSeries {
  if (spread !== undefined && old !== undefined) {
    const upTo = spread.upTo.map((count, i) => count - old.upTo[i]!);
    const added: ServerHistogram = {
      count: spread.count! - old.count!,
      sum: spread.sum! - old.sum!,
      edges: spread.edges.filter((edge) => edge !== Infinity),
      counts: upTo.map((count, i) => count - (upTo[i - 1] ?? 0)),
    };
    return { labels, added };
  }
  const [low, high] = [Math.min(first!, last!), Math.max(first!, last!)];
  return {
    ...{ labels, first: first!, last: last! },
    ...(type === "counter"
      ? { difference: last! - first!, values: [first!, last!] }
      : { mean: (first! + last!) / 2, min: low, max: high, values: [first!, last!] }),
  };
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
      near(figure.max, Math.max(expected.first, expected.last), `${what} max`);
      near(figure.mean, (expected.first + expected.last) / 2, `${what} mean`);
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
