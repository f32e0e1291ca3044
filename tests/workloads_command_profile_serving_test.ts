import { assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { startSimServer } from "../backends/sim_server.ts";
import { command as profileServing } from "../workloads/command_profile_serving.ts";
import { completeValues } from "../workloads/option_parse.ts";
import { readRecordFile } from "../workloads/record_file.ts";
import { inTempFolder, runCli } from "./support/run_cli.ts";
import { TOKENIZER, writeSharegpt } from "./support/sharegpt_file.ts";

Deno.test("profile-serving measures TurboMind over gRPC by its counter", async () => {
  const server = await startSimServer({ ttft: "2", itl: "1", grpcPort: 0 });
  try {
    await inTempFolder(async (folder) => {
      const dataset = await writeSharegpt(folder, 10);
      const address = server.grpcUrl!.slice("grpc://".length);
      const argv = ["--concurrency", "2", "--num_prompts", "5", "--csv", `${folder}/tis.csv`];
      const { code, out, err } = await runCli([
        ...["profile_serving", address, TOKENIZER, dataset, ...argv, "--stream_output=True"],
        ...["--out", `${folder}/out`],
      ]);
      assertEquals(code, 0, err);
      const { records, header } = await readRecordFile(`${folder}/out/records.jsonl`);
      assertEquals([records.length, header.protocol, header.model], [
        5,
        "triton-turbomind",
        "turbomind",
      ]);
      let tokens = 0;
      for (const { outcome, outputTokens, requestedTokens } of records) {
        assertEquals([outcome.kind, outputTokens], ["ok", {
          tokens: requestedTokens,
          source: "counter",
        }]);
        tokens += requestedTokens;
      }
      assertStringIncludes(out, `number of completion tokens: ${tokens}\n`);
      assertEquals(out.match(/first_token latency/g)?.length, 2);
      const csv = await Deno.readTextFile(`${folder}/tis.csv`);
      assertMatch(csv, /^batch,num_prompts,RPS.*\r\n2,5(,\d+\.\d{3}){7}\r\n$/);
    });
  } finally {
    await server.stop();
  }
});

Deno.test("profile-serving has the document's defaults; the script's code streams by default", () => {
  const { concurrency, numPrompts: prompts, topK, topP, ...rest } = completeValues(profileServing, {
    serverAddr: "h:1",
    tokenizerPath: "t",
    dataset: "d",
  });
  assertEquals([concurrency, prompts, topK, topP], [32, 1000, 1, 1]);
  assertEquals([rest.temperature, rest.streamOutput, rest.seed, rest.csv], [
    1,
    false,
    0,
    "./profile_tis.csv",
  ]);
});
