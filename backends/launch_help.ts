/**
 * Asks an engine which options it knows, since every version knows others.
 *
 * @module
 */
import { type Clock, onAbort, systemClock } from "./clock.ts";
import { startServer } from "./launch.ts";
import type { KnowsOption } from "./launch_command.ts";
import type { LaunchEngine } from "./launch_engines.ts";

/** Importing a large engine on a slow disk may take a minute. */
const HELP_LIMIT_MS = 120_000;
/** Far more than any engine prints. */
const MOST_BYTES = 4 * 2 ** 20;
/** Descriptions stand further right. */
const OPTION_LINE = /^ {0,8}-/;
const OPTION = /(?<![\w=-])--?[A-Za-z][\w.-]*/g;

/** Options of {@linkcode askKnownOptions}. */
export interface AskOptionsOptions {
  /** Ends the question early. */
  readonly signal?: AbortSignal;
  /** For one question. Default 120 s. */
  readonly limitMs?: number;
  readonly clock?: Clock;
}

/**
 * Runs the engine's program for its list of options, and says what it knows; `undefined` when it gives
 * no such list in time, or one without the port, which cannot be complete.
 *
 * @param executable the program that would be started.
 * @throws {Deno.errors.NotFound} when there is no such program.
 * @throws {Deno.errors.PermissionDenied} when it may not be run.
 */
export async function askKnownOptions(
  { help = [], options }: LaunchEngine,
  executable: string,
  asking: AskOptionsOptions = {},
): Promise<KnowsOption | undefined> {
  for (const args of help) {
    if (asking.signal?.aborted) return undefined;
    const { ended, text } = await helpText(executable, args, asking);
    // A program that takes its time, or a script that starts the engine whatever it is told.
    if (!ended) return undefined;
    if (text === undefined) continue;
    const knows = knownOptions(text);
    if (options.port === undefined || knows(options.port)) return knows;
  }
  return undefined;
}

/**
 * What a text of help lists, as argparse, llama.cpp and others write it. The beginning of a name counts
 * as known, and so does `_` in place of `-`: parsers accept them.
 */
export function knownOptions(help: string): KnowsOption {
  const known = new Set<string>();
  for (const line of help.split("\n")) {
    // Options that a description speaks of may be those that are gone.
    const parts = OPTION_LINE.test(line) ? [line] : line.match(/\[-[^\]]*\]?/g) ?? [];
    for (const part of parts) {
      for (const [name] of part.matchAll(OPTION)) known.add(spelled(name));
    }
  }
  return (name) => {
    const asked = spelled(name);
    return known.has(asked) ||
      (asked.startsWith("--") && [...known].some((each) => each.startsWith(asked)));
  };
}

function spelled(name: string): string {
  return name.replace(/[.-]+$/, "").replaceAll("_", "-");
}

/** Whether it ended by itself, and what it printed where it did so well. */
async function helpText(
  command: string,
  args: readonly string[],
  { signal, limitMs = HELP_LIMIT_MS, clock = systemClock }: AskOptionsOptions,
): Promise<{ readonly ended: boolean; readonly text?: string }> {
  const logPath = await Deno.makeTempFile({ prefix: "tokometer-help-" });
  try {
    const asked = await startServer({ command, args }, { logPath, graceMs: 0, clock });
    const over = new AbortController();
    const ignore = signal && onAbort(signal, () => over.abort());
    try {
      const end = await Promise.race([
        asked.ended,
        clock.sleepUntil(clock.now() + limitMs, over.signal).then(() => undefined, () => undefined),
      ]);
      if (end?.code !== 0) return { ended: end !== undefined };
    } finally {
      ignore?.();
      over.abort();
      await asked.stop();
    }
    return { ended: true, text: await readStart(logPath) };
  } finally {
    await Deno.remove(logPath).catch(() => {});
  }
}

async function readStart(path: string): Promise<string> {
  using file = await Deno.open(path);
  const { size } = await file.stat();
  const bytes = new Uint8Array(Math.min(size, MOST_BYTES));
  let length = 0;
  for (;;) {
    const read = await file.read(bytes.subarray(length));
    if (!read) return new TextDecoder().decode(bytes.subarray(0, length));
    length += read;
  }
}
