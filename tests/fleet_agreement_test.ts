/** A fleet's result from states, and from the record files of its agents: they agree. */
import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { createRandom, uniformInteger } from "../backends/random.ts";
import type { RequestRecord } from "../backends/record.ts";
import { reportJson } from "../metrics/report_json.ts";
import { REPORTS } from "../metrics/reports.ts";
import type { LoadEnd, Run, RunHeader } from "../metrics/run.ts";
import { RELATIVE_ERROR } from "../metrics/stat_value_histogram.ts";
import { createAccumulator, type Summary } from "../metrics/summary.ts";
import { planReport } from "../workloads/bench_report_plan.ts";
import { openRecordFile, startRecordFile } from "../workloads/record_writer.ts";
import { resolveResult } from "../workloads/results_resolve.ts";
import { summarizeRecords } from "../workloads/results_summary.ts";
import { readRecordFile } from "../workloads/record_file.ts";
import { UserError } from "../workloads/user_error.ts";
import { createFailure, createRecord } from "./support/create_record.ts";
import { createRun } from "./support/create_run.ts";
import { mutatedLine } from "./support/mutated_lines.ts";
import { inTempFolder, runCli } from "./support/run_cli.ts";
import { writeParts } from "./support/write_parts.ts";

const HOST = { note() {}, progress() {}, interrupted: new AbortController().signal };

/** Files with one changed line. */
const FILES = Number(Deno.env.get("MUTATED_FILES") ?? 20);
const SLO = "ttft:60,tpot:20";

function planOf(values: "raw" | "histogram" | undefined) {
  const asked = { format: "table", percentiles: [1, 50, 90, 95, 99], slo: SLO };
  const rest = { require: undefined, clientTolerance: 5, maxFailures: undefined };
  return planReport({ ...asked, ...rest, values });
}

/** 1,200 requests at once, some of which fail, with brackets, and a long tail. */
function run(): Run {
  const random = createRandom(11, "agreement");
  const us = (ms: number) => Math.round(ms * 1000) / 1000;
  const records = Array.from({ length: 1200 }, (_, index): RequestRecord => {
    const intendedMs = us(index * 7 + random.next());
    const sentMs = us(intendedMs + 0.05 + (random.next() < 0.02 ? 9 * random.next() : 0));
    const times = { index, user: index % 8, intendedMs, sentMs, departedMs: us(sentMs + 0.03) };
    if (random.next() < 0.02) return createFailure("timeout", times);
    let ms = sentMs + 20 + 30 * random.next() + 400 * random.next() ** 12;
    const ticks = Array.from({ length: 2 + Math.floor(14 * random.next()) }, (_, i) => {
      ms += 3 + 8 * random.next() + 200 * random.next() ** 20;
      return [us(ms), i + 1] as [number, number];
    });
    return {
      ...createRecord({ ...times, ticks, endMs: us(ms + 0.5) }),
      tickWidthUs: Uint32Array.from(ticks, () => Math.floor(80 * random.next())),
    };
  });
  return createRun(records, {
    header: { options: { slo: SLO } },
    loads: [{ label: "143 req/s", kind: "open", ratePerSec: 143, stopRequests: 1200 }],
    ends: [{ startedAtMs: 1_790_000_000_000 }],
  });
}

/** The folder of a run as its leader leaves it: states and ends in its own file, the agents' files below. */
async function leave(folder: string, whole: Run, agents: number): Promise<void> {
  const paths = await writeParts(`${folder}/agents`, whole, { agents });
  const machines = Array.from({ length: agents }, (_, agent) => ({
    ...{ hostname: `node-${agent}`, version: whole.header.version },
    ...{ transport: "fetch", workers: 1 },
  }));
  const fleet = { name: "f", run: "run-1", agents: machines };
  const header: RunHeader = { ...whole.header, fleet };
  const { slo } = planOf(undefined);
  const leader = createAccumulator(header, { values: "histogram", slo });
  const parts: NonNullable<LoadEnd["fleet"]>["parts"][number][] = [];
  for (const [agent, path] of paths.entries()) {
    const own = await readRecordFile(path);
    const accumulator = createAccumulator(own.header, { values: "histogram", slo });
    for (const record of own.records) accumulator.add(record);
    // As it travels.
    leader.absorb(JSON.parse(JSON.stringify(accumulator.state(0))));
    const done = own.records.filter(({ outcome }) => outcome.kind === "ok");
    parts.push({
      ...{ agent, sent: own.records.length, completed: done.length, lateMs: 0 },
      failed: own.records.length - done.length,
      outputTokens: done.reduce((sum, { outputTokens }) => sum + outputTokens!.tokens, 0),
      clock: { offsetMs: 3000 * agent, uncertaintyMs: 0.1, samples: 20 },
    });
  }
  const writer = startRecordFile(await openRecordFile(`${folder}/records.jsonl`), header);
  writer.state(leader.state(0));
  writer.end({ ...whole.ends[0]!, fleet: { parts } });
  await writer.close();
}

/** What the report says, besides whether it is from records. */
function shown(summary: Summary): Record<string, unknown> {
  const { header, ...rest } = JSON.parse(reportJson.render(summary));
  const { fromRecords: _, ...fleet } = header.fleet;
  return { ...rest, header: { ...header, fleet } };
}

