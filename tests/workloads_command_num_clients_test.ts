import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { findProtocol } from "../backends/protocols.ts";
import type { GenerationRequest } from "../backends/protocol.ts";
import type { RequestRecord } from "../backends/record.ts";
import type { SimOptions } from "../backends/sim_options.ts";
import { startSimServer } from "../backends/sim_server.ts";
import {
  CLIENTS_COLUMNS,
  type ClientsCounting,
  clientsRow,
} from "../metrics/script_clients_row.ts";
import { backendValues } from "../workloads/script_run.ts";
import { findBackend, SCRIPT_BACKENDS } from "../workloads/script_target.ts";
import { MEASURE_OPTIONS } from "../workloads/bench_options.ts";
import type { BenchPlan } from "../workloads/bench_plan.ts";
import { planRun } from "../workloads/bench_run_plan.ts";
import { CLIENTS_OPTIONS, type ClientsValues, planClients } from "../workloads/script_clients.ts";
import { parseOptions, withDefaults } from "../workloads/option_parse.ts";
import { WirePool } from "../workloads/load_wires.ts";
import { prepare } from "../workloads/run_prepare.ts";
import { readRecordFile } from "../workloads/record_file.ts";
import { createRecord } from "./support/create_record.ts";
import { inTempFolder, type Ran, runCli } from "./support/run_cli.ts";
import { TOKENIZER } from "./support/sharegpt_file.ts";

async function ranAgainst(
  options: Partial<SimOptions>,
  argv: readonly string[],
): Promise<Ran & { readonly path: string | undefined }> {
  const server = await startSimServer({ ttft: "1", itl: "0", anyModel: true, ...options });
  try {
    const address = options.grpcPort === undefined ? server.url : server.grpcUrl!.slice(7);
    const ran = await runCli([
      ...[
        "benchmark_serving_num_clients",
        "--base-url",
        address,
        "--ramp-up-time=0",
        "--workers=0",
      ],
      ...argv.some((word) => word.startsWith("--sharegpt")) ? [] : ["--sharegpt-output-len=6"],
      ...argv,
    ]);
    return { ...ran, path: server.truth()[0]?.path };
  } finally {
    await server.stop();
  }
}

const cell = (row: string, name: string) => row.split(",")[CLIENTS_COLUMNS.indexOf(name)];
const lineAfter = (out: string, label: string) =>
  out.split("\n").find((line) => line.startsWith(label))?.slice(label.length) ?? "";

Deno.test("num-clients prints the script's two lines of 39 columns and nothing else", async () => {
  const ran = await ranAgainst({}, ["--num-threads=2", "--num-requests=3"]);
  const [header, row, ...rest] = ran.out.split("\n");
  assertEquals([ran.code, rest], [0, [""]], ran.err);
  assertEquals(header, `CSV header output:${CLIENTS_COLUMNS.join(",")}`);
  assertMatch(row ?? "", /^CSV format output:6,1\.000,\d+\.\d{3},\d+,36,\d+\.\d{3},6\.000,\d+,6,/);
  assertEquals(row?.split(",").length, 39);
  assertMatch(ran.err, /^--transport auto takes \w+: .*2 streams/m);
});

Deno.test("num-clients reaches every backend that it advertises (T36)", async () => {
  const engines: Readonly<Record<string, readonly [Partial<SimOptions>, path: string]>> = {
    vllm: [{ engine: "openai" }, "/v1/completions"],
    ppl: [{ grpcPort: 0 }, "/ppl.llm.proto.LLMService/Generation"],
    trtllm: [{ engine: "triton" }, "/v2/models/ensemble/generate_stream"],
    lightllm: [{ engine: "lightllm" }, "/generate_stream"],
    amsv2: [{ engine: "amsv2" }, "/text-generation/generate_stream"],
    sglang: [{ engine: "sglang" }, "/generate"],
  };
  assertEquals(Object.keys(engines), SCRIPT_BACKENDS.map(({ name }) => name));
  for (const [backend, [options, path]] of Object.entries(engines)) {
    const argv = ["--backend", backend, "--model=some/folder", "--num-requests=2"];
    const ran = await ranAgainst(options, argv);
    assertEquals([ran.code, ran.path], [0, path], `${backend}: ${ran.err}`);
    const row = lineAfter(ran.out, "CSV format output:");
    assertEquals([cell(row, "completed"), cell(row, "total_outlen")], ["2", "12"], backend);
  }
});

