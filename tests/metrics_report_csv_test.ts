import { assert, assertEquals } from "@std/assert";
import { parse } from "@std/csv";
import { reportCsv } from "../metrics/report_csv.ts";
import { METRICS } from "../metrics/metrics.ts";
import { parseSlo } from "../metrics/summary_slo.ts";
import { summarize } from "../metrics/summary.ts";
import { createRecord } from "./support/create_record.ts";
import { createRun } from "./support/create_run.ts";
import { withBrackets } from "./support/with_brackets.ts";
import { withIntervals, withoutIntervals } from "./support/with_intervals.ts";

const SUMMARY = summarize(
  createRun([
    createRecord({ load: 0 }),
    createRecord({ load: 1, intendedMs: -20, sentMs: 0 }),
  ], {
    loads: [
      { label: `1 user, "quoted"` },
      { label: "8 req/s poisson", kind: "open", ratePerSec: 8 },
    ],
  }),
  { percentiles: [50, 99.9], slo: parseSlo("ttft:500") },
);

function table(
  summary = SUMMARY,
): { readonly header: readonly string[]; readonly rows: Record<string, string>[] } {
  const [header, ...rows] = parse(reportCsv.render(summary)) as string[][];
  return {
    header: header!,
    rows: rows.map((row) => Object.fromEntries(header!.map((name, i) => [name, row[i]!]))),
  };
}

Deno.test("reportCsv has as many cells as names in every row, and no name twice (T35)", () => {
  const cells = parse(reportCsv.render(SUMMARY)) as string[][];
  assertEquals(cells.length, 3);
  for (const row of cells) assertEquals(row.length, cells[0]!.length);
  assertEquals(new Set(cells[0]).size, cells[0]!.length);
});

Deno.test("reportCsv puts every value under its name (T35)", () => {
  const { rows: [closed, open] } = table();
  const expected: Record<string, string> = {
    load: `1 user, "quoted"`,
    protocol: "openai-completions",
    users: "1",
    rate_per_sec: "",
    completed: "1",
    duration_ms: "140",
    output_tokens_total: "5",
    output_token_source: "counter",
    good: "1",
    ttft_count: "1",
    ttft_mean_ms: "100",
    itl_max_ms: "10",
    tokens_per_tick_mean: "1",
  };
  for (const [name, value] of Object.entries(expected)) assertEquals(closed![name], value, name);
  assertEquals([open!.users, open!.rate_per_sec], ["", "8"]);
  assertEquals([open!.ttft_mean_ms, open!.ttft_intended_mean_ms], ["100", "120"]);
});

Deno.test("reportCsv leaves a cell empty when its number does not exist (T13)", () => {
  const { rows: [closed] } = table();
  for (const name of ["ttft_p50_ms", "ttft_p99.9_ms", "ttft_intended_mean_ms", "steady_qps"]) {
    assertEquals(closed![name], "", name);
  }
});

Deno.test("reportCsv says how near its percentiles are", () => {
  const run = createRun([createRecord()]);
  const cell = (values: "raw" | "histogram") => {
    const [header, row] = parse(reportCsv.render(summarize(run, { values }))) as string[][];
    return row![header!.indexOf("percentile_error")];
  };
  assertEquals([cell("raw"), cell("histogram")], ["0", "0.001"]);
});

Deno.test("reportCsv has columns for every metric", () => {
  const { header } = table();
  for (const { name } of METRICS) assert(header.includes(`${name}_count`), name);
});

