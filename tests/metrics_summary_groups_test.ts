import { assert, assertAlmostEquals, assertEquals } from "@std/assert";
import type { RequestRecord } from "../backends/record.ts";
import { metricOf } from "../metrics/load_figures.ts";
import type { Grouping, GroupSummary } from "../metrics/load_groups.ts";
import type { LoadPlan, RunHeader } from "../metrics/run.ts";
import { summarize, type SummaryOptions } from "../metrics/summary.ts";
import { parseSlo } from "../metrics/summary_slo.ts";
import { plannedRate } from "../metrics/summary_stages.ts";
import { createFailure, createRecord, type RecordFields } from "./support/create_record.ts";
import { createRun } from "./support/create_run.ts";
import { createSessionsRun } from "./support/create_sessions.ts";
import { WITNESS } from "./support/with_brackets.ts";

interface Given {
  readonly plan?: Partial<LoadPlan>;
  readonly header?: Partial<RunHeader>;
  readonly options?: SummaryOptions;
}

function groupsOf(
  records: readonly RequestRecord[],
  { plan = {}, header = {}, options = {} }: Given = {},
): readonly Grouping[] {
  const run = createRun(records, { loads: [plan], header });
  return summarize(run, options).loads[0]!.groups;
}

function completed({ groups }: Grouping): Record<string, number> {
  return Object.fromEntries(groups.map(({ name, counts }) => [name, counts.completed]));
}

/** Requests one after the other, 1 s each, with a first token after 100 ms. */
function requests(fields: readonly RecordFields[]): readonly RequestRecord[] {
  return fields.map((own, index) => createRecord({ index, sentMs: index * 1000, ...own }));
}

Deno.test("groups: single requests have none", () => {
  assertEquals(groupsOf(requests([{}, {}, {}])), []);
});

Deno.test("groups: turns and prompt lengths of sessions, in their order", () => {
  const of = (turn: number, contentTokens: number) => ({ session: "a", turn, contentTokens });
  const [turns, prompts, ...others] = groupsOf(
    requests([
      ...[of(12, 40_000), of(1, 100), of(3, 128), of(5, 1023), of(2, 1024), of(6, 4096)],
      ...[of(20, 2 ** 20), of(501, 2 ** 19)],
    ]),
    { plan: { replay: "sessions" } },
  );
  assertEquals(others, []);
  assertEquals([turns!.by, turns!.title], ["turn", "Turn"]);
  assertEquals(completed(turns!), {
    ...{ "1": 1, "2": 1, "3–5": 2, "6–10": 1, "11–20": 2, "501 and later": 1 },
  });
  assertEquals(turns!.groups.map(({ name }) => name).slice(0, 3), ["1", "2", "3–5"]);
  assertEquals(prompts!.by, "prompt");
  assertEquals(prompts!.groups.map(({ name, counts }) => [name, counts.completed]), [
    ["below 128", 1],
    ["128–256", 1],
    ["512–1k", 1],
    ["1k–2k", 1],
    ["4k–8k", 1],
    ["32k–64k", 1],
    ["512k–1M", 1],
    ["1M and more", 1],
  ]);
});

Deno.test("groups: what says only what the load says is left out", () => {
  const one = { session: "a", turn: 1, contentTokens: 200 };
  assertEquals(groupsOf(requests([one, one]), { plan: { replay: "sessions" } }), []);
  // A class without a second one may mean that nothing of that was sent.
  const classes = [{ name: "chat", weight: 7 }, { name: "code", weight: 3 }];
  assertEquals(groupsOf(requests([{ class: "chat" }]), { header: { classes } }).length, 1);
});

Deno.test("groups: classes, models and servers as the header lists them", () => {
  const header = {
    classes: [{ name: "chat", weight: 7 }, { name: "code", weight: 3 }],
    models: [{ name: "sql", weight: 1 }, { name: "base", weight: 1 }],
    urls: ["http://a:1", "http://b:2"],
  };
  const found = groupsOf(
    requests([
      { class: "code", model: "base", server: 1 },
      { class: "chat", model: "sql", server: 0 },
      { class: "other", model: "base", server: 2 },
    ]),
    { header },
  );
  assertEquals(found.map(({ by, groups }) => [by, ...groups.map(({ name }) => name)]), [
    ["class", "chat", "code", "other"],
    ["model", "sql", "base"],
    ["server", "http://a:1", "http://b:2", "server 3"],
  ]);
});

