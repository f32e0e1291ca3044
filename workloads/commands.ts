/**
 * All commands, in the order of the help.
 *
 * @module
 */
import type { Command, CommandEntry, Host } from "./command.ts";
import { createInterrupt } from "./interrupt.ts";
import { configValues } from "./option_config_file.ts";
import { completeValues } from "./option_parse.ts";
import { nearestName } from "./option_suggest.ts";
import { UserError } from "./user_error.ts";

/**
 * Every command. A new one is one file, which exports it as `command`, and one entry here; its help
 * comes from its tables. What a command needs is loaded when it is named.
 */
export const COMMANDS: readonly CommandEntry[] = [
  entry("bench", "Benchmark a server that streams tokens", () => import("./command_bench.ts")),
  entry("report", "Make the reports of a record file again", () => import("./command_report.ts")),
  entry(
    "compare",
    "Tell whether runs differ, and whether a change is within limits",
    () => import("./command_compare.ts"),
  ),
  entry(
    "frontier",
    "Throughput against the speed of one user, servers in one chart",
    () => import("./command_frontier.ts"),
  ),
  entry("runs", "List the results that there are", () => import("./command_runs.ts")),
  entry(
    "explain",
    "Say why another tool prints other figures for the same events",
    () => import("./command_explain.ts"),
  ),
  entry(
    "agent",
    "Send a share of a fleet's load from this machine",
    () => import("./command_agent.ts"),
  ),
  entry(
    "fleet",
    "Start machines that send one load together: Slurm, Kubernetes, ssh",
    () => import("./command_fleet.ts"),
  ),
  entry(
    "probe",
    "Send one request and show every event with its stamp",
    () => import("./command_probe.ts"),
  ),
  entry(
    "trace",
    "Describe recorded traffic or sessions without sending anything",
    () => import("./command_trace.ts"),
  ),
  entry(
    "serve",
    "Start an inference server, check that it answers, stop it",
    () => import("./command_serve.ts"),
  ),
  entry(
    "simulate",
    "Serve an LLM without a model, with chosen times and faults",
    () => import("./command_simulate.ts"),
  ),
  entry(
    "calibrate",
    "Find out how many streams this client carries on this machine",
    () => import("./command_calibrate.ts"),
  ),
  entry(
    "demo",
    "Benchmark the built-in simulated engine, to see what comes out",
    () => import("./command_demo.ts"),
  ),
  entry(
    "num-clients",
    "A fixed number of users and one CSV line (api_bench_tools)",
    () => import("./command_num_clients.ts"),
    ["benchmark-serving-num-clients"],
  ),
  entry(
    "request-rate",
    "Poisson arrivals and one CSV line (api_bench_tools)",
    () => import("./command_request_rate.ts"),
    ["benchmark-serving-request-rate"],
  ),
  entry(
    "sweep",
    "num-clients over a list of cases into one CSV (api_bench_tools)",
    () => import("./command_sweep.ts"),
    ["benchmark-all-cuda"],
  ),
  entry(
    "profile-restful-api",
    "LMDeploy's api_server with ShareGPT prompts (profile_restful_api)",
    () => import("./command_profile_restful_api.ts"),
  ),
  entry(
    "profile-generation",
    "Static inference: fixed users and lengths (profile_generation)",
    () => import("./command_profile_generation.ts"),
  ),
  entry(
    "profile-serving",
    "TurboMind behind Triton with ShareGPT prompts (profile_serving)",
    () => import("./command_profile_serving.ts"),
  ),
  entry(
    "profile-throughput",
    "ShareGPT prompts as fast as an engine can (profile_throughput)",
    () => import("./command_profile_throughput.ts"),
  ),
];

/** An entry whose file exports the command. */
function entry(
  name: string,
  summary: string,
  file: () => Promise<{ readonly command: Command }>,
  aliases: readonly string[] = [],
): CommandEntry {
  return { name, aliases, summary, load: async () => (await file()).command };
}

/**
 * The command of that name or alias; `_` and `-` mean the same.
 *
 * @throws {UserError} when there is none; the message names one that is spelled nearly so.
 */
export function findCommand(
  name: string,
  commands: readonly CommandEntry[] = COMMANDS,
): CommandEntry {
  const plain = name.replaceAll("_", "-");
  const names = ({ name, aliases }: CommandEntry) =>
    [name, ...aliases].map((known) => known.replaceAll("_", "-"));
  const found = commands.find((command) => names(command).includes(plain));
  if (found !== undefined) return found;
  if (name.startsWith("-")) {
    throw new UserError(`Cannot use ${name} before a command: write tokometer <command> ${name}`);
  }
  const near = nearestName(name, [...commands.flatMap(names), "help"]);
  throw new UserError(
    `Cannot find the command ${JSON.stringify(name)}: ` +
      (near === undefined ? `"tokometer help" lists them` : `did you mean ${near}?`),
  );
}

/**
 * Runs a command as the command line does, with options by their camel-case names. What it prints
 * goes to the functions of `host`, and nowhere where they are left out.
 *
 * @param options secrets may be given as they are.
 * @returns the exit code, one of {@linkcode EXIT_CODES}.
 * @throws {UserError} for mistakes of the user.
 *
 * @example
 * ```ts
 * import { assertStringIncludes } from "@std/assert";
 * import { startSimServer } from "@tokometer/tokometer";
 * import { runCommand } from "@tokometer/tokometer/workloads";
 *
 * const server = await startSimServer({ ttft: "1", itl: "0" });
 * const lines: string[] = [];
 * await runCommand("probe", { url: server.url, outputTokens: 2 }, {
 *   print: (line) => void lines.push(line),
 * });
 * await server.stop();
 * assertStringIncludes(lines.join("\n"), "finish: length");
 * ```
 */
export async function runCommand(
  name: string,
  options: Readonly<Record<string, unknown>> = {},
  host: Partial<Host> = {},
): Promise<number> {
  const command = await findCommand(name).load();
  const values = completeValues(command, configValues(command, options, "the options"));
  const stopping = createInterrupt();
  const either = (own: AbortSignal | undefined, ours: AbortSignal) =>
    own === undefined ? ours : AbortSignal.any([own, ours]);
  return await command.run(values, {
    print() {},
    note() {},
    progress() {},
    stdoutIsTerminal: false,
    color: false,
    columns: 100,
    interrupt: () => void stopping.signal(),
    commandLine: [],
    ...host,
    interrupted: either(host.interrupted, stopping.interrupted),
    aborted: either(host.aborted, stopping.aborted),
  });
}