Deno.test("num-clients counts tokens, --script-numbers events beside them (T7)", async () => {
  const argv = ["--num-requests=3", "--script-numbers"];
  const { out } = await ranAgainst({ tokensPerEvent: "2" }, argv);
  assertEquals(cell(lineAfter(out, "CSV format output:"), "total_outlen"), "18");
  assertEquals(cell(lineAfter(out, "As the script counts:"), "total_outlen"), "9");
});

Deno.test("num-clients --script-numbers has the script's gaps where each chunk has usage (T9, T10)", async () => {
  const argv = ["--num-requests=3", "--sharegpt-output-len=30", "--script-numbers"];
  const cells = async (options: Partial<SimOptions>, more: readonly string[] = []) => {
    const { out } = await ranAgainst({ itl: "2", ...options }, [...argv, ...more]);
    return ["CSV format output:", "As the script counts:"].map((label) => {
      const row = lineAfter(out, label);
      return Object.fromEntries(
        ["median_ttft", "total_outlen", "max_itl"].map((n) => [n, cell(row, n)]),
      );
    });
  };
  const [ours, theirs] = await cells({ usage: "every-chunk" });
  assertEquals([theirs!.max_itl, theirs!.total_outlen], ["0.000", "90"]);
  assertEquals(theirs!.median_ttft, ours!.median_ttft);
  assert(Number(ours!.max_itl) >= 1, ours!.max_itl);
  // Tokens without text, of a server that counts them.
  const [counted, texts] = await cells({ grpcPort: 0, utf8: "events" }, ["--backend=ppl"]);
  assertEquals(counted!.total_outlen, "90");
  assert(Number(texts!.total_outlen) < 90, texts!.total_outlen);
  assert(Number(texts!.max_itl) >= 1, texts!.max_itl);
});

Deno.test("num-clients: what a stream without an end mark cannot show is said", async () => {
  const said = async (backend: string, options: Partial<SimOptions>) => {
    const ran = await ranAgainst(options, ["--num-requests=3", "--backend", backend]);
    return [ran.code, /has no end mark.*(?=;)/.exec(ran.err)?.[0] ?? ""] as const;
  };
  for (const fault of ["truncate", "early-stop", "one-more"]) {
    const [, differing] = await said("trtllm", { engine: "triton", faults: [fault] });
    assertMatch(differing, /tokens are missing or too many in the 3 .* cannot be seen/, fault);
  }
  const [code, none] = await said("trtllm", { engine: "triton" });
  assertEquals([code, none], [0, ""], "as many events as tokens were asked for");
  // The total in the last event marks the end.
  assertEquals((await said("amsv2", { engine: "amsv2" }))[1], "");
  const [, cut] = await said("amsv2", { engine: "amsv2", faults: ["truncate"] });
  assertMatch(cut, /whether some of them were cut short cannot be seen/);
});

Deno.test("num-clients does not count output by encoding the text again (T7, T29)", async () => {
  // A server that counts nothing, and a tokenizer of another model.
  const tokenizer = TOKENIZER.replace("byte_level", "unigram");
  const argv = ["--num-requests=3", `--tokenizer=${tokenizer}`, "--sharegpt-output-len=20"];
  const servers = [["vllm", { usage: "never" }], ["trtllm", { engine: "triton" }]] as const;
  for (const [backend, options] of servers) {
    const forced = await ranAgainst(options, [...argv, "--backend", backend]);
    const row = lineAfter(forced.out, "CSV format output:");
    assertEquals([forced.code, cell(row, "total_outlen")], [0, "60"], forced.err);
    const said =
      /of request \d+ the tokenizer given said \d+ tokens, and 20 by event were believed/;
    assertMatch(forced.err, said, backend);
    const capped = await ranAgainst(options, [...argv, "--backend", backend, "--length=cap"]);
    assertEquals(cell(lineAfter(capped.out, "CSV format output:"), "total_outlen"), "60");
  }
});

Deno.test("clientsRow of texts counts merged events as gaps of zero, as the script (T8)", () => {
  // Three events in two reads, 100 ms apart: the script has gaps of 100 and 0.
  const record = createRecord({ ticks: [[100, 2], [200, 4]], textEvents: 3 });
  const row = clientsRow([record], 1000, { count: "texts", promptTokens: () => 7 }).join(",");
  assertEquals(
    ["total_inlen", "total_outlen", "min_itl", "max_itl", "mean_tpot"].map((n) => cell(row, n)),
    ["7", "3", "0.000", "100.000", "50.000"],
  );
  assertEquals(cell(clientsRow([record], 1000).join(","), "min_itl"), "100.000");
});

