/**
 * Command lines that start engines: the script's own, with the settings in place and without what an
 * engine does not know.
 *
 * @module
 */
import {
  type EngineCommand,
  type LaunchEngine,
  type LaunchOption,
  type LaunchSettings,
  LOOPBACK,
} from "./launch_engines.ts";
import { findProtocol } from "./protocols.ts";

/** Whether an engine takes an option of this name: `--port`, `-c`. */
export type KnowsOption = (name: string) => boolean;

/** A command line that an engine takes. */
export interface FittedCommand extends EngineCommand {
  /** Options of ours that it does not know, with their values: `--swap-space 16`. */
  readonly leftOut: readonly string[];
}

/**
 * The command line that starts an engine.
 *
 * @throws {TypeError} for a setting that the engine has no option for.
 * @throws {RangeError} for a number of GPUs that is not a power of two, or an unknown mode.
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { engineCommand, findLaunchEngine } from "@tokometer/tokometer/backends";
 *
 * const { command, args } = engineCommand(findLaunchEngine("llama.cpp"), {
 *   modelPath: "model.gguf",
 *   sessionLength: 4096,
 * });
 * assertEquals(
 *   [command, ...args].join(" "),
 *   "llama-server -m model.gguf --host 127.0.0.1 --port 8080 -c 4096",
 * );
 * ```
 */
export function engineCommand(engine: LaunchEngine, settings: LaunchSettings): EngineCommand {
  const { command, args } = fitCommand(engine, settings, () => true);
  return { command, args };
}

/**
 * The command line that starts an engine which may not know all of our options. Those of the script's
 * command are left out then; settings that somebody chose are refused, and arguments of the user's
 * own are passed as they are.
 *
 * @throws {TypeError} for a setting that the engine has no option for, or does not know it.
 * @throws {RangeError} for a number of GPUs that is not a power of two, or an unknown mode.
 */
export function fitCommand(
  engine: LaunchEngine,
  settings: LaunchSettings,
  knows: KnowsOption,
): FittedCommand {
  const { tensorParallel = 1, mode = "fp16", extraArgs = [] } = settings;
  const { options, name } = engine;
  checkTensorParallel(tensorParallel);
  const modeArgs = engine.modes[mode];
  if (modeArgs === undefined) {
    const known = Object.keys(engine.modes).join(", ");
    throw new RangeError(`Cannot start ${name} in the mode "${mode}": known are ${known}`);
  }
  const port = enginePort(engine, settings);
  if (options.port !== undefined && extraArgs.some((arg) => names(arg, options.port!))) {
    // The server would listen on a port that is not the one measured.
    throw new TypeError(
      `Cannot pass ${options.port} to ${name} as an extra argument: choose the port by its own option`,
    );
  }
  const chosen = chosenArgs(engine, settings);
  const complete = { ...settings, host: settings.host ?? LOOPBACK, port, tensorParallel };
  const { command, args } = engine.command(complete);
  // What leads to the engine, such as -m of Python, is no option of the engine's.
  const lead = args.slice(0, (engine.help?.[0]?.length ?? 1) - 1);
  const ours = [modeArgs, chosen.flatMap(({ args }) => args)]
    .reduce(replaceOptions, args.slice(lead.length));
  const { own, passed } = replaceByExtra(ours, extraArgs);
  const leftOut: string[] = [];
  const taken = optionGroups(own).filter((group) => {
    const [option = ""] = group;
    if (!isName(option) || knows(option.split("=", 1)[0]!)) return true;
    const setting = chosen.find(({ args }) => args[0] === option)?.what ??
      (modeArgs.includes(option) ? `the mode ${mode}` : undefined) ??
      (option === options.tensorParallel && tensorParallel > 1
        ? `a tensor parallelism of ${tensorParallel}`
        : undefined);
    if (setting !== undefined) {
      throw new TypeError(
        `Cannot start ${name} with ${setting}: the version installed here knows no ${option}`,
      );
    }
    leftOut.push(group.join(" "));
    return false;
  });
  return { command, args: [...lead, ...taken.flat(), ...passed], leftOut };
}

/** @throws {RangeError} for a number of GPUs that is not a power of two. */
export function checkTensorParallel(gpus: number): void {
  if (Number.isInteger(Math.log2(gpus)) && gpus >= 1) return;
  throw new RangeError(`Cannot share a model among ${gpus} GPUs: give a power of two, 1, 2, 4, 8`);
}

/**
 * URL of a started engine: `http://127.0.0.1:8000`, `grpc://…`; the loopback address for a server
 * that listens on all addresses.
 */
