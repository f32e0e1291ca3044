/** Values by given definitions; ours are those of the summary. */
import { assertAlmostEquals, assertEquals } from "@std/assert";
import { CAUSES, type Definitions, OUR_DEFINITIONS } from "../metrics/dialect.ts";
import { gapsOf, valuesOf } from "../metrics/dialect_request.ts";
import { DialectValues, durationMs } from "../metrics/dialect_values.ts";
import { summarize } from "../metrics/summary.ts";
import { createFailure, createRecord } from "./support/create_record.ts";
import { createRun } from "./support/create_run.ts";
import { dialectLoad } from "./support/dialect_load.ts";

/** Three answers: one token a read, two tokens in a read, a wrong length; and a failure. */
const RECORDS = [
  createRecord({ index: 0, firstEventMs: 40 }),
  createRecord({
    ...{ index: 1, sentMs: 50, firstEventMs: 90, endMs: 260, textEvents: 4, tickSource: "event" },
    ticks: [[150, 1], [160, 3], [200, 4]],
    outputTokens: { tokens: 4, source: "usage" },
  }),
  createRecord({
    ...{ index: 2, sentMs: 60, ticks: [[300, 1], [400, 2]] },
    outcome: { kind: "wrong_length", message: "2 of 5" },
  }),
  createFailure("http_error", { index: 3, sentMs: 70, afterMs: 500 }),
];
const [ONE, TWO] = RECORDS as [typeof RECORDS[number], typeof RECORDS[number]];

function by(changes: Partial<Definitions>): Definitions {
  return { ...OUR_DEFINITIONS, ...changes };
}

Deno.test("our definitions give the figures of the summary", () => {
  const run = createRun(RECORDS);
  const { loads: [load] } = summarize(run);
  const values = new DialectValues(dialectLoad(run));
  for (const metric of ["ttft", "tpot", "itl", "e2e"] as const) {
    const { distribution } = load!.metrics.find(({ name }) => name === metric)!;
    const figure = (statistic: "mean" | "std" | "count" | 50 | 99) =>
      values.figure(
        { name: "", title: "", unit: "", quantity: metric, statistic },
        OUR_DEFINITIONS,
      );
    assertEquals(figure("count"), distribution.count);
    assertAlmostEquals(figure("mean")!, distribution.mean!);
    assertAlmostEquals(figure("std")!, distribution.std!);
    assertEquals(figure(50), distribution.median);
    assertEquals(figure(99), undefined);
  }
  const rate = (quantity: "output" | "total" | "requests") =>
    values.figure(
      { name: "", title: "", unit: "", quantity, statistic: "rate" },
      OUR_DEFINITIONS,
    );
  const { run: throughput } = load!.throughput;
  assertEquals(rate("requests"), throughput.qps);
  assertAlmostEquals(rate("output")!, throughput.outputTokensPerSec!);
  assertAlmostEquals(rate("total")!, throughput.totalTokensPerSec!);
});

Deno.test("each definition changes the values as it says", () => {
  assertEquals(valuesOf(ONE, "ttft", by({ first: "event" })), [40]);
  assertEquals(valuesOf(ONE, "ttft", by({})), [100]);
  assertEquals(valuesOf(TWO, "tpot", by({})), [50 / 3]);
  assertEquals(valuesOf(TWO, "tpot", by({ decodeFrom: "sent", divisor: "all" })), [150 / 4]);
  assertEquals(
    valuesOf(TWO, "tpot", by({ decodeEnd: "end of stream", divisor: "all but one" })),
    [110 / 3],
  );
  assertEquals(valuesOf(TWO, "e2e", by({ end: "end of stream" })), [210]);
  assertEquals(gapsOf(TWO, by({})), [10, 40]);
  assertEquals(gapsOf(TWO, by({ gaps: "chunks" })), [10, 0, 40]);
  assertEquals(gapsOf(TWO, by({ gaps: "spread" })), [5, 5, 40]);
  assertEquals(gapsOf(TWO, by({ first: "event" })), [60, 10, 40]);
  assertEquals(valuesOf(TWO, "output", by({ tokens: "chunks" })), [4]);
  assertEquals(valuesOf(TWO, "output", by({ tokens: "requested" })), [4]);
});

Deno.test("an answer that came at once has a first token for those who ask for no proof", () => {
  const once = createRecord({ ticks: [[100, 5]] });
  assertEquals(valuesOf(once, "ttft", by({})), []);
  assertEquals(valuesOf(once, "ttft", by({ proof: "any" })), [100]);
  assertEquals(valuesOf(once, "tpot", by({ proof: "any", divisor: "all but one" })), [0]);
});

Deno.test("an empty answer has a first token of 0 for those who count it, what came at once has not", () => {
  const once = createRecord({ ticks: [[100, 5]] });
  const outcome = { kind: "wrong_length", message: "0 tokens" } as const;
  const empty = createRecord({ sentMs: 50, ticks: [], outcome });
  const counted = by({ requests: "good status" });
  assertEquals(valuesOf(empty, "ttft", counted), [0]);
  assertEquals(valuesOf(once, "ttft", counted), []);
  assertEquals(valuesOf(empty, "ttft", by({})), []);
});

Deno.test("a server's count that its stream denies counts for those who trust it", () => {
  const record = createRecord({ rejectedCount: { tokens: 1, source: "usage" } });
  assertEquals(valuesOf(record, "output", by({})), [5]);
  assertEquals(valuesOf(record, "output", by({ tokens: "server" })), [1]);
});

Deno.test("where only the number of chunks is known, those that came together are known, too", () => {
  const record = createRecord({ ticks: [[100, 2], [110, 5]], textEvents: 4 });
  assertEquals(gapsOf(record, by({ gaps: "chunks" })), [10, 0, 0]);
});

Deno.test("durations and requests go by their definitions", () => {
  const load = dialectLoad(createRun(RECORDS, { ends: [{ durationMs: 450 }] }));
  assertEquals(durationMs(load, by({})), 450);
  assertEquals(durationMs(load, by({ duration: "until all ended" })), 570);
  assertEquals(
    durationMs(load, by({ duration: "first sent to last end", requests: "answered" })),
    400,
  );
  const values = new DialectValues(load);
  assertEquals(values.values("requests", by({})).length, 2);
  assertEquals(values.values("requests", by({ requests: "answered" })).length, 3);
});

Deno.test("percentile rules differ with few values", () => {
  const values = new DialectValues(dialectLoad(createRun(RECORDS)));
  const p90 = (percentiles: Definitions["percentiles"]) =>
    values.figure(
      { name: "", title: "", unit: "", quantity: "itl", statistic: 90 },
      by({ percentiles }),
    );
  assertEquals(p90("enough values"), undefined);
  assertEquals(p90("any number of values"), 25);
  assertEquals(p90("nearest rank"), 40);
  // Of two values, half lie up to the first.
  const median = (percentiles: Definitions["percentiles"]) =>
    values.figure(
      { name: "", title: "", unit: "", quantity: "e2e", statistic: 50 },
      by({ percentiles }),
    );
  assertEquals(median("any number of values"), 145);
  assertEquals(median("nearest rank"), 140);
  assertEquals(median("cumulated share"), 140);
});

Deno.test("each choice of a definition has words", () => {
  for (const [name, choice] of Object.entries(OUR_DEFINITIONS)) {
    const { title, choices } = CAUSES[name as keyof Definitions];
    assertEquals([title !== "", choice in choices], [true, true], name);
  }
});
