/** Recordings as published, against figures that another program computed from the files. */
import { assert, assertEquals, assertRejects } from "@std/assert";
import { readTrace, recognizesTrace, TRACE_FORMATS } from "../workloads/traces.ts";
import { sharingOf, turnsInOrder } from "../workloads/trace_sharing.ts";
import type { Trace, TraceSession } from "../workloads/trace.ts";
import { UserError } from "../workloads/user_error.ts";
import { firstRows } from "../workloads/datasets.ts";
import { inTempFolder } from "./support/run_cli.ts";

const TRACES = Deno.env.get("TOKOMETER_TRACES");

function golden(name: string, fn: (folder: string) => Promise<void>): void {
  Deno.test({
    name: `${name} (TOKOMETER_TRACES)`,
    ignore: TRACES === undefined,
    fn: () => fn(TRACES!),
  });
}

/** As printed there: rounded to so many digits. */
const rounded = (value: number, digits: number) => Number(value.toFixed(digits));
const percent = (part: number, whole: number) => rounded(100 * part / whole, 4);

function sums(trace: Trace) {
  let inputTokens = 0;
  let outputTokens = 0;
  let requests = 0;
  let lastMs = 0;
  for (const { turn } of turnsInOrder(trace)) {
    requests++;
    if (turn.prompt.kind === "blocks") inputTokens += turn.prompt.inputTokens;
    outputTokens += turn.outputTokens ?? 0;
    lastMs = turn.atMs;
  }
  return { requests, inputTokens, outputTokens, lastMs };
}

golden("mooncake's conversation trace has its rows, instants, means and shares", async (folder) => {
  const trace = await readTrace(`${folder}/mooncake_conversation_trace.jsonl`);
  const { requests, inputTokens, outputTokens, lastMs } = sums(trace);
  assertEquals([trace.format, trace.blockTokens, trace.hasSessions], ["mooncake", 512, false]);
  assertEquals([requests, lastMs, trace.skipped], [12_031, 3_536_999, {}]);
  assertEquals(rounded(inputTokens / requests, 3), 12_035.061);
  assertEquals(rounded(outputTokens / requests, 3), 342.619);
  const sharing = sharingOf(trace);
  assertEquals(percent(sharing.seenBlocks, sharing.blocks), 36.6412);
  for (const { turns: [turn] } of trace.sessions) {
    assert(turn?.prompt.kind === "blocks");
    assertEquals(turn.prompt.blocks.length, Math.ceil(turn.prompt.inputTokens / 512));
  }
});

golden("azure's code trace has its rows, instants and means", async (folder) => {
  const trace = await readTrace(`${folder}/AzureLLMInferenceTrace_code.csv`);
  const { requests, inputTokens, outputTokens, lastMs } = sums(trace);
  assertEquals([trace.format, trace.blockTokens, trace.hasSessions], ["azure", 0, false]);
  assertEquals([requests, lastMs, trace.skipped], [8819, 3_435_948.056, {}]);
  assertEquals(rounded(inputTokens / requests, 6), 2047.848282);
  assertEquals(rounded(outputTokens / requests, 6), 27.882526);
});

/** Requests, sub-agents, tokens in and out, shares of blocks and of tokens in percent. */
const WEKA: Readonly<Record<string, readonly number[]>> = {
  trace_0001: [41, 0, 4_873_373, 27_119, 93.2757, 93.2519],
  trace_0002: [33, 0, 1_508_817, 18_463, 93.4675, 93.4030],
  trace_0274: [105, 3, 5_990_912, 48_868, 95.2660, 95.2152],
  trace_0277: [53, 4, 2_576_410, 31_862, 87.3453, 87.2880],
  trace_0279: [90, 2, 8_140_469, 45_386, 94.7520, 94.7208],
  trace_0282: [103, 3, 6_741_276, 73_186, 94.5889, 94.5445],
  trace_0291: [32, 2, 2_254_119, 19_504, 89.7583, 89.7287],
  trace_0103: [3, 0, 49_384, 618, 62.6459, 62.5952],
  trace_0187: [3, 0, 35_830, 788, 60.5735, 60.3740],
  trace_0504: [3, 0, 33_739, 337, 65.3333, 65.0642],
  trace_0546: [4, 0, 52_355, 350, 73.4394, 73.3454],
};

