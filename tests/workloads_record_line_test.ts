import { assertEquals } from "@std/assert";
import type { RequestRecord } from "../backends/record.ts";
import { visibleJson } from "../metrics/visible_text.ts";
import { RecordLines } from "../workloads/record_line.ts";
import { mapStamps, microseconds, roundStamps } from "../workloads/record_stamps.ts";
import { createRecord } from "./support/create_record.ts";

/** The line as it would be without a writer of our own. */
function expected(record: RequestRecord): string {
  const { tickMs, tickTokens, tickWidthUs, tickEvents, ...rest } = mapStamps(record, microseconds);
  if (rest.connectMs !== undefined) {
    Object.assign(rest, { connectMs: microseconds(rest.connectMs) });
  }
  const list = (values: ArrayLike<number> | undefined) => values && Array.from(values);
  return visibleJson({
    record: {
      ...rest,
      ...{ tickMs: list(tickMs), tickTokens: list(tickTokens) },
      ...{ tickWidthUs: list(tickWidthUs), tickEvents: list(tickEvents) },
    },
  }) + "\n";
}

function written(...records: readonly RequestRecord[]): string {
  const lines = new RecordLines();
  for (const record of records) lines.addRecord(record);
  return new TextDecoder().decode(lines.take());
}

const TIMES = [
  ...[0, -0, 1, 9.9999, 10, 99.0004, 99.0005, 100, 999.9995, 1000, 12345.678, 0.1, 0.01, 0.001],
  ...[0.0005, 0.00049, 1.005, 1.1, 123.45, 123.456, 2 ** 31 - 1, 2 ** 31, 1e10, 1e15, 1.5e300],
  ...[-0.0001, -0.001, -1.5, -123.456, -(2 ** 31), -1e10, NaN, Infinity, -Infinity],
];
const COUNTS = [
  0,
  1,
  9,
  10,
  99,
  100,
  101,
  65535,
  65536,
  999999999,
  2 ** 31 - 1,
  2 ** 31,
  2 ** 32 - 1,
];

Deno.test("record line: every number is written as JSON writes it", () => {
  const record: RequestRecord = {
    ...createRecord({}),
    tickMs: Float64Array.from(TIMES),
    tickTokens: Uint32Array.from(COUNTS),
    tickWidthUs: Uint32Array.from(COUNTS),
    tickEvents: Uint32Array.from(COUNTS),
  };
  assertEquals(written(record), expected(record));
  for (const ms of TIMES) {
    const stamped = { ...createRecord({}), sentMs: ms, connectMs: ms, endMs: ms };
    assertEquals(written(stamped), expected(stamped));
  }
  for (const count of [...COUNTS, -1, 1.5, -0, 2 ** 53, 1e300, NaN]) {
    const counted = { ...createRecord({}), reads: count, bytes: count };
    assertEquals(written(counted), expected(counted));
  }
});

Deno.test("record line: random times end in the same digits", () => {
  let seed = 1;
  const random = () => (seed = seed * 16807 % 2147483647) / 2147483647;
  const tickMs = Float64Array.from({ length: 20_000 }, () => random() * 10 ** (random() * 10));
  const record = { ...createRecord({}), tickMs, tickTokens: Uint32Array.from(tickMs) };
  assertEquals(written(record), expected(record));
});

Deno.test("record line: texts are escaped and shown as JSON is", () => {
  const texts = [
    'say "hi"',
    "back\\slash",
    "line\nfeed",
    "日本語 🚀",
    "\u202e",
    "\x7f",
    "\ud800",
    "",
  ];
  for (const text of [...texts, "x".repeat(300), "é".repeat(200_000)]) {
    const record: RequestRecord = {
      ...createRecord({ text, outcome: { kind: "http_error", status: 503, message: text } }),
      promptId: text,
      finishReason: text,
    };
    assertEquals(written(record), expected(record));
  }
});

Deno.test("record line: absent fields are left out, and lines do not touch", () => {
  const record = { ...createRecord({ ticks: [] }), sentMs: undefined, wholeBody: true } as never;
  assertEquals(written(record, record), expected(record).repeat(2));
  const lines = new RecordLines();
  lines.addValue({ end: { load: 0 } });
  lines.addRecord(record);
  assertEquals(new TextDecoder().decode(lines.take()), `{"end":{"load":0}}\n${expected(record)}`);
  assertEquals(lines.length, 0);
});

Deno.test("record stamps: rounding in place gives what the file keeps", () => {
  const tickMs = Float64Array.from(TIMES);
  const record = {
    ...createRecord({ sentMs: 1.23456, endMs: 7.0004999 }),
    connectMs: 0.12345,
    tickMs,
    tickTokens: new Uint32Array(tickMs.length),
  };
  const copy = { ...mapStamps(record, microseconds), connectMs: 0.123 };
  roundStamps(record);
  assertEquals(record, copy);
});
