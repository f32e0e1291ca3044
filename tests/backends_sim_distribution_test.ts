import { assertAlmostEquals, assertEquals, assertGreaterOrEqual, assertThrows } from "@std/assert";
import { createRandom } from "../backends/random.ts";
import { parseDistribution } from "../backends/sim_distribution.ts";

/** Mean of many draws. */
function meanOf(spec: string): number {
  const { sample } = parseDistribution(spec);
  const random = createRandom(1, "test");
  let sum = 0;
  for (let i = 0; i < 20_000; i++) sum += sample(random);
  return sum / 20_000;
}

Deno.test("parseDistribution gives a plain number as it is", () => {
  const { mean, sample } = parseDistribution("50");
  assertEquals([mean, sample(createRandom(0, "any"))], [50, 50]);
});

Deno.test("parseDistribution draws with the mean that it states", () => {
  const cases: [string, number][] = [
    ["uniform:40:60", 50],
    ["normal:50:5", 50],
    ["exponential:50", 50],
    // The mean of a lognormal is its median times exp(sigma² ÷ 2).
    ["lognormal:50:0.3", 50 * Math.exp(0.045)],
  ];
  for (const [spec, mean] of cases) {
    assertAlmostEquals(parseDistribution(spec).mean, mean, 1e-9, spec);
    assertAlmostEquals(meanOf(spec), mean, mean * 0.02, spec);
  }
});

Deno.test("parseDistribution stays within its bounds", () => {
  const random = createRandom(1, "bounds");
  const uniform = parseDistribution("uniform:2:3");
  const normal = parseDistribution("normal:1:10");
  for (let i = 0; i < 1000; i++) {
    const draw = uniform.sample(random);
    assertEquals(draw >= 2 && draw < 3, true);
    assertGreaterOrEqual(normal.sample(random), 0);
  }
});

Deno.test("parseDistribution refuses what it cannot read", () => {
  for (
    const spec of ["", "fast", "normal:50", "normal:50:5:1", "normal::5", "uniform:1:x", "NaN"]
  ) {
    const error = assertThrows(() => parseDistribution(spec), SyntaxError);
    assertEquals(
      error.message.startsWith(`Cannot read the distribution ${JSON.stringify(spec)}`),
      true,
    );
  }
  for (const spec of ["-1", "normal:50:-5", "uniform:60:40"]) {
    assertThrows(() => parseDistribution(spec), RangeError, spec);
  }
});
