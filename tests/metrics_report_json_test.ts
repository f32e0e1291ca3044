import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { parseSlo } from "../metrics/summary_slo.ts";
import { reportJson } from "../metrics/report_json.ts";
import { reportSchema } from "../metrics/report_schema.ts";
import { METRICS } from "../metrics/metrics.ts";
import { summarize, type Summary } from "../metrics/summary.ts";
import { createCell, createLimit } from "./support/create_calibration.ts";
import { createFailure, createRecord } from "./support/create_record.ts";
import { createRun } from "./support/create_run.ts";
import {
  createEndpoint,
  createPart,
  createServer,
  createServerSide,
  createSpeculation,
  createSplit,
  withServer,
} from "./support/create_server.ts";
import { createSessionsRun } from "./support/create_sessions.ts";
import { runApart } from "./support/run_apart.ts";
import { WITNESS } from "./support/with_brackets.ts";

const OPEN = { label: "10 req/s constant", kind: "open", ratePerSec: 10 } as const;

/** Every branch of the format: open and closed, with and without results, limits and client. */
const SUMMARIES: Readonly<Record<string, Summary>> = {
  empty: summarize(createRun([])),
  closed: summarize(createRun([
    ...Array.from({ length: 30 }, (_, index) => createRecord({ index, sentMs: index * 140 })),
    createFailure("http_error", { index: 30 }),
    createFailure("dropped", { index: 31 }),
  ], {
    ends: [{ client: { cpuCores: 0.5, loopLagP99Ms: 2, threadCpu: 0.9, descriptors: 40 } }],
    header: {
      calibration: {
        savedAt: "2026-01-02T00:00:00.000Z",
        cells: [createCell({ streams: 1, tokensPerSec: 40 })],
        limits: [createLimit()],
      },
    },
  })),
  gpus: summarize(createRun([createRecord()], {
    ends: [{
      gpu: {
        source: "nvml",
        timeMs: [0, 140],
        devices: [
          {
            index: 0,
            name: "A",
            memoryTotalMiB: 1000,
            memoryStartMiB: 100,
            memoryMiB: [200, null],
            ownMiB: [50, null],
            otherMiB: [150, null],
            utilization: [0.5, null],
            powerW: [100, null],
            energyJ: 14,
            energyFrom: "counter",
          },
          { index: 1, name: "B", memoryMiB: [null], utilization: [null], powerW: [null] },
        ],
      },
    }],
  })),
  server: withServer(summarize(createRun([createRecord()]))),
  "a server of whom little is known": withServer(
    summarize(createRun([createRecord()])),
    createServerSide({
      server: createServer({
        endpoints: [
          createEndpoint({
            ...{ engine: undefined, scrapes: 0, failed: 3, failure: "HTTP 500" },
            ...{ slowestMs: undefined, window: undefined },
          }),
        ],
        course: { timeMs: [], lines: [] },
      }),
      timeSplit: createSplit({ basis: "requests", parts: [createPart("rest", -3.5)] }),
      serverCounts: [],
      speculation: createSpeculation({
        ...{ basis: "ticks", acceptance: undefined, byPosition: [] },
        ...{ tokensPerTick: undefined, joinedTicks: undefined },
      }),
    }),
  ),
  histograms: summarize(createRun([createRecord(), createFailure("timeout", { index: 1 })]), {
    values: "histogram",
  }),
  merged: summarize(createRun([createRecord()], {
    header: {
      merged: {
        clock: "wall",
        clients: [
          { hostname: "node-a", startedAt: "2026-01-02T00:00:00.000Z", laterMs: 0 },
          { startedAt: "2026-01-02T00:00:01.000Z", laterMs: 12.5 },
          {
            startedAt: "2026-01-02T00:00:02.000Z",
            laterMs: 0,
            absentFrom: 1,
            killed: true,
            untimed: true,
          },
        ],
      },
    },
  })),
  bracketed: summarize(createRun([
    createRecord({ departedMs: 0.4, tickWidthUs: Uint32Array.of(300, 300, 500, 300, 300) }),
  ], { ends: [{ witness: WITNESS }] })),
  "bracketed by the witness": summarize(createRun([createRecord()], {
    ends: [{ witness: { ...WITNESS, readLateMaxMs: [0.4, 0.8], departLateMaxMs: [0.1, 0.2] } }],
  })),
  "without a witness": summarize(createRun([createRecord()], {
    ends: [{ witnessAbsent: "switched off (--no-witness)" }],
  })),
  open: summarize(
    createRun([createRecord({ firstAnswerMs: 110 })], { loads: [OPEN] }),
    { slo: parseSlo("ttft:500") },
  ),
  sessions: summarize(createSessionsRun({ header: { askedCachedShare: 0.5 } }), {
    slo: parseSlo("ttft:50"),
  }),
  "stages, classes, and users who leave": summarize(createRun([
    createRecord({ class: "chat", stage: 0 }),
    createRecord({
      ...{ index: 1, class: "code", stage: 1, server: 1, model: "base" },
      outcome: { kind: "cancelled_as_planned", message: "left" },
    }),
  ], {
    loads: [{
      ...{ kind: "open", label: "2 stages", arrival: "poisson", cancel: "10%:after=200ms" },
      stages: [
        { fromPerSec: 1, toPerSec: 2, durationMs: 100 },
        { fromPerSec: 2, toPerSec: 1, durationMs: 100, exponential: true },
      ],
    }],
    header: { urls: ["http://a", "http://b"], classes: [{ name: "chat", weight: 1 }] },
  })),
};

