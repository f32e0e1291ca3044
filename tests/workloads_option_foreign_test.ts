import { assertEquals, assertStringIncludes, assertThrows } from "@std/assert";
import { findCommand } from "../workloads/commands.ts";
import { parseOptions } from "../workloads/option_parse.ts";
import { listOptions } from "../workloads/option_table.ts";
import { UserError } from "../workloads/user_error.ts";

/** How people start other benchmarks, and what they are told. */
const FOREIGN: readonly (readonly [line: string, says: readonly string[]])[] = [
  ["--max-concurrency 4", ["--max-concurrency is --concurrency N"]],
  ["--max_concurrency=4", ["--max_concurrency is --concurrency N"]],
  [
    "--dataset-name random --random-input-len 64 --random-output-len 8 --max-concurrency 2",
    [
      "--dataset-name is --dataset NAME (random is synthetic here",
      "--random-input-len is --input-tokens N (with --dataset synthetic) here",
      "--random-output-len is --output-tokens N here",
      "--max-concurrency is --concurrency N",
    ],
  ],
  ["--metric-percentiles 99", ["--percentiles P,P"]],
  ["--percentile-metrics ttft,tpot", ["--percentiles"]],
  ["--base-url http://127.0.0.1:1", ["--base-url is <url>, the first argument here"]],
  ["--goodput ttft:500", ["--slo ttft:MS"]],
  ["--save-result --result-dir x", ["--out DIR"]],
  ["--ready-check-timeout-sec 9", ["--wait SECONDS"]],
  ["--extra-request-body {}", ["--extra-body JSON"]],
  ["--disable-stream", ["--no-stream"]],
  ["--disable-ignore-eos", ["--length cap"]],
  ["--synthetic-input-tokens-mean 100 --request-count 5", ["--input-tokens N", "--requests N"]],
  ["--endpoint-type chat --streaming", ["--protocol NAME", "--stream (the default)"]],
  ["--target http://h --max-seconds 5 --rate-type sweep", ["<url>", "--duration", "--rate R"]],
  ["--mean-input-tokens 5 --num-concurrent-requests 3", ["--input-tokens N", "--concurrency N"]],
  ["--parallel 3 --number 5", ["--concurrency N", "--requests N"]],
  ["--num-predict 5", ["--output-tokens N"]],
  ["--backend vllm", ["for vllm it is openai-completions, or openai-chat"]],
  ["--backend sglang-oai-chat", ["it is openai-chat"]],
  ["--backend trt", ["it is triton-trtllm"]],
  ["--dataset random", ["for random it is synthetic"]],
];

const bench = await findCommand("bench").load();

Deno.test("options of other benchmarks are answered with ours", () => {
  for (const [line, says] of FOREIGN) {
    const { message } = assertThrows(
      () => parseOptions(bench, ["http://h", ...line.split(" ")]),
      UserError,
    );
    for (const part of says) assertStringIncludes(message, part);
  }
});

Deno.test("each name of ours that is suggested exists", () => {
  const names = new Set(listOptions(bench.options).map(({ name }) => name));
  for (const [line] of FOREIGN) {
    const { message } = assertThrows(
      () => parseOptions(bench, ["http://h", ...line.split(" ")]),
      UserError,
    );
    for (const [, name] of message.matchAll(/ (?:is|it is) --(?:no-)?([\w-]+)/g)) {
      if (name !== "quiet") assertEquals(names.has(name!), true, name);
    }
  }
});

Deno.test("--request-rate inf is a rate", () => {
  assertEquals(parseOptions(bench, ["http://h", "--request-rate", "inf"]).rate, [Infinity]);
});
