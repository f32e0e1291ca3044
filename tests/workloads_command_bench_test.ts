import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { startSimServer } from "../backends/sim_server.ts";
import type { SimOptions } from "../backends/sim_options.ts";
import type { TruthRequest } from "../backends/sim_truth.ts";
import { summarize } from "../metrics/summary.ts";
import { REPORTS } from "../metrics/reports.ts";
import type { Run } from "../metrics/run.ts";
import { readRecordFile } from "../workloads/record_file.ts";
import { inTempFolder, type Ran, runCli } from "./support/run_cli.ts";

const SAMPLES = Deno.env.get("TOKOMETER_SAMPLES");

interface Benched extends Ran {
  readonly run: Run;
  readonly truth: readonly TruthRequest[];
  readonly files: readonly string[];
}

/** `tokometer bench` against a simulated server in this process. */
async function benched(
  options: Partial<SimOptions>,
  argv: readonly string[],
): Promise<Benched> {
  const server = await startSimServer({ ttft: "2", itl: "0", ...options });
  try {
    return await inTempFolder(async (folder) => {
      const out = `${folder}/results`;
      const ran = await runCli(["bench", server.url, "--out", out, ...argv]);
      const files = Array.from(Deno.readDirSync(out), ({ name }) => name).sort();
      const run = await readRecordFile(`${out}/records.jsonl`);
      return { ...ran, run, truth: server.truth(), files };
    });
  } finally {
    await server.stop();
  }
}

const sum = (values: readonly number[]) => values.reduce((total, value) => total + value, 0);
const tokensOf = (run: Run) => sum(run.records.map((record) => record.outputTokens?.tokens ?? 0));
const tokensWritten = (truth: readonly TruthRequest[]) =>
  sum(truth.map(({ writeTokens }) => writeTokens.at(-1) ?? 0));

/** All but the first request, which only checks the server. */
function afterCheck(truth: readonly TruthRequest[]): readonly TruthRequest[] {
  return truth.slice(1);
}

Deno.test("bench: every request completes, tokens equal the engine's own log", async () => {
  const { code, run, truth, out, files } = await benched({}, [
    "--concurrency=4",
    "--requests=24",
    "--warmup=3",
    "--output-tokens=uniform:5:20",
  ]);
  assertEquals(code, 0, out);
  const measured = run.records.filter(({ phase }) => phase === "measure");
  assertEquals(measured.length, 24);
  assertEquals(run.records.length, 27);
  assert(run.records.every(({ outcome }) => outcome.kind === "ok"));
  assertEquals(tokensOf(run), tokensWritten(afterCheck(truth)));
  for (const record of measured) {
    assertEquals(record.outputTokens!.tokens, record.requestedTokens);
    assertEquals(record.outputTokens!.source, "usage");
  }
  // On a busy machine the load is long enough for slices.
  const summary = summarize(run);
  const saved = REPORTS.filter(({ saved, appliesTo }) =>
    saved !== false && appliesTo?.(summary) !== false
  );
  for (const name of ["csv", "html", "json"]) assert(saved.some((report) => report.name === name));
  const names = saved.map(({ extension }) => `report.${extension}`);
  assertEquals(files, ["records.jsonl", ...names].sort());
  assertStringIncludes(out, "24 of 24 completed");
  // Tokens without a gap may be too many for fetch, or have no rate.
  const { transport, transportChoice } = run.header;
  assertMatch(transportChoice?.why ?? "none", /4 streams( with [\d,]+ tokens\/s)? per thread/);
  const printed = `auto took ${transport}: ${transportChoice?.why}`;
  assertStringIncludes(out.replaceAll(/\s+/g, " "), printed);
});

Deno.test("bench: both OpenAI routes, both transports, streaming and not", async () => {
  for (const protocol of ["openai-chat", "openai-completions"]) {
    for (const transport of ["fetch", "socket"]) {
      for (const stream of ["--stream", "--no-stream"]) {
        const { code, run, truth, err } = await benched({}, [
          `--protocol=${protocol}`,
          `--transport=${transport}`,
          stream,
          "--concurrency=2",
          "--requests=4",
          "--warmup=0",
          "--output-tokens=6",
        ]);
        const name = `${protocol} ${transport} ${stream}`;
        assertEquals(code, 0, `${name}: ${err}`);
        assertEquals(tokensOf(run), 24, name);
        assertEquals(tokensWritten(afterCheck(truth)), 24, name);
        assertEquals(run.header.transport, transport);
      }
    }
  }
});

