/**
 * How often comparisons of a server with itself find a difference, and how often comparisons with a
 * slower one find it. Prints Markdown for `docs/compare.md`.
 *
 *     deno task bench:aa [--only single,turns,…] [--count 1000] [--from 0] [--real]
 *
 * All but `--real` is on simulated time and seeded, so that it gives the same numbers everywhere.
 * `--real` measures the simulated engine by real time, `--count` comparisons of 6 repeats by turns; a
 * comparison is false where any of its figures is better or worse.
 *
 * @module
 */
import process from "node:process";
import { parseArgs } from "node:util";
import { measureBench, summarize, type Summary } from "../../mod.ts";
import { launchSimulator } from "../../backends/sim_launch.ts";
import { compareRuns } from "../../metrics/compare.ts";
import type { CompareSide } from "../../metrics/compare_result.ts";
import { aaStudies, powerStudy, runStudy, singlePowerStudy, type Study } from "./aa_studies.ts";
import { table } from "./client_report.ts";

const LENGTHS = { singleMs: 60_000, repeatMs: 5000 };

/** Pairs of loads of a real comparison. */
const REAL_TURNS = 6;

/** False verdicts that chance alone leaves at 5 %, beyond which a study of so many fails. */
function mostFalse(count: number): number {
  return 0.05 * count + 1.96 * Math.sqrt(count * 0.05 * 0.95);
}

const { values } = parseArgs({
  options: {
    only: { type: "string" },
    count: { type: "string", default: "1000" },
    from: { type: "string", default: "0" },
    real: { type: "boolean", default: false },
  },
});
const count = Number(values.count);
const from = Number(values.from);
const only = values.only?.split(",");
const print = (text: string) => process.stdout.write(`${text}\n`);

if (values.real) {
  print(await realStudy());
} else {
  for (const study of aaStudies(LENGTHS)) {
    if (only === undefined || only.includes(study.name)) print(studyText(study));
  }
  if (only === undefined || only.includes("power")) printPower();
}

function studyText(study: Study): string {
  const tallies = runStudy(study, { from, count });
  const allowed = mostFalse(count);
  const bad = tallies.filter(({ decided }) => decided > allowed);
  const share = (part: number, whole: number) =>
    whole === 0 ? "n/a" : `${(part / whole * 100).toFixed(1)} %`;
  const verdict = (bad.length > 0) === (study.fails === true)
    ? study.fails === true ? "fails, as it has to" : "holds"
    : study.fails === true
    ? "DOES NOT FAIL"
    : "FAILS";
  return [
    `### ${study.name}: ${study.title}`,
    "",
    `${count} comparisons, at most ${Math.floor(allowed)} false of each figure: ${verdict}` +
    (bad.length === 0 ? "" : ` (${bad.map(({ name }) => name).join(", ")})`),
    "",
    ...table(
      ["figure", "comparisons", "interval without no change", "better or worse", "same"],
      tallies.map(({ name, known, missed, decided, same }) => [
        ...[name, String(known), share(missed, known)],
        ...[share(decided, known), share(same, known)],
      ]),
    ),
    "",
  ].join("\n");
}

function printPower(): void {
  const repeatMs = LENGTHS.repeatMs;
  const head = ["slower", "judged with", "repeats asked for (least, median, most)", "found"];
  const [names, line] = table(head, [head]);
  print(
    `### power: slower by 5 %, at the size that a plan from a pilot asks for\n\n${names}\n${line}`,
  );
  for (
    const study of [
      () => powerStudy({ figures: ["itl:mean"], repeatMs, from, count, all: false }),
      () => powerStudy({ figures: ["ttft:p99"], repeatMs, from, count, all: false }),
      () => singlePowerStudy({ singleMs: LENGTHS.singleMs, from, count }),
      () => powerStudy({ figures: ["itl:mean"], repeatMs, from, count, all: true }),
      () => powerStudy({ figures: ["ttft:p99"], repeatMs, from, count, all: true }),
    ]
  ) {
    for (const { name, how, repeats, count, found } of study()) {
      const share = `${found} of ${count} (${(found / count * 100).toFixed(0)} %)`;
      print(table(head, [[name, how, repeats.join(", "), share]]).at(-1)!);
    }
  }
}

/** Each comparison is a run that has one server on both sides. */
async function realStudy(): Promise<string> {
  const server = await launchSimulator(["--port=0", "--ttft=lognormal:20:0.3", "--itl=5"]);
  let wrong = 0;
  let excluded = 0;
  let intervals = 0;
  let refusals = 0;
  const names: string[] = [];
  for (let i = 0; i < count; i++) {
    const run = await measureBench(server.url, {
      ...{ against: server.url, repeat: REAL_TURNS, concurrency: [4], duration: 1 },
      ...{ outputTokens: 16, seed: from + i },
    });
    const summary = summarize(run);
    if (compareRuns(sidesOf(summary)).refused !== undefined) refusals++;
    // Judged in spite of a busy client: that may make a change, and none may be found.
    const judged = summary.loads.map((load) => ({ ...load, verdict: undefined }));
    const { loads, refused } = compareRuns(sidesOf({ ...summary, loads: judged }));
    if (refused !== undefined) throw new Error(`a comparison was refused: ${refused}`);
    const figures = loads.flatMap((load) => load.figures);
    const decided = figures.filter(({ verdict }) => verdict === "better" || verdict === "worse");
    if (decided.length > 0) wrong++;
    names.push(...decided.map(({ name }) => name));
    for (const { ratio } of figures) {
      if (ratio?.interval === undefined) continue;
      intervals++;
      if (ratio.interval.low > 1 || ratio.interval.high < 1) excluded++;
    }
  }
  await server.stop();
  return `${wrong} of ${count} real comparisons of a server with itself are false` +
    (names.length === 0 ? "" : ` (${names.join(", ")})`) +
    `; ${excluded} of ${intervals} intervals do not hold "no change"; ${refusals} would have been ` +
    "refused, as the client was the limit of some load";
}

function sidesOf(run: Summary): readonly CompareSide[] {
  return ["a", "b"].map((name, side) => ({ name, side, runs: [run] }));
}