golden("weka's files have their requests, sub-agents, tokens and shares", async (folder) => {
  const trace = await readTrace(`${folder}/weka`);
  assertEquals([trace.format, trace.blockTokens, trace.hasSessions], ["weka", 64, true]);
  const found = trace.sessions.map((session) => {
    const one = { ...trace, sessions: [session] };
    const { requests, inputTokens, outputTokens } = sums(one);
    const { blocks, seenBlocks, cachedTokens, cachedInSession } = sharingOf(one);
    assertEquals(cachedInSession, cachedTokens);
    return [session.id, [
      requests,
      session.chains.length - 1,
      inputTokens,
      outputTokens,
      percent(seenBlocks, blocks),
      percent(cachedTokens, inputTokens),
    ]];
  });
  assertEquals(Object.fromEntries(found), WEKA);
});

/** Sub-agents: their starts, the starts of turns that they come after and that wait for them, s. */
const AGENTS: Readonly<Record<string, readonly (readonly number[])[]>> = {
  trace_0274: [[19.472, 0, 323], [19.486, 0, 323], [19.486, 0, 323]],
  trace_0277: [[19.474, 0, 228], [19.461, 0, 228], [19.474, 0, 228], [385.6, 347, 763]],
  trace_0279: [[2257.608, 2247, 2336], [2348.793, 2336, 2485]],
  trace_0282: [[78.257, 55, 364], [78.257, 55, 364], [78.257, 55, 364]],
  trace_0291: [[1101.357, 1085, 1209], [1101.369, 1085, 1209]],
};

golden("weka's sub-agents start and are joined where they were", async (folder) => {
  for (const [id, expected] of Object.entries(AGENTS)) {
    const { sessions: [session] } = await readTrace(`${folder}/weka/${id}.json`);
    const { turns, chains } = session!;
    const found = chains.flatMap(({ depth }, chain) => {
      if (depth === 0) return [];
      const first = turns.find((turn) => turn.chain === chain)!;
      const last = turns.findLastIndex((turn) => turn.chain === chain);
      assertEquals(first.waitsFor.length, 1);
      const joining = turns.filter((turn) => turn.chain === 0 && turn.waitsFor.includes(last));
      assertEquals(joining.length, 1);
      return [
        [first.atMs, turns[first.waitsFor[0]!]!.atMs, joining[0]!.atMs].map((ms) => ms / 1000),
      ];
    });
    assertEquals(found, expected, id);
  }
});

golden("every recording keeps what sessions promise", async (folder) => {
  for (
    const file of ["mooncake_conversation_trace.jsonl", "AzureLLMInferenceTrace_code.csv", "weka"]
  ) {
    for (const session of (await readTrace(`${folder}/${file}`)).sessions) keepsPromises(session);
  }
});

/** No chain holds two requests that overlap, and turns wait for those before them only. */
function keepsPromises({ turns, chains }: TraceSession): void {
  const tails: (number | undefined)[] = chains.map(() => undefined);
  const lengths = chains.map(() => 0);
  for (const [position, turn] of turns.entries()) {
    assert(turn.waitsFor.every((waited) => waited < position));
    assert(turn.delayMs >= 0);
    assertEquals(turn.number, ++lengths[turn.chain]!);
    const tail = tails[turn.chain];
    if (tail !== undefined) {
      assert(turn.waitsFor.includes(tail), "a chain goes on behind its tail");
      const { atMs, endMs = atMs } = turns[tail]!;
      assert(endMs <= turn.atMs + 1000, "requests of a chain overlap");
    }
    tails[turn.chain] = position;
  }
}

