import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { timelineChart } from "../metrics/chart_timeline.ts";
import type { TimelineEntry } from "../metrics/load_summary.ts";
import { pathOf, tipsOf } from "./support/chart_parts.ts";

const ENTRY: TimelineEntry = {
  index: 0,
  user: 0,
  intendedMs: 0,
  sentMs: 100,
  firstTokenMs: 300,
  lastTokenMs: 900,
  endMs: 1000,
  outcome: "ok",
};

const timeline = (entries: readonly TimelineEntry[], offered = entries.length) =>
  timelineChart({ id: "t", entries, offered, durationMs: 1000 });

Deno.test("timelineChart draws waiting, prefill and tokens of each request", () => {
  const chart = timeline([ENTRY, { ...ENTRY, index: 1 }]);
  assertEquals(pathOf(chart, "waiting"), "M0 7H100M0 21H100");
  assertEquals(pathOf(chart, "prefill"), "M100 7H300M100 21H300");
  assertEquals(pathOf(chart, "decode"), "M300 7H900M300 21H900");
  assertEquals(tipsOf(chart)[0], [
    "Request 0, user 0: ok",
    "intended at 0 ms",
    "sent 100 ms later",
    "first token after 200 ms, end after 900 ms",
  ]);
});

Deno.test("timelineChart goes by the time of sending, whatever the numbers are", () => {
  // Two users with numbers of their own; the second is faster.
  const sent = [[0, 0], [1, 10], [2, 400], [3, 150], [5, 300]] as const;
  const chart = timeline(
    sent.map(([index, sentMs]) => ({ ...ENTRY, index, user: index % 2, intendedMs: 0, sentMs })),
  );
  const shown = tipsOf(chart).map(([first]) => Number(/\d+/.exec(first!)![0]));
  assertEquals(shown, [0, 1, 3, 5, 2]);
});

Deno.test("timelineChart marks what did not complete by a shape, not by color alone", () => {
  const chart = timeline([
    { ...ENTRY, outcome: "timeout" },
    { ...ENTRY, outcome: "cancelled", endMs: 500 },
    {
      ...ENTRY,
      outcome: "dropped",
      sentMs: undefined,
      firstTokenMs: undefined,
      lastTokenMs: undefined,
      endMs: undefined,
    },
  ]).toString();
  for (
    const [kind, mark, x] of [["failed", "×", 100], ["cancelled", "○", 50], ["dropped", "△", 0]]
  ) {
    assert(new RegExp(`<text class="${kind}" x="${x}%" [^>]*>${mark}<`).test(chart), `${kind}`);
  }
});

Deno.test("timelineChart thins out, but keeps the few that did not complete", () => {
  const entries = Array.from({ length: 400 }, (_, index): TimelineEntry => ({
    ...ENTRY,
    index,
    outcome: index === 77 || index === 301 ? "timeout" : "ok",
  }));
  const chart = timeline(entries, 5000);
  assertEquals(tipsOf(chart).length, 160);
  const shown = tipsOf(chart).map(([first]) => first!);
  assert(shown.includes("Request 77, user 0: timeout"));
  assert(shown.includes("Request 301, user 0: timeout"));
  const order = shown.map((line) => Number(/\d+/.exec(line)![0]));
  assertEquals(order, order.toSorted((a, b) => a - b));
  assertStringIncludes(chart.toString(), "160 of 5,000 requests, in the order of sending");
});
