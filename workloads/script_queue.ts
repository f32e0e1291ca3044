/**
 * What LMDeploy's scripts with a ShareGPT file have in common: free users take their next prompt from
 * one queue, and a block of numbers is printed and written to a CSV.
 * T-numbers: docs/python-scripts.md.
 *
 * @module
 */
import type { RequestRecord } from "../backends/record.ts";
import { plural } from "../metrics/format.ts";
import type { BenchPlan } from "./bench_plan.ts";
import type { CommandTable, Host, Values } from "./command.ts";
import { csvPath } from "./record_outputs.ts";
import { writeScriptCsv } from "./script_csv.ts";
import type { SharedValues } from "./script_options.ts";
import { type DecidedValues, planScript, runScript, type ScriptRun } from "./script_run.ts";

/** Values of such a command. */
export type QueueValues<L> = Values & Partial<Omit<SharedValues, "stream">> & {
  readonly concurrency: number;
  readonly numPrompts: number;
  /** The ShareGPT file. */
  readonly dataset: string;
  readonly sampler: string;
  readonly warmup: number;
  readonly csv: string;
  readonly noCsv?: boolean | undefined;
  readonly csvLayout: L;
  readonly scriptNumbers: boolean;
  readonly out?: string | undefined;
  readonly maxFailures: number;
};

/** Plans the one load. Users beyond the number of prompts crashed the script (T27). */
export async function planQueue<L>(
  command: CommandTable,
  values: QueueValues<L>,
  { url, decided, host }: {
    readonly url: string;
    readonly decided: DecidedValues;
    readonly host: Host;
  },
): Promise<BenchPlan> {
  const { numPrompts, concurrency, dataset, sampler } = values;
  const users = Math.min(concurrency, numPrompts);
  if (users < concurrency) {
    host.note(
      `Using ${plural(users, "user")} instead of ${concurrency}: there are no more prompts`,
    );
  }
  return await planScript(command, values, {
    url,
    values: {
      dataset: "sharegpt",
      datasetPath: dataset,
      sampler,
      prompts: numPrompts,
      ...decided,
    },
    plan: {
      loads: [{ kind: "closed", users, rampUpMs: 0, sequence: "shared" }],
      // Too few prompts in the file are reported on stderr, and none is sent twice (T28).
      stops: [{ requests: numPrompts, once: true }],
    },
  });
}

/** How a script computes and prints its numbers. */
interface QueueScript<N> {
  readonly ours: (ran: ScriptRun) => N;
  /** As the script computes them; `asked` is the number of prompts that it had. */
  readonly theirs: (ran: ScriptRun, asked: number) => N;
  readonly block: (numbers: N, digits?: number) => string;
  readonly row: (numbers: N, prompts: number, digits?: number) => {
    readonly header: readonly string[];
    readonly row: readonly string[];
  };
  /** Decimals of the script's own numbers; absent = as ours. */
  readonly digits?: number;
  /** What distinguishes the script's own numbers. */
  readonly label: string;
}

/** Measures, prints one block or both, writes the CSV; returns the exit code. */
export async function measureQueue<N, L>(
  plan: BenchPlan,
  values: QueueValues<L>,
  host: Host,
  script: QueueScript<N>,
): Promise<number> {
  const { label, digits } = script;
  const ran = await runScript(plan, host, values);
  const ours = script.ours(ran);
  // Each prompt is sent once, so a small file limits both; an interrupt limits what was sent.
  const asked = Math.min(values.numPrompts, ran.prompts.size);
  const sent = ran.records.filter(({ sentMs }) => sentMs !== undefined).length;
  const theirs = script.theirs(ran, asked);
  host.print(script.block(ours));
  const shortfall = lengthMismatch(ran.records);
  if (shortfall !== undefined) host.note(shortfall);
  if (values.scriptNumbers) {
    host.print(`As the script computes it (${label}):`);
    host.print(script.block(theirs, digits));
  }
  const csv = csvPath(values);
  if (csv !== undefined) {
    const { header, row } = script.row(ours, sent);
    await writeScriptCsv(csv, {
      header,
      rows: [row],
      scriptRows: values.scriptNumbers ? [script.row(theirs, asked, digits).row] : undefined,
    });
    host.note(`CSV: ${csv}`);
  }
  return ran.exitCode;
}

/** The scripts' warning, which could never be printed there (T3); over all answers that ended. */
export function lengthMismatch(records: readonly RequestRecord[]): string | undefined {
  // A forced length that was missed is a failure, and what the warning is about.
  const completed = records.filter(({ outcome: { kind } }) =>
    kind === "ok" || kind === "wrong_length"
  );
  const differing = completed.filter(({ requestedTokens, outputTokens }) =>
    outputTokens?.tokens !== requestedTokens
  );
  if (differing.length === 0) return undefined;
  const sum = (numbers: readonly number[]) => numbers.reduce((total, one) => total + one, 0);
  const asked = sum(completed.map(({ requestedTokens }) => requestedTokens));
  const got = sum(completed.map(({ outputTokens }) => outputTokens?.tokens ?? 0));
  return `WARNING: Did not generate requested number of tokens. Request ${asked}, but got ${got} ` +
    `(${differing.length} of ${plural(completed.length, "answer")})`;
}