Deno.test("reportCsv gives both ends of every bracket, behind the columns that were there", () => {
  const { header, rows: [closed, open] } = table(withBrackets(SUMMARY));
  const expected: Record<string, string> = {
    bracket_basis: "stamps",
    witness_streams: "2",
    witness_ticks: "1204",
    witness_ticks_inside: "1203",
    witness_departures_inside: "40",
    ttft_mean_low_ms: "99.8",
    ttft_mean_high_ms: "100.1",
    ttft_median_low_ms: "99.8",
    e2e_mean_low_ms: "139.8",
    output_tokens_low_per_sec: String(Number(closed!.output_tokens_per_sec) - 0.2),
    qps_high: String(Number(closed!.qps) + 0.1),
    // No percentile, no bracket.
    ttft_p50_low_ms: "",
    ttft_intended_mean_low_ms: "",
    steady_qps_low: "",
  };
  for (const [name, value] of Object.entries(expected)) assertEquals(closed![name], value, name);
  assertEquals(open!.ttft_intended_mean_low_ms, "119.8");
  const of = (name: string) => /_(low|high)/.test(name) && !name.includes("_sampling_");
  const [first, last] = [header.findIndex(of), header.findLastIndex(of)];
  assert(header.slice(first, last).every((name) => /_(low|high)(_ms|_per_sec)?$/.test(name)));
  const next = header.indexOf("sampling_blocks");
  assertEquals(header.slice(last + 1, next), [
    ...[
      "empty_answers",
      "limits_kept",
      "limits_missed",
      "limits_not_measured",
      "server_lost_ms",
      "proxy",
    ],
    "cancelled_as_planned",
    ...["sessions_done", "sessions_failed", "sessions_context", "sessions_cut"],
    ...["sessions_per_hour", "turns_per_sec", "turns_not_sent"],
    ...["session_time_mean_ms", "session_time_median_ms"],
    ...SUMMARY.percentiles.map((p) => `session_time_p${p}_ms`),
    "context_too_long",
    ...["asked_cached_share", "expected_cached_share", "new_tokens_total"],
    ...["probe", "probe_verdict", "cut_short"],
  ]);
  assertEquals(header.filter((name) => name.startsWith("client_error")), []);
});

Deno.test("reportCsv gives sampling intervals columns of their own, behind all others", () => {
  const { header, rows: [closed] } = table(withIntervals(SUMMARY));
  const low = (name: string) => String(Number(closed![name]) * 0.9);
  const expected: Record<string, string> = {
    sampling_blocks: "42",
    sampling_block_ms: "280",
    sampling_absent: "",
    qps_sampling_low: low("qps"),
    output_tokens_sampling_low_per_sec: low("output_tokens_per_sec"),
    ttft_mean_sampling_low_ms: low("ttft_mean_ms"),
    ttft_p50_sampling_low_ms: "",
    attainment_sampling_high: "0.75",
  };
  for (const [name, value] of Object.entries(expected)) assertEquals(closed![name], value, name);
  const of = (name: string) => /_sampling_(low|high)(_|$)/.test(name);
  const [first, last] = [header.indexOf("sampling_blocks"), header.findLastIndex(of)];
  assert(header.slice(first + 3, last).every(of));
  const { rows: [without] } = table(withoutIntervals(SUMMARY));
  assertEquals([without!.sampling_absent, without!.qps_sampling_low], [
    "12 blocks, 20 are needed",
    "",
  ]);
});

Deno.test("reportCsv leaves brackets empty where nobody knows them", () => {
  const { rows: [closed] } = table();
  for (const name of ["bracket_basis", "witness_ticks", "ttft_mean_low_ms", "qps_high"]) {
    assertEquals(closed![name], "", name);
  }
});

Deno.test("reportCsv has the speed of one user, the busiest second, and what it cost", () => {
  const run = createRun([createRecord({ endMs: 2500 })], { loads: [{ users: 2 }] });
  const { rows: [row] } = table(summarize(run, { gpus: 4, costPerHour: 36, percentiles: [0, 90] }));
  // 5 tokens in 140 ms, and 2 a second over the whole run.
  const expected: Record<string, number | string> = {
    interactivity_median_per_sec: 5000 / 140,
    interactivity_p0_per_sec: 5000 / 140,
    interactivity_p90_per_sec: "",
    user_tokens_mean_per_sec: 100,
    output_tokens_per_e2e_sec: 5000 / 140,
    output_tokens_per_user_sec: 1,
    peak_window_ms: 1000,
    peak_output_tokens_per_sec: 5,
    peak_qps: 0,
    gpus: 4,
    cost_per_hour: 36,
    output_tokens_per_sec_per_gpu: 0.5,
    cost_per_million_output_tokens: 5000,
  };
  for (const [name, value] of Object.entries(expected)) assertEquals(row![name], `${value}`, name);
});
