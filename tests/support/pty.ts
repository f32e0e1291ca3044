/**
 * Runs a program on a pseudo-terminal, where Ctrl-C is a key: `script` of util-linux makes the
 * terminal, and what is written to it is typed.
 *
 * @module
 */

/** A program on its terminal. */
export interface Pty extends AsyncDisposable {
  /** All that the terminal has shown so far. */
  readonly output: string;
  /** Resolves when the output contains `text`. @throws when the program ends without it. */
  waitFor(text: string): Promise<void>;
  type(keys: string): Promise<void>;
  /** Closes the terminal at once, as a window or a lost connection does. */
  kill(): void;
  /** The program's exit code. */
  readonly exitCode: Promise<number>;
}

/** The key. */
export const CTRL_C = "\x03";

/** Whether this machine can make a pseudo-terminal; tests that need one are skipped elsewhere. */
export const HAS_PTY: boolean = hasScript();

function hasScript(): boolean {
  try {
    const { stdout } = new Deno.Command("script", { args: ["--version"] }).outputSync();
    return new TextDecoder().decode(stdout).includes("util-linux");
  } catch {
    return false;
  }
}

/** Starts a program (its path and arguments) on a terminal of its own. */
export function startOnPty(
  command: readonly string[],
  options: { env?: Record<string, string>; cwd?: string } = {},
): Pty {
  const quoted = command.map((word) => `'${word.replaceAll("'", `'\\''`)}'`).join(" ");
  const child = new Deno.Command("script", {
    args: ["--quiet", "--return", "--flush", "--command", `exec ${quoted}`, "/dev/null"],
    stdin: "piped",
    stdout: "piped",
    stderr: "inherit",
    ...options,
  }).spawn();
  const keys = child.stdin.getWriter();
  let output = "";
  let ended = false;
  let wake = Promise.withResolvers<void>();
  const reading = (async () => {
    for await (const text of child.stdout.pipeThrough(new TextDecoderStream())) {
      output += text;
      wake.resolve();
      wake = Promise.withResolvers();
    }
    ended = true;
    wake.resolve();
  })();
  let exited = false;
  const exitCode = child.status.then(({ code }) => {
    exited = true;
    return code;
  });
  return {
    get output(): string {
      return output;
    },
    async waitFor(text: string): Promise<void> {
      while (!output.includes(text)) {
        if (ended) throw new Error(`The program ended without ${JSON.stringify(text)}:\n${output}`);
        await wake.promise;
      }
    },
    async type(text: string): Promise<void> {
      await keys.write(new TextEncoder().encode(text));
    },
    kill: () => child.kill("SIGKILL"),
    exitCode,
    async [Symbol.asyncDispose](): Promise<void> {
      // Typing the end of input does not end a program that does not read; closing the line does.
      if (!exited) child.kill("SIGTERM");
      await keys.close().catch(() => {});
      await reading;
      await exitCode;
    },
  };
}
