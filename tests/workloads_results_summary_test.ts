import { assert, assertEquals, assertMatch, assertRejects } from "@std/assert";
import { planReport } from "../workloads/bench_report_plan.ts";
import { summarizeRecords } from "../workloads/results_summary.ts";
import { EXIT, UserError } from "../workloads/user_error.ts";
import { createRecord } from "./support/create_record.ts";
import { inTempFolder } from "./support/run_cli.ts";
import { writeResults } from "./support/write_results.ts";

const PLAN = planReport({
  format: "table",
  percentiles: [50],
  slo: undefined,
  require: undefined,
  clientTolerance: 5,
  maxFailures: undefined,
  values: undefined,
});

/** Who is told, and what they were. */
function listener(stop: AbortController = new AbortController()) {
  const notes: string[] = [];
  const lines: string[] = [];
  return {
    ...{ notes, lines, interrupted: stop.signal },
    note: (text: string) => void notes.push(text),
    progress: (line: string) => void lines.push(line),
  };
}

Deno.test("a large file shows how far it has been read, a small one nothing", () =>
  inTempFolder(async (folder) => {
    const path = await writeResults(`${folder}/run`, [createRecord()]);
    const small = listener();
    await summarizeRecords([path], { plan: PLAN, host: small });
    assertEquals([small.notes, small.lines], [[], [""]]);

    // Lines that are none are read as fast as the disk gives them.
    await Deno.writeTextFile(path, `${"x".repeat(6e6)}\n`.repeat(6), { append: true });
    const large = listener();
    const { loads: [load] } = await summarizeRecords([path], {
      ...{ plan: PLAN, host: large, name: "a (1 of 2)" },
    });
    assertEquals(load?.counts.completed, 1);
    assertEquals(large.notes.length, 6);
    assertMatch(large.notes[5]!, /^warning: 1 more line left out$/);
    assertEquals(large.lines.filter((line) => line.startsWith("Reading")), [
      "Reading a (1 of 2)  0.1 % of 36 MB",
      ...[16.7, 33.3, 50, 66.7, 83.3].map((part) =>
        `Reading a (1 of 2)  ${part.toFixed(1)} % of 36 MB`
      ),
    ]);
    assertEquals(large.lines.slice(-2), ["Summarizing a (1 of 2)", ""]);
  }));

Deno.test("reading stops at Ctrl-C", () =>
  inTempFolder(async (folder) => {
    const path = await writeResults(`${folder}/run`, [createRecord()]);
    const stop = new AbortController();
    stop.abort();
    const error = await assertRejects(
      () => summarizeRecords([path], { plan: PLAN, host: listener(stop) }),
      UserError,
      "Stopped before all records were read",
    );
    assert(error instanceof UserError && error.exitCode === EXIT.interrupted);
  }));
