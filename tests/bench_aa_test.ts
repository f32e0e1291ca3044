import { assert, assertEquals } from "@std/assert";
import { STEADY_SERVER } from "./bench/aa_runs.ts";
import { aaStudies, powerStudy, runStudy, type Study } from "./bench/aa_studies.ts";

const STUDIES = aaStudies({ singleMs: 10_000, repeatMs: 500 });

function study(name: string): Study {
  return STUDIES.find((one) => one.name === name)!;
}

/** Tallies of a figure of a study. */
function tally(name: string, figure: string, count: number) {
  return runStudy(study(name), { count }).find((one) => one.name === figure)!;
}

Deno.test("a server compared with itself by turns is hardly ever better or worse", () => {
  const count = 20;
  const tallies = runStudy(study("turns"), { count });
  assert(tallies.length >= 15);
  for (const { name, known, decided, missed } of tallies) {
    assertEquals(known, count, name);
    // Of 20, 5 % are 1; more than 5 are found with a right method once in 3,000 times.
    assert(decided <= 1 && missed <= 5, `${name}: ${decided} decided, ${missed} missed`);
  }
});

Deno.test("requests that are taken for independent find what is not there", () => {
  const { known, decided } = tally("unblocked", "itl:mean", 16);
  assertEquals(known, 16);
  assert(decided >= 2, `${decided} of 16`);
});

Deno.test("+5 % is found at the size that a plan asks for", () => {
  const server = { ...STEADY_SERVER, slowness: 0.02, runEffect: 0.01, drift: 0.01 };
  const how = { server, figures: ["itl:mean"], all: false };
  const [itl] = powerStudy({ ...how, repeatMs: 500, count: 6 });
  assert(itl!.found >= 4, `${itl!.found} of ${itl!.count} with ${itl!.repeats} repeats`);
});
