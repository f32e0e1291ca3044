/**
 * `tokometer demo`: the main job on the built-in simulated engine.
 *
 * @module
 */
import { launchSimulator } from "../backends/sim_launch.ts";
import { MEASURE_OPTIONS } from "./bench_options.ts";
import { LIVE_OPTIONS } from "./bench_options_live.ts";
import { LOAD_OPTIONS } from "./bench_options_load.ts";
import { REPORT_OPTIONS, SAVE_OPTIONS } from "./bench_options_report.ts";
import { planReport } from "./bench_report_plan.ts";
import { planRun } from "./bench_run_plan.ts";
import { type Command, defineCommand, type Host, type ValuesOf } from "./command.ts";
import { withDefaults } from "./option_parse.ts";
import { repeatableValues } from "./option_secret.ts";
import { option } from "./option_table.ts";
import { benchAndReport } from "./run_bench.ts";
import type { LiveRun } from "./run_live.ts";
import { whileLive } from "./run_while_live.ts";

/** A batching engine: it slows down as it fills up and queues beyond 32 requests. */
const ENGINE: readonly string[] = [
  "--port=0",
  "--max-batch=32",
  "--step-ms=8",
  "--step-ms-per-request=0.25",
  "--prefill-ms=0.3",
  "--model-name=simulated-llm",
];

const OPTIONS = {
  concurrency: option.integers({
    ...LOAD_OPTIONS.concurrency,
    default: [1, 8, 32, 64],
    help: "Numbers of users, one load after another.",
  }),
  duration: option.seconds({
    ...LOAD_OPTIONS.duration,
    default: 6,
    min: 0.1,
    help: "Length of each load.",
  }),
  details: { ...REPORT_OPTIONS.details, needs: [] },
  ...SAVE_OPTIONS,
  ...LIVE_OPTIONS,
};

export const command: Command = defineCommand({
  name: "demo",
  description:
    "Starts the simulated engine in a process of its own, measures it with a growing number of " +
    "users over real HTTP, and leaves a result folder with a report page to look at. Takes well " +
    "under a minute and needs no network, GPU or model. The numbers are those of a simulation.",
  options: OPTIONS,
  examples: {
    "tokometer demo": "four loads and a report page",
    "tokometer demo --concurrency 4 --duration 3 --no-save": "the short version",
  },
  run: runDemo,
});

async function runDemo(values: ValuesOf<typeof OPTIONS>, host: Host): Promise<number> {
  const showing = { port: values.live, host, phase: "starting the simulated engine" };
  return await whileLive(showing, async (open) => measureDemo(values, host, await open()));
}

async function measureDemo(
  values: ValuesOf<typeof OPTIONS>,
  host: Host,
  live: LiveRun | undefined,
): Promise<number> {
  host.note("Starting the simulated engine …");
  const simulator = await launchSimulator(ENGINE);
  try {
    const table = { ...MEASURE_OPTIONS, ...REPORT_OPTIONS, ...OPTIONS };
    const asked = withDefaults(table, {
      ...values,
      outputTokens: "uniform:16:64",
      prompts: 1000,
      slo: "ttft:500,tpot:30",
    });
    const options = { url: simulator.url, ...repeatableValues(table, asked) };
    const plan = await planRun(asked, { command: "demo", url: simulator.url, options });
    return await benchAndReport(plan, planReport(asked), host, { ...values, live });
  } finally {
    await simulator.stop();
  }
}
