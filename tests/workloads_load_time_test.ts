import { assert, assertAlmostEquals, assertEquals, assertThrows } from "@std/assert";
import type { TimeSpec } from "../workloads/load.ts";
import {
  formatTimeSpec,
  meanTimeMs,
  parseTimeMs,
  parseTimeSpec,
  thinkTimes,
} from "../workloads/load_time.ts";
import { UserError } from "../workloads/user_error.ts";

const SPECS: readonly (readonly [text: string, spec: TimeSpec, ms: string])[] = [
  ["2", { kind: "fixed", ms: 2000 }, "2000"],
  ["0", { kind: "fixed", ms: 0 }, "0"],
  ["500ms", { kind: "fixed", ms: 500 }, "500"],
  [" 1.5m ", { kind: "fixed", ms: 90_000 }, "90000"],
  ["uniform:1s:5s", { kind: "uniform", low: 1000, high: 5000 }, "uniform:1000:5000"],
  ["normal:5s:500ms", { kind: "normal", mean: 5000, std: 500 }, "normal:5000:500"],
  ["lognormal:2:0.5", { kind: "lognormal", median: 2000, sigma: 0.5 }, "lognormal:2000:0.5"],
  ["exponential:300ms", { kind: "exponential", mean: 300 }, "exponential:300"],
];

Deno.test("parseTimeSpec reads seconds and milliseconds, formatTimeSpec writes milliseconds", () => {
  for (const [text, spec, ms] of SPECS) {
    assertEquals(parseTimeSpec(text, "--think-time"), spec);
    assertEquals(formatTimeSpec(spec), ms);
  }
  assertEquals([parseTimeMs("7"), parseTimeMs("7 s"), parseTimeMs("-1")], [
    7000,
    undefined,
    undefined,
  ]);
});

Deno.test("parseTimeSpec refuses the rest, and says what would work", () => {
  const refused = (text: string, works: string) => {
    const error = assertThrows(() => parseTimeSpec(text, "--think-time"), UserError);
    assert(error.message.startsWith(`Cannot use --think-time ${JSON.stringify(text)}: give `));
    assert(error.message.includes(works), error.message);
  };
  for (const text of ["", "fast", "-1", "1h", "uniform:1s", "normal:1s:2s:3s", "poisson:1s"]) {
    refused(text, "2s, 500ms, uniform:1s:5s");
  }
  refused("uniform:5s:1s", "uniform:1s:5s");
  refused("lognormal:5s:30", "lognormal:5s:0.5");
  refused("2000m", "24 hours");
});

Deno.test("thinkTimes draws the same times for the same user and request, whatever comes between", () => {
  for (const [, spec] of SPECS) {
    const draw = thinkTimes(spec, { seed: 1, loadNumber: 0 });
    const all = Array.from({ length: 4000 }, (_, i) => draw(i % 8, 1 + Math.floor(i / 8)));
    const again = thinkTimes(spec, { seed: 1, loadNumber: 0 });
    assertEquals(
      all.map((_, i) => again((3999 - i) % 8, 1 + Math.floor((3999 - i) / 8))),
      all.toReversed(),
    );
    assert(all.every((ms) => ms >= 0));
    const mean = all.reduce((sum, ms) => sum + ms, 0) / all.length;
    assertAlmostEquals(mean, meanTimeMs(spec), 0.06 * meanTimeMs(spec));
    if (spec.kind === "fixed") continue;
    assert(new Set(all).size > 3900, formatTimeSpec(spec));
    for (const other of [{ seed: 2, loadNumber: 0 }, { seed: 1, loadNumber: 1 }]) {
      assert(thinkTimes(spec, other)(0, 1) !== all[0]);
    }
  }
});
