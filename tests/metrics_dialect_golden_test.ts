/** Each dialect's numbers are those that the tool's own code made of the same bytes at the same times. */
import { assert, assertEquals } from "@std/assert";
import { DIALECTS, readDialect } from "../metrics/dialects.ts";
import { parseSlo } from "../metrics/summary_slo.ts";
import { createFailure, createRecord } from "./support/create_record.ts";
import { createRun } from "./support/create_run.ts";
import {
  dialectScenario,
  type ScenarioProtocol,
  scenarioRecords,
} from "./support/dialect_scenario.ts";
import GOLDEN from "./fixtures/dialect_golden.json" with { type: "json" };

/** By tool, by scenario, by the tool's name of the figure. */
const NUMBERS: Readonly<Record<string, Record<string, Record<string, number | null>>>> = GOLDEN;

/** Share by which floating point may differ, where the tool rounds its values itself by as much. */
const ROUNDING = 1e-9;
const ROUNDED: Readonly<Record<string, number>> = { "genai-perf": 1e-7, "evalscope": 6e-5 };

for (const { name } of DIALECTS) {
  Deno.test(`the numbers of ${name} are those that its own code makes of the same stream`, async () => {
    const rounding = ROUNDED[name] ?? ROUNDING;
    const scenarios = Object.entries(NUMBERS[name] ?? {});
    assert(scenarios.length > 0, "tests/peer/dialect_golden.py makes them");
    for (const [scenario, golden] of scenarios) {
      const usage = !scenario.endsWith("-no-usage");
      const protocol = scenario.replace("-no-usage", "") as ScenarioProtocol;
      const records = scenarioRecords(protocol, dialectScenario(protocol, { usage }));
      const durationMs = Math.max(...records.map(({ endMs }) => endMs!));
      const run = createRun(records, { header: { protocol }, ends: [{ durationMs }] });
      const { loads: [load] } = await readDialect(name, run, {
        percentiles: [90, 99],
        slo: parseSlo("ttft:60,tpot:15"),
      });
      const spoken = new Map(load!.figures.map(({ name, theirs }) => [name, theirs]));
      const file = load!.files().find(({ name }) => name.endsWith(".json"));
      const filed = new Map(file === undefined ? [] : numbersIn(JSON.parse(file.text)));
      const wrong = Object.entries(golden).filter(([figure, value]) => {
        const ours = spoken.get(figure) ?? filed.get(figure) ?? null;
        return value === null || ours === null
          ? value !== ours
          : !(Math.abs(ours - value) <= rounding * Math.max(1, Math.abs(value)));
      });
      assertEquals(
        wrong.map(([figure, value]) => [figure, value, spoken.get(figure)]),
        [],
        scenario,
      );
      // A figure that the tool does not make is only said to be one of its own.
      const unknown = [...spoken.keys()].filter((figure) => !(figure in golden));
      assertEquals(unknown.filter((figure) => !OF_THE_RUN.includes(figure)), [], scenario);
    }
  });
}

/** Numbers of a file by their paths. */
function numbersIn(value: unknown, path: string = ""): [string, number][] {
  if (typeof value === "number") return [[path, value]];
  if (typeof value !== "object" || value === null) return [];
  return Object.entries(value).flatMap(([name, member]) =>
    numbersIn(member, path === "" || path === "benchmarks.0.metrics" ? name : `${path}.${name}`)
  );
}

/** What the tools take from their clock or their options, and not from their formulas. */
const OF_THE_RUN: readonly string[] = [
  ...["duration", "request_goodput", "good_request_count.avg", "goodput.avg"],
];

Deno.test("a load without answers, and one without a stream, have no number that is none", async () => {
  const loads = {
    nothing: [],
    failures: [createFailure("http_error"), createFailure("dropped", { index: 1 })],
    whole: [createRecord({ wholeBody: true, ticks: [[100, 5]] })],
    uncounted: [createRecord({ outputTokens: undefined, promptTokens: undefined })],
  };
  for (const [what, records] of Object.entries(loads)) {
    for (const { name } of DIALECTS) {
      const { loads: [load] } = await readDialect(name, createRun(records), {
        slo: parseSlo("ttft:10"),
      });
      const odd = load!.figures.filter(({ theirs = 0 }) => !Number.isFinite(theirs));
      assertEquals(odd.map((figure) => figure.name), [], `${what} ${name}`);
      for (const { name: file, text } of load!.files()) {
        assertEquals(/NaN|Infinity|undefined/.exec(text), null, `${what} ${file}`);
      }
    }
  }
});
