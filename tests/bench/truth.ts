/**
 * Does the truth lie in what the CLI prints? The program as a user runs it, as a whole process,
 * against independent servers whose logs are the truth: C over HTTP and gRPC, Python over TLS, and C
 * behind a link with delay and loss. Prints Markdown for `BENCHMARKS.md`.
 *
 *     deno task bench:truth [--state idle,busy,pinned,quota] [--only PLAN] [--transport NAME] [--runs 1]
 *                           [--tree DIR] [--out FILE] [--from FILE,…]
 *
 * `--tree` measures another checkout. `--out` adds a line of JSON for each run to a file; `--from`
 * measures nothing and reports such files: a long measurement in pieces. Rounds are interleaved. Needs
 * Linux, two cores, gcc and taskset; root for real-time priority, the cgroup and the link; Python and
 * openssl for TLS.
 *
 * @module
 */
import { parseArgs } from "node:util";
import { say, works } from "./client.ts";
import { type MachineState, PLANS, STATES, type TruthPlan } from "./truth_plans.ts";
import { inside, truthReport } from "./truth_report.ts";
import { runTruth, type TruthFinding } from "./truth_run.ts";
import { buildTools, killTracked } from "./truth_servers.ts";

const HERE = new URL("../..", import.meta.url).pathname.replace(/\/$/, "");

/** Whether a plan was chosen: by its name, or by a part of it. */
function chosen(words: readonly string[], name: string): boolean {
  return words.some((word) => word === "" || name === word || name.startsWith(`${word}-`));
}

function describe(finding: TruthFinding): string {
  if (finding.failed !== undefined) return `failed: ${finding.failed}`;
  const outside = finding.figures.filter((one) => inside(one) !== true);
  return `${finding.verdict}, ${finding.figures.length - outside.length} of ` +
    `${finding.figures.length} inside` +
    outside.map(({ name, truth, printed, low, high }) =>
      `\n    ${name}: ${truth.toFixed(3)}, printed ${printed.toFixed(3)} ` +
      `(${low?.toFixed(3)}–${high?.toFixed(3)})`
    ).join("");
}

async function main(): Promise<number> {
  const { values } = parseArgs({
    options: {
      state: { type: "string", default: "idle" },
      only: { type: "string", default: "" },
      transport: { type: "string", default: "" },
      runs: { type: "string", default: "1" },
      tree: { type: "string", default: HERE },
      out: { type: "string" },
      from: { type: "string" },
    },
  });
  const print = async (findings: readonly TruthFinding[]) =>
    void await Deno.stdout.write(new TextEncoder().encode(truthReport(findings)));
  if (values.from !== undefined) {
    const files = await Promise.all(values.from.split(",").map((path) => Deno.readTextFile(path)));
    await print(files.join("\n").split("\n").filter(Boolean).map((line) => JSON.parse(line)));
    return 0;
  }
  if (Deno.build.os !== "linux" || !works("gcc", "--version") || !works("taskset", "--version")) {
    say("Cannot run: bench:truth needs Linux with gcc and taskset");
    return 1;
  }
  const states = values.state.split(",").map((state) => {
    if (!Object.hasOwn(STATES, state)) throw new RangeError(`No state ${state}`);
    return state as MachineState;
  });
  const only = values.only.split(",");
  const transports = values.transport.split(",");
  const jobs: [TruthPlan, string, MachineState][] = PLANS
    .filter(({ name }) => chosen(only, name))
    .flatMap((plan) =>
      plan.transports.filter((name) => transports.includes("") || transports.includes(name))
        .flatMap((name) =>
          states.map((state): [TruthPlan, string, MachineState] => [plan, name, state])
        )
    );
  for (const signal of ["SIGINT", "SIGTERM"] as const) {
    Deno.addSignalListener(signal, () => {
      killTracked();
      Deno.exit(130);
    });
  }
  const findings: TruthFinding[] = [];
  const folder = await Deno.makeTempDir({ prefix: "tokometer-truth-" });
  try {
    const tools = await buildTools(folder, jobs.map(([{ server }]) => server));
    for (let run = 0; run < Number(values.runs); run++) {
      for (const [plan, transport, state] of jobs) {
        const finding = await runTruth({ tools, tree: values.tree, plan, transport, state });
        findings.push(finding);
        say(`${plan.name}, ${transport}, ${state}: ${describe(finding)}`);
        if (values.out !== undefined) {
          await Deno.writeTextFile(values.out, JSON.stringify(finding) + "\n", { append: true });
        }
      }
    }
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
  await print(findings);
  return 0;
}

if (import.meta.main) Deno.exit(await main());