/** TTFT, number of tokens, and smallest, largest and mean gap of one record as the script sees it. */
function seen(
  record: RequestRecord,
  counting: Partial<ClientsCounting> = {},
): readonly (string | undefined)[] {
  const row = clientsRow([record], 1000, { count: "texts", ...counting }).join(",");
  return ["completed", "mean_ttft", "total_outlen", "min_itl", "max_itl", "mean_itl"]
    .map((name) => cell(row, name));
}

Deno.test("clientsRow of texts sees no tokens without text, and no gaps before usage (T9, T10)", () => {
  // Four tokens; the first and the third have no text.
  const texts = {
    ...createRecord({ ticks: [[10, 1], [20, 2], [30, 3], [40, 4]], textEvents: 2 }),
    tickEvents: Uint32Array.of(0, 1, 1, 2),
  };
  assertEquals(seen(texts), ["1", "20.000", "2", "20.000", "20.000", "20.000"]);
  // With usage in each event the script has no gap at all, with usage in the last one less.
  const plain = createRecord({ ticks: [[10, 1], [20, 2], [50, 3]], textEvents: 3 });
  const all = { ...plain, usageEvents: 2 };
  assertEquals(
    seen(all, { usageHidesGaps: true }),
    ["1", "10.000", "3", "0.000", "0.000", "0.000"],
  );
  assertEquals(seen(all)[5], "20.000");
  const last = { ...plain, usageEvents: 1 };
  assertEquals(seen(last, { usageHidesGaps: true })[5], "10.000");
});

Deno.test("clientsRow of scripts takes answers at once and of a wrong length as they come (T5)", () => {
  const once = createRecord({ ticks: [[30, 8]], textEvents: 8 });
  assertEquals(seen(once).slice(0, 3), ["1", "30.000", "8"]);
  const short = createRecord({
    ticks: [[10, 1], [20, 2]],
    textEvents: 2,
    outcome: { kind: "wrong_length", message: "2 tokens delivered, 4 forced" },
  });
  assertEquals(seen(short).slice(0, 3), ["1", "10.000", "2"]);
  assertEquals(cell(clientsRow([short], 1000).join(","), "completed"), "0");
});

Deno.test("num-clients: a failing server is a row with success_rate, the cause on stderr (T5, T42)", async () => {
  const argv = ["--num-requests=12", "--max-failures=100"];
  const { code, out, err } = await ranAgainst({ faults: ["http-500:0.4"], seed: 3 }, argv);
  const row = lineAfter(out, "CSV format output:");
  const completed = Number(cell(row, "completed"));
  assert(completed > 0 && completed < 12, row);
  assertEquals(cell(row, "success_rate"), (completed / 12).toFixed(3));
  assertMatch(err, new RegExp(`failed: ${12 - completed} http error: \\d+ × 500: `));
  assertEquals(code, 0);
});

async function sequencesOf(argv: readonly string[]): Promise<Record<number, string[]>> {
  const server = await startSimServer({ ttft: "1", itl: "0" });
  try {
    return await inTempFolder(async (folder) => {
      const out = `${folder}/out`;
      const ran = await runCli([
        ...["num-clients", server.url, "--num-clients=3", "--num-requests=5", "--out", out],
        ...["--sharegpt-output-len=4", "--ramp-up-time=0", "--workers=0", ...argv],
      ]);
      assertEquals(ran.code, 0, ran.err);
      const { records } = await readRecordFile(`${out}/records.jsonl`);
      const users: Record<number, string[]> = {};
      const inOrder = records.filter(({ phase }) => phase === "measure")
        .toSorted((a, b) => a.index - b.index);
      for (const { user, promptId } of inOrder) (users[user] ??= []).push(promptId);
      return users;
    });
  } finally {
    await server.stop();
  }
}

