/**
 * Starts the simulated server in its own process, so that it and the client under test do not slow
 * each other down.
 *
 * @module
 */
import { SIM_CERTIFICATE } from "./sim_certificate.ts";
import { type SelfCommand, selfCommand } from "./relaunch.ts";
import type { SimStats } from "./sim_server.ts";
import type { TruthRequest } from "./sim_truth.ts";

/** A simulated server in another process. */
export interface LaunchedSimulator {
  /** Where it serves HTTP: `http://127.0.0.1:PORT`, with `--tls` `https://…`. */
  readonly url: string;
  /** With `--grpc-port`. */
  readonly grpcUrl?: string;
  /** Process id, e.g. to measure its CPU time. */
  readonly pid: number;
  /** What was actually sent, in times of the server's clock. */
  truth(): Promise<TruthRequest[]>;
  /** Drops what was sent so far, e.g. the warm-up. */
  resetTruth(): Promise<void>;
  /** Current counters and load. */
  stats(): Promise<SimStats>;
  /** The server's clock in ms, read between request and answer. */
  clock(): Promise<number>;
  /** Ends the process and waits for its end; idempotent. */
  stop(): Promise<void>;
}

/** Options of {@linkcode launchSimulator}. */
export interface LaunchOptions {
  /** How to start it; default: this program with the command `simulate`. */
  readonly command?: SelfCommand;
  /** Flags of V8 for the default command. */
  readonly v8Flags?: readonly string[];
  /** Time until it must listen. Default 30 s: a first start may compile the program. */
  readonly startTimeoutMs?: number;
}

/** Time to end by itself before it is killed. */
const STOP_TIMEOUT_MS = 3000;

/** Lines on stdout with the addresses; the one of HTTP comes last. */
const LISTENING = /^listening on (http\S+)$/m;
const LISTENING_GRPC = /^listening on (grpc\S+)$/m;

/**
 * Starts `tokometer simulate ARGS` on a free port and waits until it listens. The process ends
 * with `stop()`, and also when this process dies in any way: its standard input closes then. Needs
 * `--allow-net` and `--allow-run`.
 *
 * @throws {Error} with its stderr, when it does not start.
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { launchSimulator, measureBench } from "@tokometer/tokometer";
 *
 * const simulator = await launchSimulator(["--ttft", "1", "--itl", "0"]);
 * await measureBench(simulator.url, { concurrency: [1], requests: 4, warmup: 0 });
 * const sent = await simulator.truth();
 * await simulator.stop();
 * assertEquals(sent.length, 5); // 4 and the check before them
 * ```
 */
export async function launchSimulator(
  args: readonly string[] = [],
  options: LaunchOptions = {},
): Promise<LaunchedSimulator> {
  const { command, args: commandArgs } = options.command ??
    selfCommand(["simulate", ...args, "--until-stdin-closes"], { v8Flags: options.v8Flags ?? [] });
  const child = new Deno.Command(command, {
    args: [...commandArgs],
    stdin: "piped",
    stdout: "piped",
    stderr: "piped",
  }).spawn();
  const started = Promise.withResolvers<string | undefined>();
  const errors = collect(child.stderr);
  const output = collect(child.stdout, (text) => {
    const url = LISTENING.exec(text)?.[1];
    if (url !== undefined) started.resolve(url);
  });
  void output.done.then(() => started.resolve(undefined));
  let stopping: Promise<void> | undefined;

  function stop(): Promise<void> {
    return stopping ??= end();
  }

  async function end(): Promise<void> {
    const timer = setTimeout(() => kill(child, "SIGKILL"), STOP_TIMEOUT_MS);
    await child.stdin.close().catch(() => {});
    kill(child, "SIGTERM");
    await child.status;
    clearTimeout(timer);
    await Promise.all([output.done, errors.done]);
  }

  const timer = setTimeout(() => started.resolve(undefined), options.startTimeoutMs ?? 30_000);
  const url = await started.promise;
  clearTimeout(timer);
  if (url === undefined) {
    await stop();
    const reason = errors.text().trim() || output.text().trim() || "it printed nothing";
    throw new Error(`Cannot start the simulated server: ${reason}`);
  }
  const key = keyIn(args);
  const headers: HeadersInit = key === undefined ? {} : { authorization: `Bearer ${key}` };
  const ask = (method: string, path: string) => answerOf(`${url}${path}`, { method, headers });
  const get = (path: string) => ask("GET", path);
  const grpcUrl = LISTENING_GRPC.exec(output.text())?.[1];
  return {
    url,
    ...(grpcUrl !== undefined && { grpcUrl }),
    pid: child.pid,
    stop,
    truth: async () =>
      (await get("/truth")).split("\n").filter(Boolean).map((line) => JSON.parse(line)),
    resetTruth: async () => void await ask("POST", "/truth/reset"),
    stats: async () => JSON.parse(await get("/stats")),
    clock: async () => JSON.parse(await get("/clock")).nowMs,
  };
}

function kill(child: Deno.ChildProcess, signal: Deno.Signal): void {
  try {
    child.kill(signal);
  } catch {
    // It has already ended.
  }
}

/** The key that the arguments set, since `/truth` and its like want it as well. */
function keyIn(args: readonly string[]): string | undefined {
  const at = args.findIndex((arg) => /^--api-key(=|$)/.test(arg));
  return at < 0 ? undefined : /^--api-key=(.*)$/.exec(args[at]!)?.[1] ?? args[at + 1];
}

/** @throws {Error} when it is refused. */
async function answerOf(url: string, init: RequestInit): Promise<string> {
  using client = url.startsWith("https:")
    ? Deno.createHttpClient({ caCerts: [SIM_CERTIFICATE.cert] })
    : undefined;
  const response = await fetch(url, { ...init, ...(client !== undefined && { client }) });
  const text = await response.text();
  if (!response.ok) throw new Error(`${url} answers ${response.status}: ${text}`);
  return text;
}

/** Reads a process's output to its end, as a full pipe would block it; `onText` gets all so far. */
function collect(stream: ReadableStream<Uint8Array>, onText = (_text: string) => {}) {
  let text = "";
  const read = async () => {
    for await (const part of stream.pipeThrough(new TextDecoderStream())) {
      onText(text += part);
    }
  };
  return { text: () => text, done: read() };
}
