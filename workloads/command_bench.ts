/**
 * `tokometer bench`: the main job.
 *
 * @module
 */
import { defined } from "../backends/defined.ts";
import type { EngineCommand } from "../backends/launch_engines.ts";
import { formatShare } from "../metrics/format.ts";
import type { RunShare } from "../metrics/run.ts";
import { loadLabel, stopOfPool } from "./load.ts";
import { FLEET_OPTIONS, type FleetValues, WITH_FLEET } from "./bench_options_fleet.ts";
import { FIND_OPTIONS } from "./bench_options_find.ts";
import { LIVE_OPTIONS } from "./bench_options_live.ts";
import { LOAD_OPTIONS } from "./bench_options_load.ts";
import { DATASET_OPTIONS } from "./bench_options_prompts.ts";
import {
  NAME_OPTIONS,
  PLOT_OPTIONS,
  REPORT_OPTIONS,
  SAVE_OPTIONS,
} from "./bench_options_report.ts";
import { GATE_OPTIONS, REPEAT_OPTIONS } from "./bench_options_repeat.ts";
import { REQUEST_OPTIONS } from "./bench_options_request.ts";
import {
  DEFAULT_PROTOCOL,
  MODELS_OPTIONS,
  PROTOCOL,
  TARGET_OPTIONS,
} from "./bench_options_server.ts";
import type { MeasureValues, ReportValues } from "./bench_options.ts";
import type { BenchPlan } from "./bench_plan.ts";
import { planReport, type ReportPlan } from "./bench_report_plan.ts";
import { planRun } from "./bench_run_plan.ts";
import { orderLines, serverLines } from "./bench_order_lines.ts";
import { hasSides, repeatsOf } from "./bench_sides.ts";
import { type Command, defineCommand, type Host, type ValuesOf } from "./command.ts";
import { NATS_LEAD_OPTIONS, type NatsLeadValues } from "./fleet_options.ts";
import { formatLengthSpec } from "./dataset_length.ts";
import { repeatableValues } from "./option_secret.ts";
import { joinContents } from "./prompt.ts";
import { option, withNeeds } from "./option_table.ts";
import { OTEL_OPTIONS, type OtelValues } from "./otel_options.ts";
import { type AfterReport, benchAndReport } from "./run_bench.ts";
import type { RunObserver } from "./run_hooks.ts";
import { measureChosen } from "./run_chosen_server.ts";
import { loadPrompts } from "./run_prompts.ts";
import { whileLive } from "./run_while_live.ts";
import { planOtherLaunch } from "./server_launch_plan.ts";
import {
  AGAINST_LAUNCH_OPTIONS,
  type AgainstLaunchValues,
  LAUNCH_OPTIONS,
} from "./server_launch_options.ts";
import { shellLine } from "./shell_split.ts";
import { EXIT, UserError } from "./user_error.ts";

const OPTIONS = {
  url: option.optionalArguments({
    value: "URL",
    help: "where the server listens, e.g. http://127.0.0.1:8000; each --url URL beside it adds a " +
      "server, and requests take turns at them",
    unless: "launch",
  }),
  ...TARGET_OPTIONS,
  // Without a default: what the user asked for differs from what a launched engine speaks.
  protocol: option.text({
    ...PROTOCOL,
    defaultText: `${DEFAULT_PROTOCOL}; with --launch the engine's own`,
  }),
  ...MODELS_OPTIONS,
  ...LOAD_OPTIONS,
  ...FIND_OPTIONS,
  ...REPEAT_OPTIONS,
  ...GATE_OPTIONS,
  ...AGAINST_LAUNCH_OPTIONS,
  ...DATASET_OPTIONS,
  ...REQUEST_OPTIONS,
  ...REPORT_OPTIONS,
  ...NAME_OPTIONS,
  ...SAVE_OPTIONS,
  ...withNeeds({ ...PLOT_OPTIONS, ...LIVE_OPTIONS, ...OTEL_OPTIONS }, {
    key: "dryRun",
    not: true,
    because: "nothing is measured, leave out one of them",
  }),
  ...LAUNCH_OPTIONS,
  ...FLEET_OPTIONS,
  ...withNeeds(NATS_LEAD_OPTIONS, WITH_FLEET),
  dryRun: option.flag({
    help: "Show the plan and the first prompts; send nothing.",
    group: "Report",
  }),
};

