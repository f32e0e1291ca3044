import { assertEquals, assertStringIncludes, assertThrows } from "@std/assert";
import { COMMANDS } from "../workloads/commands.ts";
import { readConfigFile } from "../workloads/option_config_file.ts";
import { renderHelp } from "../workloads/option_help.ts";
import { completeValues, parseOptions } from "../workloads/option_parse.ts";
import { repeatableValues } from "../workloads/option_secret.ts";
import { UserError } from "../workloads/user_error.ts";
import { inTempFolder } from "./support/run_cli.ts";

const LOADED = await Promise.all(COMMANDS.map(({ load }) => load()));

function named(name: string) {
  return LOADED.find((command) => command.name === name)!;
}

function refusal(line: string): string {
  const [name, ...argv] = line.split(" ");
  return assertThrows(() => parseOptions(named(name!), argv), UserError, undefined, line).message;
}

Deno.test("an option that would have no effect is refused with the reason", () => {
  const cases: [line: string, message: string][] = [
    ["bench u --burstiness 2", "--burstiness without --rate: only an open loop has it"],
    ["bench u --rate 1 --burstiness 2", "--burstiness without --arrival gamma: other arrivals"],
    ["bench u -c 4 --max-in-flight 9", "--max-in-flight without --rate: only an open loop"],
    ["bench u -c 4 --arrival constant", "--arrival without --rate: only an open loop has it"],
    ["bench u -c 4 --overflow drop", "--overflow without --rate: only an open loop has it"],
    ["bench u --rate 1 --overflow drop", "--overflow without --max-in-flight: without a limit"],
    ["bench u --rate 1 --ramp-up 5", "--ramp-up with --rate: only users (--concurrency) have it"],
    ["bench u --out o --no-save", "--out with --no-save: nothing is kept"],
    ["bench u --save-text --no-save", "--save-text with --no-save: nothing is kept"],
    ["bench u --calibration f --no-calibration", "--calibration with --no-calibration: give one"],
    ["bench u --tp 2", "--tp without --launch: it says how to start a server"],
    ["bench u --launch-port 0", "--launch-port without --launch: it says how"],
    ["probe u --raw --curl", "--raw with --curl: a request that is not sent has no events"],
    ["simulate --ttft 5 --step-ms 2", "--step-ms with --ttft: with --ttft or --itl each stream"],
    ["simulate --itl 5 --prefill-ms 2", "--prefill-ms with --itl: with --ttft or --itl each"],
    ["simulate --ppl-version 1", "--ppl-version without --grpc-port: PPL is served over gRPC"],
    ["calibrate --quick --bound-ms 2", "--bound-ms with --quick: it leaves out the search"],
    ["calibrate --no-save --calibration f", "--calibration with --no-save: nothing is kept"],
    ["serve stop vllm --tp 2", "--tp without <action> start: it says how a server is started"],
    ["num-clients u --save-text", "--save-text without --out: without it nothing is kept"],
    ["sweep --cases f --clients 3", "--clients with --cases: the file lists the users"],
    ["profile-serving a t d --no-csv --csv f", "--csv with --no-csv: give one of them"],
  ];
  for (const [line, message] of cases) assertStringIncludes(refusal(line), `Cannot use ${message}`);
});

Deno.test("defaults need nothing, and a need that is met is no hindrance", () => {
  for (
    const line of [
      "bench u",
      "bench u --rate 1 --max-in-flight 2 --overflow drop",
      "bench --launch vllm --model-path M --tp 2 --launch-port 0",
      "simulate --step-ms 2",
      "serve start vllm --model-path M --tp 2",
    ]
  ) {
    const [name, ...argv] = line.split(" ");
    parseOptions(named(name!), argv);
  }
});

Deno.test("the help says what an option needs, unless its heading does", () => {
  const page = renderHelp(named("bench")).replace(/\s+/g, " ");
  assertStringIncludes(page, "[only with --arrival gamma]");
  assertStringIncludes(page, "[not with --rate]");
  assertEquals(page.includes("only with --launch"), false);
});

Deno.test("--config repeats a recorded run, whose header holds what had no effect, too", async () => {
  const bench = named("bench");
  await inTempFolder(async (folder) => {
    for (const argv of [["u", "--ramp-up", "2"], ["u", "--rate", "3", "--max-in-flight", "2"]]) {
      const values = parseOptions(bench, argv);
      const options = repeatableValues(bench.options, values);
      // As files of earlier versions have it.
      const header = { schema: "tokometer.record/1", scenario: "bench", options };
      const record = `${folder}/${argv.length}.jsonl`;
      await Deno.writeTextFile(record, `${JSON.stringify({ header })}\n`);
      assertEquals(completeValues(bench, await readConfigFile(record, bench)), values);
      const odd = { ...header, options: { ...options, burstiness: 4 } };
      await Deno.writeTextFile(record, `${JSON.stringify({ header: odd })}\n`);
      assertEquals(completeValues(bench, await readConfigFile(record, bench)), values);
    }
    const config = `${folder}/config.json`;
    await Deno.writeTextFile(config, `{"url": "u", "burstiness": 4}`);
    const given = await readConfigFile(config, bench);
    assertThrows(() => completeValues(bench, given), UserError, "Cannot use --burstiness");
  });
});
