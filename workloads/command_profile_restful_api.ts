/**
 * `tokometer profile-restful-api`: LMDeploy's `profile_restful_api` of v0.1.
 *
 * @module
 */
import { type Command, defineCommand } from "./command.ts";
import { SCRIPT_RUN_OPTIONS, SCRIPT_SERVER_OPTIONS } from "./script_options.ts";
import { restfulOptions, runRestful } from "./script_restful.ts";

/** Fields of the script's body that our protocol does not send by itself. */
const BODY: Readonly<Record<string, unknown>> = {
  n: 1,
  presence_penalty: 0,
  frequency_penalty: 0,
  repetition_penalty: 1,
};

const LABEL = "first token = first object of any kind, completion = length asked for, rates over " +
  "all requests asked for";

const OPTIONS = {
  ...restfulOptions({
    address: "http://127.0.0.1:23333",
    users: 64,
    prompts: 2000,
    csv: "./profile_api_server.csv",
    label: LABEL,
    streamHelp: "Stream the answers; without it there is no first-token latency.",
  }),
  ...SCRIPT_SERVER_OPTIONS,
  ...SCRIPT_RUN_OPTIONS,
};

export const command: Command = defineCommand({
  name: "profile-restful-api",
  description:
    "What LMDeploy's profile_restful_api does: samples prompts from a ShareGPT file with the " +
    "script's own generator and filters, sends each as a plain string, without chat template, to " +
    "/v1/chat/completions with the reference answer's length forced, from N users that share one " +
    "queue, and prints the script's block of numbers.\n\n" +
    "Our numbers come first: completed requests, tokens that came, the first event with a token. " +
    "The script's own follow, labeled; its CSV has them in a second file, FILE_script.csv.",
  options: OPTIONS,
  examples: {
    "tokometer profile-restful-api http://127.0.0.1:23333 ./internlm-7b ./ShareGPT_V3_unfiltered_cleaned_split.json --concurrency 32 --num_prompts 1000 --stream_output":
      "a thousand streamed answers",
  },
  run: async (values, host) => {
    const { serverAddr: address, streamOutput: stream } = values;
    if (address !== undefined && !/^https?:\/\//.test(address)) {
      host.note(
        `[WARNING] server_addr of the api_server should start with "http://", but got "${address}"`,
      );
    }
    return await runRestful({ name: "profile-restful-api", options: OPTIONS }, values, host, {
      protocol: "lmdeploy-chat",
      stream,
      completion: "requested",
      extraBody: BODY,
      label: LABEL,
    });
  },
});