export const command: Command = defineCommand({
  name: "bench",
  description:
    "Sends prompts to an LLM server, from a fixed number of users (--concurrency, a closed loop) or " +
    "at a fixed rate (--rate, an open loop), and reports throughput, TTFT, TPOT, ITL and E2E with " +
    "their distributions. Several values of --concurrency or --rate are measured one after another " +
    "and give a curve.\n\n" +
    "Before anything is timed, prompts are prepared and one request checks that the server " +
    "answers as planned. Each request becomes a line of the record file when it ends; `tokometer " +
    "report` makes every report again from that file. Ctrl-C stops sending, lets requests in flight " +
    "finish and reports what was measured; a second Ctrl-C stops at once.",
  options: OPTIONS,
  examples: {
    "tokometer bench http://127.0.0.1:8000 --concurrency 1,8,64":
      "three closed loops and the curve of throughput against latency",
    "tokometer bench http://127.0.0.1:8000 --rate 2,4,8 --duration 60 --slo ttft:500,tpot:50":
      "Poisson arrivals for a minute each, with goodput against a service level",
    "tokometer bench http://127.0.0.1:8000 --rate-stages 2@30s,2..16@60s,16@2m":
      "arrivals whose rate rises, reported stage by stage",
    'tokometer bench http://127.0.0.1:8000 --concurrency 16 --require "ttft:p99<500,failures<1%"':
      "exit code 5 where the server misses a limit, for a pipeline",
    'tokometer bench http://127.0.0.1:8000 --against http://127.0.0.1:8001 --gate "ttft:p99<+5%"':
      "two servers by turns, compared pair by pair",
    "tokometer bench http://127.0.0.1:8000 --dataset synthetic --input-tokens 1024 --output-tokens 128 --tokenizer ./model":
      "prompts of exactly 1024 tokens",
  },
  run: runBench,
});

async function runBench(values: ValuesOf<typeof OPTIONS>, host: Host): Promise<number> {
  const other = planOtherLaunch(values);
  if (other !== undefined && (values.find !== undefined || values.sweep !== undefined)) {
    throw new UserError(
      "Cannot use --find or --sweep with two servers to launch: they look at one, leave out " +
        "--against-launch-args and --against-launch",
    );
  }
  const against = other?.url ?? values.against;
  const comparing = hasSides({ ...values, against })
    ? await planSides({ ...values, against })
    : undefined;
  const report = comparing?.report ?? planReport(values);
  const observe = values.otel === undefined ? undefined : await readCollector(values);
  const { url: [address, ...moreUrls] = [], out, save, plots, dryRun: dry = false } = values;
  const place = { address, shown: "<url>", other, dry };
  const showing = {
    ...{ port: values.live, host, clientTolerance: values.clientTolerance },
    phase: values.launch === undefined ? "preparing" : "starting the server",
  };
  return await whileLive(showing, (open) =>
    measureChosen(values, host, place, async (chosen) => {
      const { url, launched } = chosen;
      const protocol = values.protocol ?? launched?.engine.protocol ?? DEFAULT_PROTOCOL;
      const decided = { ...values, protocol, url: moreUrls.length > 0 ? [url, ...moreUrls] : url };
      const options = repeatableValues(OPTIONS, decided);
      const starts = [launched, other].flatMap((one) => one?.command ?? []);
      const settings = {
        ...{ command: "bench", url, moreUrls, options },
        ...(other === undefined ? {} : { differs: launchText(values), together: true }),
      };
      const searching = values.find !== undefined || values.sweep !== undefined
        ? await import("./find_bench.ts")
        : undefined;
      if (searching !== undefined) {
        const search = await searching.planSearch(decided, settings);
        const { plan, lines, finderFor } = search;
        const bench = await chooseBench({ ...values, ...search.values }, [url, ...moreUrls]);
        const live = await open();
        return {
          plan,
          run: (watched) =>
            dry ? showPlan(plan, watched, starts, lines) : bench(plan, report, watched, {
              ...{ save, out, plots, live, observe },
              finder: finderFor(watched, report),
            }),
        };
      }
      const againstProtocol = values.againstProtocol ?? other?.engine.protocol;
      const plan = await planRun(
        other === undefined ? decided : { ...decided, ...defined({ against, againstProtocol }) },
        settings,
      );
      const bench = await chooseBench({ ...values, ...decided }, [url, ...moreUrls]);
      const live = await open();
      return {
        plan,
        run: (watched, onTurn) =>
          dry ? showPlan(plan, watched, starts, loadLines(plan)) : bench(plan, report, watched, {
            ...{ save, out, plots, live, observe },
            ...defined({ after: comparing?.after, onTurn }),
          }),
      };
    }));
}

/** Who measures: this machine, or the agents of a fleet; a plain run loads nothing of one. */
async function chooseBench(
  values: MeasureValues & ReportValues & FleetValues & NatsLeadValues,
  urls: readonly string[],
): Promise<typeof benchAndReport> {
  if (values.fleet === undefined) return benchAndReport;
  const { overFleet } = await import("./fleet_bench.ts");
  return overFleet(values, urls);
}

/** What sends the run to a collector; a plain one loads nothing of it. */
async function readCollector(values: OtelValues): Promise<(host: Host) => Promise<RunObserver>> {
  const { planCollector } = await import("./otel_observer.ts");
  return await planCollector(values);
}

/** What differs on the second side's server, for people. */
function launchText({ againstLaunch, againstLaunchArgs }: AgainstLaunchValues): string {
  const parts = defined({ "--launch": againstLaunch, "--launch-args": againstLaunchArgs });
  return Object.entries(parts).map(([name, value]) => `${name}=${value}`).join(" ");
}

