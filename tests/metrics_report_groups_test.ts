import { assert, assertEquals, assertFalse, assertStringIncludes } from "@std/assert";
import { reportGroups } from "../metrics/report_groups.ts";
import { groupTableLines } from "../metrics/report_group_table.ts";
import { reportHtml } from "../metrics/report_html.ts";
import { renderTable } from "../metrics/report_table.ts";
import { summarize } from "../metrics/summary.ts";
import { parseSlo } from "../metrics/summary_slo.ts";
import { createRecord } from "./support/create_record.ts";
import { createRun } from "./support/create_run.ts";
import { createSessionsRun } from "./support/create_sessions.ts";

const SUMMARY = summarize(createSessionsRun({ slots: 8, sessions: 3, turns: 8 }));
const SINGLE = summarize(createRun([createRecord()]));

/** Rows of the CSV as objects. */
function rowsOf(csv: string): Record<string, string>[] {
  const [header, ...rows] = csv.trimEnd().split("\r\n").map((line) => line.split(","));
  return rows.map((row) => {
    assertEquals(row.length, header!.length);
    return Object.fromEntries(header!.map((name, i) => [name, row[i]!]));
  });
}

Deno.test("reportGroups has a row for each group, and is for runs that have some", () => {
  assertEquals([reportGroups.appliesTo!(SUMMARY), reportGroups.appliesTo!(SINGLE)], [true, false]);
  const rows = rowsOf(reportGroups.render(SUMMARY));
  const { groups } = SUMMARY.loads[0]!;
  assertEquals(rows.length, groups[0]!.groups.length + groups[1]!.groups.length);
  const [first] = rows;
  assertEquals([first!.load, first!.by, first!.group], ["8 sessions", "turn", "1"]);
  const turn = groups[0]!.groups[0]!;
  assertEquals(first!.completed, String(turn.counts.completed));
  assertEquals(first!.expected_cached_share, "0");
  assertEquals(first!.ttft_median_ms, String(turn.metrics[0]!.distribution.median));
  // Too few requests, and no stage: nothing, never 0.
  assertEquals([first!.ttft_p99_ms, first!.offered_per_sec, first!.good], ["", "", ""]);
});

Deno.test("reportGroups names what a spreadsheet would compute harmlessly", () => {
  const classes = [{ name: "=1+1", weight: 1 }, { name: "b", weight: 1 }];
  const summary = summarize(
    createRun([createRecord({ class: "=1+1" }), createRecord({ index: 1, class: "b" })], {
      header: { classes },
    }),
    { slo: parseSlo("ttft:150") },
  );
  const rows = rowsOf(reportGroups.render(summary));
  assertEquals(rows.map(({ group, good }) => [group, good]), [["'=1+1", "1"], ["b", "1"]]);
});

Deno.test("the table shows each grouping, with percentiles that some group has", () => {
  const [turns] = SUMMARY.loads[0]!.groups;
  const [heading, ...lines] = groupTableLines(turns!, SUMMARY.percentiles, 100);
  assertEquals(heading!.split(/\s{2,}/).slice(0, 6), [
    "Turn",
    "ok",
    "failed",
    "TTFT p50",
    "p90",
    "p95",
  ]);
  assertEquals(lines.map((line) => line.split(/\s{2,}/)[0]), ["1", "2", "3–5", "6–10"]);
  assert(groupTableLines(turns!, [50], 100)[0]!.split("p50").length === 4);
  for (const width of [40, 60, 80, 100]) {
    for (const line of groupTableLines(turns!, SUMMARY.percentiles, width)) {
      assert(line.length <= width, `${width}: ${line}`);
    }
  }
});

Deno.test("the table tells sessions, prefixes and the recording; single requests show none", () => {
  const text = renderTable(SUMMARY).replace(/\s+/g, " ");
  for (
    const part of [
      "weka: 24 sessions with 245 turns, recorded history, idle at most 60.0 s",
      "a salt per session",
      "Sessions 21 of 24 done, 1 failed, 1 too long for the context, 1 cut by the end of the load",
      "turns not sent",
      "Prefix a perfect cache has",
      "in the order of the file 93.0 %",
      "Prompt tokens ok failed",
    ]
  ) assertStringIncludes(text, part);
  const single = renderTable(SINGLE);
  for (const part of ["Sessions", "Prefix", "Turn", "Prompt tokens"]) {
    assertFalse(single.includes(part), part);
  }
});

Deno.test("several loads of sessions are compared by sessions per hour and cached share", () => {
  const one = createSessionsRun({ slots: 2 });
  const run = {
    ...one,
    header: { ...one.header, loads: [one.header.loads[0]!, one.header.loads[0]!] },
    records: [...one.records, ...one.records.map((record) => ({ ...record, load: 1 }))],
    sessions: one.sessions!.slice(1),
  };
  const summary = summarize(run);
  const heading = renderTable(summary).split("\n").find((line) => line.startsWith("Load "))!;
  assertStringIncludes(heading, "sessions/h  cached");
  const page = reportHtml.render(summary).replace(/<[^>]*>/g, " ").replace(/\s+/g, " ");
  assertStringIncludes(page, "done per h expected server");
});

Deno.test("the table tells requests cancelled as planned apart, with their tokens", () => {
  const left = createRecord({
    index: 1,
    outcome: { kind: "cancelled_as_planned", message: "its user left" },
  });
  const summary = summarize(createRun([createRecord(), left]));
  const text = renderTable(summary).replace(/\s+/g, " ");
  assertStringIncludes(text, "1 of 2 completed, 0 failed, 1 cancelled as planned, success 100 %");
  assertStringIncludes(text, "5 output tokens until users left as planned, in the throughput only");
  const { throughput: { run }, tokens } = summary.loads[0]!;
  // Twice the tokens of the completed one, in the time of both.
  assertEquals(run.outputTokensPerSec, 10 / 0.14);
  assertEquals([run.completed, tokens.output.total, tokens.cancelledAsPlanned], [1, 5, 5]);
});
