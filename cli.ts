/**
 * The program: finds the command, shows its help, and handles the terminal and Ctrl-C. Nothing here
 * that a library user could not do.
 *
 * Results go to stdout, everything else to stderr. Exit codes: 0 done, 1 more failures than
 * `--max-failures`, 2 wrong usage, 3 server unreachable, 70 a bug in Tokometer, 130 interrupted.
 *
 * As a module it is not stable: {@linkcode main} is for tests and for programs that embed the whole
 * command line.
 *
 * @example
 * ```sh
 * deno run -A jsr:@tokometer/tokometer/cli --help
 * ```
 *
 * @module
 */
// One by one, as each command loads what it needs: mod.ts would load all that there is.
import type { Command, CommandEntry, Host, Screen } from "./workloads/command.ts";
import { COMMANDS, findCommand } from "./workloads/commands.ts";
import { createInterrupt } from "./workloads/interrupt.ts";
import { createProgressLine, type ProgressLineOptions } from "./workloads/live_progress.ts";
import { readConfigFile, refuseMasked } from "./workloads/option_config_file.ts";
import { renderHelp, renderOverview } from "./workloads/option_help.ts";
import { completeValues, readCommandLine } from "./workloads/option_parse.ts";
import { keepSecrets, redactCommandLine, resolveSecrets } from "./workloads/option_secret.ts";
import { shown } from "./workloads/secret.ts";
import { EXIT, UserError } from "./workloads/user_error.ts";
import { VERSION, versionLine } from "./workloads/version.ts";
import { holdWorkers, WORKERS } from "./workloads/workers.ts";

/** What the program uses of the world outside; tests bring their own. */
export interface Outside {
  /** Commands to choose from. */
  readonly commands: readonly CommandEntry[];
  /** Times the progress line and tells one Ctrl-C from two. Default: this process's. */
  readonly clock?: ProgressLineOptions["clock"];
  /** Writes text to stdout as it is: results. */
  readonly stdout: (text: string) => void;
  /** Writes text to stderr as it is: progress, notes, errors. */
  readonly stderr: (text: string) => void;
  /** Results may be colored. */
  readonly stdoutIsTerminal: boolean;
  /** The progress line may be rewritten in place. */
  readonly stderrIsTerminal: boolean;
  /** `NO_COLOR` is set. */
  readonly noColor: boolean;
  /** Width of the terminal in characters; called for each page and each progress line. */
  readonly columns: () => number;
  /** Its height in lines. */
  readonly rows: () => number;
  /** Calls `listener` for each SIGINT, SIGTERM and SIGHUP; returns how to stop that. */
  readonly onSignal: (listener: (signal?: Deno.Signal) => void) => () => void;
  /** Ends the program at once. */
  readonly exit: (code: number) => void;
}

/** Why results could not be written, e.g. to a full disk. */
let lostOutput: string | undefined;

/** This process. */
const PROCESS: Outside = {
  commands: COMMANDS,
  stdout: writerTo(Deno.stdout, (why) => lostOutput = why),
  stderr: writerTo(Deno.stderr),
  stdoutIsTerminal: Deno.stdout.isTerminal(),
  stderrIsTerminal: Deno.stderr.isTerminal() && !terminalIsDumb(),
  noColor: Deno.noColor,
  columns: () => terminalSize().columns,
  rows: () => terminalSize().rows,
  onSignal: listenToSignals,
  exit: Deno.exit,
};

/**
 * Runs one command line and returns its exit code; never throws.
 *
 * @example
 * ```ts
 * import { main } from "@tokometer/tokometer/cli";
 *
 * await main(["--version"], { stdout: () => {} }); // 0
 * ```
 */
export async function main(
  argv: readonly string[],
  overrides: Partial<Outside> = {},
): Promise<number> {
  const outside = { ...PROCESS, ...overrides };
  try {
    return await dispatch(argv, outside);
  } catch (error) {
    return explain(error, outside);
  }
}

async function dispatch(argv: readonly string[], outside: Outside): Promise<number> {
  const { commands, stdout, stderr, stdoutIsTerminal, noColor } = outside;
  const [first, ...rest] = argv;
  const page = {
    columns: outside.columns(),
    color: stdoutIsTerminal && !noColor,
    program: programLine(),
  };
  switch (first) {
    case undefined:
      // A script whose variable is empty must not look successful.
      stderr(renderOverview(commands, { ...page, color: false }));
      return EXIT.usage;
    case "help":
      if (rest[0] === undefined) stdout(renderOverview(commands, page));
      else {
        const { load, aliases } = findCommand(rest[0], commands);
        stdout(renderHelp(await load(), { ...page, aliases }));
      }
      return EXIT.ok;
    case "--help":
    case "-h":
      stdout(renderOverview(commands, page));
      return EXIT.ok;
    case "--version":
    case "-V":
      stdout(`${versionLine()}\n`);
      return EXIT.ok;
  }
  const { load, aliases } = findCommand(first, commands);
  const command = await load();
  if (asksForHelp(command, rest)) {
    stdout(renderHelp(command, { ...page, aliases, advanced: false }));
    return EXIT.ok;
  }
  try {
    return await run(command, rest, outside, redactCommandLine(argv, command));
  } catch (error) {
    const code = explain(error, outside);
    if (error instanceof UserError && code === EXIT.usage) {
      stderr(`Run "tokometer ${command.name} --help" for its options\n`);
    }
    return code;
  }
}

