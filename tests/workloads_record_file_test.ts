import { assert, assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import { LOAD_STATE_SCHEMA } from "../metrics/load_state.ts";
import { RECORD_SCHEMA } from "../metrics/run.ts";
import { summarize } from "../metrics/summary.ts";
import { openRecordFile, type RecordSink, startRecordFile } from "../workloads/record_writer.ts";
import { readRecordFile, readRunOutline, streamRecordFile } from "../workloads/record_file.ts";
import { UserError } from "../workloads/user_error.ts";
import { createRecord } from "./support/create_record.ts";
import { createRun } from "./support/create_run.ts";
import { createSessionsRun } from "./support/create_sessions.ts";
import { withRequests } from "./support/with_requests.ts";

async function inFolder(use: (folder: string) => Promise<void>): Promise<void> {
  const folder = await Deno.makeTempDir();
  try {
    await use(folder);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

const END = { load: 0, durationMs: 400, rampEndMs: 0, sendingEndMs: 300, interrupted: false };

Deno.test("record file: what was written is read back", async () => {
  await inFolder(async (folder) => {
    const path = `${folder}/records.jsonl`;
    const { header } = createRun([]);
    const records = [
      createRecord({ index: 0, ticks: [[100, 1], [110.5, 3]] }),
      createRecord({ index: 1, outcome: { kind: "timeout", message: 'after "5 s"\nof nothing' } }),
      createRecord({ index: 2, phase: "warmup", text: "日本語 🚀" }),
    ];
    const writer = startRecordFile(await openRecordFile(path), header);
    for (const record of records) writer.add(record);
    writer.end(END);
    await writer.close();
    const run = await readRecordFile(path);
    assertEquals(run.header, header);
    assertEquals(run.records, records);
    assertEquals(run.ends, [END]);
  });
});

for (
  const older of [
    "tokometer.record/1",
    "tokometer.record/2",
    "tokometer.record/3",
    "tokometer.record/4",
    "tokometer.record/5",
    "tokometer.record/6",
  ]
) {
  Deno.test(`record file: a file of ${older} is read, without what came later`, async () => {
    await inFolder(async (folder) => {
      const path = `${folder}/r.jsonl`;
      const header = { ...createRun([]).header, schema: older };
      const { tickMs, tickTokens, ...rest } = createRecord({ ticks: [[100, 1]] });
      const record = { ...rest, tickMs: [...tickMs], tickTokens: [...tickTokens] };
      const lines = [{ header }, { record }, { end: END }].map((line) => JSON.stringify(line));
      await Deno.writeTextFile(path, `${lines.join("\n")}\n`);
      const run = await readRecordFile(path);
      assertEquals(run.header.schema, RECORD_SCHEMA);
      assertEquals(run.records[0]!.tickWidthUs, undefined);
      assertEquals([run.sessions, run.header.replay], [undefined, undefined]);
      assertEquals(summarize(run).loads[0]?.counts.completed, 1);
    });
  });
}

Deno.test("record file: sessions, and what their requests and their run have, are kept", async () => {
  await inFolder(async (folder) => {
    const path = `${folder}/r.jsonl`;
    const run = createSessionsRun({
      slots: 2,
      header: {
        ruledBy: { name: "agentx", broken: ["the duration is below 900 s"] },
        classes: [{ name: "chat", weight: 7 }],
        models: [{ name: "base", weight: 1 }],
        urls: ["http://a:1", "http://b:2"],
        askedCachedShare: 0.6,
        resetCache: "vllm",
      },
    });
    const mixed = { class: "chat", model: "base", server: 1, stage: 0 };
    const records = run.records.map((record) => ({ ...record, ...mixed }));
    const writer = startRecordFile(await openRecordFile(path), run.header);
    for (const record of records) writer.add(record);
    for (const session of run.sessions!) writer.session(session);
    for (const end of run.ends) writer.end(end);
    await writer.close();
    const read = await readRecordFile(path);
    assertEquals(read.header, run.header);
    assertEquals(read.sessions, run.sessions!);
    assertEquals(read.records, records.map((record) => ({ ...record })));
    assertEquals(withRequests(summarize(read)), withRequests(summarize({ ...run, records })));
  });
});

Deno.test("record file: what stamps leave open is kept", async () => {
  await inFolder(async (folder) => {
    const path = `${folder}/r.jsonl`;
    const writer = startRecordFile(await openRecordFile(path), createRun([]).header);
    const record = {
      ...createRecord({ ticks: [[100, 1], [110, 2]] }),
      departedMs: 1.5,
      tickWidthUs: Uint32Array.of(101, 350),
    };
    writer.add(record);
    await writer.close();
    assertEquals((await readRecordFile(path)).records, [record]);
  });
});

Deno.test("record file: what metrics endpoints said is kept, and read as it was", async () => {
  await inFolder(async (folder) => {
    const path = `${folder}/r.jsonl`;
    const run = createRun([createRecord()], {
      header: { serverMetrics: ["http://a:1/metrics"] },
      ends: [{
        scrapes: [{
          ...{ url: "http://a:1/metrics", timeMs: [-3.5, 1000, 2000.25], slowestMs: 12 },
          ...{ failed: { count: 1, message: "status 500" }, leftOut: 2, answers: 3 },
          families: [
            {
              ...{ name: "vllm:num_requests_running", type: "gauge" },
              series: [{
                ...{ labels: { engine: "0" }, first: 0, last: 1, mean: 2.5, min: 0, max: 4 },
                values: [0, null, 1],
              }],
            },
            {
              ...{ name: "h_seconds", type: "histogram" },
              series: [{
                ...{ labels: {}, resets: 1 },
                added: { count: 3, sum: -1.5, edges: [0.5, 1], counts: [1, 1, 1] },
              }],
            },
          ],
        }],
      }],
    });
    const writer = startRecordFile(await openRecordFile(path), run.header);
    for (const end of run.ends) writer.end(end);
    await writer.close();
    const read = await readRecordFile(path);
    assertEquals(read.header.serverMetrics, ["http://a:1/metrics"]);
    assertEquals(read.ends[0]!.scrapes, run.ends[0]!.scrapes);
    assertEquals(
      summarize(read).loads[0]!.server?.figures.map(({ role, mean }) => [role, mean]),
      [["running", 2.5]],
    );
  });
});

Deno.test("record file: times keep a microsecond", async () => {
  await inFolder(async (folder) => {
    const path = `${folder}/r.jsonl`;
    const writer = startRecordFile(await openRecordFile(path), createRun([]).header);
    writer.add(createRecord({ sentMs: 1.23456789, ticks: [[100.0004, 1]] }));
    await writer.close();
    const [record] = (await readRecordFile(path)).records;
    assertEquals(record!.sentMs, 1.235);
    assertEquals(record!.tickMs, Float64Array.of(100));
  });
});

Deno.test("record file: a client killed while writing loses the broken line only", async () => {
  await inFolder(async (folder) => {
    const path = `${folder}/r.jsonl`;
    const writer = startRecordFile(await openRecordFile(path), createRun([]).header);
    writer.add(createRecord({ index: 0, sentMs: 10, ticks: [[200, 5]] }));
    writer.add(createRecord({ index: 1, ticks: [[300, 5]] }));
    await writer.close();
    const text = await Deno.readTextFile(path);
    await Deno.writeTextFile(path, text.slice(0, -30));
    const run = await readRecordFile(path);
    assertEquals(run.records.map(({ index }) => index), [0]);
    // No end was written either: it is made from the stamps and marked.
    assertEquals(run.ends.map(({ load, interrupted }) => ({ load, interrupted })), [
      { load: 0, interrupted: true },
    ]);
    assert(run.ends[0]!.durationMs >= 200);
    const [load] = summarize(run).loads;
    assertEquals(load!.complete, false);
    const { message } = load!.checks.find(({ name }) => name === "complete")!;
    assertStringIncludes(message, "the client was killed");
  });
});

Deno.test("record file: never overwrites", async () => {
  await inFolder(async (folder) => {
    const path = `${folder}/r.jsonl`;
    await Deno.writeTextFile(path, "precious");
    const error = await assertRejects(() => openRecordFile(path), UserError, "exists already");
    assertEquals(error.exitCode, 2);
    assertEquals(await Deno.readTextFile(path), "precious");
  });
});

Deno.test("record file: what is not one is refused with its line", async () => {
  await inFolder(async (folder) => {
    const header = JSON.stringify({ header: createRun([]).header });
    for (
      const [text, line] of [
        ["not json\n", "line 1"],
        ['{"a": 1}\n', "line 1"],
        [`${header}\n{"record":{}}\n`, "line 2"],
        [`${header}\n{"record":null}\n`, "line 2"],
        [`${header}\n{"end":{"load":0}}\n`, "line 2"],
        ['{"header":{"schema":"tokometer.record/1"}}\n', "line 1"],
        [header.slice(0, 100), "its first line is cut short"],
        ["", "it is empty"],
        ["\0".repeat(33 * 2 ** 20), "Line 1 is longer than 33554432 bytes"],
      ] as const
    ) {
      const path = `${folder}/x.jsonl`;
      await Deno.writeTextFile(path, text);
      await assertRejects(() => readRecordFile(path), UserError, line);
    }
    await assertRejects(() => readRecordFile(`${folder}/none`), UserError, "no such file");
  });
});

Deno.test("record file: broken in the middle is an error, not a silent loss", async () => {
  await inFolder(async (folder) => {
    const path = `${folder}/r.jsonl`;
    const header = JSON.stringify({ header: createRun([]).header });
    await Deno.writeTextFile(path, `${header}\n{"rec\n${header}\n`);
    await assertRejects(() => readRecordFile(path), UserError, "line 2");
  });
});

/** A file of two records with one changed field, read line by line. */
async function faultsOf(change: (line: Record<string, unknown>) => void): Promise<string[]> {
  const faults: string[] = [];
  await inFolder(async (folder) => {
    const path = `${folder}/r.jsonl`;
    const writer = startRecordFile(await openRecordFile(path), createRun([]).header);
    for (const index of [0, 1]) writer.add(createRecord({ index, ticks: [[100, 1], [110, 2]] }));
    writer.end(END);
    await writer.close();
    const lines = (await Deno.readTextFile(path)).trimEnd().split("\n");
    const { record } = JSON.parse(lines[2]!);
    change(record);
    lines[2] = JSON.stringify({ record });
    await Deno.writeTextFile(path, `${lines.join("\n")}\n`);
    const kept: number[] = [];
    for await (const { record, fault } of streamRecordFile(path)) {
      if (record !== undefined) kept.push(record.index);
      if (fault === undefined) continue;
      assertEquals([fault.path, fault.line], [path, 3]);
      faults.push(fault.problem);
    }
    assertEquals(kept, faults.length === 0 ? [0, 1] : [0]);
  });
  return faults;
}

Deno.test("record file: a bad line is named with its field and value, and left out", async () => {
  const cases: readonly (readonly [field: string, value: unknown, problem: string])[] = [
    ["sentMs", "1", 'record.sentMs is "1", not a number from -10000000000 to 10000000000'],
    ["sentMs", 1e300, "record.sentMs is 1e+300, not a number from -10000000000 to 10000000000"],
    [
      "tickMs",
      [1, null],
      "record.tickMs[1] is null, not a number from -10000000000 to 10000000000",
    ],
    ["tickTokens", [1], "record.tickTokens has 1 entries, not 2 as record.tickMs"],
    [
      "tickTokens",
      [1, 1e300],
      "record.tickTokens[1] is 1e+300, not a whole number from 0 to 4294967295",
    ],
    ["load", 1, "record.load is 1: the header has no such load"],
    ["load", 200_000, "record.load is 200000, not a whole number from 0 to 999"],
    ["promptId", undefined, "record.promptId is missing, not a text"],
    [
      "outcome",
      { kind: "ok\u202e" },
      'record.outcome.kind is "ok�", not one of ok, http_error, connect_error, timeout, truncated, protocol_error, engine_error, wrong_length, cancelled, cancelled_as_planned, dropped',
    ],
    [
      "outcome",
      { kind: "http_error", message: "" },
      "record.outcome.status is missing, not a whole number from 0 to 4294967295",
    ],
    [
      "promptTokens",
      { tokens: 1 },
      "record.promptTokens.source is missing, not one of counter, ids, usage, tokenizer, event, requested, estimate",
    ],
    ["lengthForced", 1, "record.lengthForced is 1, not true or false"],
    ["promptId", ["x".repeat(99)], `record.promptId is ["${"x".repeat(37)}…, not a text`],
  ];
  for (const [field, value, problem] of cases) {
    assertEquals(await faultsOf((record) => record[field] = value), [problem]);
  }
  // What a later version adds is no fault.
  assertEquals(await faultsOf((record) => record.later = {}), []);
});

Deno.test("record file: lines that are none are named, and the rest is read", async () => {
  await inFolder(async (folder) => {
    const path = `${folder}/r.jsonl`;
    const header = JSON.stringify({ header: createRun([]).header });
    const end = JSON.stringify({ end: END });
    const long = `{"record":"${"x".repeat(33 * 2 ** 20)}"}`;
    const bytes = new TextEncoder().encode(
      `${header}\n{"rec\n[]\n${end}\n${long}\n\0\n${header}\n`,
    );
    bytes[bytes.indexOf(0)] = 0xff;
    await Deno.writeFile(path, bytes);
    const faults: string[] = [];
    let ends = 0;
    for await (const { fault, end } of streamRecordFile(path)) {
      if (end !== undefined) ends++;
      if (fault !== undefined) faults.push(`${fault.line}: ${fault.problem}`);
    }
    assertEquals(ends, 1);
    assertEquals(faults, [
      "2: it is not JSON",
      "3: it holds neither a record nor an end",
      `5: it has ${long.length} bytes, more than ${2 ** 25}`,
      "6: it is not UTF-8",
      "7: it holds neither a record nor an end",
    ]);
    await assertRejects(() => readRecordFile(path), UserError, "line 2: it is not JSON");
  });
});

Deno.test("record file: what a leader collected of a load comes back, its outline has none of it", async () => {
  await inFolder(async (folder) => {
    const path = `${folder}/r.jsonl`;
    const agents = [{ version: "1.0.0", transport: "socket", workers: 1 }];
    const { header } = createRun([], { header: { fleet: { name: "f", run: "r1", agents } } });
    const writer = startRecordFile(await openRecordFile(path), header);
    const state = { schema: LOAD_STATE_SCHEMA, load: 0, parts: { counts: { ok: 4 } } } as const;
    writer.state(state);
    writer.end(END);
    await writer.close();
    assertEquals(await readRecordFile(path), { header, records: [], ends: [END], states: [state] });
    assertEquals(await readRunOutline(path), { header, ends: [END] });
    const lines = (await Deno.readTextFile(path)).split("\n");
    for (
      const [change, problem] of [
        [{ schema: "tokometer.state/2" }, "state.schema is"],
        [{ load: 1 }, "state.load is 1: the header has no such load"],
        [{ parts: [] }, "state.parts is"],
      ] as const
    ) {
      lines[1] = JSON.stringify({ state: { ...state, ...change } });
      await Deno.writeTextFile(path, lines.join("\n"));
      await assertRejects(() => readRecordFile(path), UserError, problem);
    }
  });
});

Deno.test("record file: too many loads, and what is wrong with a header, are errors", async () => {
  await inFolder(async (folder) => {
    const path = `${folder}/r.jsonl`;
    const { header } = createRun([]);
    const [load] = header.loads;
    const headers: readonly (readonly [Record<string, unknown>, string])[] = [
      [
        { loads: Array.from({ length: 200_000 }, () => load) },
        "header.loads has 200000 entries, more than 1000",
      ],
      [{ loads: [{ ...load, users: -1 }] }, "header.loads[0].users is -1, not a whole number"],
      [{ model: { toString: 1 } }, 'header.model is {"toString":1}, not a text'],
      [{ schema: "tokometer.record/99" }, "which this version cannot read"],
      [
        { dataset: { ...header.dataset, skipped: { odd: "x" } } },
        'header.dataset.skipped["odd"] is "x"',
      ],
    ];
    for (const [change, problem] of headers) {
      await Deno.writeTextFile(path, `${JSON.stringify({ header: { ...header, ...change } })}\n`);
      await assertRejects(
        () => readRecordFile(path),
        UserError,
        problem,
      );
    }
  });
});

Deno.test("record file: its outline leaves records unread; empty lines are no lines", async () => {
  await inFolder(async (folder) => {
    const path = `${folder}/r.jsonl`;
    const { header } = createRun([]);
    const lines = [{ header }, "", '{"record":broken', { end: END }, ""]
      .map((line) => typeof line === "string" ? line : JSON.stringify(line));
    await Deno.writeTextFile(path, lines.join("\n"));
    assertEquals(await readRunOutline(path), { header, ends: [END] });
    await assertRejects(() => readRecordFile(path), UserError, "line 3");
    await Deno.writeTextFile(path, [lines[0], "", lines[3]].join("\n"));
    assertEquals(await readRecordFile(path), { header, records: [], ends: [END] });
  });
});

Deno.test("record file: a full disk is a failure to be told, and ends the writing", async () => {
  let writes = 0;
  const full: RecordSink = {
    write() {
      writes++;
      return Promise.reject(new Error("No space left on device"));
    },
    close() {},
  };
  const writer = startRecordFile(full, createRun([]).header);
  await Promise.resolve();
  writer.add(createRecord({}));
  await writer.close();
  writer.add(createRecord({}));
  assertStringIncludes(writer.failure!.message, "No space left");
  assertEquals(writes <= 2, true);
});
