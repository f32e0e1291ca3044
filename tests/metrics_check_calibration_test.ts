import { assertEquals } from "@std/assert";
import { type WeighedLoad, weighLimits } from "../metrics/check_calibration.ts";
import type { CalibrationLimit } from "../metrics/run_calibration.ts";
import { createLimit } from "./support/create_calibration.ts";

/** 10 streams with 500 tokens/s were fine. */
const limit = (fields: Partial<CalibrationLimit> = {}): CalibrationLimit =>
  createLimit({ streams: 10, tokensPerSec: 500, ...fields });

const weigh = (limits: readonly CalibrationLimit[], load: WeighedLoad) => {
  const found = weighLimits(limits, load);
  return found && [found.kind, found.ratio];
};

Deno.test("weighLimits: streams and tokens both count, and a little more is the same load", () => {
  assertEquals(weigh([limit()], { streams: 10, tokensPerSec: 100 }), ["within", 1]);
  assertEquals(weigh([limit()], { streams: 12.5, tokensPerSec: 100 }), ["within", 1.25]);
  assertEquals(weigh([limit()], { streams: 13, tokensPerSec: 100 }), ["beyond", 1.3]);
  assertEquals(weigh([limit()], { streams: 1, tokensPerSec: 1000 }), ["beyond", 2]);
});

Deno.test("weighLimits: no limit says nothing, and 0 streams were too many", () => {
  const load = { streams: 1, tokensPerSec: 1 };
  assertEquals(weigh([], load), undefined);
  assertEquals(weigh([limit({ streams: 0 })], load), ["beyond", Infinity]);
});

Deno.test("weighLimits: where the search ended early, more may still be fine", () => {
  const early = limit({ endedBy: "time", tooManyStreams: 40 });
  assertEquals(weigh([early], { streams: 20, tokensPerSec: 100 }), undefined);
  assertEquals(weigh([early], { streams: 40, tokensPerSec: 100 }), ["beyond", 4]);
});

Deno.test("weighLimits takes the nearest limit that keeps the errors as small as needed", () => {
  const limits = [limit({ boundMs: 2 }), limit({ boundMs: 10, streams: 100, tokensPerSec: 5000 })];
  const load = { streams: 50, tokensPerSec: 2500 };
  assertEquals(weigh(limits, load), ["beyond", 5]);
  assertEquals(weigh(limits, { ...load, tolerableMs: 9 }), ["beyond", 5]);
  assertEquals(weigh(limits, { ...load, tolerableMs: 10 }), ["within", 0.5]);
});
