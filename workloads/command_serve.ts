/**
 * `tokometer serve`: starts, lists and stops servers that outlive the command.
 *
 * @module
 */
import { systemClock, wallClockMs } from "../backends/clock.ts";
import { findLaunchEngine, LAUNCH_ENGINES } from "../backends/launch_engines.ts";
import { endProcessTree, isRunning, processTree } from "../backends/process_tree.ts";
import { findProtocol } from "../backends/protocols.ts";
import {
  awaitReady,
  ENGINE_OPTIONS,
  type LaunchPlan,
  planEngine,
  READY_TIMEOUT_S,
  refuseTakenAddress,
  SERVERS_FOLDER,
  startPlanned,
} from "./server_launch.ts";
import { askForOneToken } from "./server_readiness.ts";
import type { Command, Host, Option, Values } from "./command.ts";
import {
  readStates,
  removeState,
  type ServerState,
  statePath,
  statePort,
  writeState,
} from "./server_state.ts";
import { shellLine, splitShellWords } from "./shell_split.ts";
import { EXIT, UserError } from "./user_error.ts";

/** How long `status` waits for a token. */
const STATUS_TIMEOUT_MS = 15_000;

const OPTIONS: readonly Option[] = [
  ...ENGINE_OPTIONS,
  {
    name: "host",
    kind: "text",
    value: "ADDRESS",
    default: "127.0.0.1",
    help: "Address to listen on. 0.0.0.0 lets other machines in.",
    group: "Server to start",
  },
  {
    name: "port",
    kind: "integer",
    value: "N",
    aliases: ["p"],
    min: 1,
    max: 65_535,
    defaultText: LAUNCH_ENGINES.map(({ name, defaultPort }) => `${name} ${defaultPort}`).join(", "),
    help: "Port to listen on; for status and stop: which server.",
    group: "Server to start",
  },
  {
    name: "params-path",
    kind: "text",
    value: "FILE",
    defaultText: "params.json in the model's folder",
    help: "Model parameters, for ppl.",
    group: "Server to start",
    advanced: true,
  },
  {
    name: "tokenizer-path",
    kind: "text",
    value: "PATH",
    defaultText: "the model's folder",
    help: "tokenizer.model or its folder, for ppl.",
    group: "Server to start",
    advanced: true,
  },
  {
    name: "executable",
    kind: "text",
    value: "PATH",
    defaultText: "found on the PATH",
    help: "Program to run, e.g. the python of another environment.",
    group: "Server to start",
  },
  {
    name: "extra-args",
    kind: "text",
    value: "TEXT",
    help: `Further arguments of the server in one text: --extra-args="--max-num-seqs 64"; or ` +
      "write them after --. They replace ours of the same name.",
    group: "Server to start",
  },
  {
    name: "timeout",
    kind: "number",
    value: "SECONDS",
    default: READY_TIMEOUT_S,
    min: 0,
    help: "How long it may take until it answers with a token; then it is stopped.",
    group: "Waiting",
  },
  {
    name: "interval",
    kind: "number",
    value: "SECONDS",
    default: 1,
    min: 0.01,
    help: "From one readiness request to the next.",
    group: "Waiting",
    advanced: true,
  },
  {
    name: "model",
    kind: "text",
    value: "NAME",
    defaultText: "the first one the server lists",
    help: "Model name in readiness requests.",
    group: "Waiting",
    advanced: true,
  },
  {
    name: "api-key",
    kind: "text",
    value: "SOURCE",
    secret: true,
    help: "Key for readiness requests, if the server wants one.",
    group: "Waiting",
    advanced: true,
  },
  {
    name: "grace",
    kind: "number",
    value: "SECONDS",
    default: 10,
    min: 0,
    help: "How long a server may take to stop before it is killed.",
    group: "Waiting",
    advanced: true,
  },
  {
    name: "log-file",
    kind: "text",
    value: "FILE",
    defaultText: "<engine>-<port>.log in --state-dir",
    help: "File that the server's output is appended to.",
    group: "Files",
  },
  {
    name: "state-dir",
    kind: "text",
    value: "DIR",
    default: SERVERS_FOLDER,
    help: "Where it is remembered which servers run.",
    group: "Files",
  },
  {
    name: "dry-run",
    kind: "flag",
    help: "Print the command line that start would run, and stop.",
    group: "Files",
  },
];

/** The scenario `serve`. */
export const serve: Command = {
  name: "serve",
  summary: "Start an inference server, see whether it answers, stop it",
  description:
    "start runs an engine's own server in the background with the command line that published " +
    "benchmarks use, its output in a log file, and waits until it has answered a request for one " +
    "token. If it ends early or takes too long, the end of its log is shown and whatever is left " +
    "of it is stopped. status asks each server that was started here for a token. stop ends a " +
    "server and everything it has started.\n\n" +
    `Engines: ${
      LAUNCH_ENGINES.map(({ name, description }) => `${name} (${description})`).join("; ")
    }.\n\n` +
    "Variables of your environment reach the server, e.g. CUDA_VISIBLE_DEVICES. The exit code is " +
    "3 if a server is not ready.",
  positionals: [
    { name: "action", help: "start, status or stop", required: true },
    { name: "engine", help: "which engine; for status: all of them without it", required: false },
    {
      name: "arguments",
      help: "after --: further arguments of the server",
      required: false,
      rest: true,
    },
  ],
  options: OPTIONS,
  examples: [
    {
      line: "tokometer serve start vllm --model-path ./llama-7b-hf --tp 2",
      does: "vLLM on two GPUs, as the scripts start it",
    },
    {
      line:
        "tokometer serve start lightllm --model-path ./llama-7b-hf -- --max_total_token_num 150000",
      does: "with an argument of the engine's own",
    },
    { line: "tokometer serve status", does: "which servers answer" },
    { line: "tokometer serve stop vllm", does: "stops it with all its workers" },
  ],
  run,
};

