import { assert, assertEquals } from "@std/assert";
import type { RequestRecord } from "../backends/record.ts";
import { parsePrometheus } from "../backends/telemetry_prometheus.ts";
import { createLiveBoard } from "../workloads/live_board.ts";
import { createLiveCounters, type LiveCounters } from "../workloads/live_counters.ts";
import { renderPrometheus } from "../workloads/live_prometheus.ts";
import type { LiveState } from "../workloads/live_state.ts";
import { createRecord, type RecordFields } from "./support/create_record.ts";
import { createRun } from "./support/create_run.ts";

function stateOf(fields: Partial<LiveState> = {}): LiveState {
  return {
    ...createLiveBoard().state(),
    ...{ phase: "measuring", label: "4 users", load: 1, loads: 2, inFlight: 3 },
    ...{ runElapsedMs: 1500, runLeftMs: undefined },
    ...fields,
  };
}

/** Series by their name and labels. */
function seriesOf(counters: LiveCounters, state = stateOf(), accept?: string): Map<string, number> {
  const { body } = renderPrometheus(counters.counts(), state, accept);
  return new Map(
    body.split("\n").filter((line) => line !== "" && !line.startsWith("#")).map((line) => {
      const at = line.lastIndexOf(" ");
      return [line.slice(0, at), Number(line.slice(at + 1))];
    }),
  );
}

function counted(...records: readonly RecordFields[]): LiveCounters {
  const counters = createLiveCounters();
  for (const fields of records) counters.record(createRecord(fields) as RequestRecord);
  return counters;
}

Deno.test("requests are counted by how they ended, warm-ups left out", () => {
  const counters = counted(
    {},
    {},
    { outcome: { kind: "timeout", message: "slow" } },
    { outcome: { kind: "http_error", status: 500, message: "no" } },
    { outcome: { kind: "cancelled", message: "over" } },
    { outcome: { kind: "cancelled_as_planned", message: "left" } },
    { sentMs: undefined, ticks: [], outcome: { kind: "dropped", message: "full" } },
    { phase: "warmup" },
  );
  const series = seriesOf(counters);
  const shown = [...series].filter(([name, value]) =>
    name.startsWith("tokometer_requests_") && value > 0
  );
  assertEquals(Object.fromEntries(shown), {
    "tokometer_requests_sent_total": 6,
    "tokometer_requests_completed_total": 2,
    'tokometer_requests_failed_total{kind="http_error"}': 1,
    'tokometer_requests_failed_total{kind="timeout"}': 1,
    'tokometer_requests_cancelled_total{reason="stopped"}': 1,
    'tokometer_requests_cancelled_total{reason="planned"}': 1,
    "tokometer_requests_dropped_total": 1,
    "tokometer_requests_in_flight": 3,
  });
  assertEquals(series.get("tokometer_prompt_tokens_total"), 20);
  assertEquals(series.get("tokometer_output_tokens_total"), 10);
  // A failure of no kind yet is a series all the same: its first one is an increase.
  assertEquals(series.get('tokometer_requests_failed_total{kind="truncated"}'), 0);
});

Deno.test("what is in flight has been sent, and the count never falls", () => {
  const counters = counted({});
  counters.progress({ phase: "measuring", inFlight: 4 });
  assertEquals(seriesOf(counters).get("tokometer_requests_sent_total"), 5);
  counters.progress({ phase: "measuring", inFlight: 1 });
  assertEquals(seriesOf(counters).get("tokometer_requests_sent_total"), 5);
  counters.progress({ phase: "warm-up", inFlight: 50 });
  assertEquals(seriesOf(counters).get("tokometer_requests_sent_total"), 5);
});

Deno.test("latencies are in seconds, in cumulative buckets whose ends belong to them", () => {
  // TTFT 100 ms, four gaps of 10 ms, 140 ms in all.
  const series = seriesOf(counted({}, { ticks: [[1500, 1], [1510, 2]] }));
  const ttft = "tokometer_time_to_first_token_seconds";
  assertEquals(series.get(`${ttft}_bucket{le="0.075"}`), 0);
  assertEquals(series.get(`${ttft}_bucket{le="0.1"}`), 1);
  assertEquals(series.get(`${ttft}_bucket{le="1.0"}`), 1);
  assertEquals(series.get(`${ttft}_bucket{le="1.5"}`), 2);
  assertEquals(series.get(`${ttft}_bucket{le="+Inf"}`), 2);
  assertEquals(series.get(`${ttft}_count`), 2);
  assertEquals(series.get(`${ttft}_sum`), 1.6);
  assertEquals(series.get('tokometer_inter_token_latency_seconds_bucket{le="0.01"}'), 5);
  assertEquals(series.get("tokometer_e2e_request_latency_seconds_count"), 2);
});