// deno-lint-ignore no-explicit-any
type Json = any;

/** What the schema says against each report; `null` = nothing. */
async function errorsOf(reports: readonly Json[]): Promise<(Json[] | null)[]> {
  const input = JSON.stringify({ schema: reportSchema, reports });
  return JSON.parse(await runApart("validate_reports.ts", { input }));
}

Deno.test("reportJson fits reportSchema", async (t) => {
  const reports = Object.values(SUMMARIES).map((summary) => JSON.parse(reportJson.render(summary)));
  const errors = await errorsOf(reports);
  for (const [i, name] of Object.keys(SUMMARIES).entries()) {
    await t.step(name, () => assertEquals(errors[i], null));
  }
});

/** Each one spoils a valid report in one place. */
const MUTATIONS: Readonly<Record<string, (json: Json) => void>> = {
  "another version": (json) => json.schema = "tokometer.report/2",
  "a field too many": (json) => json.loads[0].extra = 1,
  "a field too few": (json) => delete json.loads[0].durationMs,
  "a number as text": (json) => json.loads[0].counts.completed = "30",
  "a negative count": (json) => json.loads[0].counts.failed = -1,
  "an unknown outcome": (json) => json.loads[0].timeline[0].outcome = "fine",
  "a success among the failures": (json) => json.loads[0].failures[0].kind = "ok",
  "null for a count": (json) => json.loads[0].metrics[0].distribution.count = null,
  "a metric without its formula": (json) => delete json.loads[0].metrics[0].formula,
  "an unknown verdict": (json) => json.loads[0].verdict.kind = "fine",
  "a calibrated limit without its bound": (json) =>
    delete json.header.calibration.limits[0].boundMs,
  "a calibrated load without its error": (json) => delete json.header.calibration.cells[0].error,
  "an approximation without its error": (json) => json.loads[0].approximation = { binMs: 1 },
  "a load that does not say where its brackets come from": (json) =>
    delete json.loads[0].bracketBasis,
  "a bracket without an end": (json) =>
    json.loads[0].metrics[0].brackets = { mean: { low: 1 }, median: null, percentiles: [] },
  "a load that does not say how near it is": (json) => delete json.loads[0].approximation,
  "clients put together by chance": (json) => json.header.merged = { clock: "dice", clients: [] },
  "a header without its seed": (json) => delete json.header.seed,
};