export function engineUrl(engine: LaunchEngine, settings: LaunchSettings): string {
  const { host = LOOPBACK } = settings;
  const scheme = findProtocol(engine.protocol).carrier === "grpc" ? "grpc" : "http";
  const reachable = host === "0.0.0.0" ? LOOPBACK : host === "::" ? "::1" : host;
  const address = reachable.includes(":") ? `[${reachable}]` : reachable;
  return `${scheme}://${address}:${enginePort(engine, settings)}`;
}

/** A setting as arguments, and in words where somebody chose it. */
interface ChosenSetting {
  readonly args: readonly [option: string, value: string];
  readonly what?: string;
}

/** @throws {TypeError} for a setting that the engine has no option for. */
function chosenArgs(engine: LaunchEngine, settings: LaunchSettings): readonly ChosenSetting[] {
  const { options, levels, name } = engine;
  const { tensorParallel = 1, defaults = {} } = settings;
  const inCase = (level: string | undefined) =>
    levels === "upper" ? level?.toUpperCase() : level?.toLowerCase();
  type Given = readonly [LaunchOption, string, ...(string | number | undefined)[]];
  const given: Given[] = [
    ["modelFormat", "the model format", settings.modelFormat, defaults.modelFormat],
    [
      ...["cacheMaxEntryCount", "a cache share of"] as const,
      ...[settings.cacheMaxEntryCount, defaults.cacheMaxEntryCount],
    ],
    ["sessionLength", "a session length of", settings.sessionLength],
    ["logLevel", "the log level", inCase(settings.logLevel), inCase(defaults.logLevel)],
  ];
  // One GPU needs no option, and the scripts' commands hold it where there is one.
  if (options.tensorParallel === undefined && tensorParallel > 1) {
    given.unshift(["tensorParallel", "a tensor parallelism of", tensorParallel]);
  }
  return given.flatMap(([setting, words, value, fallback]): ChosenSetting[] => {
    const option = options[setting];
    if (value === undefined) {
      const usable = fallback !== undefined && option !== undefined;
      return usable ? [{ args: [option, `${fallback}`] }] : [];
    }
    const what = `${words} ${value}`;
    if (option === undefined) {
      throw new TypeError(`Cannot start ${name} with ${what}: it has no option for it`);
    }
    return [{ args: [option, `${value}`], what }];
  });
}

function enginePort(
  { name, options, defaultPort }: LaunchEngine,
  { port }: LaunchSettings,
): number {
  if (port === undefined || port === defaultPort) return defaultPort;
  if (options.port !== undefined) return port;
  throw new TypeError(
    `Cannot start ${name} on port ${port}: its own files decide, it listens on ${defaultPort}`,
  );
}

/** Adds arguments in place of those of the same name, since not every parser lets the last one win. */
function replaceOptions(args: readonly string[], added: readonly string[]): readonly string[] {
  return [...without(args, added.filter(isName)), ...added];
}

/** What is left of ours, and what the user passes in place of it and besides. */
function replaceByExtra(
  ours: readonly string[],
  extra: readonly string[],
): { readonly own: readonly string[]; readonly passed: readonly string[] } {
  const has = (name: string) => ours.some((arg) => names(arg, name));
  const gone: string[] = [];
  const passed = optionGroups(extra).flatMap((group) => {
    const [first = ""] = group;
    const name = first.split("=", 1)[0]!;
    const positive = name.replace(/^--no-/, "--");
    const empty = first === `${name}=` || (group.length === 2 && group[1] === "");
    if (group.length === 1 && positive !== name && !has(name) && has(positive)) {
      gone.push(positive);
      return [];
    }
    if (isName(first) && empty && has(name)) {
      gone.push(name);
      return [];
    }
    return group;
  });
  return { own: without(ours, [...gone, ...passed.filter(isName)]), passed };
}

/** Arguments without these options and their values. */
function without(args: readonly string[], options: readonly string[]): readonly string[] {
  const dropped = options.map((option) => option.split("=", 1)[0]!);
  return optionGroups(args).filter(([first = ""]) => !dropped.some((name) => names(first, name)))
    .flat();
}

/** What stands before the first option, alone or as one group, then each option with its values. */
function optionGroups(args: readonly string[]): readonly (readonly string[])[] {
  const groups: string[][] = [];
  for (const arg of args) {
    if (isName(arg) || groups.length === 0) groups.push([arg]);
    else groups.at(-1)!.push(arg);
  }
  return groups;
}

function names(arg: string, name: string): boolean {
  return arg === name || arg.startsWith(`${name}=`);
}

/** Whether it is an option's name; `-5` is a value. */
function isName(arg: string): boolean {
  return /^-{1,2}[A-Za-z]/.test(arg);
}
