/**
 * `tokometer serve`: starts, lists and stops servers that outlive the command.
 *
 * @module
 */
import { systemClock, wallClockMs } from "../backends/clock.ts";
import { defined } from "../backends/defined.ts";
import { findLaunchEngine, LAUNCH_ENGINES } from "../backends/launch_engines.ts";
import { endProcessTree, isRunning, processTree } from "../backends/process_tree.ts";
import { findProtocol } from "../backends/protocols.ts";
import { awaitReady, installedPlan, refuseTakenAddress, startPlanned } from "./server_launch.ts";
import { type LaunchPlan, planEngine } from "./server_launch_plan.ts";
import { ENGINE_OPTIONS, READY_TIMEOUT_S, SERVERS_FOLDER } from "./server_launch_options.ts";
import { askForOneToken } from "./server_readiness.ts";
import { type Command, defineCommand, type Host, type Need, type ValuesOf } from "./command.ts";
import { group, option, withNeeds } from "./option_table.ts";
import { readVariables } from "./script_run.ts";
import { START_VARIABLES, startFromEnvironment, type StartWords } from "./server_environment.ts";
import {
  readStates,
  removeState,
  type ServerState,
  statePath,
  statePort,
  writeState,
} from "./server_state.ts";
import { maskSecretsInFile } from "./server_log_secrets.ts";
import { shellLine, splitShellWords } from "./shell_split.ts";
import { EXIT, fileError, UserError } from "./user_error.ts";

/** How long `status` waits for a token. */
const STATUS_TIMEOUT_MS = 15_000;

const START_ONLY: Need = {
  key: "action",
  is: ["start"],
  because: "it says how a server is started",
  byHeading: true,
};

const OPTIONS = {
  action: option.argument({ choices: ["start", "status", "stop"], help: "start, status or stop" }),
  engine: option.optionalArgument({ help: "which engine; for status: all of them without it" }),
  arguments: option.optionalRest({ help: "after --: further arguments of the server" }),
  ...withNeeds({
    ...ENGINE_OPTIONS,
    modelPath: {
      ...ENGINE_OPTIONS.modelPath,
      defaultText: "$HF_MODEL_PATH/llama-${MODEL_SIZE}b-hf, for ppl " +
        "$OPMX_MODEL_PATH/llama_${MODEL_SIZE}b_${TP_SIZE}gpu",
    },
    // Without a default: the environment has its say.
    tp: option.integer({
      min: 1,
      aliases: ["tensor-parallel-size"],
      defaultText: "$TP_SIZE, else 1",
      help: ENGINE_OPTIONS.tp.help,
      group: "Server to start",
    }),
    ...group("Server to start", {
      host: option.text({
        value: "ADDRESS",
        default: "127.0.0.1",
        help: "Address to listen on. 0.0.0.0 lets other machines in.",
      }),
      paramsPath: option.file({
        defaultText: "params.json in the model's folder",
        help: "Model parameters, for ppl.",
        advanced: true,
      }),
      tokenizerPath: option.text({
        value: "PATH",
        defaultText: "the model's folder; $HF_MODEL_PATH/llama-${MODEL_SIZE}b-hf where " +
          "$OPMX_MODEL_PATH gives the model",
        help: "tokenizer.model or its folder, for ppl.",
        advanced: true,
      }),
      executable: option.text({
        value: "PATH",
        defaultText: "found on the PATH",
        help: "Program to run, e.g. the python of another environment.",
      }),
      extraArgs: option.text({
        help: `Further arguments of the server in one text: --extra-args="--max-num-seqs 64"; or ` +
          "write them after --. They replace ours of the same name; --swap-space= or " +
          "--no-swap-space takes ours away.",
      }),
    }),
    ...group("Waiting", {
      timeout: option.seconds({
        default: READY_TIMEOUT_S,
        help: "Time limit until it answers with a token; after that it is stopped.",
      }),
      interval: option.seconds({
        default: 1,
        min: 0.01,
        help: "Interval of readiness requests.",
        advanced: true,
      }),
    }),
    ...group("Files", {
      logFile: option.file({
        defaultText: "<engine>-<port>.log in --state-dir",
        help: "File that the server's output is appended to.",
      }),
      dryRun: option.flag({ help: "Print the command line that start would run, and exit." }),
    }),
  }, START_ONLY),
  port: option.integer({
    aliases: ["p"],
    min: 1,
    max: 65_535,
    defaultText: LAUNCH_ENGINES.map(({ name, defaultPort }) => `${name} ${defaultPort}`).join(", "),
    help: "Port to listen on; for status and stop: which server.",
    group: "Server to start",
  }),
  ...group("Waiting", {
    model: option.text({
      value: "NAME",
      defaultText: "the first one the server lists",
      help: "Model name in readiness requests.",
      advanced: true,
    }),
    apiKey: option.text({
      value: "SOURCE",
      secret: true,
      help: "Key for readiness requests, if the server requires one.",
      advanced: true,
    }),
    grace: option.seconds({
      default: 10,
      help: "Time to stop by itself; after that it is killed.",
      advanced: true,
    }),
  }),
  stateDir: option.text({
    value: "DIR",
    default: SERVERS_FOLDER,
    help: "Folder that keeps track of the servers that run.",
    group: "Files",
  }),
};

