import { assert, assertEquals } from "@std/assert";
import { createRequests } from "../metrics/summary_requests.ts";
import { createFailure, createRecord } from "./support/create_record.ts";

/** Requests whose E2E is `slow(index)` ms. */
function requests(count: number, slow: (index: number) => number) {
  return Array.from({ length: count }, (_, index) => {
    const sentMs = index * 10;
    const endMs = sentMs + slow(index);
    return createRecord({ index, sentMs, endMs, ticks: [[sentMs + 1, 1], [endMs, 3]] });
  });
}

Deno.test("createRequests tells of each request what its metrics say", () => {
  const all = createRequests();
  all.add(createRecord({ index: 7, user: 3, sentMs: 5, endMs: 55, ticks: [[15, 1], [55, 5]] }));
  all.add(createFailure("timeout", { index: 8, sentMs: 5, endMs: 9, message: "x".repeat(400) }));
  all.add(createFailure("dropped", { index: 9 }));
  const { total, rows: [fine, failed, never] } = all.result(10);
  assertEquals(total, 3);
  assertEquals(
    [fine!.index, fine!.user, fine!.sentMs, fine!.ttftMs, fine!.tpotMs, fine!.e2eMs],
    [7, 3, 5, 10, 10, 50],
  );
  assertEquals([fine!.outcome, fine!.message], ["ok", undefined]);
  assertEquals([failed!.e2eMs, failed!.ttftMs, failed!.message?.length], [4, undefined, 300]);
  assertEquals([never!.outcome, never!.e2eMs], ["dropped", undefined]);
});

Deno.test("createRequests keeps the slowest, the first failures and some of all others", () => {
  const all = createRequests();
  for (const record of requests(1000, (i) => i % 100 === 50 ? 5000 + i : 20)) all.add(record);
  for (let index = 1000; index < 1100; index++) all.add(createFailure("timeout", { index }));
  const { total, rows } = all.result(80);
  assertEquals(total, 1100);
  assert(rows.length <= 80 && rows.length > 45, `${rows.length} rows`);
  assertEquals(rows.filter(({ e2eMs = 0 }) => e2eMs >= 5000).length, 10);
  assertEquals(rows.filter(({ index }) => index >= 1000 && index < 1020).length, 20);
  const others = rows.filter(({ e2eMs, outcome }) => outcome === "ok" && e2eMs === 20);
  // Not only those from its beginning.
  assert(others.some(({ index }) => index < 300) && others.some(({ index }) => index > 700));
  assertEquals(
    rows.map(({ index }) => index),
    rows.map(({ index }) => index).sort((a, b) => a - b),
  );
});

Deno.test("createRequests is bounded, and the order of the records changes nothing", () => {
  const records = requests(5000, (i) => 10 + (i * 7919) % 1000);
  const [forward, backward] = [createRequests(200), createRequests(200)];
  for (const record of records) forward!.add(record);
  for (const record of records.toReversed()) backward!.add(record);
  const found = forward!.result(1e9);
  assertEquals(found.total, 5000);
  assert(found.rows.length <= 200 && found.rows.length > 100);
  assertEquals(backward!.result(1e9), found);
  assertEquals(Math.max(...found.rows.map(({ e2eMs = 0 }) => e2eMs)), 1009);
});
