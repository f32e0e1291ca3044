/**
 * Injects faults into real runs and looks at their verdicts. Prints Markdown for `BENCHMARKS.md`.
 *
 *     deno task bench:verdict [--runs 3] [--clean 10] [--only PART]
 *
 * Each fault must flip the verdict in every run, and the same loads without a fault must say `ok`
 * in at least nine of ten. Linux only, and only meaningful while nothing else uses the machine,
 * which is why it is no test.
 *
 * @module
 */
import process from "node:process";
import { parseArgs } from "node:util";
import { selfCommand } from "../../backends/relaunch.ts";
import { type LaunchedSimulator, launchSimulator } from "../../backends/sim_launch.ts";
import type { Verdict } from "../../metrics/load_client.ts";
import { table } from "./client_report.ts";

const CLEAN_SHARE = 0.9;

const LOAD = [
  "--concurrency=16",
  "--requests=96",
  "--warmup=0",
  "--output-tokens=48",
  "--transport=socket",
];
/** What the client carries easily, and twenty times as much. */
const MODERATE = ["--concurrency=64", "--requests=256", "--output-tokens=48", "--transport=fetch"];
const MANY = ["--concurrency=1280", "--requests=2560", "--output-tokens=48", "--transport=fetch"];
const DESCRIPTORS = [
  "--concurrency=100",
  "--requests=400",
  "--output-tokens=48",
  "--warmup=8",
  // All at once, a hundred tokens would come in the same instant, which two cores are not idle with.
  "--ramp-up=1",
  "--transport=socket",
];

interface Fault {
  readonly name: string;
  /** Nothing is wrong: the verdict must be `ok`. */
  readonly clean?: boolean;
  readonly load: readonly string[];
  /** Words before the program. */
  readonly prefix?: readonly string[];
  /** Does the harm; returns how to end it. */
  readonly inject?: (pid: number) => () => void;
}

const FAULTS: readonly Fault[] = [
  { name: "none, 16 streams, socket", clean: true, load: LOAD },
  { name: "none, 64 streams, fetch", clean: true, load: MODERATE },
  { name: "none, 100 streams, socket", clean: true, load: DESCRIPTORS },
  {
    name: "three busy loops on the client's core",
    load: LOAD,
    prefix: ["taskset", "-c", "0"],
    inject: () => {
      const loops = [1, 2, 3].map(() =>
        new Deno.Command("taskset", { args: ["-c", "0", "sh", "-c", "while :; do :; done"] })
          .spawn()
      );
      return () => loops.forEach((loop) => loop.kill("SIGKILL"));
    },
  },
  {
    name: "a stall of 200 ms",
    load: LOAD,
    inject: (pid) => {
      const later = setTimeout(() => {
        process.kill(pid, "SIGSTOP");
        setTimeout(() => process.kill(pid, "SIGCONT"), 200);
      }, 3500);
      return () => clearTimeout(later);
    },
  },
  {
    name: "64 descriptors for 100 streams",
    load: DESCRIPTORS,
    prefix: ["sh", "-c", 'ulimit -n 64; exec "$@"', "sh"],
  },
  { name: "20 times too many streams (1,280, fetch)", load: MANY },
];

async function verdictOf(fault: Fault, simulator: LaunchedSimulator): Promise<Verdict | undefined> {
  const { command, args } = selfCommand([
    "bench",
    simulator.url,
    ...fault.load,
    "--no-save",
    "--no-calibration",
    "--format=json",
    "--max-failures=100",
  ]);
  const [program, ...words] = [...fault.prefix ?? [], command, ...args];
  const child = new Deno.Command(program!, { args: words, stdout: "piped", stderr: "piped" })
    .spawn();
  const end = fault.inject?.(child.pid);
  const { stdout, stderr } = await child.output();
  end?.();
  try {
    return JSON.parse(new TextDecoder().decode(stdout)).loads[0].verdict;
  } catch {
    throw new Error(
      `Cannot read the report of "${fault.name}": ${new TextDecoder().decode(stderr)}`,
    );
  }
}

/** Runs a row of the table; the cells, and whether they are as they should be. */
async function rowOf(
  fault: Fault,
  runs: number,
  simulator: LaunchedSimulator,
): Promise<{ readonly fine: boolean; readonly cells: readonly string[] }> {
  const seen: Record<string, number> = {};
  let ok = 0;
  for (let i = 0; i < runs; i++) {
    const verdict = await verdictOf(fault, simulator);
    if (verdict?.kind === "ok") ok++;
    const rules = verdict?.reasons.map(({ rule }) => rule).join(", ") ?? "";
    const what = `${verdict?.kind ?? "no verdict"}${rules === "" ? "" : ` (${rules})`}`;
    seen[what] = (seen[what] ?? 0) + 1;
    say(`${fault.name}: ${what}`);
  }
  const fine = fault.clean === true ? ok >= CLEAN_SHARE * runs : ok === 0;
  return {
    fine,
    cells: [
      fault.name,
      fault.clean === true ? `ok in ${Math.ceil(CLEAN_SHARE * runs)} of ${runs}` : "never ok",
      `ok in ${ok} of ${runs}`,
      fine ? "yes" : "**no**",
      Object.entries(seen).sort(([, a], [, b]) => b - a)
        .map(([what, count]) => `${count} × ${what}`).join("; "),
    ],
  };
}

function say(line: string): void {
  Deno.stderr.writeSync(new TextEncoder().encode(`${line}\n`));
}

async function main(): Promise<number> {
  const { values } = parseArgs({
    options: {
      runs: { type: "string", default: "3" },
      clean: { type: "string", default: "10" },
      only: { type: "string", default: "" },
    },
  });
  const load = Deno.loadavg()[0]!;
  const rows: Awaited<ReturnType<typeof rowOf>>[] = [];
  const simulator = await launchSimulator(["--port=0", "--ttft=100", "--itl=20"]);
  try {
    for (const fault of FAULTS) {
      if (!values.only.split(",").some((part) => fault.name.includes(part))) continue;
      const runs = Number(fault.clean === true ? values.clean : values.runs);
      if (runs > 0) rows.push(await rowOf(fault, runs, simulator));
    }
  } finally {
    await simulator.stop();
  }
  const lines = [
    `Load average ${load.toFixed(2)} before the start.`,
    "",
    ...table(
      ["injected", "must say", "said", "reached", "verdicts"],
      rows.map(({ cells }) => cells),
    ),
  ];
  Deno.stdout.writeSync(new TextEncoder().encode(`${lines.join("\n")}\n`));
  return rows.every(({ fine }) => fine) ? 0 : 1;
}

if (import.meta.main) Deno.exit(await main());
