import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { RECORD_SCHEMA, type RunHeader } from "../metrics/run.ts";
import { repeatRecords } from "./support/create_repeats.ts";
import { inTempFolder, type Ran, runCli } from "./support/run_cli.ts";
import { writeResults } from "./support/write_results.ts";

interface Side {
  readonly ttftMs?: number;
  readonly repeats?: number;
  readonly header?: Partial<RunHeader>;
  readonly label?: string;
  readonly requests?: number;
}

/** Writes repeats of a run into a folder of their own; returns its path. */
async function writeSide(folder: string, name: string, side: Side = {}): Promise<string> {
  const { ttftMs = 100, repeats = 4, header, label = "1 user", requests = 30 } = side;
  const path = `${folder}/${name}`;
  await Deno.mkdir(path);
  for (let repeat = 0; repeat < repeats; repeat++) {
    await writeResults(`${path}/run-${repeat}`, repeatRecords(ttftMs, repeat, { requests }), {
      loads: [{ label }],
      header: { startedAt: `2026-01-02T12:0${repeat}:05.678Z`, ...header },
    });
  }
  return path;
}

/** A side before and one after, 10 % slower in TTFT. */
async function withSides(
  use: (folder: string, compare: (...argv: string[]) => Promise<Ran>) => Promise<void>,
  after: Side = { ttftMs: 110 },
): Promise<void> {
  await inTempFolder(async (folder) => {
    const before = await writeSide(folder, "before");
    const other = await writeSide(folder, "after", after);
    await use(folder, (...argv) => runCli(["compare", before, other, "--no-job-summary", ...argv]));
  });
}