type ServeValues = ValuesOf<typeof OPTIONS>;

export const command: Command = defineCommand({
  name: "serve",
  description:
    "start runs an engine's own server in the background, with the command line that published " +
    "benchmarks use and its output in a log file, and waits until it answers a request for one " +
    "token. If it ends early or takes too long, the end of its log is shown and what is left of it " +
    "is stopped. status asks each server that was started here for a token. stop ends a server and " +
    "all its child processes.\n\n" +
    `Engines: ${
      LAUNCH_ENGINES.map(({ name, description }) => `${name} (${description})`).join("; ")
    }.\n\n` +
    "start takes what is not given from the environment that env_setup.sh sets: BACKEND, MODEL_SIZE " +
    "(else 7), TP_SIZE, HF_MODEL_PATH, OPMX_MODEL_PATH. The server inherits your environment, e.g. " +
    "CUDA_VISIBLE_DEVICES. The exit code is 3 if a server " +
    "is not ready.",
  options: OPTIONS,
  examples: {
    "tokometer serve start vllm --model-path ./llama-7b-hf --tp 2":
      "vLLM on two GPUs, as the scripts start it",
    "tokometer serve start lightllm --model-path ./llama-7b-hf -- --max_total_token_num 150000":
      "with an argument of the engine's own",
    "tokometer serve status": "which servers answer",
    "tokometer serve stop vllm": "stops it with all its workers",
  },
  run,
});

async function run(values: ServeValues, host: Host): Promise<number> {
  return await { start, status, stop }[values.action](values, host);
}

async function start(given: ServeValues, host: Host): Promise<number> {
  const words = startFromEnvironment(given, await readVariables(START_VARIABLES));
  const values = { ...given, ...words };
  const plan = planStart(values);
  noteTaken(given, words, host);
  const { engine, url } = plan;
  if (values.dryRun) {
    host.print(shellLine(plan.command));
    return EXIT.ok;
  }
  const folder = values.stateDir;
  const path = statePath(folder, engine.name, portOf(url));
  const known = (await readStates(folder)).get(path);
  if (known !== undefined && isLeft(known)) {
    throw new UserError(
      `Cannot start ${engine.name} at ${url}: process ${known.process.pid} serves there since ` +
        `${known.startedAt}; stop it with tokometer serve stop ${engine.name}`,
    );
  }
  await refuseTakenAddress(plan);
  await Deno.mkdir(folder, { recursive: true }).catch((error) => {
    throw fileError(`Cannot make the folder ${folder}`, error);
  });
  const server = await startPlanned(await installedPlan(plan, host), { endWithUs: false });
  let ready = false;
  try {
    await writeState(path, {
      engine: engine.name,
      protocol: engine.protocol,
      url,
      process: server.identity,
      log: plan.logPath,
      logStart: server.logStart,
      startedAt: new Date(wallClockMs()).toISOString(),
    });
    host.print(`SERVER PID: ${server.pid}`);
    host.note(`Log: ${plan.logPath}`);
    await awaitReady(plan, server, host);
    // Engines print their arguments as they start.
    await maskSecretsInFile(server.logPath, server.logStart);
    ready = true;
  } catch (error) {
    if (error instanceof UserError && error.exitCode === EXIT.unreachable) {
      const early = !isRunning(server.identity);
      host.print(`[ERROR] SERVER START ${early ? "FAILED" : "TIMEOUT"}`);
    }
    throw error;
  } finally {
    if (!ready) {
      await server.stop(host.aborted);
      await removeState(path);
    }
  }
  server.release();
  host.print(`${engine.banner ?? engine.name.toUpperCase()} SERVER STARTED ${server.pid}`);
  return EXIT.ok;
}

/** Says what the environment added: it may have been set for something else. */
function noteTaken(given: StartWords, words: StartWords, host: Host): void {
  const options = {
    engine: "",
    modelPath: "--model-path ",
    tokenizerPath: "--tokenizer-path ",
    tp: "--tp ",
  };
  const taken = (["engine", "modelPath", "tokenizerPath", "tp"] as const)
    .filter((key) => given[key] === undefined && words[key] !== undefined)
    .map((key) => `${options[key]}${words[key]}`);
  if (taken.length > 0) host.note(`From the environment: ${taken.join(" ")}`);
}