Deno.test("num-clients: legacy users rotate the pool and odd ones reverse it, warm-up or not (T22)", async () => {
  const users = await sequencesOf(["--sequence=legacy"]);
  const { 0: pool = [], 1: one, 2: two } = users;
  assertEquals(pool.length, 5);
  assertEquals(one, [...pool.slice(1), ...pool.slice(0, 1)].reverse());
  assertEquals(two, [...pool.slice(2), ...pool.slice(0, 2)]);
  assertEquals(await sequencesOf(["--sequence=legacy", "--warmup=2"]), users);
});

Deno.test("num-clients: shuffled users send the whole pool, each in an order of its own (T22)", async () => {
  const users = await sequencesOf([]);
  const orders = Object.values(users).map((list) => list.join());
  assertEquals(orders.length, 3);
  assertEquals(new Set(orders).size, 3);
  assertEquals(new Set(orders.map((order) => order.split(",").toSorted().join())).size, 1);
  assertEquals(await sequencesOf([]), users);
  assert((await sequencesOf(["--seed=9"]))[0]!.join() !== orders[0]);
});

Deno.test("num-clients: shared users send each prompt once", async () => {
  const users = await sequencesOf(["--sequence=shared"]);
  const all = Object.values(users).flat();
  assertEquals([all.length, new Set(all).size], [5, 5]);
});

/** Values as on the command line. */
function valuesOf(argv: readonly string[]): ClientsValues {
  const command = { name: "num-clients", options: CLIENTS_OPTIONS };
  return parseOptions(command, ["http://127.0.0.1:9", ...argv]);
}

function planOf(argv: readonly string[]): Promise<BenchPlan> {
  const values = valuesOf(argv);
  const { backend = "vllm" } = values;
  return planClients(values, { backend, url: "http://127.0.0.1:9" });
}

Deno.test("num-clients and bench send a system prompt file to the byte", async () => {
  await inTempFolder(async (folder) => {
    const text = "\ufeff You are careful.\r\n\n \n";
    await Deno.writeTextFile(`${folder}/system.txt`, text);
    const plan = await planOf([`--system-prompt-path=${folder}/system.txt`, "--num-requests=2"]);
    assertEquals(plan.systemPrompt, text);
    const { wires } = await prepare({ ...plan, model: "m" }, {});
    const { prompt } = JSON.parse(new TextDecoder().decode(new WirePool(wires).at(0).body));
    assert(prompt.startsWith(`${text}\n`), prompt);
    const bench = await planRun(
      withDefaults(MEASURE_OPTIONS, { systemPromptFile: `${folder}/system.txt` }),
      { command: "bench", url: "http://127.0.0.1:9", options: {} },
    );
    assertEquals(bench.systemPrompt, text);
  });
});

Deno.test("num-clients takes 0.1 s of ramp-up a user, and one stop time for all (T20)", async () => {
  const plan = await planOf(["--num-threads=300", "--stop-time=10"]);
  assertEquals(plan.loads, [
    { kind: "closed", users: 300, rampUpMs: 30_000, sequence: "shuffled", seed: 0 },
  ]);
  assertEquals(plan.stops, [{ durationMs: 10_000 }]);
  const given = await planOf(["--num-threads=300", "--ramp-up-time=7"]);
  assertEquals([given.loads[0]?.kind === "closed" && given.loads[0].rampUpMs, given.stops], [
    7000,
    [{}],
  ]);
});

Deno.test("num-clients refuses what it does not know or cannot do (T23, T24)", async () => {
  const refused = async (...argv: string[]) => {
    const { code, err } = await runCli(["num-clients", "http://127.0.0.1:9", ...argv]);
    assertEquals(code, 2);
    return err;
  };
  assertStringIncludes(await refused("--num-thread=3"), "did you mean --num-threads?");
  assertStringIncludes(await refused("--use-beam-search"), "Cannot use --use-beam-search");
  assertStringIncludes(
    await refused("--best-of=2", "--backend=ppl"),
    "Cannot use --best-of 2 with --backend ppl",
  );
  assertStringIncludes(await refused("--dataset=xiaomi"), "add --dataset-path FILE");
  assertStringIncludes(await refused("--sharegpt-output-len=3"), "at least 4");
});

