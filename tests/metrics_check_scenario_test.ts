import { assertEquals, assertStringIncludes } from "@std/assert";
import type { RequestRecord } from "../backends/record.ts";
import { scenarioText } from "../metrics/check_scenario.ts";
import { reportHtml } from "../metrics/report_html.ts";
import { reportJson } from "../metrics/report_json.ts";
import { reportTable } from "../metrics/report_table.ts";
import type { RunScenario } from "../metrics/run.ts";
import { summarize, type Summary } from "../metrics/summary.ts";
import { exitCode } from "../workloads/run_results.ts";
import { EXIT } from "../workloads/user_error.ts";
import { createRecord } from "./support/create_record.ts";
import { createRun, type RunFields } from "./support/create_run.ts";

const KEPT: RunScenario = { name: "agentx", broken: [] };
const REPORT = { format: "table", percentiles: [50], maxFailuresPercent: 0 };
const TOO_LONG: Partial<RequestRecord> = {
  contextTooLong: true,
  outcome: { kind: "http_error", status: 400, message: "maximum context length" },
};

function judge(
  records: readonly RequestRecord[],
  { ruledBy = KEPT, ...fields }: RunFields & { readonly ruledBy?: RunScenario } = {},
): Summary {
  return summarize(createRun(records, { ...fields, header: { ruledBy } }));
}

function many(count: number, fields: Partial<RequestRecord> = {}): RequestRecord[] {
  return Array.from({ length: count }, (_, index) => createRecord({ index, ...fields }));
}

Deno.test("a run that keeps the rules to its end is valid, however many requests failed", () => {
  const summary = judge([...many(3), ...many(1, { outcome: { kind: "timeout", message: "" } })]);
  assertEquals(summary.scenario, { name: "agentx", valid: true, broken: [], failedShare: 0.25 });
  assertEquals(
    scenarioText(summary.scenario!),
    "agentx: valid; 25.0 % of the requests failed, which no rule limits",
  );
  assertEquals(summary.checks.find(({ name }) => name === "scenario")?.ok, true);
  // That is what --max-failures is for.
  assertEquals(exitCode(summary, REPORT), EXIT.failures);
  assertEquals(exitCode(judge(many(3)), REPORT), EXIT.ok);
  assertEquals(summarize(createRun(many(1))).scenario, undefined);
});

Deno.test("what breaks a rule is named, and the exit code is 6", () => {
  const broken = ["each load took 20 s (--trial-duration), not 900 s or more"];
  const trial = judge(many(3), { ruledBy: { name: "agentx", broken } });
  assertEquals([trial.scenario?.valid, trial.scenario?.broken], [false, broken]);
  assertEquals(exitCode(trial, REPORT), EXIT.invalid);

  const overflow = (tooLong: number) => judge([...many(200 - tooLong), ...many(tooLong, TOO_LONG)]);
  assertEquals(overflow(2).scenario?.valid, true);
  assertEquals(overflow(3).scenario?.broken, [
    "1.5 % of the requests did not fit into the server's context, more than 1.0 %",
  ]);
  assertEquals(exitCode(overflow(3), REPORT), EXIT.invalid);

  const stopped = judge(many(3), { ends: [{ interrupted: true, durationMs: 20_000 }] });
  assertEquals(stopped.scenario?.broken, ["the load was stopped after 20.0 s"]);
  assertEquals(exitCode(stopped, REPORT), EXIT.interrupted);

  const serverLost = { atMs: 5000, failures: 20, message: "refused" };
  const lost = judge(many(3), { ends: [{ serverLost }] });
  assertEquals(lost.scenario?.broken, ["the server was lost after 5.00 s"]);
  assertEquals(exitCode(lost, REPORT), EXIT.failures);
});

Deno.test("of several loads the one that broke a rule is named", () => {
  const { scenario } = judge(many(3), {
    loads: [{ label: "4 sessions" }, { label: "64 sessions" }],
    ends: [{}, { interrupted: true, skipped: true, durationMs: 0 }],
  });
  assertEquals(scenario?.broken, ["64 sessions: the run was stopped before the load began"]);
});

Deno.test("a load whose record has no end is invalid", () => {
  const run = createRun(many(3), { header: { ruledBy: KEPT } });
  const { scenario } = summarize({ ...run, ends: [] });
  assertEquals(scenario?.broken, ["the record of the load has no end"]);
});

Deno.test("table, page and JSON say what became of the scenario", () => {
  const valid = judge(many(3));
  const broken = ["each load took 20 s"];
  const invalid = judge(many(3), { ruledBy: { name: "agentx", broken } });
  assertStringIncludes(reportTable.render(valid), "scenario agentx: valid\n");
  assertStringIncludes(
    reportTable.render(invalid),
    "scenario agentx: invalid, each load took 20 s\n",
  );
  assertStringIncludes(reportTable.render(invalid), "Warning: The scenario agentx: invalid");
  const page = reportHtml.render(invalid);
  assertStringIncludes(page, "agentx, invalid");
  assertStringIncludes(page, "each load took 20 s");
  assertEquals(JSON.parse(reportJson.render(valid)).scenario.valid, true);
  assertEquals(JSON.parse(reportJson.render(invalid)).scenario.broken, broken);
});
