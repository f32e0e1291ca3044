/**
 * From records to everything that any report prints. Reports choose and format; they compute
 * nothing, so no two of them can disagree.
 *
 * @module
 */
import type { RequestRecord } from "../backends/record.ts";
import { arrivals } from "./arrivals.ts";
import { estimateClientError } from "./calibration.ts";
import type { Check } from "./check.ts";
import { checkLoad, checkRun } from "./checks.ts";
import { summarizeGpu } from "./gpu.ts";
import { histogram } from "./histogram.ts";
import { inFlight } from "./in_flight.ts";
import type {
  LoadSummary,
  MetricHistogram,
  MetricSummary,
  SloSummary,
  TimelineEntry,
} from "./load_summary.ts";
import { countOutcomes, groupFailures } from "./outcomes.ts";
import { describe, minimumSamples, sortLists } from "./quantile.ts";
import { METRICS } from "./registry.ts";
import type { LoadEnd, LoadPlan, Run, RunHeader } from "./run.ts";
import { series } from "./series.ts";
import { meetsLimit, meetsSlo, type Slo } from "./slo.ts";
import { streamShape } from "./stream_shape.ts";
import { runThroughput, type Window, windowThroughput } from "./throughput.ts";
import { cache, lengths, tokenTotals } from "./token_totals.ts";
import { judge } from "./verdict.ts";

/** Results of a run. Absent numbers are `undefined` here, `null` in JSON and `n/a` in text. */
export interface Summary {
  /** Version of this shape. */
  readonly schema: "tokometer.report/1";
  /** What was run, where and how. */
  readonly header: RunHeader;
  /** Percentiles that every distribution lists. */
  readonly percentiles: readonly number[];
  /** In the order of the run. */
  readonly loads: readonly LoadSummary[];
  /** What was checked about the run as a whole. */
  readonly checks: readonly Check[];
}

/** What to compute. */
export interface SummaryOptions {
  /** From 0 to below 100, in the order in which reports list them. Default 50, 90, 95, 99. */
  readonly percentiles?: readonly number[];
  /** Limits that a good request keeps; without them there is no goodput. */
  readonly slo?: Slo | undefined;
}

/** Percentiles of a report that asks for none. */
export const DEFAULT_PERCENTILES: readonly number[] = [50, 90, 95, 99];

const HISTOGRAMS: readonly string[] = ["ttft", "tpot", "itl", "e2e"];

/** Bars of a timeline that a page can still show. */
const TIMELINE_ENTRIES = 400;

/**
 * Summarizes every load of a run. Warm-up requests are left out; cancelled and dropped ones are
 * only counted.
 *
 * @throws {RangeError} when a percentile is not from 0 to below 100.
 */
export function summarize(run: Run, options: SummaryOptions = {}): Summary {
  const { percentiles = DEFAULT_PERCENTILES } = options;
  for (const p of percentiles) minimumSamples(p);
  return {
    schema: "tokometer.report/1",
    header: run.header,
    percentiles,
    loads: run.header.loads.map((plan, load) => {
      const own = run.records.filter((record) => record.load === load);
      const end = run.ends.find((one) => one.load === load);
      return summarizeLoad(own, { ...options, percentiles, plan, end, header: run.header });
    }),
    checks: checkRun(run.header),
  };
}

interface LoadOptions extends SummaryOptions {
  readonly percentiles: readonly number[];
  readonly plan: LoadPlan;
  readonly end: LoadEnd | undefined;
  readonly header: RunHeader;
}

