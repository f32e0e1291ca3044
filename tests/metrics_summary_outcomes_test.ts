import { assertEquals, assertStrictEquals } from "@std/assert";
import { foldAll } from "../metrics/fold.ts";
import { groupFailures, outcomeFold } from "../metrics/summary_outcomes.ts";
import { createFailure, createRecord } from "./support/create_record.ts";

Deno.test("outcomeFold keeps our own decisions apart from the server's failures", () => {
  const records = [
    createRecord(),
    createRecord(),
    createRecord(),
    createFailure("timeout"),
    createFailure("cancelled"),
    createFailure("dropped"),
  ];
  assertEquals(foldAll(outcomeFold(), records), {
    offered: 6,
    sent: 5,
    completed: 3,
    failed: 1,
    cancelled: 1,
    dropped: 1,
    successRate: 0.75,
  });
});

Deno.test("outcomeFold has no success rate without an attempt (T14)", () => {
  assertStrictEquals(foldAll(outcomeFold(), [createFailure("dropped")]).successRate, undefined);
  assertEquals(foldAll(outcomeFold(), [createFailure("timeout")]).successRate, 0);
});

Deno.test("groupFailures puts the most frequent cause and message first", () => {
  const records = [
    createRecord(),
    createFailure("timeout", { message: "no token within 60 s" }),
    ...["a", "b", "b", "c", "d"].map((message) => createFailure("http_error", { message })),
  ];
  const [first, second] = groupFailures(records);
  assertEquals([first!.kind, first!.count, first!.messages.length], ["http_error", 5, 3]);
  assertEquals(first!.messages[0], { message: "503: b", count: 2 });
  assertEquals(second, {
    kind: "timeout",
    count: 1,
    messages: [{ message: "no token within 60 s", count: 1 }],
  });
});
