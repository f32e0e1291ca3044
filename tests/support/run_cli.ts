/**
 * Runs the whole program inside this process, with no terminal.
 *
 * @module
 */
import { main, type Outside } from "../../cli.ts";

/** What a command line came to. */
export interface Ran {
  readonly code: number;
  readonly out: string;
  readonly err: string;
}

/** Runs one command line. */
export async function runCli(
  argv: readonly string[],
  overrides: Partial<Outside> = {},
): Promise<Ran> {
  let out = "";
  let err = "";
  const code = await main(argv, {
    stdout: (text) => void (out += text),
    stderr: (text) => void (err += text),
    stdoutIsTerminal: false,
    stderrIsTerminal: false,
    noColor: true,
    columns: () => 100,
    onSignal: () => () => {},
    ...overrides,
  });
  return { code, out, err };
}

/** A new folder for as long as `use` takes. */
export async function inTempFolder<T>(use: (folder: string) => Promise<T>): Promise<T> {
  const folder = await Deno.makeTempDir({ prefix: "tokometer-test-" });
  try {
    return await use(folder);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}
