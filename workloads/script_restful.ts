/**
 * What LMDeploy's two server scripts have in common: the sampler, the queue that free users take
 * their next prompt from, the printed block and the CSV.
 *
 * @module
 */
import type { RequestRecord } from "../backends/record.ts";
import { plural } from "../metrics/format.ts";
import {
  RESTFUL_LAYOUTS,
  type RestfulLayout,
  restfulNumbers,
  restfulScriptNumbers,
} from "../metrics/script_restful_numbers.ts";
import { restfulBlock, restfulRow } from "../metrics/script_restful_report.ts";
import type { BenchPlan } from "./bench_plan.ts";
import { type ChosenServer, measureChosen } from "./run_chosen_server.ts";
import { scriptCsvPath, writeScriptCsv } from "./script_csv.ts";
import { benchOption } from "./script_options.ts";
import { launchOptions } from "./server_launch.ts";
import { planScript, runScript, scriptPromptTokens } from "./script_run.ts";
import type { Command, Host, Option, Positional, Values } from "./command.ts";

/** Both scripts' positionals. */
export function restfulPositionals(address: string): readonly Positional[] {
  return [
    {
      name: "server-addr",
      help: `the server's address, e.g. ${address}`,
      required: true,
      unless: "launch",
    },
    {
      name: "tokenizer-path",
      help: "folder with tokenizer.json or tokenizer.model, or such a file",
      required: true,
    },
    { name: "dataset", help: "a JSON file in ShareGPT's format", required: true },
  ];
}

/** Defaults in which the two scripts differ. */
export interface RestfulDefaults {
  readonly concurrency: number;
  readonly prompts: number;
  readonly csv: string;
}

