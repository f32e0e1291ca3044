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
import type { Command } from "./command.ts";
import { serve } from "./command_serve.ts";
import { simulate } from "./command_simulate.ts";
import { sweep } from "./command_sweep.ts";
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