Deno.test("bench: gRPC by the library, or over the sockets, as asked for", async () => {
  const server = await startSimServer({ ttft: "2", itl: "1", grpcPort: 0 });
  try {
    for (const asked of ["grpc", "grpc-socket"]) {
      await inTempFolder(async (folder) => {
        const out = `${folder}/results`;
        const { code, err } = await runCli([
          ...["bench", server.grpcUrl!, "--protocol=ppl", "--out", out, "--transport", asked],
          ...["--concurrency=4", "--requests=8", "--warmup=2", "--output-tokens=6", "--insecure"],
        ]);
        assertEquals(code, 0, err);
        const run = await readRecordFile(`${out}/records.jsonl`);
        assertEquals(run.header.transport, asked);
        assert(run.records.every(({ outcome }) => outcome.kind === "ok"));
        assertEquals(tokensOf(run), 10 * 6);
      });
    }
  } finally {
    await server.stop();
  }
});

Deno.test("bench: the workload is the same whatever the number of workers", async () => {
  const sent = async (workers: number) => {
    const { run } = await benched({}, [
      `--workers=${workers}`,
      "--rate=300",
      "--requests=12",
      "--warmup=0",
      "--output-tokens=uniform:2:9",
    ]);
    return run.records
      .map(({ index, promptId, intendedMs, requestedTokens }) => ({
        index,
        promptId,
        intendedMs,
        requestedTokens,
      }))
      .sort((a, b) => a.index - b.index);
  };
  const one = await sent(1);
  assertEquals(one.length, 12);
  assertEquals(await sent(2), one);
  assertEquals(await sent(0), one);
});

Deno.test("bench: several loads give one table, and their prompts differ", async () => {
  const { run, out } = await benched({}, [
    "--concurrency=1,2,4",
    "--requests=6",
    "--warmup=2",
    "--output-tokens=3",
  ]);
  assertEquals(run.header.loads.map(({ label }) => label), ["1 user", "2 users", "4 users"]);
  assertEquals(run.ends.length, 3);
  const measured = run.records.filter(({ phase }) => phase === "measure");
  assertEquals(new Set(measured.map(({ promptId }) => promptId)).size, 18);
  for (const label of ["1 user", "2 users", "4 users"]) assertStringIncludes(out, label);
});

Deno.test("bench: a run is repeated from its record file's header", async () => {
  const server = await startSimServer({ ttft: "1", itl: "0" });
  try {
    await inTempFolder(async (folder) => {
      const first = ["--concurrency=2", "--requests=6", "--seed=7", "--output-tokens=uniform:2:9"];
      await runCli(["bench", server.url, "--out", `${folder}/a`, ...first]);
      const config = `${folder}/a/records.jsonl`;
      const { code, err } = await runCli(["bench", "--config", config, "--out", `${folder}/b`]);
      assertEquals(code, 0, err);
      const [a, b] = await Promise.all(
        ["a", "b"].map((name) => readRecordFile(`${folder}/${name}/records.jsonl`)),
      );
      // How many each user sends depends on the answers, what its k-th request is does not.
      const sent = (run: Run) =>
        new Map(
          run.records.map(({ phase, index, promptId, requestedTokens }) =>
            [`${phase} ${index}`, `${promptId} ${requestedTokens}`] as const
          ),
        );
      const [one, other] = [sent(a!), sent(b!)];
      const both = [...one.keys()].filter((key) => other.has(key));
      assert(both.length > one.size / 2, `${both}`);
      assertEquals(both.map((key) => other.get(key)), both.map((key) => one.get(key)));
      assertEquals(other.size, one.size);
      assertEquals(b!.header.seed, 7);
    });
  } finally {
    await server.stop();
  }
});

Deno.test("bench: failures are rows with their cause, and exit code 1 beyond --max-failures", async () => {
  const argv = ["--concurrency=2", "--requests=20", "--warmup=0", "--output-tokens=5"];
  const faults = ["http-500:0.3", "cut:0.3"];
  // The requests that check the server may be struck as well: three in a row with this seed are not.
  const failing = await benched({ faults, seed: 3 }, argv);
  const kinds = new Set<string>(failing.run.records.map(({ outcome }) => outcome.kind));
  assert(kinds.has("http_error") && kinds.has("truncated"), [...kinds].join());
  assertEquals(failing.code, 1);
  const tolerated = await benched({ faults, seed: 3 }, [...argv, "--max-failures=100"]);
  assertEquals(tolerated.code, 0);
});

