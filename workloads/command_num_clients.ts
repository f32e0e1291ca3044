/**
 * `tokometer num-clients`: a fixed number of users, as api_bench_tools'
 * `benchmark_serving_num_clients` runs them.
 *
 * @module
 */
import { CLIENTS_COLUMNS, clientsRow } from "../metrics/script_clients_row.ts";
import { type Command, defineCommand } from "./command.ts";
import { measureApiBench } from "./script_api_bench.ts";
import { CLIENTS_OPTIONS, clientsScriptRow, planClients } from "./script_clients.ts";

export const command: Command = defineCommand({
  name: "num-clients",
  description:
    "What benchmark_serving_num_clients does: N users, started over a ramp-up time, each sending " +
    "its next prompt when the last answer is complete, until the stop time or until its prompts " +
    "are used up. Prints the script's two lines, a header and a row of 39 columns.\n\n" +
    "The definitions are right where the script's are not: tokens are counted by the engine's " +
    "counters instead of events, a stream without an end mark or with an error is a failure, the " +
    "stop time counts from the start of the run for all users, and an unknown option is an error. " +
    "As in the script, E2E and TPOT of the row end at the end mark of the stream, not at its last token. " +
    "--script-numbers adds the row as the script would have printed it.",
  options: CLIENTS_OPTIONS,
  examples: {
    "tokometer num-clients --base-url http://127.0.0.1:8000 --num-threads 8 --num-requests 50 --thread-stop-time 60":
      "eight users for a minute on the built-in sample",
    "tokometer num-clients 127.0.0.1:23333 --backend ppl --dataset-path samples_1024.json --tokenizer ./llama-7b-hf --num-clients 100 --stop-time 300 --sequence legacy":
      "PPL's server, with the script's own order of prompts",
  },
  run: (values, host) =>
    measureApiBench(values, host, {
      plan: (backend, url) => planClients(values, { backend, url }),
      columns: CLIENTS_COLUMNS,
      row: ({ records, durationMs }) => clientsRow(records, durationMs),
      scriptRow: clientsScriptRow,
    }),
});
