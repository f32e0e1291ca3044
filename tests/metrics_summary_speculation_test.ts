import { assertAlmostEquals, assertEquals } from "@std/assert";
import type { RequestRecord } from "../backends/record.ts";
import { itlPerToken } from "../metrics/metric_itl_per_token.ts";
import { knownTicks } from "../metrics/record_ticks.ts";
import type { ServerScrapes } from "../metrics/run_server.ts";
import { summarizeServer } from "../metrics/summary_server.ts";
import { speculationFold } from "../metrics/summary_speculation.ts";
import { createRecord, type RecordFields } from "./support/create_record.ts";

/** 1, then 3, 1 and 2 tokens. */
const JOINED = createRecord({ ticks: [[100, 1], [130, 4], [140, 5], [160, 7]] });

/** The same, by a server that does not count while it streams. */
function uncounted(tokens: number): RecordFields {
  return {
    ticks: [[100, 1], [130, 2], [140, 3], [160, 4]],
    tickSource: "event",
    outputTokens: { tokens, source: "usage" },
  };
}

function folded(records: readonly RequestRecord[], scrapes?: readonly ServerScrapes[]) {
  const fold = speculationFold();
  for (const record of records) fold.add(record);
  return {
    ...fold.ticks(),
    found: fold.result({ server: summarizeServer(scrapes), scrapes }),
  };
}

function counters(values: Readonly<Record<string, number>>, positions: readonly number[] = []) {
  const counter = (name: string, series: readonly [Record<string, string>, number][]) => ({
    name: `vllm:spec_decode_${name}_total`,
    type: "counter" as const,
    series: series.map(([labels, difference]) => ({
      ...{ labels, difference, first: 0, last: difference },
    })),
  });
  return [{
    ...{ url: "http://a/metrics", timeMs: [0, 1000] },
    families: [
      ...Object.entries(values).map(([name, value]) => counter(name, [[{}, value]])),
      counter(
        "num_accepted_tokens_per_pos",
        positions.map((value, i) => [{ position: `${i}` }, value]),
      ),
    ],
  }];
}

Deno.test("itl_per_token: a gap is shared by the tokens of its tick", () => {
  assertEquals(itlPerToken.values(JOINED), [10, 10, 10, 10, 10, 10]);
  assertEquals(itlPerToken.values(createRecord()), [10, 10, 10, 10]);
  assertEquals(itlPerToken.values(createRecord({ ticks: [[100, 4]] })), []);
  // A tick without a new token ends no gap.
  assertEquals(
    itlPerToken.values(createRecord({ ticks: [[100, 1], [110, 1], [120, 2]] })),
    [20],
  );
});

Deno.test("itl_per_token: ticks of an unknown number of tokens are out, and counted", () => {
  const unknown = createRecord(uncounted(7));
  assertEquals(itlPerToken.values(unknown), []);
  // As many events as tokens: each had one.
  const known = createRecord(uncounted(4));
  assertEquals([knownTicks(unknown), knownTicks(known)], [false, true]);
  assertEquals(itlPerToken.values(known), [30, 10, 20]);
  const { joinedTicks, uncountedTicks } = folded([unknown, known, JOINED]);
  assertEquals([joinedTicks, uncountedTicks], [2 / 8, 1]);
});

Deno.test("speculation: none where one event is one token", () => {
  assertEquals(folded([createRecord()]).found, undefined);
  assertEquals(folded([]).found, undefined);
  // A client that reads late joins events, which is no speculation.
  assertEquals(folded([{ ...JOINED, events: 8 }]).found, undefined);
});

Deno.test("speculation: counters, by position, with our estimate beside them", () => {
  const scrapes = counters(
    { num_drafts: 100, num_draft_tokens: 300, num_accepted_tokens: 150 },
    [80, 50, 20],
  );
  const { found } = folded([JOINED], scrapes);
  assertEquals(found, {
    basis: "counters",
    ...{ acceptedLength: 2.5, acceptance: 0.5, byPosition: [0.8, 0.5, 0.2] },
    ...{ tokensPerTick: 7 / 4, joinedTicks: 0.5 },
  });
  // Of two replicas the sums.
  const both = folded([JOINED], [...scrapes, ...counters({ num_drafts: 100 }, [20])]).found!;
  assertEquals([both.acceptedLength, both.byPosition], [1.75, [0.5, 0.25, 0.1]]);
});

Deno.test("speculation: an engine that can guess and did not", () => {
  const scrapes = counters({ num_drafts: 0, num_draft_tokens: 0, num_accepted_tokens: 0 });
  assertEquals(folded([createRecord()], scrapes).found, undefined);
});

Deno.test("speculation: by the answers, where no counters were read", () => {
  const record = createRecord({
    serverTimings: { draftTokens: 12, acceptedTokens: 6 },
    outputTokens: { tokens: 10, source: "counter" },
  });
  const { found } = folded([record, record]);
  assertEquals([found!.basis, found!.acceptance, found!.byPosition], ["requests", 0.5, []]);
  // Of ten tokens four are the model's own.
  assertAlmostEquals(found!.acceptedLength, 2.5);
});

Deno.test("speculation: by ticks, where an event has several tokens", () => {
  const { found } = folded([JOINED]);
  assertEquals([found!.basis, found!.acceptedLength, found!.acceptance], [
    "ticks",
    1.75,
    undefined,
  ]);
  assertEquals(folded([createRecord(uncounted(7))]).found!.tokensPerTick, 1.75);
});