function planStart(values: ServeValues): LaunchPlan {
  const name = engineOf(values);
  if (name === undefined) {
    throw new UserError(
      `Cannot start a server without its engine: known are ${
        LAUNCH_ENGINES.map(({ name }) => name).join(", ")
      }`,
    );
  }
  const { extraArgs, model, apiKey } = values;
  const plan = planEngine(name, { ...values, tp: values.tp ?? 1 }, {
    timeoutMs: values.timeout * 1000,
    host: values.host,
    port: values.port,
    executable: values.executable,
    extraArgs: [
      ...extraArgs === undefined ? [] : splitShellWords(extraArgs),
      ...values.arguments ?? [],
    ],
    paramsPath: values.paramsPath,
    tokenizerPath: values.tokenizerPath,
    logPath: values.logFile,
    folder: values.stateDir,
  });
  return {
    ...plan,
    intervalMs: values.interval * 1000,
    graceMs: values.grace * 1000,
    ...defined({
      model,
      target: apiKey === undefined ? undefined : { baseUrl: plan.url, headers: {}, apiKey },
    }),
  };
}

async function status(values: ServeValues, host: Host): Promise<number> {
  const states = await chosen(values);
  if (states.size === 0) {
    const what = engineOf(values) ?? "server";
    host.print(`no ${what} was started here (${values.stateDir})`);
    return engineOf(values) === undefined ? EXIT.ok : EXIT.unreachable;
  }
  const rows = await Promise.all(
    [...states.values()].map(async (state) => {
      const { engine, url, process, log } = state;
      const why = isRunning(process) ? await ask(state, values) : "the process has ended";
      const answer = why === undefined ? "OK" : "NOT READY";
      return {
        ready: why === undefined,
        line: `${engine}  ${url}  pid ${process.pid}  ${answer}` +
          (why === undefined ? "" : `  ${why}; log: ${log}`),
      };
    }),
  );
  for (const { line } of rows) host.print(line);
  return rows.every(({ ready }) => ready) ? EXIT.ok : EXIT.unreachable;
}

async function ask(
  { protocol, url }: ServerState,
  values: ServeValues,
): Promise<string | undefined> {
  const target = { baseUrl: url, headers: {}, ...defined({ apiKey: values.apiKey }) };
  return await askForOneToken(findProtocol(protocol), target, {
    timeoutMs: STATUS_TIMEOUT_MS,
    clock: systemClock,
    ...defined({ model: values.model }),
  });
}

async function stop(values: ServeValues, host: Host): Promise<number> {
  const engine = engineOf(values);
  const states = await chosen(values);
  const folder = values.stateDir;
  if (engine === undefined || states.size === 0) {
    const running = [...(await readStates(folder)).values()].map(label).join(", ");
    const known = running === "" ? `none was started here (${folder})` : `there are ${running}`;
    throw new UserError(
      engine === undefined
        ? `Cannot stop a server without its engine: ${known}`
        : `Cannot stop ${engine}: ${known}`,
    );
  }
  if (states.size > 1) {
    const ports = [...states.values()].map(statePort).join(", ");
    throw new UserError(`Cannot stop ${engine}: it runs on the ports ${ports}, choose by --port`);
  }
  for (const [path, state] of states) {
    const { pid } = state.process;
    const how = await endProcessTree(state.process, {
      graceMs: values.grace * 1000,
      hurry: host.aborted,
    });
    await removeState(path);
    host.print(
      {
        gone: `${state.engine} had ended already (pid ${pid})`,
        ended: `${state.engine} stopped (pid ${pid})`,
        killed: `${state.engine} killed (pid ${pid}): it did not stop within ${values.grace} s`,
      }[how],
    );
  }
  return EXIT.ok;
}

/** Servers that engine and port choose. */
async function chosen(values: ServeValues): Promise<ReadonlyMap<string, ServerState>> {
  const engine = engineOf(values);
  const { port } = values;
  const all = await readStates(values.stateDir);
  return new Map([...all].filter(([, state]) =>
    (engine === undefined || state.engine === engine) &&
    (port === undefined || statePort(state) === `${port}`)
  ));
}

/** @throws {UserError} for an engine that does not exist. */
function engineOf(values: ServeValues): string | undefined {
  const { engine: name } = values;
  if (name === undefined) return undefined;
  try {
    return findLaunchEngine(name).name;
  } catch (error) {
    throw error instanceof TypeError ? new UserError(error.message) : error;
  }
}

/** Whether anything is left of it: orphaned workers hold the GPU as well. */
function isLeft({ process }: ServerState): boolean {
  return isRunning(process) || processTree(process).length > 0;
}

function label(state: ServerState): string {
  return `${state.engine} on port ${statePort(state)}`;
}

function portOf(url: string): string {
  return /:(\d+)$/.exec(url)![1]!;
}
