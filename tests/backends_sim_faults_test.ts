import { assertAlmostEquals, assertEquals, assertMatch, assertThrows } from "@std/assert";
import { parseFault, pickFaults, SIM_FAULTS } from "../backends/sim_faults.ts";

Deno.test("parseFault reads name, probability and parameter", () => {
  const cases: [string, string, number, number][] = [
    ["cut", "cut", 1, 0],
    ["http-500:0.1", "http-500", 0.1, 0],
    ["stall:0.5:300", "stall", 0.5, 300],
    ["slow-headers", "slow-headers", 1, 200],
    ["hang:0", "hang", 0, 0],
  ];
  for (const [text, name, probability, parameter] of cases) {
    const setting = parseFault(text);
    assertEquals([setting.fault.name, setting.probability, setting.parameter], [
      name,
      probability,
      parameter,
    ]);
  }
});

Deno.test("parseFault refuses unknown names and numbers that make no sense", () => {
  const cases: [string, RegExp][] = [
    ["earthquake", /known are http-429, http-500/],
    ["", /known are/],
    ["cut::3", /NAME\[:probability\]\[:parameter\]/],
    ["cut:1:2:3", /NAME\[:probability\]/],
    ["cut:1.5", /probability must be in 0…1/],
    ["cut:often", /probability must be in 0…1/],
    ["cut:1:-1", /must be a number of at least 0/],
    ["hang:1:5", /takes none/],
  ];
  for (const [text, message] of cases) {
    assertMatch(assertThrows(() => parseFault(text), Error).message, message);
  }
});

Deno.test("pickFaults affects the given share, by seed and serial", () => {
  const settings = [parseFault("cut:0.25:7"), parseFault("slow")];
  const plans = Array.from(
    { length: 4000 },
    (_, serial) => pickFaults(settings, { seed: 1, serial }),
  );
  assertAlmostEquals(plans.filter((plan) => plan.has("cut")).length / 4000, 0.25, 0.03);
  assertEquals(plans.every((plan) => plan.get("slow") === 10), true);
  assertEquals(plans.find((plan) => plan.has("cut"))?.get("cut"), 7);
  assertEquals(pickFaults(settings, { seed: 1, serial: 5 }), plans[5]);
});

Deno.test("pickFaults moves no fault when another one's probability changes", () => {
  const cuts = (first: string) =>
    Array.from(
      { length: 100 },
      (_, serial) =>
        pickFaults([parseFault(first), parseFault("cut:0.5")], { seed: 0, serial }).has("cut"),
    );
  assertEquals(cuts("slow:0"), cuts("slow:1"));
});

Deno.test("SIM_FAULTS have names of their own", () => {
  assertEquals(new Set(SIM_FAULTS.map(({ name }) => name)).size, SIM_FAULTS.length);
});
