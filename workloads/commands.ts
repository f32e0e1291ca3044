/**
 * All commands, in the order of the help.
 *
 * @module
 */
import { bench } from "./command_bench.ts";
import { calibrate } from "./command_calibrate.ts";
import { demo } from "./command_demo.ts";
import { numClients } from "./command_num_clients.ts";
import { probe } from "./command_probe.ts";
import { profileGeneration } from "./command_profile_generation.ts";
import { profileRestfulApi } from "./command_profile_restful_api.ts";
import { profileServing } from "./command_profile_serving.ts";
import { profileThroughput } from "./command_profile_throughput.ts";
import { report } from "./command_report.ts";
import { requestRate } from "./command_request_rate.ts";
import type { Command, Host } from "./command.ts";
import { serve } from "./command_serve.ts";
import { simulate } from "./command_simulate.ts";
import { sweep } from "./command_sweep.ts";
import { configValues } from "./option_config_file.ts";
import { completeValues } from "./option_parse.ts";
import { nearestName } from "./option_suggest.ts";
import { UserError } from "./user_error.ts";

/** Every command. A new one is one file and one line here; its help comes from its tables. */
export const COMMANDS: readonly Command[] = [
  bench,
  report,
  probe,
  serve,
  simulate,
  calibrate,
  demo,
  numClients,
  requestRate,
  sweep,
  profileRestfulApi,
  profileGeneration,
  profileServing,
  profileThroughput,
];

/**
 * The command of that name or alias; `_` and `-` mean the same.
 *
 * @throws {UserError} when there is none; the message names one that is spelled nearly so.
 */
export function findCommand(name: string, commands: readonly Command[] = COMMANDS): Command {
  const plain = name.replaceAll("_", "-");
  const names = ({ name, aliases = [] }: Command) =>
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
  const command = findCommand(name);
  const values = completeValues(command, configValues(command, options, "the options"));
  const never = new AbortController().signal;
  return await command.run(values, {
    print() {},
    note() {},
    progress() {},
    stdoutIsTerminal: false,
    color: false,
    columns: 100,
    interrupted: never,
    aborted: never,
    commandLine: [],
    ...host,
  });
}