Deno.test("bench: an engine that cannot force a length is told by one sentence (T2)", async () => {
  const server = await startSimServer({ ttft: "1", itl: "0", faults: ["early-stop"] });
  try {
    const { code, err } = await runCli([
      "bench",
      server.url,
      "--no-save",
      "--requests=2",
      "--output-tokens=30",
    ]);
    assertEquals(code, 2, err);
    assertMatch(err, /Cannot force the answer's length at .*30 forced; use --length cap/);
  } finally {
    await server.stop();
  }
});

Deno.test("bench: report rebuilds every report from the record file", async () => {
  const server = await startSimServer({ ttft: "1", itl: "0" });
  try {
    await inTempFolder(async (folder) => {
      const out = `${folder}/a`;
      const argv = ["--requests=6", "--concurrency=2", "--output-tokens=4"];
      const ran = await runCli(["bench", server.url, "--out", out, ...argv]);
      const again = await runCli(["report", out, "--out", `${folder}/b`]);
      assertEquals(again.out, ran.out);
      for (const name of ["report.json", "report.csv", "report.html"]) {
        assertEquals(
          await Deno.readTextFile(`${folder}/b/${name}`),
          await Deno.readTextFile(`${out}/${name}`),
          name,
        );
      }
      const json = await runCli(["report", out, "--format=json", "--percentiles=50"]);
      assertEquals(JSON.parse(json.out).schema, "tokometer.report/1");
      const refused = await runCli(["report", out, "--out", out]);
      assertEquals([refused.code, refused.out], [2, ""], "before the file is read");
    });
  } finally {
    await server.stop();
  }
});

Deno.test("bench: the key reaches the server and no file, report or message (T38)", async () => {
  const key = "sk-very-secret-0123456789";
  const server = await startSimServer({ ttft: "1", itl: "0", apiKey: key });
  try {
    await inTempFolder(async (folder) => {
      const file = `${folder}/key`;
      await Deno.writeTextFile(file, `${key}\n`);
      const out = `${folder}/out`;
      const argv = ["bench", server.url, "--requests=2", "--output-tokens=2"];
      const ran = await runCli([...argv, "--api-key", `file:${file}`, "--out", out]);
      assertEquals(ran.code, 0, ran.err);
      const raw = await runCli([...argv, "--api-key", key, "--out", `${out}2`]);
      assertEquals(raw.code, 0, raw.err);
      const body = JSON.stringify({ api_key: key, stop_token: "x" });
      const inBody = await runCli([
        ...argv,
        ...["--api-key", key, "--extra-body", body, "--out", `${out}4`],
      ]);
      assertEquals(inBody.code, 0, inBody.err);
      assert((await Deno.readTextFile(`${out}4/records.jsonl`)).includes("stop_token"));
      for (const where of [out, `${out}2`, `${out}4`]) {
        for (const { name } of Deno.readDirSync(where)) {
          assert(!(await Deno.readTextFile(`${where}/${name}`)).includes(key), name);
        }
      }
      assert(!`${ran.out}${ran.err}${raw.out}${raw.err}`.includes(key));
      const { port } = new URL(server.url);
      const inUrl = await runCli([
        "bench",
        `http://user:${key}@127.0.0.1:${port}`,
        ...["--requests=2", "--output-tokens=2", "--api-key", `file:${file}`, `--out=${out}3`],
      ]);
      assertEquals(inUrl.code, 0, inUrl.err);
      for (const { name } of Deno.readDirSync(`${out}3`)) {
        assert(!(await Deno.readTextFile(`${out}3/${name}`)).includes(key), name);
      }
      assert(!`${inUrl.out}${inUrl.err}`.includes(key));
      const without = await runCli([...argv, "--no-save"]);
      assertEquals(without.code, 3);
      assertMatch(without.err, /401.*--api-key/);
    });
  } finally {
    await server.stop();
  }
});

Deno.test("bench: --dry-run shows the plan and sends nothing", async () => {
  const { code, out } = await runCli([
    "bench",
    "http://127.0.0.1:9",
    "--dry-run",
    "--rate=5",
    "--duration=3",
  ]);
  assertEquals(code, 0);
  assertStringIncludes(out, "5 req/s poisson, 3 s");
  assertStringIncludes(out, "first prompts:");
});

Deno.test({
  name: "bench: all of the sample conversations, 64 users and Poisson (TOKOMETER_SAMPLES)",
  ignore: SAMPLES === undefined,
  fn: async () => {
    for (
      const [load, tokensPerEvent] of [["--concurrency=64", "1"], ["--rate=400", "4"]] as const
    ) {
      const { code, run, truth, err } = await benched({ ttft: "5", itl: "0", tokensPerEvent }, [
        load,
        "--requests=1024",
        "--warmup=0",
        "--dataset=sharegpt",
        `--dataset-path=${SAMPLES}`,
        "--max-prompt-tokens=100000",
        "--max-total-tokens=100000",
        "--min-prompt-tokens=0",
        "--min-output-tokens=0",
      ]);
      assertEquals(code, 0, err);
      assertEquals(run.records.length, 1024);
      assertEquals(run.header.dataset.prompts, 1024);
      assert(run.records.every(({ outcome }) => outcome.kind === "ok"));
      assert(run.records.every((one) => one.outputTokens!.tokens === one.requestedTokens));
      assertEquals(tokensOf(run), tokensWritten(afterCheck(truth)));
    }
  },
});
