import { assertEquals } from "@std/assert";
import type { Check } from "../metrics/check.ts";
import type { LoadSummary } from "../metrics/load_summary.ts";
import { summarize } from "../metrics/summary.ts";
import { sharedWarnings } from "../metrics/summary_warnings.ts";
import { createRecord } from "./support/create_record.ts";
import { createRun } from "./support/create_run.ts";

const [PLAIN] = summarize(createRun([createRecord()])).loads;

/** Loads with these messages of warnings. */
function loadsOf(name: string, ...messages: readonly (readonly string[])[]): LoadSummary[] {
  const check = (message: string): Check => ({ name, ok: false, message, advice: "look" });
  return messages.map((list) => ({ ...PLAIN!, checks: list.map(check) }));
}

function texts(loads: readonly LoadSummary[]) {
  return sharedWarnings(loads).map(({ message, alike, loads }) => [message, alike, loads]);
}

Deno.test("sharedWarnings tells the same of several loads once", () => {
  assertEquals(texts(loadsOf("samples", ["too few"], [], ["too few"])), [["too few", true, [
    0,
    2,
  ]]]);
});

Deno.test("sharedWarnings gives numbers that differ as ranges, with their units", () => {
  const of = (...messages: string[]) => texts(loadsOf("samples", ...messages.map((one) => [one])));
  assertEquals(of("17 of 1,200 late", "9 of 1,200 late", "1,000 of 1,200 late"), [
    ["9 to 1,000 of 1,200 late", true, [0, 1, 2]],
  ]);
  assertEquals(of("late by 900 µs, p99", "late by 1.2 ms, p99"), [
    ["late by 900 µs to 1.2 ms, p99", true, [0, 1]],
  ]);
  assertEquals(of("late by 3.5 %", "late by 12 %"), [["late by 3.5 to 12 %", true, [0, 1]]]);
});

Deno.test("sharedWarnings gives the first where loads differ in more than numbers", () => {
  const of = (...messages: string[]) => texts(loadsOf("samples", ...messages.map((one) => [one])));
  assertEquals(of("3 late: a", "4 late: b"), [["3 late: a", false, [0, 1]]]);
  assertEquals(of("between 3–5 ms", "between 4–9 ms"), [["between 3–5 ms", false, [0, 1]]]);
  // Percentiles are names, not numbers.
  assertEquals(of("few for p95", "few for p99").length, 2);
});

Deno.test("sharedWarnings puts the most serious first", () => {
  const loads = [
    ...loadsOf("coalescing", ["grouped"]),
    ...loadsOf("failures", ["3 failed"]),
    ...loadsOf("unheard_of", ["new"]),
    ...loadsOf("stamps", ["wrong order"]),
  ];
  assertEquals(sharedWarnings(loads).map(({ name }) => name), [
    "stamps",
    "failures",
    "coalescing",
    "unheard_of",
  ]);
});

Deno.test("sharedWarnings merges advice that differs in numbers", () => {
  const [a, b] = loadsOf("samples", ["17 are few"], ["9 are few"]);
  const advised = (load: LoadSummary, advice: string) => ({
    ...load,
    checks: load.checks.map((check) => ({ ...check, advice })),
  });
  const found = sharedWarnings([
    advised(a!, "ramp up (--ramp-up 0.05)"),
    advised(b!, "ramp up (--ramp-up 0.11)"),
  ]);
  assertEquals(found.map(({ advice }) => advice), ["ramp up (--ramp-up 0.05 to 0.11)"]);
});

Deno.test("sharedWarnings joins verdicts on the client by kind and advice", () => {
  const verdict = { kind: "suspect", message: "" } as LoadSummary["verdict"];
  const [a, b] = loadsOf("client", ["Suspect: CPU 90 %"], ["Suspect: timers 8 ms late"]);
  const found = sharedWarnings([{ ...a!, verdict }, { ...b!, verdict }]);
  assertEquals(found.map(({ message, loads }) => [message, loads]), [["Suspect: CPU 90 %", [
    0,
    1,
  ]]]);
});
