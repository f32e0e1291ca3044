/**
 * What the two api_bench_tools scripts have in common: backends with the scripts' own request
 * parameters, prompts, keys of the environment, and one line of CSV.
 * T-numbers: docs/python-scripts.md.
 *
 * @module
 */
import { defined } from "../backends/defined.ts";
import { findProtocol } from "../backends/protocols.ts";
import type { BenchPlan } from "./bench_plan.ts";
import type { CommandTable, Host, ValuesOf } from "./command.ts";
import type { Load, Stop } from "./load.ts";
import { measureChosen } from "./run_chosen_server.ts";
import type { API_BENCH_OPTIONS, BASE_URL, SCRIPT_RUN_OPTIONS } from "./script_options.ts";
import {
  backendValues,
  planScript,
  readVariables,
  runScript,
  type ScriptRun,
  tokenizerIn,
} from "./script_run.ts";
import { backendOf, DEFAULT_BACKEND, findBackend, type ScriptBackend } from "./script_target.ts";
import { UserError } from "./user_error.ts";

/** Values of both commands. */
type ApiBenchValues =
  & ValuesOf<typeof API_BENCH_OPTIONS & typeof SCRIPT_RUN_OPTIONS & { baseUrl: typeof BASE_URL }>
  & { readonly numTurns?: number };

/** What differs between the two. */
interface ApiBenchScript {
  readonly plan: (backend: string, url: string) => Promise<BenchPlan>;
  readonly columns: readonly string[];
  readonly row: (ran: ScriptRun) => readonly string[];
  /** The row as the script would have counted the same answers. */
  readonly scriptRow: (ran: ScriptRun, backend: ScriptBackend) => readonly string[];
}

/** Measures the chosen server and prints the scripts' two lines; returns the exit code. */
export async function measureApiBench(
  values: ApiBenchValues & { readonly scriptNumbers: boolean },
  host: Host,
  script: ApiBenchScript,
): Promise<number> {
  const place = { address: values.baseUrl, shown: "<base-url>" };
  return await measureChosen(values, host, place, async ({ url, launched }) => {
    const backend = values.backend ??
      (launched === undefined ? DEFAULT_BACKEND : backendOf(launched.engine));
    const plan = await script.plan(backend, url);
    return {
      plan,
      run: async (watched) => {
        const ran = await runScript(plan, watched, values);
        watched.print(`CSV header output:${script.columns.join(",")}`);
        watched.print(`CSV format output:${script.row(ran).join(",")}`);
        if (values.scriptNumbers) {
          const row = script.scriptRow(ran, findBackend(backend));
          watched.print(`As the script counts:${row.join(",")}`);
        }
        return ran.exitCode;
      },
    };
  });
}

/** The plan of one load. @throws {UserError} as `planRun`. */
export async function planApiBench(
  command: CommandTable,
  values: ApiBenchValues & { readonly scriptNumbers: boolean },
  { backend: name, url, sampler, load, stop }: {
    readonly backend: string;
    readonly url: string;
    readonly sampler: "api-bench-tools" | "request-rate";
    readonly load: Load;
    readonly stop: Stop;
  },
): Promise<BenchPlan> {
  const { bestOf, extraBody, datasetPath, sharegptOutputLen: outputTokens } = values;
  if (values.useBeamSearch) {
    throw new UserError(
      "Cannot use --use-beam-search: a beam is not one stream of tokens, and the script refuses " +
        "it as well; leave it out",
    );
  }
  const backend = findBackend(name);
  if (bestOf !== 1 && backend.name !== "vllm") {
    throw new UserError(
      `Cannot use --best-of ${bestOf} with --backend ${backend.name}: only vllm is sent it`,
    );
  }
  const forced = values.length !== "cap" && findProtocol(backend.protocol).forcesLength;
  const xiaomi = values.dataset === "xiaomi";
  if (xiaomi && datasetPath === undefined) {
    throw new UserError("Cannot use --dataset xiaomi without a file: add --dataset-path FILE");
  }
  const tokenizer = values.tokenizer ?? await tokenizerIn(values.model) ??
    await tokenizerIn(values.modelPath);
  // The header shows the backend that was asked.
  return await planScript(command, { ...values, backend: name }, {
    url,
    values: {
      ...backendValues(backend, { bestOf, extraBody }),
      dataset: xiaomi ? "jsonl" : datasetPath === undefined ? "sample" : "sharegpt",
      ...(xiaomi ? { order: "api-bench-tools" } : { sampler }),
      prompts: values.numRequests,
      ...defined({
        outputTokens,
        systemPromptFile: values.systemPromptPath,
        apiKey: values.apiKey ?? await keyOf(backend),
        tokenizer,
      }),
    },
    // The scripts involve no tokenizer in output; a forced length can tell whether it is right.
    plan: { loads: [load], stops: [stop], countText: forced, eventTicks: values.scriptNumbers },
  });
}

/** The script's own variable for the key; without one no header is sent (T38). */
async function keyOf({ keyVariable }: ScriptBackend): Promise<string | undefined> {
  if (keyVariable === undefined) return undefined;
  return (await readVariables([keyVariable]))[keyVariable];
}