Deno.test("groups: counts, tokens and rates of the groups add up to those of the load", () => {
  const classes = [{ name: "a", weight: 1 }, { name: "b", weight: 1 }];
  const records = [
    ...requests([{ class: "a" }, { class: "b" }, { class: "b" }]),
    createFailure("http_error", { index: 3, class: "a" }),
    createFailure("dropped", { index: 4, class: "a" }),
    createFailure("cancelled", { index: 5, class: "b" }),
    {
      ...createRecord({ index: 6, class: "b", sentMs: 500 }),
      outcome: { kind: "cancelled_as_planned", message: "left" } as const,
    },
  ];
  const load = summarize(createRun(records, { header: { classes } })).loads[0]!;
  const { groups } = load.groups[0]!;
  const sum = (of: (group: GroupSummary) => number) =>
    groups.reduce((total, group) => total + of(group), 0);
  for (const name of ["offered", "sent", "completed", "failed", "cancelled", "dropped"] as const) {
    assertEquals(sum(({ counts }) => counts[name]), load.counts[name], name);
  }
  assertEquals(sum(({ counts }) => counts.cancelledAsPlanned), 1);
  assertEquals(sum(({ outputTokens }) => outputTokens!), load.tokens.output.total);
  assertAlmostEquals(
    sum(({ throughput }) => throughput.totalTokensPerSec!),
    load.throughput.run.totalTokensPerSec!,
    1e-9,
  );
  assertAlmostEquals(sum(({ throughput }) => throughput.qps!), load.throughput.run.qps!, 1e-9);
});

Deno.test("groups: each has the latencies and the goodput of its own requests", () => {
  const slow = (ms: number) => ({ ticks: [[ms, 1], [ms + 10, 2]] as const });
  const records = [50, 60, 900].map((ms, index) =>
    createRecord({ index, ...slow(ms), class: ms < 100 ? "fast" : "slow" })
  );
  const [{ groups }] = groupsOf(records, { options: { slo: parseSlo("ttft:100") } }) as [Grouping];
  const figures = groups.map(({ name, metrics, slo }) => [
    name,
    metricOf({ metrics }, "ttft")!.distribution.median,
    slo!.good,
    slo!.attainment,
  ]);
  assertEquals(figures, [["fast", 55, 2, 1], ["slow", 900, 0, 0]]);
});

Deno.test("groups: expected and measured cache shares are of the same requests", () => {
  const base = { class: "a", contentTokens: 100, promptTokens: { tokens: 110, source: "usage" } };
  const records = requests([
    { ...base, expectedCachedTokens: 60, cachedTokens: 55 } as RecordFields,
    // The server says nothing here: it is in what is expected only.
    { ...base, expectedCachedTokens: 80 } as RecordFields,
    { ...base, contentTokens: undefined } as RecordFields,
  ]);
  const { prefix } = groupsOf(records)[0]!.groups[0]!;
  assertEquals(prefix, {
    expected: { requests: 2, contentTokens: 200, cachedTokens: 140, newTokens: 60, share: 0.7 },
    measured: { requests: 1, promptTokens: 110, cachedTokens: 55, share: 0.5 },
  });
});

Deno.test("groups: a stage counts what was due, sent and completed while it lasted", () => {
  const stages = [
    { fromPerSec: 1, toPerSec: 1, durationMs: 2000 },
    { fromPerSec: 1, toPerSec: 4, durationMs: 1000 },
  ];
  const at = (index: number, stage: number, intendedMs: number, lateMs: number, endMs: number) =>
    createRecord({
      ...{ index, stage, intendedMs, sentMs: intendedMs + lateMs },
      ticks: [[endMs - 10, 1], [endMs, 2]],
    });
  const records = [
    at(0, 0, 0, 0, 500),
    // Due in the first stage, sent and completed in the second.
    at(1, 0, 1900, 200, 2900),
    at(2, 1, 2000, 0, 2500),
    at(3, 1, 2500, 0, 9000),
  ];
  const [found] = groupsOf(records, {
    plan: { kind: "open", arrival: "poisson", stages },
  });
  assertEquals(found!.groups.map(({ name, rate }) => ({ name, ...rate })), [
    {
      ...{ name: "1: 1/s, 2.00 s", plannedPerSec: 1 },
      ...{ offeredPerSec: 1, sentPerSec: 0.5, completedPerSec: 0.5 },
    },
    {
      ...{ name: "2: 1–4/s, 1.00 s", plannedPerSec: 2.5 },
      ...{ offeredPerSec: 2, sentPerSec: 3, completedPerSec: 2 },
    },
  ]);
  const [first] = found!.groups;
  assertEquals([first!.throughput.fromMs, first!.throughput.toMs], [0, 2000]);
});