Deno.test("compare answers in a sentence, and a gate in the exit code", () =>
  withSides(async (_, compare) => {
    const plain = await compare();
    assertEquals([plain.code, plain.err], [0, ""]);
    assertMatch(plain.out, /^after is 7\.1 % lower in Output tokens\/s \(95 %: /m);
    const rows: readonly [gate: string[], code: number, says: string][] = [
      [["--gate=ttft:p50<+20%"], 0, "Gate passed"],
      [["--gate=ttft:p50<+5%"], 5, "Gate missed"],
      [["--gate=ttft:p50<+10%"], 4, "Gate undecided"],
      [["--gate=ttft:p50<+10%", "--undecided=pass"], 0, "Gate undecided"],
      [["--gate=ttft:p50<+5%,e2e:mean<+7.7%", "--undecided=pass"], 5, "Gate missed"],
      // Too few values for this percentile.
      [["--gate=ttft:p99<+5%"], 4, "not measured"],
      [["--gate=ttft:p85<+20%"], 0, "Gate passed"],
    ];
    for (const [argv, code, says] of rows) {
      const ran = await compare(...argv);
      assertEquals(ran.code, code, argv.join(" ") + ran.out);
      assertStringIncludes(ran.out, says);
    }
  }));

Deno.test("compare: single runs leave a gate undecided unless they are accepted", () =>
  inTempFolder(async (folder) => {
    const a = await writeSide(folder, "a", { repeats: 1, requests: 400 });
    const b = await writeSide(folder, "b", { repeats: 1, requests: 400, ttftMs: 150 });
    const argv = ["compare", a, b, "--no-job-summary", "--gate=ttft:p50<+5%"];
    const ran = await runCli(argv);
    assertEquals(ran.code, 4, ran.err);
    assertStringIncludes(ran.out.replace(/\s+/g, " "), "single run");
    assertEquals((await runCli([...argv, "--single-run"])).code, 5);
  }));

Deno.test("compare refuses a verdict where the sides cannot be compared, with exit code 2", () =>
  withSides(async (folder, compare) => {
    const out = `${folder}/out`;
    const ran = await compare("--gate=ttft:p50<+20%", `--out=${out}`);
    assertEquals(ran.code, 2);
    assertStringIncludes(ran.err, "No verdict: dataset: synthetic against jsonl");
    assertMatch(ran.out, /^dataset +synthetic +jsonl +no verdict$/m);
    // What was found is written all the same.
    const json = JSON.parse(await Deno.readTextFile(`${out}/compare.json`));
    assertStringIncludes(json.refused, "jsonl");
  }, {
    header: {
      dataset: { kind: "jsonl", source: "x", prompts: 100, skipped: {}, duplicates: 0 },
    },
  }));

Deno.test("compare writes every report into a new folder, and prints the one that is asked for", () =>
  withSides(async (folder, compare) => {
    const out = `${folder}/out`;
    const { code, out: printed, err } = await compare("--format=markdown", `--out=${out}`);
    assertEquals(code, 0, err);
    const names = [...Deno.readDirSync(out)].map(({ name }) => name).toSorted();
    assertEquals(names, ["compare.html", "compare.json", "compare.md", "compare.xml"]);
    assertEquals(await Deno.readTextFile(`${out}/compare.md`), printed);
    assertMatch(printed, /^### after against before$/m);
    for (const name of names) assertStringIncludes(err, `Wrote ${out}/${name}`);
    const again = await compare(`--out=${out}`);
    assertEquals(again.code, 2);
    assertStringIncludes(again.err, "results never overwrite");
  }));

Deno.test("compare appends to the summary of a GitHub job, and never fails for it", () =>
  withSides(async (folder) => {
    const path = `${folder}/summary.md`;
    await Deno.writeTextFile(path, "before\n");
    const argv = ["compare", `${folder}/before`, `${folder}/after`];
    const variable = "GITHUB_STEP_SUMMARY";
    const old = Deno.env.get(variable);
    try {
      Deno.env.set(variable, path);
      assertStringIncludes((await runCli(argv)).err, "Appended to the job's summary");
      const text = await Deno.readTextFile(path);
      assertMatch(text, /^before\n### after against before\n/);
      await runCli([...argv, "--no-job-summary"]);
      assertEquals(await Deno.readTextFile(path), text);
      Deno.env.set(variable, `${folder}/none/summary.md`);
      const ran = await runCli(argv);
      assertEquals(ran.code, 0);
      assertStringIncludes(ran.err, "warning: Cannot write the job's summary");
    } finally {
      if (old === undefined) Deno.env.delete(variable);
      else Deno.env.set(variable, old);
    }
  }));

Deno.test("compare takes lists, single files, names of runs, and figures", () =>
  inTempFolder(async (folder) => {
    const a = await writeSide(folder, "a", { header: { name: "old\u001b[2J engine" } });
    const b = await writeSide(folder, "b", { ttftMs: 101 });
    const list = [0, 1, 2].map((n) => `${b}/run-${n}/records.jsonl`).join(",");
    const argv = ["compare", a, list, "--no-job-summary"];
    const ran = await runCli([...argv, "--figures=ttft:p90,ttft:p50", "--margin=0.05"]);
    assertEquals(ran.code, 0, ran.err);
    assertMatch(ran.out, /against old�\[2J engine$/m);
    assertMatch(ran.out, /^1 user, 4 and 3 repeats$/m);
    assertEquals(ran.out.match(/^(TTFT p\d+|Requests\/s|E2E) .* same$/gm)?.length, 2, ran.out);
    const { out } = await runCli([...argv, "--percentiles=75", "--slo=ttft:100"]);
    for (const figure of ["TTFT p75", "E2E p75", "Attainment"]) {
      assertMatch(out, new RegExp(`^${figure} `, "m"));
    }
    assert(!out.includes("p50 "));
  }));

Deno.test("compare calls sides by their folders where their runs have the same name", () =>
  inTempFolder(async (folder) => {
    const a = await writeSide(folder, "a", { header: { name: "nightly" } });
    const b = await writeSide(folder, "b", { header: { name: "nightly" } });
    const ran = await runCli(["compare", a, b, "--no-job-summary"]);
    assertStringIncludes(ran.out, `${b} against ${a}`);
    const [first, second] = [0, 1].map((n) => `${a}/run-${n}`);
    const within = await runCli(["compare", first!, second!, "--no-job-summary"]);
    assertStringIncludes(within.out, `${second} against ${first}`);
  }));

Deno.test("compare reads record files of every format", () =>
  inTempFolder(async (folder) => {
    const path = await writeSide(folder, "new");
    const side = await writeSide(folder, "old");
    for (let n = 0; n < 4; n++) {
      const file = `${side}/run-${n}/records.jsonl`;
      const text = await Deno.readTextFile(file);
      assertStringIncludes(text, RECORD_SCHEMA);
      await Deno.writeTextFile(
        file,
        text.replace(RECORD_SCHEMA, `tokometer.record/${n + 1}`),
      );
    }
    const ran = await runCli(["compare", path, side, "--no-job-summary", "--gate=ttft:p50<+3%"]);
    assertEquals(ran.code, 0, ran.out + ran.err);
    assertStringIncludes(ran.out, "Nothing else differs between the sides");
  }));

Deno.test("compare says what cannot be compared", () =>
  inTempFolder(async (folder) => {
    const a = await writeSide(folder, "a");
    const b = await writeSide(folder, "b", { label: "2 users" });
    await Deno.mkdir(`${folder}/empty`);
    const run = `${a}/run-0`;
    const rows: readonly [argv: readonly string[], says: string][] = [
      [[], "<side>"],
      [[a], "Cannot compare"],
      [[run], `with nothing: name two or more results`],
      [[a, a], "Cannot compare a run with itself"],
      [[a, run], "Cannot compare a run with itself"],
      [[`${run},${run}/records.jsonl`, b], `is twice in ${run},`],
      [[a, `${folder}/missing`], "there is no such file or folder"],
      [[a, `${folder}/empty`], "it holds no records.jsonl, and no folders that do"],
      [[a, b, "--gate=nothing<+5%"], '"nothing" is nothing that can have a limit'],
      [[a, b, "--gate=ttft:p99"], "put it in quotes, or the shell takes < and > for files"],
      [[a, b, "--gate=ttft:p99+5%"], "put it in quotes, or the shell takes < and > for files"],
      [[a, b, "--figures=speed"], "there is no such figure; known are request_throughput"],
      [[a, b, "--margin=3"], "it is a share from 0 to below 1, write 3% or 0.03"],
      [[a, b, "--margin=much"], "it is no share, write it as 3% or 0.03"],
      [[a, b, "--margin=100%"], "it is less than 100 %"],
      [[a, b, "--single-run"], "Cannot use --single-run without --gate"],
      [[a, b, "--undecided=pass"], "Cannot use --undecided without --gate"],
      [[a, b, "--plan=5%", "--gate=ttft<1%"], "a plan judges nothing"],
      [[a, "--plan=5%", "--format=html"], "Cannot use --format html with --plan"],
    ];
    for (const [argv, says] of rows) {
      const ran = await runCli(["compare", ...argv]);
      assertEquals([ran.code, ran.out], [2, ""], argv.join(" ") + ran.err);
      assertStringIncludes(ran.err, says);
    }
    // Loads of different names are told, as a comparison that has no verdict.
    const other = await runCli(["compare", a, b, "--no-job-summary"]);
    assertEquals(other.code, 2);
    assertStringIncludes(
      other.err,
      "No verdict: no load is on both sides: 1 user: only a; 2 users",
    );
  }));

Deno.test("compare tells a run's own sides from each other, pair by pair", () =>
  inTempFolder(async (folder) => {
    const turns = [0, 1, 1, 0, 1, 0, 0, 1];
    const loads = turns.map((side, i) => {
      const repeat = Math.floor(i / 2) + 1;
      return { label: `1 user, ${"ab"[side]}, repeat ${repeat}`, side, repeat };
    });
    const records = turns.flatMap((side, load) =>
      repeatRecords(side === 0 ? 100 : 110, load, { load })
    );
    const url = "http://127.0.0.1:8000";
    await writeResults(`${folder}/run`, records, {
      loads,
      header: { sides: [{ name: "a", url }, { name: "b", url: `${url}1` }], repeats: 4 },
    });
    await writeSide(folder, "other");
    const ran = await runCli(["compare", `${folder}/run`, "--no-job-summary"]);
    assertEquals(ran.code, 0, ran.err);
    assertStringIncludes(
      ran.out.replace(/\s+/g, " "),
      "their pairs are compared, so drift cancels out",
    );
    assertMatch(ran.out, /^TTFT p50 .* worse$/m);
    const mixed = await runCli(["compare", `${folder}/run`, `${folder}/other`]);
    assertEquals(mixed.code, 2);
    assertStringIncludes(mixed.err, "its run compares sides by itself; tokometer compare");
  }));

Deno.test("compare --plan tells how many repeats find a change; one side is enough", () =>
  withSides(async (folder) => {
    const ran = await runCli(["compare", `${folder}/before`, "--plan=5%", "--figures=ttft:p50"]);
    assertEquals(ran.code, 0, ran.err);
    assertMatch(ran.out, /repeats on each side .*find a change of 5 %/);
    assertMatch(ran.out, /^TTFT p50 +\d+ /m);
    const both = ["compare", `${folder}/before`, `${folder}/after`, "--plan=0.05"];
    const json = await runCli([...both, "--format=json"]);
    const { effect, figures } = JSON.parse(json.out);
    assertEquals([effect, figures.length > 5], [0.05, true]);
  }));

Deno.test("latest and previous are results for report and compare", () =>
  inTempFolder(async (folder) => {
    const before = Deno.cwd();
    Deno.chdir(folder);
    try {
      for (const [name, day] of [["x", 3], ["y", 2]] as const) {
        await Deno.mkdir("tokometer-results", { recursive: true });
        await writeResults(`tokometer-results/${name}`, repeatRecords(100, 0), {
          header: { startedAt: `2026-01-0${day}T12:00:00.000Z` },
        });
      }
      const compared = await runCli(["compare", "previous", "latest", "--no-job-summary"]);
      assertStringIncludes(compared.out, "x against y");
      assertStringIncludes((await runCli(["report", "latest"])).out, "2026-01-03T12:00");
      assertStringIncludes((await runCli(["runs", "previous"])).out, "2026-01-02 12:00");
    } finally {
      Deno.chdir(before);
    }
  }));
