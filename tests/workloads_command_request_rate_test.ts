import { assert, assertAlmostEquals, assertEquals, assertMatch } from "@std/assert";
import { startSimServer } from "../backends/sim_server.ts";
import type { SimOptions } from "../backends/sim_options.ts";
import { CLIENTS_COLUMNS, RATE_COLUMNS, rateRow } from "../metrics/script_clients_row.ts";
import type { Run } from "../metrics/run.ts";
import { arrivalTimes } from "../workloads/load_arrival.ts";
import type { OpenLoad } from "../workloads/load.ts";
import { readRecordFile } from "../workloads/record_file.ts";
import { createRecord } from "./support/create_record.ts";
import { inTempFolder, type Ran, runCli } from "./support/run_cli.ts";

async function rated(
  argv: readonly string[],
  options: Partial<SimOptions> = {},
): Promise<Ran & { readonly run: Run }> {
  const server = await startSimServer({ ttft: "1", itl: "0", ...options });
  const address = options.grpcPort === undefined ? server.url : server.grpcUrl!.slice(7);
  try {
    return await inTempFolder(async (folder) => {
      const ran = await runCli([
        ...["benchmark-serving-request-rate", "--base-url", address, "--out", `${folder}/out`],
        ...["--workers=0", "--sharegpt-output-len=5", ...argv],
      ]);
      return { ...ran, run: await readRecordFile(`${folder}/out/records.jsonl`) };
    });
  } finally {
    await server.stop();
  }
}

Deno.test("request-rate prints the script's two lines of 36 columns and nothing else", async () => {
  const { code, out, err } = await rated(["--num-requests=4", "--disable-tqdm"]);
  const [header, row, ...rest] = out.split("\n");
  assertEquals([code, rest], [0, [""]], err);
  assertEquals(header, `CSV header output:${RATE_COLUMNS.join(",")}`);
  assertMatch(row ?? "", /^CSV format output:1\.000,\d+\.\d{3},\d+\.\d{3},5\.000,\d+,5,/);
  assertEquals(row?.split(",").length, 36);
});

Deno.test("RATE_COLUMNS are the 39 without completed and the totals", () => {
  assertEquals(RATE_COLUMNS.length, 36);
  assertEquals(RATE_COLUMNS.slice(0, 3).join(), "success_rate,qps,avg_inlen");
  assertEquals(CLIENTS_COLUMNS.filter((name) => !RATE_COLUMNS.includes(name)), [
    "completed",
    "total_inlen",
    "total_outlen",
  ]);
});

Deno.test("rateRow counts the wait for the first token as a gap only for the script (T16)", () => {
  const record = createRecord({ ticks: [[100, 1], [110, 2], [120, 3]], textEvents: 3 });
  const maxItl = (firstGap: boolean) =>
    rateRow([record], 1000, { count: "texts", firstGap })[RATE_COLUMNS.indexOf("max_itl")];
  assertEquals([maxItl(false), maxItl(true)], ["10.000", "100.000"]);
});

Deno.test("request-rate --script-numbers has the script's gaps, of each of its two calls (T10, T16)", async () => {
  const gaps = async (options: Partial<SimOptions>, ...argv: string[]) => {
    const { out } = await rated(["--num-requests=3", "--script-numbers", ...argv], {
      ...{ ttft: "150", itl: "8", anyModel: true },
      ...options,
    });
    const row = /As the script counts:(.*)/.exec(out)![1]!.split(",");
    const cell = (name: string) => Number(row[RATE_COLUMNS.indexOf(name)]);
    return { ttft: cell("max_ttft"), longest: cell("max_itl"), median: cell("median_itl") };
  };
  // The first wait is a gap, and unlike in num-clients usage hides none.
  const vllm = await gaps({ usage: "every-chunk" });
  assert(vllm.longest >= vllm.ttft && vllm.median > 0, JSON.stringify(vllm));
  const ppl = await gaps({ grpcPort: 0 }, "--backend=ppl");
  assert(ppl.longest < ppl.ttft && ppl.median > 0, JSON.stringify(ppl));
});

const LOAD: OpenLoad = {
  kind: "open",
  arrival: "poisson",
  ratePerSec: 4,
  shape: 1,
  maxInFlight: 0,
  overflow: "wait",
  legacyRng: true,
};

Deno.test("arrivalTimes repeats numpy's exponential gaps after seed 0 (T19)", () => {
  const times = arrivalTimes(LOAD, 0, 0);
  // np.random.seed(0); np.random.exponential(1 / 4, 3)
  const gaps = [0.1989686270407775, 0.31398269074145946, 0.2308057864510172];
  let seconds = 0;
  for (const gap of gaps) {
    assertAlmostEquals(times.next().value / 1000, seconds, 1e-9);
    seconds += gap;
  }
  assertAlmostEquals(times.next().value / 1000, seconds, 1e-9);
  const atOnce = arrivalTimes({ ...LOAD, ratePerSec: Infinity }, 0, 0);
  assertEquals([atOnce.next().value, atOnce.next().value], [0, 0]);
});

Deno.test("request-rate intends numpy's times with --legacy-rng, on an absolute schedule (T19)", async () => {
  const { run, err } = await rated(["--num-requests=4", "--request-rate=40", "--legacy-rng"]);
  const intended = run.records.toSorted((a, b) => a.index - b.index)
    .map(({ intendedMs }) => intendedMs);
  assertEquals(intended.length, 4, err);
  for (const [i, ms] of [0, 19.897, 51.295, 74.376].entries()) {
    assertAlmostEquals(intended[i]!, ms, 0.001);
  }
});

Deno.test("request-rate sends all at once by default, and each prompt once", async () => {
  const { code, run, err } = await rated(["--num-requests=60"]);
  assertEquals(code, 0, err);
  // The sample has fewer prompts than that which pass the filters.
  const ids = run.records.map(({ promptId }) => promptId);
  assert(ids.length > 30 && ids.length <= 50, `${ids.length}`);
  assertEquals(new Set(ids).size, ids.length);
  assert(run.records.every(({ intendedMs }) => intendedMs === 0));
  assertEquals(run.header.loads[0]?.label, "all at once");
});

Deno.test("request-rate refuses a seed that numpy does not take", async () => {
  const argv = ["request-rate", "http://127.0.0.1:9", "--legacy-rng", "--seed=4294967296"];
  const { code, err } = await runCli(argv);
  assertEquals([code, err.includes("numpy takes 0 to 4294967295")], [2, true]);
});

Deno.test("request-rate forces the length, which its script does not; --length cap is its way (T37)", async () => {
  const forced = await rated(["--num-requests=3"], { earlyStop: 1 });
  assert(forced.run.records.every(({ outputTokens }) => outputTokens?.tokens === 5), forced.err);
  const capped = await rated(["--num-requests=3", "--length=cap"], { earlyStop: 1 });
  assert(capped.run.records.some(({ outputTokens }) => outputTokens!.tokens < 5), capped.err);
});

Deno.test("request-rate sends the system prompt, which its script forgets (T24)", async () => {
  await inTempFolder(async (folder) => {
    const file = `${folder}/system.txt`;
    await Deno.writeTextFile(file, "You are a careful assistant with a long introduction.\n");
    const inlen = async (...argv: string[]) => {
      const { run } = await rated(["--num-requests=1", ...argv]);
      return run.records[0]!.promptTokens!.tokens;
    };
    assert(await inlen("--system-prompt-path", file) > await inlen());
  });
});
