/**
 * Which server to start, by the options of `--launch` and its companions.
 *
 * @module
 */
import { defined } from "../backends/defined.ts";
import { engineCommand, engineUrl } from "../backends/launch_command.ts";
import {
  type EngineCommand,
  findLaunchEngine,
  type LaunchEngine,
  type LaunchSettings,
} from "../backends/launch_engines.ts";
import type { Target } from "../backends/protocol.ts";
import { checkedByEngine } from "./server_fit.ts";
import {
  type AgainstLaunchValues,
  type EngineValues,
  type LaunchValues,
  SERVERS_FOLDER,
} from "./server_launch_options.ts";
import { splitShellWords } from "./shell_split.ts";
import { UserError } from "./user_error.ts";

/** A server to start. */
export interface LaunchPlan {
  readonly engine: LaunchEngine;
  readonly settings: LaunchSettings;
  readonly command: EngineCommand;
  readonly url: string;
  readonly logPath: string;
  readonly timeoutMs: number;
  /** From one readiness request to the next. Default 0.25 s: small models start quickly. */
  readonly intervalMs?: number;
  /** Protocol of readiness requests. Default: the engine's. */
  readonly protocol?: string;
  /** Model name in them. Default: the first one that the server lists. */
  readonly model?: string;
  /** How it is reached, keys and headers included. Default: its address alone. */
  readonly target?: Target;
  /** Time to end by itself. Default 10 s. */
  readonly graceMs?: number;
}

/**
 * The plan of `--launch` and its companions; `undefined` without `--launch`.
 *
 * @throws {UserError} for options that the engine cannot follow.
 */
export function planLaunch(
  values: LaunchValues,
  defaults?: LaunchSettings["defaults"],
): LaunchPlan | undefined {
  const { launch, launchArgs, launchPort } = values;
  if (launch === undefined) return undefined;
  return planEngine(launch, values, {
    timeoutMs: values.launchTimeout * 1000,
    port: launchPort === 0 ? freePort() : launchPort,
    executable: values.launchExecutable,
    extraArgs: launchArgs === undefined ? [] : splitShellWords(launchArgs),
    logPath: values.launchLog,
    defaults,
  });
}

/**
 * The plan of the second side's server; `undefined` where it is not to be started.
 *
 * @throws {UserError} as {@linkcode planLaunch}.
 */
export function planOtherLaunch(
  values: LaunchValues & AgainstLaunchValues,
): LaunchPlan | undefined {
  const { againstLaunch, againstLaunchArgs, launch, launchArgs } = values;
  if (againstLaunch === undefined && againstLaunchArgs === undefined) return undefined;
  return planLaunch({
    ...values,
    launch: againstLaunch ?? launch,
    launchArgs: againstLaunchArgs ?? launchArgs,
  });
}

/** What {@linkcode planEngine} needs besides the engine's options. */
interface EnginePlanOptions {
  readonly defaults?: LaunchSettings["defaults"] | undefined;
  readonly timeoutMs: number;
  readonly host?: string | undefined;
  readonly port?: number | undefined;
  readonly executable?: string | undefined;
  readonly extraArgs?: readonly string[] | undefined;
  readonly paramsPath?: string | undefined;
  readonly tokenizerPath?: string | undefined;
  readonly logPath?: string | undefined;
  /** Folder of the log where `logPath` is absent. */
  readonly folder?: string | undefined;
}

/**
 * Checks the values of `ENGINE_OPTIONS` against an engine.
 *
 * @throws {UserError} for what it cannot follow.
 */
export function planEngine(
  name: string,
  values: EngineValues,
  options: EnginePlanOptions,
): LaunchPlan {
  const { timeoutMs, folder = SERVERS_FOLDER, logPath, defaults, ...rest } = options;
  const { modelPath, mode, modelFormat, cacheMaxEntryCount, logLevel } = values;
  if (modelPath === undefined) {
    throw new UserError(`Cannot start ${name} without a model: add --model-path PATH`);
  }
  // None leaves it to the engine, and so does a number format, which has files of its own.
  const formatIsOpen = modelFormat === undefined && (mode ?? "fp16") === "fp16";
  const settings: LaunchSettings = defined({
    defaults: defaults && defined({
      ...defaults,
      modelFormat: formatIsOpen ? defaults.modelFormat : undefined,
    }),
    modelPath,
    tensorParallel: values.tp,
    mode,
    modelFormat: modelFormat === "None" ? undefined : modelFormat,
    cacheMaxEntryCount,
    sessionLength: values.sessionLen,
    logLevel,
    ...rest,
  });
  return checkedByEngine(() => {
    const engine = findLaunchEngine(name);
    const url = engineUrl(engine, settings);
    const port = new URL(url.replace(/^grpc/, "http")).port || "80";
    return {
      engine,
      settings,
      command: engineCommand(engine, settings),
      url,
      logPath: logPath ?? `${folder}/${name}-${port}.log`,
      timeoutMs,
    };
  });
}

/** A port that is free now. */
function freePort(): number {
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const { port } = listener.addr;
  listener.close();
  return port;
}