/** Both scripts' options. */
export function restfulOptions(defaults: RestfulDefaults): readonly Option[] {
  return [
    {
      name: "concurrency",
      kind: "integer",
      value: "N",
      default: defaults.concurrency,
      min: 1,
      help: "Users, each sending the next prompt of the queue when its answer is complete. The " +
        "script advises not to exceed the server's instances or batch size.",
      group: "Load",
    },
    {
      name: "num-prompts",
      kind: "integer",
      value: "N",
      default: defaults.prompts,
      min: 1,
      help: "Prompts to sample; each is sent once.",
      group: "Prompts",
    },
    benchOption("top-p", { default: 1 }),
    benchOption("temperature", { default: 1 }),
    benchOption("seed", { help: "Of the sample of prompts." }),
    {
      name: "sampler",
      kind: "text",
      value: "NAME",
      default: "lmdeploy",
      choices: ["lmdeploy", "lmdeploy-presample", "seeded"],
      help: "The script's sampler up to v0.2.5, the one since v0.2.6, or ours.",
      group: "Prompts",
      advanced: true,
    },
    {
      name: "csv",
      kind: "text",
      value: "FILE",
      default: defaults.csv,
      defaultText: defaults.csv.replace(/^\.\//, ""),
      help: "Where the row goes; a file of that name is replaced, as by the script. --no-csv " +
        "writes none.",
      group: "Report",
    },
    {
      name: "no-csv",
      kind: "flag",
      help: "Write no CSV (the script's empty name).",
      group: "Report",
    },
    {
      name: "csv-layout",
      kind: "text",
      value: "VERSION",
      default: "v0.1.0",
      choices: RESTFUL_LAYOUTS,
      help: "Columns of the release v0.1.0 and later, or of v0.1.0a1.",
      group: "Report",
    },
    benchOption("length"),
    benchOption("model"),
    ...launchOptions(),
  ];
}

/** What differs in running the two. */
export interface RestfulScriptOptions {
  /** What the script speaks; a launched engine that does not is asked in its own way. */
  readonly protocol: string;
  /** Whether first-token latencies are printed. */
  readonly streaming: boolean;
  /** Whether the answers are streamed. */
  readonly stream: boolean;
  readonly completion: "requested" | "counted";
  /** Fields of the script's body in that protocol. */
  readonly extraBody: Readonly<Record<string, unknown>>;
  /** How the script's own numbers come about, for the label. */
  readonly label: string;
}

/** Measures, prints the block or both blocks, writes the CSV; returns the exit code. */
export async function runRestful(
  scenario: Command,
  values: Values,
  host: Host,
  script: RestfulScriptOptions,
): Promise<number> {
  return await measureChosen(values, host, { address: "server-addr" }, async (server) => {
    const plan = await planRestful(scenario, values, { server, host, script });
    return { plan, run: (watched) => measureRestful(plan, values, watched, script) };
  });
}

async function planRestful(
  scenario: Command,
  values: Values,
  { server, host, script }: {
    readonly server: ChosenServer;
    readonly host: Host;
    readonly script: RestfulScriptOptions;
  },
): Promise<BenchPlan> {
  const asked = values["num-prompts"] as number;
  const wanted = values.concurrency as number;
  // More users than prompts crashed the script (T27).
  const users = Math.min(wanted, asked);
  if (users < wanted) {
    host.note(`Using ${plural(users, "user")} instead of ${wanted}: there is a prompt for no more`);
  }
  const protocol = server.launched?.engine.protocol ?? script.protocol;
  const scripted = protocol === script.protocol;
  if (!scripted) {
    host.note(
      `${server.launched?.engine.name} is asked in its own protocol, ${protocol}, where the ` +
        `script speaks ${script.protocol}`,
    );
  }
  return await planScript(scenario, values, {
    values: {
      url: server.url,
      protocol,
      stream: script.stream,
      dataset: "sharegpt",
      "dataset-path": values.dataset,
      tokenizer: values["tokenizer-path"],
      sampler: values.sampler,
      prompts: asked,
      "extra-body": {
        ...scripted ? script.extraBody : {},
        ...values["extra-body"] as object | undefined,
      },
    },
    plan: {
      loads: [{ kind: "closed", users, rampUpMs: 0, sequence: "shared" }],
      stops: [{ requests: asked, once: true }],
    },
  });
}

async function measureRestful(
  plan: BenchPlan,
  values: Values,
  host: Host,
  script: RestfulScriptOptions,
): Promise<number> {
  const asked = values["num-prompts"] as number;
  const wanted = values.concurrency as number;
  const ran = await runScript(plan, host, {
    out: values.out as string | undefined,
    maxFailures: values["max-failures"] as number | undefined,
  });
  const setup = { concurrency: wanted, prompts: asked, streaming: script.streaming };
  const ours = restfulNumbers(ran.records, ran.durationMs);
  const theirs = restfulScriptNumbers(ran.records, {
    durationMs: ran.durationMs,
    asked: Math.min(asked, ran.prompts.size),
    completion: script.completion,
    promptTokens: scriptPromptTokens(ran),
  });
  host.print(restfulBlock(ours, setup));
  const shortfall = lengthMismatch(ran.records);
  if (shortfall !== undefined) host.note(shortfall);
  const both = values["script-numbers"] === true;
  if (both) {
    host.print(`As the script computes it (${script.label}):`);
    host.print(restfulBlock(theirs, setup));
  }
  if (values["no-csv"] !== true) {
    const path = values.csv as string;
    const layout = values["csv-layout"] as RestfulLayout;
    const { header, row } = restfulRow(ours, setup, { layout });
    await writeScriptCsv(path, { header, rows: [row] });
    if (both) {
      const script = restfulRow(theirs, setup, { layout });
      await writeScriptCsv(scriptCsvPath(path), { header, rows: [script.row] });
    }
    host.note(`CSV: ${path}`);
  }
  return ran.exitCode;
}

/** The scripts' warning, which could never be printed there (T3). */
export function lengthMismatch(records: readonly RequestRecord[]): string | undefined {
  const completed = records.filter(({ outcome }) => outcome.kind === "ok");
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