Deno.test("TRACE_FORMATS are told apart by their rows, and no dataset is taken for one", async () => {
  const rows: Readonly<Record<string, readonly unknown[]>> = {
    mooncake: [
      { timestamp: 0, input_length: 10, output_length: 2, hash_ids: [1] },
      { session_id: "a", delay: 20, text_input: "x", output_length: 2 },
      { session_id: "a", message_mode: "delta", messages: [], output_length: 2 },
    ],
    azure: [{ TIMESTAMP: "", ContextTokens: "", GeneratedTokens: "" }],
    burstgpt: [{ "Timestamp": "", "Request tokens": "", "Response tokens": "" }],
    bailian: [{ chat_id: 1, parent_chat_id: -1, timestamp: 1, input_length: 1, output_length: 1 }],
    weka: [{ id: "a", block_size: 64, requests: [] }],
    sessions: [{ turns: [{ messages: "x" }] }, { turns: [{ output_tokens: 3, messages: [] }] }],
  };
  assertEquals(Object.keys(rows), TRACE_FORMATS.map(({ name }) => name));
  for (const [name, examples] of Object.entries(rows)) {
    for (const row of examples) {
      const taking = TRACE_FORMATS.filter(({ recognizes }) => recognizes([row]));
      assertEquals(taking.map((format) => format.name), [name], JSON.stringify(row));
    }
  }
  assertEquals(await recognizesTrace("rows.jsonl", []), false);
  const others: readonly unknown[] = [
    { conversations: [{ from: "human", value: "x" }, { from: "gpt", value: "y" }] },
    { prompt: "x", output_tokens: 3 },
    { prompt: "x", output_length: 3, timestamp: "2026-01-01" },
    { text_input: "x", output_length: 3 },
    { messages: [{ role: "user", content: "x" }], output_length: 3, session_id: "a" },
    { custom_id: "a", method: "POST", url: "/v1/completions", body: { prompt: "x" } },
    { turns: ["first question", "second question"] },
    { turns: [{ role: "user", content: "x" }] },
    { turns: [{ text: "x" }] },
    "a text",
    [{ role: "user", content: "x" }],
    { question: "x", instruction: "y" },
  ];
  for (const row of others) {
    assertEquals(await recognizesTrace("rows.jsonl", [row]), false, JSON.stringify(row));
  }
});

Deno.test("recognizesTrace takes a file as a dataset sees it, a table by its header, a folder", async () => {
  await inTempFolder(async (folder) => {
    const seen = async (name: string, text: string) => {
      await Deno.writeTextFile(`${folder}/${name}`, text);
      return await recognizesTrace(`${folder}/${name}`, await firstRows(`${folder}/${name}`));
    };
    const request = { t: 0, type: "n", model: "m", in: 70, out: 1, hash_ids: [1] };
    const weka = { id: "a", block_size: 64, requests: [request, request] };
    assert(await seen("weka.json", JSON.stringify(weka)));
    assert(await seen("weka_lines.json", JSON.stringify(weka, null, 2)));
    assert(await seen("azure.csv", "TIMESTAMP,ContextTokens,GeneratedTokens\n"));
    assert(!await seen("prompts.csv", "prompt,output_tokens\nx,3\n"));
    assert(!await seen("prompts.jsonl", '{"prompt":"x"}\n'));
    await Deno.mkdir(`${folder}/many`);
    assert(await recognizesTrace(`${folder}/many`, await firstRows(`${folder}/many`)));
    assert(!await recognizesTrace(`${folder}/none.jsonl`, await firstRows(`${folder}/none.jsonl`)));
  });
});

Deno.test("readTrace says what it cannot tell, read or find", async () => {
  await inTempFolder(async (folder) => {
    const path = `${folder}/x.jsonl`;
    await Deno.writeTextFile(path, '{"prompt":"x","n":1}\n');
    const fails = (words: string, format?: string) =>
      assertRejects(() => readTrace(path, { ...(format && { format }) }), UserError, words);
    await fails(
      "its first row has the fields prompt, n; name it with --trace-format (mooncake, azure",
    );
    await fails("did you mean mooncake?", "moncake");
    await fails("line 1: it has none of input_length, text_input, messages", "mooncake");
    await Deno.writeTextFile(path, "[1, 2]");
    await fails("it holds no JSON objects and no table");
    await Deno.writeTextFile(path, "a plain text\n");
    await fails("it holds no JSON objects and no table");
    await assertRejects(() => readTrace(`${folder}/none`), UserError, "no such file");
    await Deno.writeTextFile(path, "");
    await fails("it is empty");
  });
});

Deno.test("readTrace can be given up", async () => {
  await inTempFolder(async (folder) => {
    const path = `${folder}/x.jsonl`;
    const row = '{"timestamp":0,"input_length":1,"output_length":1}\n';
    await Deno.writeTextFile(path, row.repeat(1001));
    const signal = AbortSignal.abort(new Error("enough"));
    await assertRejects(() => readTrace(path, { signal }), Error, "enough");
  });
});
