/**
 * What LMDeploy's two server scripts have in common: arguments, options and their block of numbers.
 *
 * @module
 */
import {
  RESTFUL_LAYOUTS,
  restfulNumbers,
  restfulScriptNumbers,
} from "../metrics/script_restful_numbers.ts";
import { restfulBlock, restfulRow } from "../metrics/script_serving_report.ts";
import { REQUEST_OPTIONS } from "./bench_options_request.ts";
import { TARGET_OPTIONS } from "./bench_options_server.ts";
import type { CommandTable, Host, ValuesOf } from "./command.ts";
import { option } from "./option_table.ts";
import { measureChosen } from "./run_chosen_server.ts";
import {
  csvOptions,
  layoutOption,
  queueOptions,
  SAMPLE_OPTIONS,
  scriptNumbersOption,
} from "./script_options.ts";
import { measureQueue, planQueue, type QueueValues } from "./script_queue.ts";
import { scriptPromptTokens } from "./script_run.ts";
import { LAUNCH_OPTIONS } from "./server_launch_options.ts";

/** Defaults and texts in which the two scripts differ. */
interface RestfulDefaults {
  readonly address: string;
  readonly users: number;
  readonly prompts: number;
  readonly csv: string;
  /** What distinguishes the script's own numbers. */
  readonly label: string;
  readonly streamHelp: string;
}

/** Both scripts' arguments and options. */
export function restfulOptions({ address, csv, label, streamHelp, ...queue }: RestfulDefaults) {
  return {
    serverAddr: option.optionalArgument({
      help: `the server's address, e.g. ${address}`,
      unless: "launch",
    }),
    tokenizerPath: option.argument({
      help: "folder with tokenizer.json or tokenizer.model, or such a file",
    }),
    dataset: option.argument({ help: "a JSON file in ShareGPT's format" }),
    ...queueOptions(queue),
    topP: option.number({ ...REQUEST_OPTIONS.topP, default: 1 }),
    temperature: option.number({ ...REQUEST_OPTIONS.temperature, default: 1 }),
    ...SAMPLE_OPTIONS,
    ...csvOptions(csv),
    csvLayout: layoutOption(RESTFUL_LAYOUTS, "v0.1.0"),
    length: REQUEST_OPTIONS.length,
    model: TARGET_OPTIONS.model,
    ...LAUNCH_OPTIONS,
    streamOutput: option.flag({ default: false, help: streamHelp, group: "Request" }),
    scriptNumbers: scriptNumbersOption(true, label),
  };
}

/** What differs in running the two. */
interface RestfulScriptOptions {
  /** Protocol of the script; a launched engine that does not speak it is asked in its own. */
  readonly protocol: string;
  /** Whether the answers are streamed. */
  readonly stream: boolean;
  readonly completion: "requested" | "counted";
  /** Fields of the script's body in that protocol. */
  readonly extraBody: Readonly<Record<string, unknown>>;
  readonly label: string;
}

type RestfulTable = ReturnType<typeof restfulOptions>;
type RestfulValues =
  & ValuesOf<RestfulTable>
  & QueueValues<ValuesOf<RestfulTable>["csvLayout"]>;

/** Measures, prints the block or both blocks, writes the CSV; returns the exit code. */
export async function runRestful(
  command: CommandTable,
  values: RestfulValues,
  host: Host,
  script: RestfulScriptOptions,
): Promise<number> {
  const { concurrency, streamOutput: streaming, csvLayout: layout } = values;
  const setup = { concurrency, streaming };
  const place = { address: values.serverAddr, shown: "<server-addr>" };
  return await measureChosen(values, host, place, async ({ url, launched }) => {
    const protocol = launched?.engine.protocol ?? script.protocol;
    const scripted = protocol === script.protocol;
    if (!scripted) {
      host.note(
        `${launched?.engine.name} is asked in its own protocol, ${protocol}; the script speaks ` +
          script.protocol,
      );
    }
    const plan = await planQueue(command, values, {
      url,
      host,
      decided: {
        protocol,
        stream: script.stream,
        tokenizer: values.tokenizerPath,
        extraBody: { ...scripted ? script.extraBody : {}, ...values.extraBody },
      },
    });
    return {
      plan,
      run: (watched) =>
        measureQueue(plan, values, watched, {
          ours: ({ records, durationMs }) => restfulNumbers(records, durationMs),
          theirs: (ran, asked) =>
            restfulScriptNumbers(ran.records, {
              durationMs: ran.durationMs,
              asked,
              completion: script.completion,
              promptTokens: scriptPromptTokens(ran),
            }),
          block: (numbers) => restfulBlock(numbers, setup),
          row: (numbers, prompts) => restfulRow(numbers, { ...setup, prompts }, { layout }),
          label: script.label,
        }),
    };
  });
}
