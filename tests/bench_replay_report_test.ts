import { assertAlmostEquals, assertEquals, assertMatch } from "@std/assert";
import { departureErrors, replayReport } from "./bench/replay_report.ts";

const SENT = Array.from({ length: 200 }, (_, i) => ({
  // Two share each instant; the second leaves half a millisecond later.
  intendedMs: 10 * Math.floor(i / 2),
  sentMs: 10 * Math.floor(i / 2) + (i % 2) / 2,
}));

Deno.test("replay report: lateness by both clocks, the way to the server taken off", () => {
  const arrivals = SENT.map(({ sentMs }) => 5000 + sentMs + 0.25);
  const errors = departureErrors(SENT, arrivals);
  assertAlmostEquals(errors.clientP99Ms!, 0.5);
  assertAlmostEquals(errors.serverP50Ms!, 0.25);
  assertAlmostEquals(errors.serverMaxMs!, 0.5);
});

Deno.test("replay report: a request that comes late is late, one that is missing leaves nothing to say", () => {
  const arrivals = SENT.map(({ sentMs }, i) => 5000 + sentMs + (i === 199 ? 40 : 0));
  assertAlmostEquals(departureErrors(SENT, arrivals).serverMaxMs!, 40.5);
  assertEquals(departureErrors(SENT, arrivals.slice(1)).serverMaxMs, undefined);
});

Deno.test("replay report: a row has shares of the prompt tokens", () => {
  const text = replayReport([{
    ...departureErrors(SENT, []),
    ...{ name: "weka-4", records: 200, failed: 1, contentTokens: 1000, expectedCached: 900 },
    ...{ reportedCached: 899, rssFirstHalfMiB: 120, rssMiB: 121, cpuSec: 1.25 },
  }]);
  assertMatch(text, /weka-4 \| 200 \(1 failed\) .* n\/a .* 90\.0000 % \/ 89\.9000 % \| 120 → 121/);
});