const ACTIONS: Readonly<Record<string, (values: Values, host: Host) => Promise<number>>> = {
  start,
  status,
  stop,
};

async function run(values: Values, host: Host): Promise<number> {
  const action = ACTIONS[values.action as string];
  if (action === undefined) {
    throw new UserError(
      `Cannot "${values.action}" a server: known are ${Object.keys(ACTIONS).join(", ")}`,
    );
  }
  return await action(values, host);
}

async function start(values: Values, host: Host): Promise<number> {
  const plan = planStart(values);
  const { engine, url } = plan;
  if (values["dry-run"] === true) {
    host.print(shellLine(plan.command));
    return EXIT.ok;
  }
  const folder = values["state-dir"] as string;
  const path = statePath(folder, engine.name, portOf(url));
  const known = (await readStates(folder)).get(path);
  if (known !== undefined && isLeft(known)) {
    throw new UserError(
      `Cannot start ${engine.name} at ${url}: process ${known.process.pid} serves there since ` +
        `${known.startedAt}; stop it with tokometer serve stop ${engine.name}`,
    );
  }
  await refuseTakenAddress(plan);
  await makeFolder(folder);
  const server = await startPlanned(plan, { endWithUs: false });
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
  host.print(`${engine.banner} SERVER STARTED ${server.pid}`);
  return EXIT.ok;
}

function planStart(values: Values): LaunchPlan {
  const name = engineOf(values);
  if (name === undefined) {
    throw new UserError(
      `Cannot start a server without its engine: known are ${
        LAUNCH_ENGINES.map(({ name }) => name).join(", ")
      }`,
    );
  }
  const extra = values["extra-args"] as string | undefined;
  const model = values.model as string | undefined;
  const apiKey = values["api-key"] as string | undefined;
  const plan = planEngine(name, values, {
    timeoutMs: (values.timeout as number) * 1000,
    host: values.host as string,
    port: values.port as number | undefined,
    executable: values.executable as string | undefined,
    extraArgs: [
      ...extra === undefined ? [] : splitShellWords(extra),
      ...values.arguments as readonly string[] | undefined ?? [],
    ],
    paramsPath: values["params-path"] as string | undefined,
    tokenizerPath: values["tokenizer-path"] as string | undefined,
    logPath: values["log-file"] as string | undefined,
    folder: values["state-dir"] as string,
  });
  return {
    ...plan,
    intervalMs: (values.interval as number) * 1000,
    graceMs: (values.grace as number) * 1000,
    ...(model === undefined ? {} : { model }),
    ...(apiKey === undefined ? {} : { target: { baseUrl: plan.url, headers: {}, apiKey } }),
  };
}

async function status(values: Values, host: Host): Promise<number> {
  const states = await chosen(values);
  if (states.size === 0) {
    const what = engineOf(values) ?? "server";
    host.print(`no ${what} was started here (${values["state-dir"]})`);
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

async function ask({ protocol, url }: ServerState, values: Values): Promise<string | undefined> {
  const model = values.model as string | undefined;
  const apiKey = values["api-key"] as string | undefined;
  const target = { baseUrl: url, headers: {}, ...(apiKey === undefined ? {} : { apiKey }) };
  return await askForOneToken(findProtocol(protocol), target, {
    timeoutMs: STATUS_TIMEOUT_MS,
    clock: systemClock,
    ...(model === undefined ? {} : { model }),
  });
}

async function stop(values: Values, host: Host): Promise<number> {
  const engine = engineOf(values);
  const states = await chosen(values);
  const folder = values["state-dir"];
  if (engine === undefined || states.size === 0) {
    const running = [...(await readStates(folder as string)).values()].map(label).join(", ");
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
      graceMs: (values.grace as number) * 1000,
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
async function chosen(values: Values): Promise<ReadonlyMap<string, ServerState>> {
  const engine = engineOf(values);
  const port = values.port as number | undefined;
  const all = await readStates(values["state-dir"] as string);
  return new Map([...all].filter(([, state]) =>
    (engine === undefined || state.engine === engine) &&
    (port === undefined || statePort(state) === `${port}`)
  ));
}

/** @throws {UserError} for an engine that does not exist. */
function engineOf(values: Values): string | undefined {
  const name = values.engine as string | undefined;
  if (name === undefined) return undefined;
  try {
    return findLaunchEngine(name).name;
  } catch (error) {
    throw error instanceof TypeError ? new UserError(error.message) : error;
  }
}

/** Anything left of it: workers that outlived their parent hold the GPU as well. */
function isLeft({ process }: ServerState): boolean {
  return isRunning(process) || processTree(process).length > 0;
}

function label(state: ServerState): string {
  return `${state.engine} on port ${statePort(state)}`;
}

function portOf(url: string): string {
  return /:(\d+)$/.exec(url)![1]!;
}

async function makeFolder(path: string): Promise<void> {
  try {
    await Deno.mkdir(path, { recursive: true });
  } catch (error) {
    if (error instanceof Deno.errors.NotCapable) throw error;
    throw new UserError(`Cannot make the folder ${path}: ${(error as Error).message}`);
  }
}