Deno.test("plannedRate is the mean of a stage", () => {
  assertEquals(plannedRate({ fromPerSec: 2, toPerSec: 16, durationMs: 1 }), 9);
  const exponential = { exponential: true, durationMs: 1 } as const;
  assertAlmostEquals(
    plannedRate({ fromPerSec: 16, toPerSec: 2, ...exponential })!,
    14 / Math.log(8),
    1e-9,
  );
  assertEquals(plannedRate({ fromPerSec: 3, toPerSec: 3, ...exponential }), 3);
  assertEquals(plannedRate({ fromPerSec: 0, toPerSec: 3, ...exponential }), undefined);
});

Deno.test("groups: too many of one kind are counted as others", () => {
  const records = requests(Array.from({ length: 60 }, (_, i) => ({ model: `model-${i}` })));
  const [models] = groupsOf(records);
  assertEquals(models!.groups.length, 51);
  assertEquals(models!.groups.at(-1)!.name, "(others)");
  assertEquals(models!.groups.at(-1)!.counts.completed, 10);
});

Deno.test("groups: histograms give what raw values give, within their error", () => {
  const run = createSessionsRun({ slots: 6, sessions: 3 });
  const [raw, binned] = (["raw", "histogram"] as const).map((values) =>
    summarize(run, { values }).loads[0]!
  );
  assertEquals(raw!.groups.length, 2);
  for (const [i, { groups }] of raw!.groups.entries()) {
    for (const [k, group] of groups.entries()) {
      const other = binned!.groups[i]!.groups[k]!;
      assertEquals(other.name, group.name);
      assertEquals(other.counts, group.counts);
      assertEquals(other.prefix, group.prefix);
      assertEquals(other.throughput, group.throughput);
      for (const { name, distribution } of group.metrics) {
        const { median } = metricOf(other, name)!.distribution;
        assertAlmostEquals(median!, distribution.median!, 0.001 * distribution.median!, name);
      }
    }
  }
  assertEquals(binned!.sessions!.ends, raw!.sessions!.ends);
  assertEquals(binned!.lanes, raw!.lanes);
});

Deno.test("groups: brackets hold the values", () => {
  const records = Array.from({ length: 30 }, (_, index) => ({
    ...createRecord({
      ...{ index, sentMs: index * 10, departedMs: index * 10 + 0.1, class: "a" },
    }),
    tickWidthUs: Uint32Array.of(100, 100, 100, 100, 100),
  }));
  for (const values of ["raw", "histogram"] as const) {
    const [{ groups }] = groupsOf(records, { options: { values } }) as [Grouping];
    const { distribution, brackets } = metricOf(groups[0]!, "ttft")!;
    const { low, high } = brackets!.median!;
    assert(low < distribution.median! && distribution.median! <= high, values);
    assertAlmostEquals(low, 99.8, 0.2);
  }
});

Deno.test("groups: what holds for most values of a load is not taken for those of a group", () => {
  const records = Array.from(
    { length: 40 },
    (_, index) => createRecord({ index, sentMs: index * 10, class: index % 4 === 0 ? "a" : "b" }),
  );
  // A witness that was seldom late, and once by 40 ms: a group may be all of what was late.
  const readLate = { p50Ms: 0.1, p90Ms: 0.2, p99Ms: 40, maxMs: 40 };
  const witness = { ...WITNESS, readLate, readLateMaxMs: [40, 40, 40] };
  const run = createRun(records, { ends: [{ witness }] });
  const load = summarize(run).loads[0]!;
  const width = (metrics: GroupSummary["metrics"]) => {
    const { low, high } = metricOf({ metrics }, "ttft")!.brackets!.median!;
    return high - low;
  };
  assert(width(load.metrics) < 2, String(width(load.metrics)));
  for (const { metrics } of load.groups[0]!.groups) assert(width(metrics) > 39);
});
