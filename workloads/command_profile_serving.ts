/**
 * `tokometer profile-serving`: LMDeploy's `profile_serving` of v0.1, TurboMind behind Triton.
 *
 * @module
 */
import { benchOption, SCRIPT_RUN_OPTIONS, scriptNumbersOption } from "./script_options.ts";
import { restfulOptions, restfulPositionals, runRestful } from "./script_restful.ts";
import type { Command, Host, Values } from "./command.ts";

const DIFFERENCES = "rates over all requests asked for, prompt tokens by the script's tokenizer";

/** The scenario `profile-serving`. */
export const profileServing: Command = {
  name: "profile-serving",
  summary: "TurboMind behind Triton with ShareGPT prompts (profile_serving)",
  description: "What LMDeploy's profile_serving does: the prompts, users, block and CSV of " +
    "profile-restful-api, over gRPC to Triton Inference Server with LMDeploy's TurboMind models.\n\n" +
    "The server tokenizes each prompt before the timed call and no text is fetched during it; the " +
    "script times both, and a new connection, with the first token. The served model's chat " +
    "template is not applied.",
  positionals: restfulPositionals("127.0.0.1:33337"),
  options: [
    ...restfulOptions({ concurrency: 32, prompts: 1000, csv: "./profile_tis.csv" }),
    benchOption("top-k", { default: 1 }),
    {
      name: "stream-output",
      kind: "flag",
      default: false,
      help: "Report first-token latencies. The calls stream in any case; the default is that of " +
        "the script's document, its code has true.",
      group: "Request",
    },
    benchOption("timeout", { advanced: true }),
    benchOption("ca-cert"),
    ...SCRIPT_RUN_OPTIONS,
    scriptNumbersOption(true, DIFFERENCES),
  ],
  examples: [
    {
      line: "tokometer profile-serving 127.0.0.1:33337 ./internlm-7b/triton_models/tokenizer " +
        "./ShareGPT_V3_unfiltered_cleaned_split.json --stream_output",
      does: "a thousand prompts from 32 users",
    },
  ],
  run: runProfile,
};

async function runProfile(values: Values, host: Host): Promise<number> {
  return await runRestful(profileServing, values, host, {
    protocol: "triton-turbomind",
    streaming: values["stream-output"] === true,
    stream: true,
    completion: "counted",
    extraBody: {},
    label: DIFFERENCES,
  });
}
