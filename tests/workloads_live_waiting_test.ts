import { assertEquals, assertRejects } from "@std/assert";
import { renderProgress } from "../workloads/live_progress.ts";
import { whileWaiting } from "../workloads/live_waiting.ts";
import { FakeClock } from "./support/fake_clock.ts";

Deno.test("whileWaiting tells from a second or two on, until the answer has come", async (t) => {
  const rows: readonly [answerMs: number, lines: readonly string[]][] = [
    [1400, []],
    [2600, [
      "waiting for the answer  1 in flight  2 s",
      "waiting for the answer  1 in flight  2 s",
      "waiting for the answer  1 in flight  3 s",
    ]],
  ];
  for (const [answerMs, lines] of rows) {
    for (const fails of [false, true]) {
      await t.step(`${answerMs} ms, ${fails ? "an error" : "an answer"}`, async () => {
        const clock = new FakeClock();
        const seen: string[] = [];
        const answer = async () => {
          await clock.sleepUntil(answerMs);
          if (fails) throw new Error("it broke");
          return "here";
        };
        const running = clock.run(
          whileWaiting(answer(), {
            clock,
            label: "the answer",
            onProgress: (state) => seen.push(renderProgress(state, 80)),
          }),
        );
        if (fails) await assertRejects(() => running, Error, "it broke");
        else assertEquals(await running, "here");
        assertEquals(seen, lines);
      });
    }
  }
});