Deno.test("the report of collected record files is that of the states, and single values are within a bin", () =>
  inTempFolder(async (folder) => {
    const whole = run();
    for (const agents of [2, 4]) {
      const place = `${folder}/${agents}`;
      await Deno.mkdir(place);
      await leave(place, whole, agents);
      const read = async (path: string, values?: "raw" | "histogram") =>
        await summarizeRecords(await resolveResult(path), { plan: planOf(values), host: HOST });
      const live = await read(place);
      const collected = await read(`${place}/agents`, "histogram");
      assertEquals(shown(collected), shown(live));

      // With single values: the same counts, and each percentile as near as the bins are wide.
      const raw = (await read(`${place}/agents`, "raw")).loads[0]!;
      const binned = live.loads[0]!;
      assertEquals(binned.approximation?.relativeError, RELATIVE_ERROR);
      assertEquals(raw.approximation, undefined);
      for (const field of ["counts", "tokens", "failures", "lengths", "stream", "fleet"] as const) {
        assertEquals(binned[field], raw[field], field);
      }
      assertEquals(binned.slo?.good, raw.slo?.good);
      let compared = 0;
      for (const [m, { name, distribution, brackets }] of raw.metrics.entries()) {
        const other = binned.metrics[m]!;
        assertEquals([other.name, other.distribution.count], [name, distribution.count]);
        const near = (a: number | undefined, b: number | undefined, what: string) => {
          if (a === undefined || b === undefined) return assertEquals(a, b, `${name} ${what}`);
          compared++;
          // One bin of the histogram; the value is in the middle of its own.
          assert(
            Math.abs(a - b) <= 2 * RELATIVE_ERROR * Math.abs(a) + 1e-9,
            `${name} ${what}: ${a}, ${b}`,
          );
        };
        for (const [i, { p, value }] of distribution.percentiles.entries()) {
          near(value, other.distribution.percentiles[i]!.value, `p${p}`);
          const [bracket, theirs] = [brackets, other.brackets].map((one) =>
            one?.percentiles[i]?.bracket
          );
          near(bracket?.low, theirs?.low, `p${p} low`);
          near(bracket?.high, theirs?.high, `p${p} high`);
        }
        near(distribution.mean, other.distribution.mean, "mean");
        near(distribution.max, other.distribution.max, "max");
      }
      assert(compared > 100, `${compared}`);
    }
    const place = `${folder}/4`;
    const { runs } = JSON.parse((await runCli(["runs", place, "--format", "json"])).out);
    assertEquals(runs.length, 1);
    const table = await runCli(["report", place]);
    // Some requests failed.
    assertEquals(table.code, 1, table.err);
    assertStringIncludes(table.out, "0.1 %");
    const report = async (...more: string[]) => await runCli(["report", place, ...more]);
    assertStringIncludes(table.out, "Goodput");
    assertEquals((await report("--slo", SLO)).out, table.out);
    assertStringIncludes((await report("--slo", "ttft:p99<500")).out, "ttft:p99");
    for (const other of [["--slo", "ttft:61"], ["--slices", "2"], ["--values", "raw"]]) {
      const refused = await report(...other);
      assertEquals(refused.code, 2);
      assertStringIncludes(refused.err, "name the record files of its agents");
    }
    const text = await Deno.readTextFile(`${place}/records.jsonl`);
    const bad = `${folder}/bad.jsonl`;
    await Deno.writeTextFile(bad, text.replace(/"parts":\{.*?:/, '"parts":{"rubbish":1,"counts":'));
    const refused = await runCli(["report", bad]);
    assertEquals(refused.code, 2);
    assertStringIncludes(refused.err, "the results of load 1 are not those of a load: Cannot add");
    const compare = await runCli(["compare", place, `${folder}/2`]);
    assertStringIncludes(compare.out, "TTFT");
  }));

Deno.test("a leader's file that was tampered with is refused or printed without NaN", () =>
  inTempFolder(async (folder) => {
    await leave(`${folder}`, run(), 2);
    const path = `${folder}/records.jsonl`;
    const lines = (await Deno.readTextFile(path)).trimEnd().split("\n");
    const seen = { read: 0, refused: 0 };
    for (let file = 0; file < FILES; file++) {
      const random = createRandom(file, "leader");
      const at = uniformInteger(random, { low: 0, high: lines.length - 1 });
      const changed = lines.with(at, mutatedLine(lines[at]!, random));
      await Deno.writeTextFile(path, `${changed.join("\n")}\n`);
      try {
        const summary = await summarizeRecords([path], { plan: planOf(undefined), host: HOST });
        for (const { name, render } of REPORTS) {
          const text = render(summary, { color: false, width: 100 })
            .replace(/<script>[^]*?<\/script>/g, "");
          const found = /\bNaN\b|\bundefined\b|Infinity|\[object /.exec(text);
          const around = text.slice(Math.max(0, (found?.index ?? 0) - 200)).slice(0, 300);
          assert(found === null, `file ${file}, line ${at}, ${name}: ${around}`);
        }
        seen.read++;
      } catch (error) {
        if (!(error instanceof UserError)) {
          throw new Error(`file ${file}, line ${at}`, { cause: error });
        }
        seen.refused++;
      }
    }
    assert(seen.read > 0 && seen.refused > 0, JSON.stringify(seen));
  }));
