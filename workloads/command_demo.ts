/**
 * `tokometer demo`: the main job on the built-in simulated engine.
 *
 * @module
 */
import { launchSimulator } from "../backends/sim_launch.ts";
import { SAVE_OPTIONS } from "./bench_options.ts";
import { bench, benchAndReport } from "./command_bench.ts";
import { planBench, planReport } from "./bench_plan.ts";
import { completeValues } from "./option_parse.ts";
import type { Command, Host, Values } from "./command.ts";

/** An engine that batches: it slows down as it fills up and queues beyond 32 requests. */
const ENGINE: readonly string[] = [
  "--port=0",
  "--max-batch=32",
  "--step-ms=8",
  "--step-ms-per-request=0.25",
  "--prefill-ms=0.3",
  "--model-name=simulated-llm",
];

/** The scenario `demo`. */
export const demo: Command = {
  name: "demo",
  summary: "Benchmark the built-in simulated engine, to see what comes out",
  description:
    "Starts the simulated engine in a process of its own, measures it with a growing number of " +
    "users over real HTTP, and leaves a result folder with a report page to look at. Takes well " +
    "under a minute and needs no network, GPU or model. The numbers are those of a simulation.",
  positionals: [],
  options: [
    {
      name: "concurrency",
      kind: "integers",
      value: "N[,N…]",
      aliases: ["c", "users"],
      default: [1, 8, 32, 64],
      min: 1,
      help: "Users, one load after another.",
      group: "Load",
    },
    {
      name: "duration",
      kind: "number",
      value: "SECONDS",
      aliases: ["d"],
      default: 6,
      min: 0.1,
      help: "Length of each load.",
      group: "Load",
    },
    ...SAVE_OPTIONS,
  ],
  examples: [
    { line: "tokometer demo", does: "four loads and a report page" },
    { line: "tokometer demo --concurrency 4 --duration 3 --no-save", does: "the short version" },
  ],
  run: runDemo,
};

async function runDemo(values: Values, host: Host): Promise<number> {
  host.note("Starting the simulated engine …");
  const simulator = await launchSimulator(ENGINE);
  try {
    const given = completeValues(bench, {
      ...values,
      url: simulator.url,
      "output-tokens": "uniform:16:64",
      prompts: 1000,
      slo: "ttft:500,tpot:30",
    });
    const report = planReport(given);
    return await benchAndReport(await planBench(given, "demo"), report, host, {
      save: values.save !== false,
      ...(values.out === undefined ? {} : { out: values.out as string }),
    });
  } finally {
    await simulator.stop();
  }
}