async function run(
  command: Command,
  argv: readonly string[],
  outside: Outside,
  commandLine: readonly string[],
): Promise<number> {
  const { common } = readCommandLine(command, argv);
  const config = typeof common.config === "string"
    ? await readConfigFile(common.config, command)
    : {};
  const { given } = readCommandLine(command, argv, config);
  refuseMasked(command, config, given);
  keepSecrets(command.options, { ...config, ...given });
  const values = await resolveSecrets(command, completeValues(command, { ...config, ...given }));
  keepSecrets(command.options, values);

  const { clock, stdout, stderr, stdoutIsTerminal, stderrIsTerminal } = outside;
  const line = createProgressLine({
    ...{ write: stderr, terminal: stderrIsTerminal, columns: outside.columns, clock },
  });
  const interrupt = createInterrupt(clock);
  const note = (text: string, { styled = false } = {}) =>
    line.around(() => stderr(`${styled ? text : shown(text)}\n`));
  const stop = () => {
    switch (interrupt.signal()) {
      case "interrupt":
        return note("Stopping; Ctrl-C again stops at once");
      case "abort":
        return note("Stopping at once");
      case "exit":
        line.show("");
        return outside.exit(EXIT.interrupted);
    }
  };
  const host: Host = {
    print(text, { styled = false } = {}) {
      const ready = styled ? text : shown(text);
      line.around(() => stdout(ready.endsWith("\n") ? ready : `${ready}\n`));
    },
    note,
    progress: common.quiet === true
      ? () => {}
      : (lines, { styled = false } = {}) =>
        line.show(styled ? lines : [lines].flat().map((text) => shown(text).replace(/\s/g, " "))),
    screen: stderrIsTerminal && common.quiet !== true
      ? screenOf(outside, typeof common.color === "boolean" ? common.color : !outside.noColor)
      : undefined,
    stdoutIsTerminal,
    color: typeof common.color === "boolean" ? common.color : stdoutIsTerminal && !outside.noColor,
    get columns(): number {
      return outside.columns();
    },
    interrupted: interrupt.interrupted,
    aborted: interrupt.aborted,
    interrupt: () => {
      if (!interrupt.aborted.aborted) stop();
    },
    commandLine,
  };
  const stopListening = outside.onSignal((signal) => {
    if (signal === "SIGHUP") {
      // A terminal that closes may say so several times, and nobody is there to ask for more haste.
      if (interrupt.interrupted.aborted) return;
      interrupt.signal();
      return note("Stopping: the terminal was closed");
    }
    stop();
  });
  try {
    return await command.run(values, host);
  } catch (error) {
    if (interrupt.aborted.aborted && isAbort(error)) return EXIT.interrupted;
    throw error;
  } finally {
    stopListening();
    line.show("");
  }
}

/** Where progress is drawn, at its size of the moment. */
function screenOf({ columns, rows }: Outside, color: boolean): Screen {
  return {
    get columns(): number {
      return Math.max(1, columns() - ECHO_COLUMNS);
    },
    get rows(): number {
      return rows();
    },
    color,
  };
}

/** The terminal shows `^C` behind the last line; if that wrapped, the lines would not be found again. */
const ECHO_COLUMNS = 4;

/** What `tokometer` in the help stands for. */
function programLine(): string {
  if (Deno.build.standalone) return "tokometer";
  return import.meta.url.startsWith("file:")
    ? "deno run -A cli.ts"
    : `deno run -A jsr:@tokometer/tokometer@${VERSION}/cli`;
}

function isAbort(error: unknown): boolean {
  return error instanceof DOMException && error.name === "AbortError";
}

/** `--help` works anywhere, even beside arguments that would be refused. */
function asksForHelp({ options }: Command, argv: readonly string[]): boolean {
  const end = argv.indexOf("--");
  const before = end < 0 ? argv : argv.slice(0, end);
  const letterTaken = Object.values(options).some(({ aliases }) => aliases?.includes("h"));
  return before.includes("--help") || (!letterTaken && before.includes("-h"));
}

/** Reports what went wrong, and returns the exit code for it. */
function explain(error: unknown, { stderr }: Pick<Outside, "stderr">): number {
  if (error instanceof UserError) {
    stderr(`error: ${shown(error.message)}\n`);
    return error.exitCode;
  }
  if (error instanceof Deno.errors.NotCapable) {
    stderr(`error: ${shown(permissionMessage(error.message))}\n`);
    return EXIT.usage;
  }
  const text = error instanceof Error ? Deno.inspect(error, { colors: false }) : String(error);
  stderr(`error: A bug in Tokometer ${VERSION}, please report it: ${shown(text)}\n`);
  return EXIT.internal;
}

