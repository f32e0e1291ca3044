import { assertEquals, assertMatch } from "@std/assert";
import { checkOtherClients, checkServerCounts } from "../metrics/check_server.ts";
import type { ServerSummary } from "../metrics/load_server.ts";
import { serverCountsFold } from "../metrics/summary_server_counts.ts";
import type { RequestRecord } from "../backends/record.ts";
import { createFailure, createRecord } from "./support/create_record.ts";
import { createEndpoint, createFigure, createServer } from "./support/create_server.ts";

/** Forty requests of 10 + 5 tokens. */
const OURS = Array.from({ length: 40 }, () => createRecord());

function counters(differences: Readonly<Record<string, number>>): ServerSummary {
  return createServer({
    figures: Object.entries(differences).map(([role, difference]) =>
      createFigure({ role, title: role, kind: "counter", difference })
    ),
    course: { timeMs: [], lines: [] },
  });
}

/** The figures where both sides agree, with some that do not. */
function served(differences: Readonly<Record<string, number>> = {}): ServerSummary {
  return counters({ requests_done: 40, prompt_tokens: 400, output_tokens: 200, ...differences });
}

function counted(server: ServerSummary | undefined, records: readonly RequestRecord[] = OURS) {
  const fold = serverCountsFold();
  for (const record of records) fold.add(record);
  return fold.result(server, 1000);
}

function checked(server: ServerSummary, records: readonly RequestRecord[] = OURS, max = 8) {
  const load = {
    ...{ server, serverCounts: counted(server, records), durationMs: 10_000 },
    inFlight: { max, mean: undefined, steadyMean: undefined },
  };
  return { others: checkOtherClients(load), counts: checkServerCounts(load) };
}

Deno.test("serverCounts: both sides, and nothing where the server was not read", () => {
  assertEquals(counted(undefined), []);
  assertEquals(counted(served(), []), []);
  assertEquals(counted(served()), [
    { what: "requests", server: 40, client: 40, others: false },
    { what: "prompt_tokens", server: 400, client: 400, others: false },
    { what: "output_tokens", server: 200, client: 200, others: false },
  ]);
  assertEquals(checked(served()), {
    others: "Nobody else seems to use the server",
    counts: "The server counted 40 requests, the client 40",
  });
});

Deno.test("serverCounts: nothing where the server was not read over all of the load", () => {
  const windows = [{ fromMs: 5, toMs: 1010 }, { fromMs: -9, toMs: 900 }, undefined];
  for (const window of windows) {
    const endpoints = [createEndpoint({ window })];
    assertEquals(counted({ ...served(), endpoints }), []);
    const gpu = [createEndpoint({ window, engine: "dcgm" })];
    assertEquals(counted({ ...served(), endpoints: gpu }).length, 3);
  }
});

Deno.test("serverCounts: cached tokens where answers tell them", () => {
  const records = OURS.map((record) => ({ ...record, cachedTokens: 4 }));
  assertEquals(counted(served({ cached_tokens: 160 }), records)[3], {
    ...{ what: "cached_tokens", server: 160, client: 160, others: false },
  });
  assertEquals(counted(served({ cached_tokens: 160 })).length, 3);
});

Deno.test("serverCounts: a second client is told", () => {
  const server = served({ requests_done: 60, output_tokens: 300 });
  assertEquals(counted(server)[0]!.others, true);
  const { others } = checked(server);
  assertMatch(others![0]!, /^Someone else uses this server: it counted 60 requests .* ours are 40/);
});

Deno.test("serverCounts: what was cancelled or failed explains more requests", () => {
  const cancelled = Array.from({ length: 8 }, () => createFailure("cancelled"));
  const records = [...OURS, ...cancelled];
  assertEquals(counted(served({ requests_done: 48 }), records)[0]!.others, false);
  assertEquals(counted(served({ requests_done: 40 }), records)[0]!.others, false);
  assertEquals(counted(served({ requests_done: 51 }), records)[0]!.others, true);
  // One of the warm-up may be counted a moment late.
  assertEquals(counted(served({ requests_done: 41 }))[0]!.others, false);
});

Deno.test("serverCounts: requests that were in the server before explain as many", () => {
  const before = {
    ...served({ requests_done: 44 }),
    course: {
      timeMs: [-5, 500],
      lines: [{ role: "running", title: "", unit: "requests", values: [3, 4] }],
    },
  };
  assertEquals(counted(before)[0]!.others, false);
  assertEquals(counted(served({ requests_done: 44 }))[0]!.others, true);
});

Deno.test("serverCounts: requests that never left are nobody's", () => {
  const dropped = Array.from({ length: 30 }, () => createFailure("dropped"));
  assertEquals(counted(served({ requests_done: 60 }), [...OURS, ...dropped])[0]!.others, true);
});

Deno.test("serverCounts: tokens decide where requests are not counted", () => {
  assertEquals(counted(counters({ output_tokens: 400 }))[0]!.others, true);
  assertEquals(counted(counters({ output_tokens: 204 }))[0]!.others, false);
  // As many as the cancelled ones may have had: 8 of up to 5.
  const cancelled = Array.from(
    { length: 8 },
    () => createFailure("cancelled", { requestedTokens: 5 }),
  );
  assertEquals(
    counted(counters({ output_tokens: 240 }), [...OURS, ...cancelled])[0]!.others,
    false,
  );
  assertEquals(counted(counters({ output_tokens: 250 }), [...OURS, ...cancelled])[0]!.others, true);
  // The last token of each answer, which it counts and does not report.
  assertEquals(counted(served({ output_tokens: 240 }))[2]!.others, false);
  const ownCount = OURS.map((record) => ({
    ...record,
    outputTokens: { tokens: 5, source: "event" as const },
  }));
  assertEquals(counted(counters({ output_tokens: 400 }), ownCount)[0]!.others, false);
});

Deno.test("other_clients: more in the server than ours, again and again", () => {
  const course = (running: readonly number[]): ServerSummary => ({
    ...served(),
    course: {
      timeMs: [-10, 1000, 2000, 3000, 4000],
      lines: [
        { role: "running", title: "", unit: "requests", values: running },
        { role: "waiting", title: "", unit: "requests", values: [0, 1, 1, 1, 1] },
      ],
    },
  });
  const found = checked(course([0, 8, 11, 8, 8])).others;
  assertMatch(found![0]!, /up to 12 requests were in it at once, of which at most 8 were ours/);
  // Once is a request that ended while the next one came.
  assertEquals(typeof checked(course([0, 7, 8, 7, 7])).others, "string");
});

Deno.test("server_counts: metrics of one of two replicas are told", () => {
  const half = served({ requests_done: 20 });
  assertMatch(checked(half).counts![0]!, /they count 20 of 40 requests \(50\.0 %\)/);
  const began = { ...half, endpoints: [createEndpoint({ resets: 1 })] };
  assertEquals(checked(began).counts, undefined);
});
