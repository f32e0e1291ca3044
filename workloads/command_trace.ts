/**
 * `tokometer trace`: what a recording holds, without sending anything.
 *
 * @module
 */
import { systemClock } from "../backends/clock.ts";
import { tracePage } from "../metrics/html_trace.ts";
import { jsonText } from "../metrics/report_json.ts";
import { traceTable } from "../metrics/report_trace_table.ts";
import type { TraceSummary } from "../metrics/summary_trace.ts";
import { type Command, defineCommand, type Host, type ValuesOf } from "./command.ts";
import { readIdleCap, TRACE_OPTIONS } from "./dataset_trace.ts";
import { option, withNeeds } from "./option_table.ts";
import { traceWithin } from "./session_limit.ts";
import { describeTrace } from "./trace_description.ts";
import { exampleText, SESSION_EXAMPLES } from "./trace_examples.ts";
import { SESSION_SCHEMA } from "./trace_sessions.ts";
import { readTrace, TRACE_FORMATS } from "./traces.ts";
import { EXIT, fileError, UserError } from "./user_error.ts";

const FORMATS = ["table", "json", "html"] as const;
/** Reading that takes no longer shows no progress line. */
const QUIET_READING_MS = 1000;

const OPTIONS = {
  path: option.optionalArgument({
    help: "a recording, a folder of recorded sessions, or a file of written sessions",
  }),
  ...withNeeds({
    traceFormat: TRACE_OPTIONS.traceFormat,
    maxContext: TRACE_OPTIONS.maxContext,
    speedup: option.number({
      value: "FACTOR",
      min: 0.001,
      max: 1e6,
      default: 1,
      help: "How much faster than recorded a schedule would be replayed.",
    }),
    concurrency: option.integers({
      value: "N[,N…]",
      default: [1, 8, 64],
      min: 1,
      max: 100_000,
      aliases: ["c"],
      help: "Sessions at a time for which to say how long a replay takes.",
    }),
    idleCap: TRACE_OPTIONS.idleCap,
    format: option.choice({
      value: "NAME",
      default: "table",
      choices: FORMATS,
      help: "How it is printed.",
    }),
  }, { key: "path", because: "it describes a recording", byHeading: true }),
  out: option.text({
    value: "FILE",
    aliases: ["o"],
    help: "New file instead of standard output.",
  }),
  example: option.choice({
    choices: Object.keys(SESSION_EXAMPLES),
    help:
      "Print sessions to begin with, in the format sessions: a chat with time to think, a tool " +
      "loop, a planner with two helpers that it waits for.",
    needs: [{ key: "path", not: true, because: "it prints sessions of its own" }],
  }),
  schema: option.flag({
    help: "Print the JSON Schema of the format sessions.",
    needs: [
      { key: "path", not: true, because: "it prints the schema" },
      { key: "example", not: true, because: "one of them is printed" },
    ],
  }),
};

export const command: Command = defineCommand({
  name: "trace",
  description:
    "Describes recorded traffic or written sessions without sending anything: sessions, lengths, " +
    "rate over time, what prompts share and how much of it a perfect prefix cache would have, and " +
    "how long a replay takes when the server takes no time. To replay it: tokometer bench URL " +
    "--dataset trace --dataset-path PATH.\n\n" +
    `Formats: ${
      TRACE_FORMATS.map(({ name, description }) => `${name}: ${description}`).join(". ")
    }.`,
  options: OPTIONS,
  examples: {
    "tokometer trace mooncake_trace.jsonl --speedup 20": "a recording, and how long it takes",
    "tokometer trace traces/ --format html --out traces.html": "a folder of sessions as a page",
    "tokometer trace --example planner --out planner.jsonl": "sessions to begin with",
  },
  run: runTrace,
});

async function runTrace(values: ValuesOf<typeof OPTIONS>, host: Host): Promise<number> {
  const { path, example, schema, out } = values;
  if (out !== undefined) await refuseExisting(out);
  if (schema) return await write(`${JSON.stringify(SESSION_SCHEMA, null, 2)}\n`, { out, host });
  if (example !== undefined) return await write(exampleText(example), { out, host });
  if (path === undefined) {
    throw new UserError(
      "Cannot describe nothing: give a recording, or --example chat to begin with sessions of your " +
        "own",
    );
  }
  try {
    const summary = await describe(path, values, host);
    return await write(rendered(summary, values.format, host), { out, host });
  } catch (error) {
    if (host.interrupted.aborted && !(error instanceof UserError)) return EXIT.interrupted;
    throw error;
  }
}

async function describe(
  path: string,
  values: ValuesOf<typeof OPTIONS>,
  host: Host,
): Promise<TraceSummary> {
  const { traceFormat, maxContext, speedup, concurrency, idleCap } = values;
  const idleCapMs = readIdleCap(idleCap);
  const startMs = systemClock.now();
  const read = await readTrace(path, {
    ...(traceFormat === undefined ? {} : { format: traceFormat }),
    signal: host.interrupted,
    onProgress: (done, total) => {
      if (systemClock.now() - startMs < QUIET_READING_MS) return;
      // The first part says whether the line is another one.
      host.progress(`Reading ${path}  ${Math.floor(100 * done / total)} %`);
    },
  });
  host.progress("");
  const trace = traceWithin(read, maxContext);
  if (trace.sessions.length === 0) {
    throw new UserError(`Cannot describe ${path}: --max-context leaves nothing of it`);
  }
  return describeTrace(trace, { speedup, concurrency, idleCapMs });
}

function rendered(
  summary: TraceSummary,
  format: typeof FORMATS[number],
  { color, columns }: Host,
): string {
  switch (format) {
    case "json":
      return `${jsonText(summary)}\n`;
    case "html":
      return tracePage(summary);
    default:
      return traceTable(summary, { color, width: columns });
  }
}

async function refuseExisting(out: string): Promise<void> {
  try {
    await Deno.lstat(out);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return;
    throw fileError(`Cannot write ${out}`, error);
  }
  throw new UserError(`Cannot write ${out}: it exists, choose another --out`);
}

async function write(
  text: string,
  { out, host }: { readonly out: string | undefined; readonly host: Host },
): Promise<number> {
  if (out === undefined) {
    host.print(text.replace(/\n$/, ""), { styled: true });
    return EXIT.ok;
  }
  try {
    await Deno.writeTextFile(out, text, { createNew: true });
  } catch (error) {
    throw fileError(`Cannot write ${out}`, error);
  }
  host.note(`Wrote ${out}`);
  return EXIT.ok;
}
