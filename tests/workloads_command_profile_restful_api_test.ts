import {
  assert,
  assertAlmostEquals,
  assertEquals,
  assertMatch,
  assertStringIncludes,
} from "@std/assert";
import { pythonRandom } from "../backends/mt19937.ts";
import type { RequestRecord } from "../backends/record.ts";
import type { SimOptions } from "../backends/sim_options.ts";
import { startSimServer } from "../backends/sim_server.ts";
import { lengthMismatch } from "../workloads/script_queue.ts";
import { planScript } from "../workloads/script_run.ts";
import { WirePool } from "../workloads/load_wires.ts";
import { prepare } from "../workloads/run_prepare.ts";
import { command as profileRestfulApi } from "../workloads/command_profile_restful_api.ts";
import { readRecordFile } from "../workloads/record_file.ts";
import { createRecord } from "./support/create_record.ts";
import { inTempFolder, type Ran, runCli } from "./support/run_cli.ts";
import { TOKENIZER, writeSharegpt } from "./support/sharegpt_file.ts";

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
        ...["--csv", `${folder}/r.csv`, "--concurrency=3", ...argv],
        ...argv.some((word) => word.startsWith("--num-prompts")) ? [] : ["--num_prompts=6"],
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

Deno.test("profile-restful-api counts refusals with a JSON body as its script does (T2, T5)", async () => {
  const tokens = (block = "") =>
    ["prompt", "completion"].map((side) =>
      Number(new RegExp(`number of ${side} tokens: (\\d+)`).exec(block)?.[1])
    );
  const argv = ["--stream_output", "--max-failures=100"];
  await profiled({}, argv, async (whole) => {
    const [, all] = whole.out.split("As the script computes it");
    await profiled({ faults: ["http-500:0.5"], seed: 3 }, argv, ({ out, err }) => {
      assertMatch(err, /failed: [1-5] http error: \d × 500/);
      const [ours, theirs] = out.split("As the script computes it");
      // To the script an object is an answer, whatever its status, of the length asked for.
      assertEquals(tokens(theirs), tokens(all), err);
      assert(tokens(ours)[1]! < tokens(all)[1]!, out);
    });
  });
});

Deno.test("profile-restful-api --csv '' writes no file, as the script", async () => {
  await inTempFolder(async (folder) => {
    const server = await startSimServer({ ttft: "0", itl: "0", engine: "lmdeploy" });
    try {
      const dataset = await writeSharegpt(folder, 10);
      const { code, err } = await runCli([
        ...["profile-restful-api", server.url, TOKENIZER, dataset, "--csv", "", "-n", "1", "-c=1"],
      ]);
      assertEquals([code, err.includes("CSV")], [0, false], err);
    } finally {
      await server.stop();
    }
  });
});

/** The same with a folder of its own for records, and no CSV. */
async function recorded(
  argv: readonly string[],
  use: (ran: Ran, records: readonly RequestRecord[], address: string) => Promise<void> | void,
): Promise<void> {
  const sim = { ttft: "20", itl: "2", engine: "lmdeploy", roleChunk: "early" } as const;
  const server = await startSimServer(sim);
  try {
    await inTempFolder(async (folder) => {
      const address = `127.0.0.1:${server.port}`;
      const dataset = await writeSharegpt(folder, 10);
      const ran = await runCli([
        ...["profile-restful-api", address, TOKENIZER, dataset, "--no-csv"],
        ...["--out", `${folder}/out`, ...argv],
      ]);
      const { records } = await readRecordFile(`${folder}/out/records.jsonl`);
      await use(ran, records, address);
    });
  } finally {
    await server.stop();
  }
}