Deno.test("num-clients: every option of the script changes the plan or the request (T24)", async () => {
  const planText = async (argv: string[]) => {
    const { options: _, salt: _salt, ...plan } = await planOf(argv);
    return JSON.stringify(plan);
  };
  await inTempFolder(async (folder) => {
    const file = `${folder}/text.json`;
    await Deno.writeTextFile(file, "[]");
    const plain = await planText([]);
    const changes = [
      ...["--backend=ppl", "--api-key=k", "--endpoint=/x", `--dataset-path=${file}`, "--model=m"],
      ...["--best-of=2", "--num-requests=7", "--sharegpt-output-len=8", `--tokenizer=${folder}`],
      ...["--num-threads=2", "--num-turns=2", "--ramp-up-time=3", "--thread-stop-time=4"],
      ...[`--system-prompt-path=${file}`, "--sequence=legacy", "--length=cap", "--seed=5"],
      ...["--warmup=3", "--grace=1", "--workers=2", "--timeout=5", '--extra-body={"a":1}'],
    ];
    for (const change of changes) assert(await planText([change]) !== plain, change);
  });
});

/** The body, or PPL's bytes in hex, that a backend of the script is sent. */
function bodyOf(name: string, extraBody?: Readonly<Record<string, unknown>>): unknown {
  const backend = findBackend(name);
  const values = backendValues(backend, { bestOf: 1, extraBody });
  const protocol = findProtocol(backend.protocol);
  const request: GenerationRequest = {
    model: "m",
    messages: [{ role: "user", content: "Hello" }],
    outputTokens: 16,
    length: protocol.forcesLength ? "forced" : "cap",
    stream: true,
    sampling: backend.sampling,
    requestId: 1029n,
    extraBody: values.extraBody ?? {},
  };
  const { body } = protocol.buildRequest(request, { baseUrl: "h:1", headers: {} });
  return protocol.carrier === "grpc"
    ? Array.from(body!, (byte) => byte.toString(16).padStart(2, "0")).join("")
    : JSON.parse(new TextDecoder().decode(body));
}

Deno.test("SCRIPT_BACKENDS send the script's own request parameters", () => {
  // The golden bytes of the protocol's second version with the script's sampling.
  assertEquals(
    bodyOf("ppl"),
    "0a25088508120548656c6c6f22130dcdcc4c3f10281d3333333f28013d6666863f2a0408101801",
  );
  assertEquals(bodyOf("lightllm"), {
    inputs: "Hello",
    parameters: {
      max_new_tokens: 16,
      min_new_tokens: 16,
      ignore_eos: true,
      temperature: 0,
      frequency_penalty: 1,
    },
  });
  assertEquals(bodyOf("amsv2"), {
    inputs: "Hello",
    parameters: {
      do_sample: true,
      max_new_tokens: 16,
      repetition_penalty: 1.1,
      temperature: 0.8,
      top_k: 50,
      top_p: 0.7,
    },
  });
  assertEquals(bodyOf("trtllm"), {
    text_input: "Hello",
    max_tokens: 16,
    stream: true,
    bad_words: "",
    stop_words: "",
    pad_id: 2,
    end_id: -1,
    temperature: 0,
  });
  const { stream_options: _, ...vllm } = bodyOf("vllm") as Record<string, unknown>;
  assertEquals(vllm, {
    model: "m",
    prompt: "Hello",
    temperature: 0,
    best_of: 1,
    max_tokens: 16,
    min_tokens: 16,
    stream: true,
    ignore_eos: true,
  });
});

Deno.test("backendValues lets --extra-body add to and win over the script's parameters", () => {
  const body = bodyOf("lightllm", { parameters: { frequency_penalty: 2, top_p: 0.5 }, more: 1 });
  assertEquals(body, {
    inputs: "Hello",
    parameters: {
      max_new_tokens: 16,
      min_new_tokens: 16,
      ignore_eos: true,
      temperature: 0,
      frequency_penalty: 2,
      top_p: 0.5,
    },
    more: 1,
  });
});

Deno.test("num-clients sends a key only where there is one (T38)", async () => {
  const before = Deno.env.get("AMSV2_API_KEY");
  try {
    const keyFor = async (...argv: string[]) => (await planOf(["--backend=amsv2", ...argv])).apiKey;
    Deno.env.delete("AMSV2_API_KEY");
    assertEquals(await keyFor(), undefined);
    Deno.env.set("AMSV2_API_KEY", "from-the-environment");
    assertEquals(await keyFor(), "from-the-environment");
    assertEquals(await keyFor("--api-key=given"), "given");
  } finally {
    if (before === undefined) Deno.env.delete("AMSV2_API_KEY");
    else Deno.env.set("AMSV2_API_KEY", before);
  }
});