function summarizeLoad(all: readonly RequestRecord[], options: LoadOptions): LoadSummary {
  const { percentiles, plan, header, slo } = options;
  const records = all.filter(({ phase }) => phase === "measure").sort((a, b) => a.index - b.index);
  const completed = records.filter(({ outcome }) => outcome.kind === "ok");
  const end = options.end ?? endFromStamps(records, plan);
  const run: Window = { fromMs: 0, toMs: end.durationMs };
  const window: Window = { fromMs: end.rampEndMs, toMs: end.sendingEndMs };
  const steady = windowThroughput(completed, window);
  const histograms: MetricHistogram[] = [];
  const metrics = METRICS.filter((metric) => plan.kind === "open" || !metric.openLoopOnly)
    .map((metric): MetricSummary => {
      const { name, title, unit, better, per, formula } = metric;
      const values = sortLists(completed.map(metric.values));
      if (HISTOGRAMS.includes(name)) histograms.push({ name, title, unit, ...histogram(values) });
      const distribution = describe(values, percentiles);
      return { name, title, unit, better, per, formula, distribution };
    });
  const output = tokenTotals(completed, ({ outputTokens }) => outputTokens);
  const load: Omit<LoadSummary, "checks" | "client" | "verdict"> = {
    label: plan.label,
    plan,
    interrupted: end.interrupted,
    complete: options.end !== undefined,
    durationMs: end.durationMs,
    counts: countOutcomes(records, all.length - records.length),
    failures: groupFailures(records),
    throughput: { run: runThroughput(completed, end.durationMs), steady },
    arrivals: arrivals(records, plan),
    tokens: {
      prompt: tokenTotals(completed, ({ promptTokens }) => promptTokens),
      output,
    },
    lengths: lengths(completed),
    cache: cache(completed),
    stream: streamShape(completed),
    metrics,
    slo: slo && summarizeSlo(records, { slo, durationMs: end.durationMs, steady }),
    inFlight: inFlight(records, run, steady),
    connections: countConnections(records),
    gpu: summarizeGpu(end.gpu, { outputTokens: output.total }),
    series: series(records, end.durationMs),
    histograms,
    timeline: sampleTimeline(records),
  };
  const client = end.client &&
    { ...end.client, error: estimateClientError(load, { client: end.client, header }) };
  const verdict = judge({ load, client, records, header });
  const judged = { ...load, client, verdict };
  return { ...judged, checks: checkLoad({ load: judged, records, header }) };
}

/** A record file that was cut off has no end; its stamps show how far it came. */
function endFromStamps(records: readonly RequestRecord[], plan: LoadPlan): LoadEnd {
  let durationMs = 0;
  let sendingEndMs = 0;
  for (const { sentMs = 0, endMs = 0 } of records) {
    durationMs = Math.max(durationMs, endMs);
    sendingEndMs = Math.max(sendingEndMs, sentMs);
  }
  const rampEndMs = plan.rampUpMs ?? 0;
  return { load: 0, durationMs, rampEndMs, sendingEndMs, interrupted: false };
}

function summarizeSlo(
  records: readonly RequestRecord[],
  { slo, durationMs, steady }: {
    readonly slo: Slo;
    readonly durationMs: number;
    readonly steady: Window | undefined;
  },
): SloSummary {
  const completed = records.filter(({ outcome }) => outcome.kind === "ok");
  const good = completed.filter((record) => meetsSlo(record, slo));
  const share = (part: number) => records.length === 0 ? undefined : part / records.length;
  return {
    limits: slo.limits.map((limit) => {
      const met = completed.filter((record) => meetsLimit(record, limit)).length;
      return { ...limit, met, attainment: share(met) };
    }),
    good: good.length,
    goodput: runThroughput(good, durationMs).qps,
    steadyGoodput: steady && (windowThroughput(good, steady)?.qps ?? 0),
    attainment: share(good.length),
  };
}

function countConnections(records: readonly RequestRecord[]): LoadSummary["connections"] {
  const connections = { new: 0, reused: 0, unknown: 0 };
  for (const { sentMs, connection } of records) if (sentMs !== undefined) connections[connection]++;
  return connections;
}

function sampleTimeline(records: readonly RequestRecord[]): readonly TimelineEntry[] {
  const entries = Math.min(records.length, TIMELINE_ENTRIES);
  return Array.from({ length: entries }, (_, i): TimelineEntry => {
    const record = records[Math.floor(i * records.length / entries)]!;
    return {
      index: record.index,
      user: record.user,
      intendedMs: record.intendedMs,
      sentMs: record.sentMs,
      firstTokenMs: record.firstTokenMs,
      lastTokenMs: record.lastTokenMs,
      endMs: record.endMs,
      outcome: record.outcome.kind,
    };
  });
}
