import { assertEquals, assertStrictEquals } from "@std/assert";
import { countOutcomes, groupFailures } from "../metrics/summary_outcomes.ts";
import { createFailure, createRecord } from "./support/create_record.ts";

Deno.test("countOutcomes keeps our own decisions apart from the server's failures", () => {
  const records = [
    createRecord(),
    createRecord(),
    createRecord(),
    createFailure("timeout"),
    createFailure("cancelled"),
    createFailure("dropped"),
  ];
  assertEquals(countOutcomes(records, 7), {
    offered: 6,
    sent: 5,
    completed: 3,
    failed: 1,
    cancelled: 1,
    dropped: 1,
    warmup: 7,
    successRate: 0.75,
  });
});

Deno.test("countOutcomes has no success rate without an attempt (T14)", () => {
  assertStrictEquals(countOutcomes([createFailure("dropped")], 0).successRate, undefined);
  assertEquals(countOutcomes([createFailure("timeout")], 0).successRate, 0);
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