Deno.test("profile-restful-api prints the first token, and the role chunk as the script's (T4)", async () => {
  const argv = ["--stream_output", "--concurrency=1", "--num-prompts=3"];
  await recorded(argv, ({ out, err }, records) => {
    const printed = [...out.matchAll(/ave\): (\S+)s, (\S+)s,/g)].map(([, min, max]) => [min, max]);
    const since = (field: "firstTokenMs" | "firstEventMs") => {
      const ms = records.map((record) => record[field]! - record.sentMs!);
      return [Math.min(...ms), Math.max(...ms)];
    };
    const expected = [since("firstTokenMs"), since("firstEventMs")];
    assertEquals(printed.length, expected.length, out);
    // Whole ms were printed before the file rounded each stamp to whole µs.
    for (const [i, text] of printed.flat().entries()) {
      const ms = Number(text) * 1000;
      assertAlmostEquals(ms, expected.flat()[i]!, 0.502, `${text} of ${printed}; ${err}`);
    }
    assert(records.every(({ firstEventMs, firstTokenMs }) => firstEventMs! <= firstTokenMs!));
  });
});

Deno.test("profile-restful-api sends the script's sample, in its order, each prompt once (T28)", async () => {
  const ids = Array.from({ length: 10 }, (_, i) => `c${i}`);
  const sent = (records: readonly RequestRecord[]) =>
    records.toSorted((a, b) => a.index - b.index).map(({ promptId }) => promptId);
  await recorded(["--concurrency=1", "--num-prompts=4"], (_, records) => {
    assertEquals(sent(records), pythonRandom(0).sample(ids, 4));
  });
  await recorded(["--concurrency=2", "--num-prompts=12", "--seed=3"], ({ code, err }, records) => {
    assertEquals(sent(records), pythonRandom(3).sample(ids, 10));
    assertStringIncludes(err, "12 prompts wanted, 10 found; each is sent once\n");
    assertEquals(code, 0);
  });
  await profiled({}, ["--num-prompts=12"], ({ csv, scriptCsv, err }) => {
    for (const text of [csv, scriptCsv]) assertMatch(text, /\r\n3,10,/, `sent; ${err}`);
  });
});

Deno.test("profile-restful-api with more users than prompts uses fewer users (T27)", async () => {
  await recorded(["--concurrency=20", "--num-prompts=2"], ({ code, err }, records) => {
    assertEquals([code, records.length], [0, 2], err);
    assertStringIncludes(err, "Using 2 users instead of 20");
  });
});

Deno.test("profile-restful-api warns about an address without http://, as the script", async () => {
  await recorded(["--concurrency=1", "--num-prompts=1"], ({ err }, _, address) => {
    const script = 'server_addr of the api_server should start with "http://"';
    assertStringIncludes(err, `[WARNING] ${script}, but got "${address}"`);
  });
});

Deno.test("profile-restful-api gives every request a session of its own, in every run (T32)", async () => {
  const plan = await planScript(profileRestfulApi, {}, {
    url: "http://127.0.0.1:9",
    values: { protocol: "lmdeploy-chat", model: "m", prompts: 20 },
    plan: { loads: [], stops: [] },
  });
  const sessions = async () => {
    const { wires } = await prepare(plan, {});
    const pool = new WirePool(wires);
    return Array.from(
      { length: pool.length },
      (_, i): number => JSON.parse(new TextDecoder().decode(pool.at(i).body)).session_id,
    );
  };
  // The script's are the thread numbers 0, 1 …, which two benchmarks of one server share.
  const all = [...await sessions(), ...await sessions()];
  assertEquals([all.length, new Set(all).size], [40, 40]);
  assert(all.every((session) => Number.isSafeInteger(session) && session > 0));
});

Deno.test("lengthMismatch warns when answers differ in length from what was asked for (T3)", () => {
  const exact = createRecord({ ticks: [[10, 3]], requestedTokens: 3 });
  const short = createRecord({ ticks: [[10, 3]], requestedTokens: 8, lengthForced: false });
  assertEquals(lengthMismatch([exact]), undefined);
  assertEquals(
    lengthMismatch([exact, short]),
    "WARNING: Did not generate requested number of tokens. Request 11, but got 6 (1 of 2 answers)",
  );
  const outcome = { kind: "wrong_length", message: "2 tokens delivered, 9 forced" } as const;
  const missed = createRecord({ ticks: [[10, 2]], requestedTokens: 9, outcome });
  assertEquals(
    lengthMismatch([exact, missed]),
    "WARNING: Did not generate requested number of tokens. Request 12, but got 5 (1 of 2 answers)",
  );
});
