import { assertAlmostEquals, assertEquals, assertMatch } from "@std/assert";
import type { RequestRecord } from "../backends/record.ts";
import type { Witness } from "../metrics/run_client.ts";
import { summarize } from "../metrics/summary.ts";
import { stallsText } from "../metrics/summary_course_text.ts";
import { createRecord } from "./support/create_record.ts";
import { createRun } from "./support/create_run.ts";

/** Gaps of 10 ms; those at the given positions are longer. Without bounds unless `widthUs` says so. */
function stream(
  index: number,
  gaps: Readonly<Record<number, number>>,
  { sentMs = 0, tokens = 40, widthUs }: {
    sentMs?: number;
    tokens?: number;
    widthUs?: (i: number) => number;
  } = {},
): RequestRecord {
  let ms = sentMs + 50;
  const ticks = Array.from({ length: tokens }, (_, i) => {
    if (i > 0) ms += gaps[i] ?? 10;
    return [ms, i + 1] as const;
  });
  return createRecord({
    ...{ index, user: index, sentMs, intendedMs: sentMs, ticks },
    ...(widthUs === undefined ? {} : {
      departedMs: sentMs,
      tickWidthUs: Uint32Array.from(ticks, (_, i) => widthUs(i)),
    }),
  });
}

function stallsOf(
  records: readonly RequestRecord[],
  { values = "raw", witness }: { values?: "raw" | "histogram"; witness?: Witness } = {},
) {
  const run = createRun(records, { ends: [witness === undefined ? {} : { witness }] });
  return summarize(run, { values }).loads[0]!.stalls;
}

for (const values of ["raw", "histogram"] as const) {
  Deno.test(`stalls: one stream alone, and most streams at once, ${values}`, () => {
    const records = [0, 1, 2, 3].map((index) =>
      stream(index, { 20: 400, ...(index === 2 ? { 30: 150 } : {}) })
    );
    const found = stallsOf(records, { values });
    assertAlmostEquals(found.thresholdMs!, 100, 0.2);
    assertEquals([found.factor, found.count, found.counted], [10, 5, 5]);
    assertAlmostEquals(found.totalMs, 4 * 400 + 150, 1);
    assertAlmostEquals(found.share!, 1750 / (1750 + 151 * 10), 0.01);
    assertEquals(found.causes, { client: 0, server: 4, several: 0, single: 1 });
    const [first] = found.worst;
    assertEquals(first, {
      ...{ fromMs: 240, toMs: 640, index: 0, user: 0, together: 4, inFlight: 4 },
      ...{ clientLateMs: undefined, cause: "server" },
    });
    assertEquals(found.worst.at(-1)!.index, 2);
    assertMatch(
      stallsText(found)!,
      /^5 gaps of more than 100 ms \(10 × the median ITL\), 1\.75 s together, .*the longest 400 ms at 240 ms, request 0; 4 when most streams stopped, 1 when one stream stopped alone; whether the client was late is unknown$/,
    );
  });

  Deno.test(`stalls: several of many, ${values}`, () => {
    const records = Array.from(
      { length: 10 },
      (_, index) => stream(index, index < 2 ? { 10: 300 } : {}, { tokens: 80 }),
    );
    assertEquals(stallsOf(records, { values }).causes, {
      ...{ client: 0, server: 0, several: 2, single: 0 },
    });
  });

  Deno.test(`stalls: those that the client made are said to be so, ${values}`, () => {
    const late = stream(0, { 20: 400 }, { widthUs: (i) => i === 20 ? 380_000 : 20 });
    const intime = stream(1, { 20: 400 }, { widthUs: () => 20 });
    const found = stallsOf([late, intime], { values });
    assertEquals(found.worst.map(({ cause }) => cause), ["client", "server"]);
    assertAlmostEquals(found.worst[0]!.clientLateMs!, 380, 1e-6);
  });

  Deno.test(`stalls: a witness tells where stamps do not, ${values}`, () => {
    const witness: Witness = {
      ...{ streams: 2, requests: 10, ticks: 100, windowMs: 100 },
      ...{ readLate: { maxMs: 390 }, departLate: { maxMs: 1 } },
      readLateMaxMs: [1, 1, 1, null, 1, 1, 390, 1, 1, 1],
      departLateMaxMs: [1],
    };
    // The first ends at 640 ms, the second begins after it.
    const found = stallsOf([stream(0, { 20: 400, 30: 250 })], { values, witness });
    assertEquals(found.worst.map(({ cause }) => cause), ["client", "single"]);
    assertEquals(found.worst.map(({ clientLateMs }) => clientLateMs), [390, 1]);
  });
}

Deno.test("stalls: at most a hundred are listed, all are counted", () => {
  const gaps = Object.fromEntries(Array.from({ length: 150 }, (_, i) => [1 + 5 * i, 200 + i]));
  const found = stallsOf([stream(0, gaps, { tokens: 2000 })]);
  assertEquals([found.count, found.counted, found.worst.length], [150, 150, 100]);
  assertEquals(found.worst[0]!.toMs - found.worst[0]!.fromMs, 349);
});

Deno.test("stalls: more than are kept are counted from the gaps, the causes of the longest", () => {
  const records = Array.from({ length: 40 }, (_, index) => {
    const gaps = Object.fromEntries(
      Array.from({ length: 900 }, (_, i) => [1 + 2 * i, 150 + i / 10]),
    );
    return stream(index, gaps, { tokens: 2000, sentMs: 7 * index });
  });
  for (const values of ["raw", "histogram"] as const) {
    const found = stallsOf(records, { values });
    assertEquals(found.count, 36_000);
    assertEquals(found.counted > 10_000 && found.counted < 36_000, true);
    assertMatch(stallsText(found)!, /of the 1\d,\d{3} longest \d/);
  }
});

Deno.test("stalls: gaps of less than a millisecond are none, and no gaps have no threshold", () => {
  const quick = createRecord({
    ticks: Array.from({ length: 30 }, (_, i) => [100 + 0.02 * i + (i > 15 ? 0.5 : 0), i + 1]),
  });
  const found = stallsOf([quick]);
  assertEquals([found.thresholdMs, found.count], [1, 0]);
  const none = stallsOf([createRecord({ ticks: [[100, 1]] })]);
  assertEquals([none.thresholdMs, none.share, stallsText(none)], [undefined, undefined, undefined]);
});
