import { assertEquals } from "@std/assert";
import { createInterrupt } from "../workloads/interrupt.ts";

Deno.test("createInterrupt takes signals closer than half a second for one", () => {
  const clock = { ms: 0, now: () => clock.ms, sleepUntil: () => Promise.resolve() };
  const interrupt = createInterrupt(clock);
  const cases: [number, string, boolean, boolean][] = [
    [10_000, "interrupt", true, false],
    [10_003, "same", true, false],
    [10_499, "same", true, false],
    // Half a second after the first of them, not after the last.
    [10_500, "abort", true, true],
    [10_503, "same", true, true],
    [11_000, "exit", true, true],
    [11_500, "exit", true, true],
  ];
  assertEquals([interrupt.interrupted.aborted, interrupt.aborted.aborted], [false, false]);
  for (const [ms, stage, interrupted, aborted] of cases) {
    clock.ms = ms;
    assertEquals(interrupt.signal(), stage, String(ms));
    assertEquals([interrupt.interrupted.aborted, interrupt.aborted.aborted], [
      interrupted,
      aborted,
    ]);
  }
});