/** What a run with two sides ends with; a plain one loads nothing of it. */
async function planSides(values: ValuesOf<typeof OPTIONS>): Promise<{
  readonly report: ReportPlan;
  readonly after: AfterReport;
}> {
  const { compareTurns, planComparison, withComparedPercentiles } = await import(
    "./compare_turns.ts"
  );
  const { format } = values;
  const turns = planComparison(values, { repeats: repeatsOf(values), format });
  return {
    report: withComparedPercentiles(planReport(values), turns),
    after: (summary, place) => compareTurns(summary, turns, place),
  };
}

/** The loads of a plan; the number of prompts is known when they were read. */
function loadLines(plan: BenchPlan): (prompts: number) => readonly string[] {
  return (prompts) => [
    ...plan.loads.map((load, i) => {
      const stop = stopOfPool(plan.stops[i]!, prompts);
      const ends = [
        ...(stop.requests === undefined ? [] : [`${stop.requests} requests`]),
        ...(stop.durationMs === undefined ? [] : [`${stop.durationMs / 1000} s`]),
      ];
      const warmup = plan.warmups[i] === "short" ? "short answers" : plan.warmups[i];
      return `load        ${loadLabel(load)}, ${
        ends.join(" or ") || "all of it once"
      }, after ${warmup} for warm-up`;
    }),
    ...orderLines(plan, prompts),
  ];
}

async function showPlan(
  plan: BenchPlan,
  host: Host,
  starts: readonly EngineCommand[],
  loads: (prompts: number) => readonly string[],
): Promise<number> {
  const { content, first, length } = plan.replay === undefined
    ? await poolPreview(plan, host)
    : await replayPreview(plan, plan.replay);
  const lines = [
    ...starts.map((one) => `start       ${shellLine(one)}`),
    ...serverLines(plan),
    ...(plan.models === undefined
      ? [`model       ${plan.model ?? "the first one the server lists"}`]
      : shareLines("model", plan.models)),
    ...(plan.ruledBy === undefined ? [] : [
      `scenario    ${plan.ruledBy.name}${
        plan.ruledBy.broken.map((rule) => `; invalid: ${rule}`).join("")
      }`,
    ]),
    ...shareLines("class", plan.classes ?? []),
    ...content,
    `length      ${plan.length}`,
    `seed        ${plan.seed}`,
    ...loads(length),
    "",
    "first prompts:",
    ...first,
  ];
  for (const line of lines) host.print(line);
  return EXIT.ok;
}

/** What is sent, and the first of it. */
interface Preview {
  readonly content: readonly string[];
  readonly first: readonly string[];
  /** Prompts that there are. */
  readonly length: number;
}

async function replayPreview(
  { seed, saltScope, prompts, outputTokens }: BenchPlan,
  replay: NonNullable<BenchPlan["replay"]>,
): Promise<Preview> {
  const { firstRequestLines, replayLines } = await import("./session_preview.ts");
  return {
    content: [
      ...replayLines(replay, { seed, saltScope }),
      ...(outputTokens === undefined
        ? []
        : [`  answers   ${formatLengthSpec(outputTokens)} tokens in place of the recorded ones`]),
    ],
    first: firstRequestLines(replay, { seed, saltScope }),
    length: prompts,
  };
}

async function poolPreview(plan: BenchPlan, host: Host): Promise<Preview> {
  const { dataset, counter } = await loadPrompts(plan, { note: (line) => host.note(line) });
  const { prompts } = dataset;
  const total = (values: readonly number[]) => values.reduce((sum, value) => sum + value, 0);
  const mean = (values: readonly number[]) =>
    values.length === 0 ? "n/a" : (total(values) / values.length).toFixed(1);
  return {
    content: [
      `prompts     ${prompts.length} from ${dataset.source}`,
      `  tokens    prompt ${mean(prompts.map((p) => p.promptTokens.tokens))}, ` +
      `answer ${mean(prompts.map((p) => p.outputTokens))} on average (${
        counter.source === "estimate" ? `estimated: ${counter.name}` : counter.name
      })`,
      ...Object.entries(dataset.skipped).map(([reason, count]) =>
        `  left out  ${count}: ${reason}`
      ),
      ...(dataset.duplicates > 0 ? [`  repeated  ${dataset.duplicates} prompts`] : []),
    ],
    first: prompts.slice(0, 3).map((prompt) => {
      const text = joinContents(prompt.messages);
      const start = text.replace(/\s+/g, " ").slice(0, 70);
      return `  ${prompt.id}: ${prompt.promptTokens.tokens} → ${prompt.outputTokens} tokens, ` +
        `"${start}${text.length > 70 ? "…" : ""}"`;
    }),
    length: prompts.length,
  };
}

/** One line for each share, with its part of all. */
function shareLines(title: string, shares: readonly RunShare[]): readonly string[] {
  const all = shares.reduce((sum, { weight }) => sum + weight, 0);
  return shares.map(({ name, weight }) =>
    `${title.padEnd(12)}${name}, ${formatShare(weight / all)}`
  );
}
