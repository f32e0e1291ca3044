/**
 * Injects faults into real runs and looks at their verdicts: `deno task bench:verdict [RUNS]`.
 *
 * Each fault must flip the verdict in every run, and the same run without a fault must say `ok` in
 * at least nine of ten. Linux only, and only meaningful while nothing else uses the machine, which
 * is why it is no test.
 *
 * @module
 */
import process from "node:process";
import { selfCommand } from "../backends/relaunch.ts";
import { type LaunchedSimulator, launchSimulator } from "../backends/sim_launch.ts";
import type { Verdict } from "../metrics/verdict.ts";

const RUNS = Number(Deno.args[0] ?? 3);
const CLEAN_SHARE = 0.9;

const LOAD = [
  "--concurrency=16",
  "--requests=96",
  "--warmup=0",
  "--output-tokens=48",
  "--transport=socket",
];
const MANY = ["--concurrency=1280", "--requests=2560", "--output-tokens=48", "--transport=fetch"];

interface Fault {
  readonly name: string;
  readonly load: readonly string[];
  /** Words before the program. */
  readonly prefix?: readonly string[];
  /** Does the harm; returns how to end it. */
  readonly inject?: (pid: number) => () => void;
}

const FAULTS: readonly Fault[] = [
  { name: "none", load: LOAD },
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
    load: ["--concurrency=100", "--requests=400", "--output-tokens=48", "--warmup=8"],
    prefix: ["sh", "-c", 'ulimit -n 64; exec "$@"', "sh"],
  },
  { name: "20 times too many streams", load: MANY },
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

const write = (line: string) => Deno.stdout.writeSync(new TextEncoder().encode(`${line}\n`));
let wrong = 0;
const simulator = await launchSimulator(["--port=0", "--ttft=100", "--itl=20"]);
try {
  for (const fault of FAULTS) {
    const clean = fault.name === "none";
    const runs = clean ? Math.max(RUNS, 10) : RUNS;
    const seen: Record<string, number> = {};
    let ok = 0;
    for (let i = 0; i < runs; i++) {
      const verdict = await verdictOf(fault, simulator);
      if (verdict?.kind === "ok") ok++;
      const rules = verdict?.reasons.map(({ rule }) => rule).join(" ") ?? "";
      const what = `${verdict?.kind ?? "no verdict"} ${rules}`.trim();
      seen[what] = (seen[what] ?? 0) + 1;
    }
    const fine = clean ? ok >= CLEAN_SHARE * runs : ok === 0;
    if (!fine) wrong++;
    write(`${fine ? "as it should be" : "WRONG"}: ${fault.name}, ok in ${ok} of ${runs}`);
    for (const [what, count] of Object.entries(seen)) write(`  ${count} × ${what}`);
  }
} finally {
  await simulator.stop();
}
if (wrong > 0) throw new Error(`${wrong} of ${FAULTS.length} rows are wrong`);
