import { assertEquals, assertStringIncludes } from "@std/assert";
import type { CalibrationCell } from "../metrics/run_calibration.ts";
import {
  type CalibrationFinding,
  type CalibrationPlan,
  calibrationReport,
  reached,
} from "./bench/calibrate_report.ts";
import { createCell } from "./support/create_calibration.ts";

Deno.test("bench:calibrate: how near an estimate must be", () => {
  const rows: [of: "p50" | "p99", estimate: number, truth: number, said: string][] = [
    ["p50", 1, 1, "stretch"],
    ["p50", 1.09, 1, "stretch"],
    ["p50", 1.19, 1, "yes"],
    ["p50", 0.3, 0.11, "yes"],
    ["p50", 2.5, 2, "**no**"],
    ["p50", 1.5, 2, "**no**"],
    ["p99", 11.9, 10, "stretch"],
    ["p99", 13.9, 10, "yes"],
    ["p99", 14.1, 10, "**no**"],
    ["p99", 5.9, 10, "**no**"],
    ["p99", 1.9, 1, "yes"],
    ["p99", 0, 1, "yes"],
  ];
  for (const [of, estimate, truth, said] of rows) {
    assertEquals(reached(of, estimate, truth), said, `${of} ${estimate} ${truth}`);
  }
  assertEquals(reached("p50", undefined, 1), "n/a");
});

const PLAN: CalibrationPlan = {
  name: "spread-8",
  streams: 8,
  itlMs: 20,
  pattern: "spread",
  outputTokens: 8,
  requests: 2,
};

function cell(p99Ms: number): CalibrationCell {
  const { error } = createCell();
  const spread = { count: 100, p50Ms: 0.1, p99Ms, maxMs: 2 * p99Ms };
  return createCell({ error: { ...error, receipt: spread } });
}

Deno.test("bench:calibrate: medians of the rounds are compared, and their ranges shown", () => {
  const all = [[10, 9], [30, 11], [12, 10]].map(([estimate, judged]): CalibrationFinding => ({
    plan: PLAN.name,
    transport: "socket",
    estimate: cell(estimate!),
    judged: cell(judged!),
  }));
  const receipt = {
    plan: PLAN.name,
    server: "simulated engine",
    ...{ count: 64, leastMs: 0.01, p50Ms: 0.05, p99Ms: 1, maxMs: 2, uncertainMs: 0.1 },
    ...{ lateP50Ms: 0.02, lateP99Ms: 3 },
    capacityPerSec: 70_000,
  };
  const text = calibrationReport([...all, receipt], [PLAN], {
    ...{ date: "2026-01-01", command: "deno task bench:calibrate", deno: "2.9.6", cores: 2 },
    ...{ load: 0, seconds: 1 },
  });
  assertStringIncludes(
    text,
    "| spread-8 | socket | token | 0.1 | 0.1 | stretch | 12 | 10 | stretch | 10–30 | 9–11 | 3 |",
  );
  assertStringIncludes(
    text,
    "| spread-8 | simulated engine | 64 | 0.01 | 0.05 | 1 | 2 | 0.1 | 0.02 | 3 | 70,000 |",
  );
  assertStringIncludes(text, "Of 8 figures 8 reach the stretch goal, 0 more the goal, 0 do not.");
});