Deno.test("the verdict is one of its states, unknown where it is too early", () => {
  const verdictOf = (state: LiveState) =>
    [...seriesOf(createLiveCounters(), state)]
      .filter(([name, value]) => name.startsWith("tokometer_verdict") && value === 1)
      .map(([name]) => name);
  assertEquals(verdictOf(stateOf()), ['tokometer_verdict{state="unknown"}']);
  assertEquals(verdictOf(stateOf({ verdict: { state: "client-bound", why: "busy" } })), [
    'tokometer_verdict{state="client-bound"}',
  ]);
});

Deno.test("what is not known has no series", () => {
  const names = [...seriesOf(createLiveCounters(), stateOf({ loads: undefined })).keys()];
  assert(!names.some((name) => /^tokometer_(loads$|run_left|server_|run_info)/.test(name)));
  const read = { running: 3, waiting: undefined, cacheUse: 0.5 };
  const series = seriesOf(createLiveCounters(), stateOf({ server: read, runLeftMs: 2500 }));
  assertEquals(series.get("tokometer_server_requests_running"), 3);
  assertEquals(series.get("tokometer_server_requests_waiting"), undefined);
  assertEquals(series.get("tokometer_server_cache_usage_ratio"), 0.5);
  assertEquals(series.get("tokometer_run_left_seconds"), 2.5);
});

Deno.test("labels are escaped, in one line and cut off", () => {
  const counters = createLiveCounters();
  const { header } = createRun([]);
  counters.begin({ ...header, model: 'a\\b"c\nd\u202e', name: "x".repeat(500) });
  const { body } = renderPrometheus(counters.counts(), stateOf());
  const line = body.split("\n").find((line) => line.startsWith("tokometer_run_info{"))!;
  assert(line.includes('model="a\\\\b\\"c d�"'), line);
  assert(line.includes(`name="${"x".repeat(199)}…"`), line);
});

Deno.test("OpenMetrics for whoever asks for it, with the same series", () => {
  const counters = counted({});
  const text = renderPrometheus(counters.counts(), stateOf(), "text/plain, */*");
  assertEquals(text.contentType, "text/plain; version=0.0.4; charset=utf-8");
  assert(text.body.includes("# TYPE tokometer_requests_sent_total counter\n"));
  const accept = "application/openmetrics-text;version=1.0.0;q=0.5,text/plain;version=0.0.4;q=0.3";
  const open = renderPrometheus(counters.counts(), stateOf(), accept);
  assertEquals(open.contentType, "application/openmetrics-text; version=1.0.0; charset=utf-8");
  assert(open.body.includes("# TYPE tokometer_requests_sent counter\n"));
  assert(open.body.endsWith("\n# EOF\n"));
  assertEquals(seriesOf(counters, stateOf(), accept), seriesOf(counters));
  const refused = renderPrometheus(
    counters.counts(),
    stateOf(),
    "application/openmetrics-text;q=0",
  );
  assertEquals(refused.contentType, text.contentType);
});

Deno.test("what we write, we can read: both formats hold the same for our own scraper", () => {
  const counters = counted({}, { outcome: { kind: "timeout", message: "slow" } });
  const [text, open] = ["", "application/openmetrics-text"].map((accept) =>
    parsePrometheus(renderPrometheus(counters.counts(), stateOf(), accept).body)
  );
  assertEquals([text!.unusable, text!.leftOut, open!.unusable], [0, 0, 0]);
  assertEquals(open!.families, text!.families);
  assertEquals(text!.typed, text!.families.length, "a family without a type");
  const ttft = text!.families.find(({ name }) => name === "tokometer_time_to_first_token_seconds");
  assertEquals(ttft?.type, "histogram");
  assertEquals(ttft?.series[0]?.spread?.count, 1);
});
