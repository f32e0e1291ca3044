/**
 * Asks what the tests of a file would not notice: `deno task mutate FILE…` changes the file in one
 * place after the other and runs the file's own tests on each change.
 *
 * StrykerJS makes the changes and runs the tests, through npx and in a copy of the repository.
 *
 * @module
 */
import { parseArgs } from "node:util";
import { createRandom, shuffled } from "../../backends/random.ts";
import { copyRepository, runIn } from "../support/copy_repository.ts";
import { inTempFolder } from "../support/run_cli.ts";

/** The newest version that runs on Node 20. */
const STRYKER = "@stryker-mutator/core@9.6.1";

const HELP = `deno task mutate FILE[:LINE-LINE]… [--tests FILE]… [--max N] [--seed N] [--jobs N]

Changes each file in up to --max places, one at a time, and runs its own tests on each change: a
change that no test notices has survived. A time-out is no kill, and types are not checked.

  FILE     e.g. backends/http1.ts, or backends/http1.ts:100-180 for these lines only
  --tests  the tests to run; default tests/<folder>_<file>_test.ts
  --max    changes to try in each file, chosen at random; default 12
  --seed   of that choice; default 0
  --jobs   tests at once; default 2
  --skip   kinds of changes to leave out, e.g. StringLiteral; see Stryker's list of mutators

It takes 5 s for each file, and for each change as long as its tests (most files: 0.3 to 4 s; two
at once). It needs npx (Node 20 or newer) and sh.
`;

/** One change, in Stryker's words. Lines and columns count from 1. */
interface Mutant {
  readonly id: string;
  readonly mutatorName: string;
  readonly replacement: string;
  readonly status: "Killed" | "Survived" | "Timeout" | "Ignored" | "RuntimeError";
  readonly location: { readonly start: Place; readonly end: Place };
}

interface Place {
  readonly line: number;
  readonly column: number;
}

function print(text: string): void {
  Deno.stdout.writeSync(new TextEncoder().encode(`${text}\n`));
}

/** Runs a shell command on each mutant of a file in the copy. */
async function stryker(
  copy: string,
  file: string,
  options: { readonly command: string; readonly jobs: number; readonly skip: readonly string[] },
): Promise<readonly Mutant[]> {
  const report = "mutants.json";
  const settings = {
    mutate: [file],
    testRunner: "command",
    commandRunner: { command: options.command },
    concurrency: options.jobs,
    mutator: { excludedMutations: options.skip },
    // It is a copy already.
    inPlace: true,
    tempDirName: "../stryker",
    reporters: ["json"],
    jsonReporter: { fileName: report },
    allowConsoleColors: false,
  };
  await Deno.writeTextFile(`${copy}/stryker.conf.json`, JSON.stringify(settings));
  await runIn(copy, "npx", ["-y", "-p", STRYKER, "stryker", "run", "stryker.conf.json"]);
  const { files } = JSON.parse(await Deno.readTextFile(`${copy}/${report}`));
  const [found] = Object.values<{ mutants: readonly Mutant[] }>(files);
  return (found?.mutants ?? []).filter(({ status }) => status !== "Ignored");
}

/** `a < b → a <= b`, each side in one line. */
function changeText({ location: { start, end }, replacement }: Mutant, source: string): string {
  const lines = source.split("\n").slice(start.line - 1, end.line);
  lines[lines.length - 1] = lines.at(-1)!.slice(0, end.column - 1);
  lines[0] = lines[0]!.slice(start.column - 1);
  return [lines.join("\n"), replacement].map((code) => {
    const line = code.replace(/\s+/g, " ").trim();
    return line.length <= 70 ? line : `${line.slice(0, 69)}…`;
  }).join("  →  ");
}

/** Tries a sample of a file's mutants. Returns how many there were and how many were killed. */
async function mutateFile(file: string, options: {
  readonly copy: string;
  readonly tests: readonly string[];
  readonly max: number;
  readonly seed: number;
  readonly jobs: number;
  readonly skip: readonly string[];
}): Promise<{ tried: number; killed: number }> {
  const { copy, tests, max, seed } = options;
  const source = await Deno.readTextFile(`${copy}/${file.replace(/:.*/, "")}`);
  const all = await stryker(copy, file, { ...options, command: "true" });
  const sample = new Set(
    shuffled(createRandom(seed, "mutants"), all).slice(0, max).map(({ id }) => id),
  );
  // Stryker numbers its mutants in the same way each time, and cannot choose some of them.
  const ids = [...sample].join(" ");
  const command = `case "$__STRYKER_ACTIVE_MUTANT__" in "") ;; *) ` +
    `case " ${ids} " in *" $__STRYKER_ACTIVE_MUTANT__ "*) ;; *) exit 0 ;; esac ;; esac; ` +
    `deno test -A --no-check --quiet --fail-fast ${tests.join(" ")}`;
  const tried = (await stryker(copy, file, { ...options, command }))
    .filter(({ id }) => sample.has(id));
  const killed = tried.filter(({ status }) => status === "Killed").length;
  print(`${file}: ${killed} of ${tried.length} killed, chosen among ${all.length}`);
  for (const mutant of tried) {
    const { status, mutatorName, location: { start } } = mutant;
    const place = `${file.replace(/:.*/, "")}:${start.line}:${start.column}`;
    print(
      `  ${status.toLowerCase().padEnd(9)} ${place}  ${mutatorName}: ${changeText(mutant, source)}`,
    );
  }
  return { tried: tried.length, killed };
}

/** The task; returns its exit code. */
async function mutate(argv: string[]): Promise<number> {
  const { values, positionals: files } = parseArgs({
    args: argv,
    options: {
      tests: { type: "string", multiple: true },
      max: { type: "string", default: "12" },
      seed: { type: "string", default: "0" },
      jobs: { type: "string", default: "2" },
      skip: { type: "string", multiple: true, default: [] },
      help: { type: "boolean" },
    },
    allowPositionals: true,
  });
  const [max, seed, jobs] = [values.max, values.seed, values.jobs].map(Number) as [
    number,
    number,
    number,
  ];
  if (values.help || files.length === 0 || ![max, seed, jobs].every(Number.isSafeInteger)) {
    print(HELP);
    return values.help ? 0 : 2;
  }
  const total = { tried: 0, killed: 0 };
  for (const file of files) {
    const tests = values.tests ??
      [`tests/${file.replace(/(\.ts)?(:.*)?$/, "").replaceAll("/", "_")}_test.ts`];
    await inTempFolder(async (folder) => {
      const copy = `${folder}/copy`;
      await Deno.mkdir(copy);
      await copyRepository(copy);
      for (const path of [file.replace(/:.*/, ""), ...tests]) {
        await Deno.stat(`${copy}/${path}`).catch(() => {
          throw new Error(`Cannot find ${path}: name the tests with --tests`);
        });
      }
      const { skip } = values;
      const { tried, killed } = await mutateFile(file, { copy, tests, max, seed, jobs, skip });
      total.tried += tried;
      total.killed += killed;
    });
  }
  if (files.length > 1) print(`${total.killed} of ${total.tried} killed`);
  return 0;
}

if (import.meta.main) {
  try {
    Deno.exit(await mutate(Deno.args));
  } catch (error) {
    print((error as Error).message);
    Deno.exit(1);
  }
}
