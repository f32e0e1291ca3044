import { assert, assertEquals, assertFalse } from "@std/assert";
import { parse } from "@std/csv";
import { reportCsv } from "../metrics/report_csv.ts";
import { reportServer } from "../metrics/report_server.ts";
import { summarize } from "../metrics/summary.ts";
import { createRecord } from "./support/create_record.ts";
import { createRun } from "./support/create_run.ts";
import { createServer, createServerSide, withServer } from "./support/create_server.ts";

const SUMMARY = summarize(
  createRun([createRecord(), createRecord({ load: 1 })], {
    loads: [{ label: "1 user" }, { label: "=cmd()" }],
  }),
);
const NOTHING = createServerSide({
  ...{ server: undefined, timeSplit: undefined, serverCounts: [], speculation: undefined },
});

function cellsOf(summary = SUMMARY): readonly Readonly<Record<string, string>>[] {
  const [names, ...rows] = parse(reportCsv.render(summary));
  return rows.map((row) => Object.fromEntries(names!.map((name, i) => [name, row[i]!])));
}

Deno.test("report.csv has the server's means and where the time went, by role", () => {
  const [first, second] = cellsOf(withServer(SUMMARY, createServerSide(), NOTHING));
  const expected = {
    ttft_split_basis: "means",
    ttft_split_requests: "120",
    ttft_split_mean_ms: "120",
    ttft_client_mean_ms: "0.2",
    ttft_connect_mean_ms: "",
    ttft_network_mean_ms: "0.8",
    ttft_queue_mean_ms: "80",
    ttft_prefill_mean_ms: "39",
    ttft_rest_mean_ms: "",
    server_scrapes: "11",
    server_scrapes_failed: "0",
    server_resets: "0",
    server_running_mean: "7.5",
    server_running_max: "8",
    server_cache_use_mean: "0.42",
    server_preemptions: "3",
    server_output_tokens: "6000",
    server_ttft_mean_ms: "119",
    server_ttft_count: "120",
    server_e2e_mean_ms: "",
    server_gpu_power_mean_w: "",
    server_used_by_others: "false",
    speculation_basis: "counters",
    speculation_accepted_length: "2.4",
    speculation_acceptance: "0.467",
  };
  for (const [name, value] of Object.entries(expected)) {
    assertEquals(first![name], value, name);
    assertEquals(second![name], "", name);
  }
});

Deno.test("report.csv has the same columns whatever the server says", () => {
  const header = (summary = SUMMARY) => Object.keys(cellsOf(summary)[0]!);
  assertEquals(header(withServer(SUMMARY)), header());
  assertEquals(new Set(header()).size, header().length, "names are unique");
});

Deno.test("report.server.csv has a row for each scrape and a column for each metric of any load", () => {
  const other = createServer({
    course: {
      timeMs: [0, 1000.5],
      lines: [{ role: "gpu_power", title: "GPU power", unit: "W", values: [null, 512.25] }],
    },
  });
  const summary = withServer(SUMMARY, createServerSide(), createServerSide({ server: other }));
  assert(reportServer.appliesTo!(summary));
  assertEquals(parse(reportServer.render(summary)), [
    ["load", "time_ms", "running", "waiting", "cache_use", "output_tokens_per_sec", "gpu_power_w"],
    ["1 user", "0", "0", "0", "0", "", ""],
    ["1 user", "2500", "8", "5", "0.5", "800", ""],
    ["1 user", "5000", "8", "", "0.61", "700", ""],
    ["1 user", "7500", "7", "2", "0.4", "600", ""],
    ["1 user", "10000", "0", "0", "0", "300", ""],
    ["'=cmd()", "0", "", "", "", "", ""],
    ["'=cmd()", "1000.5", "", "", "", "", "512.25"],
  ]);
});

Deno.test("report.server.csv is not written where nothing was scraped", () => {
  assertFalse(reportServer.appliesTo!(withServer(SUMMARY, NOTHING)));
  const empty = createServer({ course: { timeMs: [], lines: [] } });
  assertFalse(reportServer.appliesTo!(withServer(SUMMARY, createServerSide({ server: empty }))));
  assertEquals(parse(reportServer.render(SUMMARY)), [["load", "time_ms"]]);
});
