import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { pythonRandom } from "../backends/mt19937.ts";
import type { SimOptions } from "../backends/sim_options.ts";
import { startSimServer } from "../backends/sim_server.ts";
import { lengthMismatch } from "../workloads/compat_restful.ts";
import { readRecordFile } from "../workloads/record_file.ts";
import { createRecord } from "./create_record.ts";
import { inTempFolder, type Ran, runCli } from "./run_cli.ts";
import { TOKENIZER, writeSharegpt } from "./sharegpt_file.ts";

interface Profiled extends Ran {
  readonly csv: string;
  readonly scriptCsv: string;
  readonly folder: string;
}

/** Runs the command on ten conversations against a simulated LMDeploy. */
async function profiled(
  options: Partial<SimOptions>,
  argv: readonly string[],
  use: (ran: Profiled) => Promise<void> | void,
): Promise<void> {
  const sim = {
    ttft: "5",
    itl: "0",
    engine: "lmdeploy",
    usage: "every-chunk",
    ...options,
  } as const;
  const server = await startSimServer(sim);
  try {
    await inTempFolder(async (folder) => {
      const dataset = await writeSharegpt(folder, 10);
      const ran = await runCli([
        ...["profile_restful_api", server.url, TOKENIZER, dataset],
        ...["--csv", `${folder}/r.csv`, "--concurrency=3", "--num_prompts=6", ...argv],
      ]);
      const read = (name: string) => Deno.readTextFile(`${folder}/${name}`).catch(() => "");
      await use({
        ...ran,
        csv: await read("r.csv"),
        scriptCsv: await read("r_script.csv"),
        folder,
      });
    });
  } finally {
    await server.stop();
  }
}

Deno.test("profile-restful-api prints the block twice and writes both CSVs", async () => {
  await profiled({}, ["--stream_output"], ({ code, out, err, csv, scriptCsv }) => {
    assertEquals(code, 0, err);
    const [ours = "", theirs = ""] = out.split("As the script computes it");
    for (const part of [ours, theirs]) {
      assertMatch(part, /concurrency: 3\nelapsed_time: \d+\.\d{3}s\n\nfirst_token latency/);
      assertMatch(part, /RPM \(request per minute\): \d+\.\d{3} req\/min\n-{50}\n/);
    }
    for (const text of [csv, scriptCsv]) {
      const [header, row, rest, ...none] = text.split("\r\n");
      assertEquals(header?.startsWith("batch,num_prompts,RPS,RPM,FTL(ave)(s)"), true);
      assertMatch(row ?? "", /^3,6(,\d+\.\d{3}){7}$/);
      assertEquals([rest, none], ["", []]);
    }
  });
});

Deno.test("profile-restful-api without streaming has no first token; --csv-layout v0.1.0a1", async () => {
  const argv = ["--csv-layout=v0.1.0a1", "--no-script-numbers"];
  await profiled({}, argv, ({ code, out, err, csv, scriptCsv }) => {
    assertEquals(code, 0, err);
    assertEquals(out.includes("first_token"), false);
    assertEquals(out.includes("As the script"), false);
    assertMatch(
      csv.split("\r\n")[1] ?? "",
      /^3,6,\d+\.0,\d+\.0,-,-,-,\d+\.\d{3},\d+\.\d{3},\d+\.\d{3}$/,
    );
    assertEquals(scriptCsv, "");
  });
});

Deno.test("profile-restful-api measures the first token, not the role chunk (T4)", async () => {
  // The role comes 100 ms before the first token; only the script takes it for one.
  await profiled({ roleChunk: "early", ttft: "100" }, ["--stream_output"], ({ out, err }) => {
    const first = [...out.matchAll(/ave\): (\d+\.\d+)s/g)].map(([, seconds]) => Number(seconds));
    assertEquals(first.length, 2, err);
    assert(first[0]! >= 0.1, `${first}`);
    assert(first[0]! - first[1]! >= 0.05, `${first}`);
  });
});

Deno.test("profile-restful-api sends the script's sample, in its order, each prompt once (T28)", async () => {
  await profiled({}, ["--out=OUT"].slice(1), () => {});
  const server = await startSimServer({ ttft: "1", itl: "0", engine: "lmdeploy" });
  try {
    await inTempFolder(async (folder) => {
      const dataset = await writeSharegpt(folder, 10);
      const run = async (prompts: number) => {
        const out = `${folder}/out${prompts}`;
        const ran = await runCli([
          ...["profile-restful-api", server.url, TOKENIZER, dataset, "--no-csv", "--out", out],
          ...["--concurrency", "1", "--num-prompts", `${prompts}`],
        ]);
        const { records } = await readRecordFile(`${out}/records.jsonl`);
        return { ...ran, ids: records.map(({ promptId }) => promptId) };
      };
      const ids = Array.from({ length: 10 }, (_, i) => `c${i}`);
      assertEquals((await run(4)).ids, pythonRandom(0).sample(ids, 4));
      const more = await run(12);
      assertEquals(more.ids.toSorted(), ids);
      assertStringIncludes(more.err, "12 prompts wanted, 10 found");
      assertEquals(more.code, 0);
    });
  } finally {
    await server.stop();
  }
});

Deno.test("profile-restful-api with more users than prompts uses fewer users (T27)", async () => {
  await profiled({}, ["--concurrency=20", "--num-prompts=2"].slice(1), () => {});
  const server = await startSimServer({ ttft: "1", itl: "0", engine: "lmdeploy" });
  try {
    await inTempFolder(async (folder) => {
      const dataset = await writeSharegpt(folder, 5);
      const argv = ["--no-csv", "--concurrency=20", "--num-prompts=2"];
      const ran = await runCli(["profile-restful-api", server.url, TOKENIZER, dataset, ...argv]);
      assertEquals(ran.code, 0, ran.err);
      assertStringIncludes(ran.err, "Using 2 users instead of 20");
    });
  } finally {
    await server.stop();
  }
});

Deno.test("profile-restful-api warns about an address without http://, as the script", async () => {
  const server = await startSimServer({ ttft: "1", itl: "0", engine: "lmdeploy" });
  try {
    await inTempFolder(async (folder) => {
      const dataset = await writeSharegpt(folder, 5);
      const address = `127.0.0.1:${server.port}`;
      const argv = ["--no-csv", "--concurrency=1", "--num-prompts=1"];
      const ran = await runCli(["profile-restful-api", address, TOKENIZER, dataset, ...argv]);
      assertEquals(ran.code, 0, ran.err);
      assertStringIncludes(
        ran.err,
        `[WARNING] server_addr of the api_server should start with "http://", but got "${address}"`,
      );
    });
  } finally {
    await server.stop();
  }
});

Deno.test("lengthMismatch warns when answers differ in length from what was asked for (T3)", () => {
  const exact = createRecord({ ticks: [[10, 3]], requestedTokens: 3 });
  const short = createRecord({ ticks: [[10, 3]], requestedTokens: 8, lengthForced: false });
  assertEquals(lengthMismatch([exact]), undefined);
  assertEquals(
    lengthMismatch([exact, short]),
    "WARNING: Did not generate requested number of tokens. Request 11, but got 6 (1 of 2 answers)",
  );
});
