/**
 * Command lines that the installed version of an engine takes.
 *
 * @module
 */
import { fitCommand } from "../backends/launch_command.ts";
import type { EngineCommand, LaunchEngine, LaunchSettings } from "../backends/launch_engines.ts";
import { askKnownOptions } from "../backends/launch_help.ts";
import type { Host } from "./command.ts";
import { EXIT, UserError } from "./user_error.ts";

/** What is about to be started. */
interface PlannedCommand {
  readonly engine: LaunchEngine;
  readonly settings: LaunchSettings;
  readonly command: EngineCommand;
}

/**
 * The command without the options of ours that the installed engine does not know; one line says which
 * they were. An engine that does not list its options is started as planned.
 *
 * @throws {UserError} when it does not know a setting that was chosen, when there is no such program,
 * and when interrupted (exit code 130).
 */
export async function installedCommand(
  { engine, settings, command }: PlannedCommand,
  host: Host,
): Promise<EngineCommand> {
  host.progress(`asking ${engine.name} for its options`);
  try {
    const knows = await askKnownOptions(engine, command.command, { signal: host.interrupted });
    if (host.interrupted.aborted) {
      throw new UserError(`Stopped starting ${engine.name}: interrupted`, EXIT.interrupted);
    }
    if (knows === undefined) return command;
    const fitted = checkedByEngine(() => fitCommand(engine, settings, knows));
    if (fitted.leftOut.length > 0) {
      host.note(
        `warning: started without ${fitted.leftOut.join(" and ")}, which this version of ` +
          `${engine.name} does not know`,
      );
    }
    return { command: fitted.command, args: fitted.args };
  } catch (error) {
    throw error instanceof Error ? missingProgram(engine, error) ?? error : error;
  } finally {
    host.progress("");
  }
}

/** What to do about a program that cannot be run; `undefined` for another error. */
export function missingProgram(engine: LaunchEngine, error: Error): UserError | undefined {
  if (
    !(error instanceof Deno.errors.NotFound) && !(error instanceof Deno.errors.PermissionDenied)
  ) return undefined;
  return new UserError(
    `${error.message}; is ${engine.name} installed in this environment? Otherwise name its ` +
      "program by --launch-executable (in serve: --executable)",
  );
}

/** Runs a check of an engine, whose refusals are mistakes of the user. @throws {UserError} */
export function checkedByEngine<T>(check: () => T): T {
  try {
    return check();
  } catch (error) {
    if (error instanceof TypeError || error instanceof RangeError) {
      throw new UserError(error.message);
    }
    throw error;
  }
}