Deno.test("reportSchema refuses spoiled reports", async (t) => {
  const text = reportJson.render(SUMMARIES.closed!);
  const spoiled = Object.values(MUTATIONS).map((spoil) => {
    const json = JSON.parse(text);
    spoil(json);
    return json;
  });
  const [unspoiled, ...errors] = await errorsOf([JSON.parse(text), ...spoiled]);
  assertEquals(unspoiled, null);
  for (const [i, name] of Object.keys(MUTATIONS).entries()) {
    await t.step(name, () => assert(errors[i] !== null));
  }
});

Deno.test("reportJson writes null for a number that does not exist, never 0 (T13, T14)", () => {
  const { loads: [load] }: Json = JSON.parse(reportJson.render(SUMMARIES.empty!));
  assertEquals(load.throughput.run.qps, null);
  assertEquals(load.throughput.steady, null);
  const { count, mean, percentiles } = load.metrics[0].distribution;
  assertEquals([count, mean, percentiles[0]], [0, null, { p: 50, value: null }]);
});

Deno.test("reportJson gives brackets with their numbers, and null where nobody knows them", () => {
  const load = (name: string): Json => JSON.parse(reportJson.render(SUMMARIES[name]!)).loads[0];
  const { bracketBasis, witness, witnessAbsent, metrics, throughput } = load("bracketed");
  assertEquals([bracketBasis, witness.ticks, witnessAbsent], ["stamps", WITNESS.ticks, null]);
  // Sent up to 0.4 ms later, its first token up to 0.3 ms earlier.
  const { low, high } = metrics[0].brackets.mean;
  assertEquals([Math.round(low * 1000), Math.round(high * 1000)], [99_300, 100_000]);
  assertEquals(metrics.find(({ name }: Json) => name === "prompt_tokens").brackets, null);
  assert(throughput.run.brackets.qps.low <= throughput.run.brackets.qps.high);
  assertEquals(load("bracketed by the witness").bracketBasis, "witness");
  const none = load("without a witness");
  assertEquals([none.bracketBasis, none.witness], [null, null]);
  assertEquals(none.witnessAbsent, "switched off (--no-witness)");
  assertEquals([none.metrics[0].brackets, none.throughput.run.brackets], [null, null]);
});

Deno.test("reportJson says the same as JSON.stringify, with formulas of the metrics", () => {
  const summary = SUMMARIES.open!;
  const nulls = (_key: string, value: unknown) => value === undefined ? null : value;
  assertEquals(
    JSON.parse(reportJson.render(summary)),
    JSON.parse(JSON.stringify(summary, nulls)),
  );
  const text = reportJson.render(summary);
  for (const { formula } of METRICS) assertStringIncludes(text, JSON.stringify(formula));
});

Deno.test("reportJson keeps a chart's series on one line", () => {
  const lines = reportJson.render(SUMMARIES.closed!).split("\n");
  assert(lines.some((line) => /^ +"completedPerSec": \[\d.*\],$/.test(line)));
});

Deno.test("reportSchema describes every field", () => {
  const missing: string[] = [];
  const visit = (schema: Json, path: string) => {
    // Its members are the token sources, which are described with their type.
    if (path === "TokenTotals.sources") return;
    for (const [name, member] of Object.entries<Json>(schema.properties ?? {})) {
      if (!member.description) missing.push(`${path}.${name}`);
      visit(member, `${path}.${name}`);
    }
    for (const part of schema.anyOf ?? []) visit(part, path);
    if (schema.items !== undefined) visit(schema.items, `${path}[]`);
  };
  visit(reportSchema, "");
  for (const [name, definition] of Object.entries<Json>(reportSchema.definitions!)) {
    visit(definition, name);
  }
  assertEquals(missing, []);
});

Deno.test("report.schema.json is what deno task schema generates from the types", async () => {
  const file = new URL("../metrics/report.schema.json", import.meta.url);
  assertEquals(
    await Deno.readTextFile(file),
    await runApart("schema.ts", { args: ["--print", "report"] }),
  );
});
