import { assert, assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import { RECORD_SCHEMA } from "../metrics/run.ts";
import { summarize } from "../metrics/summary.ts";
import {
  openRecordFile,
  readRecordFile,
  readRunOutline,
  type RecordSink,
  startRecordFile,
} from "../workloads/record_file.ts";
import { UserError } from "../workloads/user_error.ts";
import { createRecord } from "./support/create_record.ts";
import { createRun } from "./support/create_run.ts";

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

for (const older of ["tokometer.record/1", "tokometer.record/2"]) {
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
      assertEquals(summarize(run).loads[0]?.counts.completed, 1);
    });
  });
}

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
