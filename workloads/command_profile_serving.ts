/**
 * `tokometer profile-serving`: LMDeploy's `profile_serving` of v0.1, TurboMind behind Triton.
 *
 * @module
 */
import { REQUEST_OPTIONS } from "./bench_options_request.ts";
import { TARGET_OPTIONS } from "./bench_options_server.ts";
import { type Command, defineCommand } from "./command.ts";
import { option } from "./option_table.ts";
import { SCRIPT_RUN_OPTIONS } from "./script_options.ts";
import { restfulOptions, runRestful } from "./script_restful.ts";

const LABEL = "rates over all requests asked for, prompt tokens by the script's tokenizer";

const OPTIONS = {
  ...restfulOptions({
    address: "127.0.0.1:33337",
    users: 32,
    prompts: 1000,
    csv: "./profile_tis.csv",
    label: LABEL,
    streamHelp:
      "Report first-token latencies. The calls stream in any case; the default is that of " +
      "the script's document, its code has true.",
  }),
  topK: option.integer({ ...REQUEST_OPTIONS.topK, default: 1 }),
  timeout: { ...TARGET_OPTIONS.timeout, advanced: true },
  wait: { ...TARGET_OPTIONS.wait, advanced: true },
  caCert: TARGET_OPTIONS.caCert,
  ...SCRIPT_RUN_OPTIONS,
};

export const command: Command = defineCommand({
  name: "profile-serving",
  description: "What LMDeploy's profile_serving does: the prompts, users, block and CSV of " +
    "profile-restful-api, over gRPC to Triton Inference Server with LMDeploy's TurboMind models.\n\n" +
    "The server tokenizes each prompt before the timed call and no text is fetched during it; the " +
    "script times both, and a new connection, with the first token. The served model's chat " +
    "template is not applied.",
  options: OPTIONS,
  examples: {
    "tokometer profile-serving 127.0.0.1:33337 ./internlm-7b/triton_models/tokenizer ./ShareGPT_V3_unfiltered_cleaned_split.json --stream_output":
      "a thousand prompts from 32 users",
  },
  run: (values, host) =>
    runRestful({ name: "profile-serving", options: OPTIONS }, values, host, {
      protocol: "triton-turbomind",
      stream: true,
      completion: "counted",
      extraBody: {},
      label: LABEL,
    }),
});
