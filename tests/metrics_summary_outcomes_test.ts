import { assertEquals, assertStrictEquals } from "@std/assert";
import { foldAll } from "../metrics/fold.ts";
import { emptyFold, groupFailures, outcomeFold } from "../metrics/summary_outcomes.ts";
import { createFailure, createRecord } from "./support/create_record.ts";

Deno.test("outcomeFold keeps our own decisions apart from the server's failures", () => {
  const records = [
    createRecord(),
    createRecord(),
    createRecord(),
    createFailure("timeout"),
    createFailure("cancelled"),
    createFailure("cancelled_as_planned"),
    createFailure("dropped"),
  ];
  assertEquals(foldAll(outcomeFold(), records), {
    offered: 7,
    sent: 6,
    completed: 3,
    failed: 1,
    cancelled: 1,
    cancelledAsPlanned: 1,
    dropped: 1,
    empty: 0,
    // What was never sent, or not waited for, is no success; who left as planned was not to succeed.
    successRate: 0.5,
  });
});

Deno.test("outcomeFold counts answers without a token, and emptyFold says why they ended", () => {
  const message = "0 tokens delivered, 8 requested";
  const records = [
    createRecord(),
    createFailure("wrong_length", { message }),
    { ...createFailure("wrong_length", { message, index: 1 }), finishReason: "stop" },
    { ...createFailure("wrong_length", { message, index: 2 }), finishReason: "stop" },
    // A length that was missed by some tokens is another failure.
    createRecord({ outcome: { kind: "wrong_length", message: "7 tokens delivered" } }),
  ];
  const { failed, empty } = foldAll(outcomeFold(), records);
  assertEquals([failed, empty], [4, 3]);
  assertEquals(foldAll(emptyFold(), records), [
    { reason: "stop", count: 2 },
    { reason: "", count: 1 },
  ]);
});

Deno.test("outcomeFold has no success rate without an attempt (T14)", () => {
  assertStrictEquals(foldAll(outcomeFold(), []).successRate, undefined);
  assertEquals(foldAll(outcomeFold(), [createFailure("dropped")]).successRate, 0);
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