/** Why each permission is needed, by Deno's name for it. */
const PERMISSION_USES: Readonly<Record<string, string>> = {
  net: "to talk to the server",
  read: "to read datasets, tokenizers, records and its own workers",
  write: "to write records and reports",
  env: "to read the environment, as gRPC and secrets in env:NAME do",
  run: "to start servers and the simulated engine",
  sys: "to describe this machine in the record",
  ffi: "to use epoll and the GPU's own library",
  import: "to load code that is not installed yet",
};

function permissionMessage(message: string): string {
  const [, name = "", what = ""] = /^Requires (\w+) access(?: to (.+?))?,/.exec(message) ?? [];
  const use = PERMISSION_USES[name];
  if (use === undefined) return `Cannot continue without a permission: ${message}`;
  // A bare name of a library would be a file of the current folder.
  const bare = name === "ffi" && !/^"?(\/|[A-Z]:)/.test(what);
  const flag = what === "" || what.startsWith("<") || bare
    ? `--allow-${name}`
    : `--allow-${name}=${what.replaceAll('"', "")}`;
  return `Cannot continue without ${name} access${
    what === "" ? "" : ` to ${what}`
  }, needed ${use}: ` +
    `add ${flag} to deno run, or -A for everything`;
}

/**
 * Writes all of a text. When the reader has left (`| head`), the terminal is gone, or the disk is
 * full, the rest is dropped, and the command goes on to write its files.
 *
 * @param lost is told why, unless it is the reader who has left.
 */
function writerTo(
  stream: { writeSync(bytes: Uint8Array): number },
  lost: (why: string) => void = () => {},
): (text: string) => void {
  const encoder = new TextEncoder();
  let open = true;
  return (text) => {
    let bytes = encoder.encode(text);
    while (open && bytes.length > 0) {
      try {
        bytes = bytes.subarray(stream.writeSync(bytes));
      } catch (error) {
        if (error instanceof Deno.errors.WouldBlock) {
          // Another program made the shared pipe non-blocking, and it is full.
          Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 1);
          continue;
        }
        open = false;
        const { message } = error as Error;
        if (!(error instanceof Deno.errors.BrokenPipe) && !TERMINAL_GONE.test(message)) {
          lost(message);
        }
      }
    }
  };
}

/** EIO and ENXIO: what a terminal that was closed answers. */
const TERMINAL_GONE = /\(os error [56]\)/;

function terminalSize(): { readonly columns: number; readonly rows: number } {
  try {
    // A pseudo-terminal without a size reports 0.
    const { columns, rows } = Deno.consoleSize();
    return { columns: columns || 80, rows: rows || 24 };
  } catch {
    return { columns: 80, rows: 24 };
  }
}

/** Whether the terminal cannot move its cursor; false where the environment may not be read. */
function terminalIsDumb(): boolean {
  const { state } = Deno.permissions.querySync({ name: "env", variable: "TERM" });
  return state === "granted" && Deno.env.get("TERM") === "dumb";
}

function listenToSignals(listener: (signal: Deno.Signal) => void): () => void {
  // Windows has no SIGTERM to listen to.
  const signals: readonly Deno.Signal[] = Deno.build.os === "windows"
    ? ["SIGINT"]
    : ["SIGINT", "SIGTERM", "SIGHUP"];
  const deaf = Deno.build.os === "linux" && hangupIsIgnored();
  const handlers = signals.map((signal) => {
    // Under `nohup` it must be heard all the same: Deno ends by it where nobody listens.
    const handler = signal === "SIGHUP" && deaf ? () => {} : () => listener(signal);
    Deno.addSignalListener(signal, handler);
    return () => Deno.removeSignalListener(signal, handler);
  });
  return () => {
    for (const remove of handlers) remove();
  };
}

/** Whether this process was started to ignore SIGHUP; false where Deno may not read that. */
function hangupIsIgnored(): boolean {
  // The file needs all permissions, and Deno would ask for them in a terminal.
  const all = (["run", "env", "sys", "ffi", "read", "write", "net"] as const).every((name) =>
    Deno.permissions.querySync({ name }).state === "granted"
  );
  try {
    const status = all ? Deno.readTextFileSync("/proc/self/status") : "";
    return (parseInt(/^SigIgn:\s*([\da-f]+)$/m.exec(status)?.[1]?.slice(-1) ?? "0", 16) & 1) === 1;
  } catch {
    return false;
  }
}

// It is true in a worker as well, which starts from this file where all is bundled into one.
if (import.meta.main) await holdWorkers(WORKERS);
if (import.meta.main && !("DedicatedWorkerGlobalScope" in globalThis)) {
  // Deno's own code for an unhandled rejection is 1, which means failed requests here.
  globalThis.addEventListener("unhandledrejection", (event) => {
    event.preventDefault();
    Deno.exit(explain(event.reason, PROCESS));
  });
  globalThis.addEventListener("error", (event) => {
    event.preventDefault();
    Deno.exit(explain(event.error, PROCESS));
  });
  const code = await main(Deno.args);
  if (lostOutput !== undefined) {
    PROCESS.stderr(`error: Cannot write the output: ${lostOutput}\n`);
    Deno.exit(code || EXIT.usage);
  }
  Deno.exit(code);
}
