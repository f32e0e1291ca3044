import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { rivalsReport } from "./bench/rivals_report.ts";
import {
  besideTruth,
  type RivalFigures,
  type RivalFinding,
  servingBefore,
} from "./bench/rivals_run.ts";

const LOAD = {
  ...{ name: "users-512", title: "512 users", users: 512, requests: 1024, tokens: 64 },
  ...{ ttftMs: 50, itlMs: 50, clients: ["vllm-rs", "socket", "epoll", "auto"] },
};

function finding(
  client: string,
  round: number,
  rest: Partial<RivalFigures> & { used?: string; failed?: string },
): RivalFinding {
  const { used = client, failed, ...figures } = rest;
  return {
    ...{ at: "2026-01-02T03:04:05Z", load: LOAD.name, client, round, machineLoad: 0, used },
    ...(failed === undefined
      ? {
        figures: {
          ...{ cpuSec: 1, wallSec: 7, largestMiB: 60, togetherMiB: 70, firstSec: 0.2 },
          servingSec: 0,
          ttftP50: { printed: 50.5, truth: 50 },
          ttftP99: { printed: 60, truth: 51 },
          itlP99: { printed: 51, truth: 50.5 },
          ...figures,
        },
      }
      : { failed }),
  };
}

Deno.test("bench_rivals' report takes ratios inside their rounds and marks what is missed", () => {
  // epoll ÷ vllm-rs: 0.5, 1.5, 1.25; of the medians it would be 2 ÷ 2 = 1. In pieces all are round 0.
  const costs = [[1, 0.5], [2, 3], [8, 10]] as const;
  const exact = { ttftP50: { printed: 49.9, truth: 50 }, ttftP99: { printed: 52, truth: 51 } };
  const text = rivalsReport([LOAD], [
    ...costs.flatMap(([rival, ours]) => [
      finding("vllm-rs", 0, { cpuSec: rival }),
      finding("epoll", 0, {
        cpuSec: ours,
        largestMiB: 90,
        firstSec: 1.55,
        servingSec: 0.8,
        ...exact,
      }),
    ]),
    finding("socket", 0, { cpuSec: 4, largestMiB: 300, firstSec: 9 }),
    finding("auto", 0, { ...exact, used: "epoll", ttftP99: { printed: 80, truth: 51 } }),
    finding("auto", 1, { failed: "exit code 1: lost" }),
  ]);
  assertStringIncludes(
    text,
    "| 512 users | vllm-rs | 2.00 | 1 | 60 | 1 | 0.20 | 0.20 | 50.50 | 0.5 | 60.00 | 9 | 51.00 | 0.5 |\n" +
      "|  | socket / epoll / auto | 4.00 / 3.00 / 1.00 | 4 / **1.25** / 1 | 300 / 90 / 60 " +
      "| 5 / 1.5 / 1 | 9.00 / 1.55 / 0.20 | 9.00 / **0.75** / 0.20 | 50.50 / 49.90 / 49.90 | 0.5 / 0.1 / 0.1 " +
      "| 60.00 / 52.00 / 80.00 | 9 / 1 / **29** |",
  );
  assertStringIncludes(
    text,
    "| users-512 | epoll | 3.00 | 90 | 70 | 1.55 (**0.75**) | 7.0 " +
      "| 49.90 (50.00) | 52.00 (51.00) | 0.1 / 1 | 51.00 (50.50) | 0.5 |",
  );
  assertStringIncludes(text, "| users-512 | auto (epoll) | 1.00 | 60 |");
  assertStringIncludes(text, "7 of 10 goals are reached; not:");
  assertStringIncludes(text, "- users-512, epoll: 1.25 × CPU, at most 1\n");
  assertStringIncludes(text, "- users-512, auto: 3.22 × error of TTFT p99, at most 1\n");
  assertStringIncludes(text, "- users-512, auto, round 2: exit code 1: lost\n");
});

Deno.test("bench_rivals asks less CPU of light loads, of the default nothing there", () => {
  const light = { ...LOAD, name: "users-64", users: 64 };
  const text = rivalsReport(
    [light],
    [
      finding("vllm-rs", 0, {}),
      finding("epoll", 0, { cpuSec: 1.25, ttftP50: { printed: 50, truth: 50 } }),
      finding("auto", 0, { cpuSec: 5, firstSec: 3 }),
    ].map((one) => ({ ...one, load: light.name })),
  );
  assertStringIncludes(text, "5 of 5 goals are reached.");
  assert(!text.includes("**"), text);
});

Deno.test("bench_rivals' truth is the server's, its times count from the start of the client", () => {
  const rows = Array.from({ length: 101 }, (_, i) => ({
    arrivalMs: 700 + i,
    writeMs: [750 + i + (i === 100 ? 10 : 0), 800 + i],
    writeTokens: [1, 2],
  }));
  const figures = besideTruth(rows, { ttftP50: 51, ttftP99: 52, itlP99: 53 });
  assertEquals(figures, {
    firstSec: 0.7,
    ttftP50: { printed: 51, truth: 50 },
    ttftP99: { printed: 52, truth: 50 },
    itlP99: { printed: 53, truth: 50 },
  });
});

Deno.test("bench_rivals tells the server's time before the load from the client's", () => {
  const row = (arrivalMs: number, ...writeMs: number[]) => ({
    ...{ arrivalMs, writeMs },
    writeTokens: writeMs.map((_, i) => i + 1),
  });
  // A mark, a check, two warm-up answers at once, one that was cut off, and the load.
  const measured = [row(900, 950), row(910, 960)];
  const all = [row(0, 1), row(200, 250, 300), row(400, 500), row(410, 520), row(880, 1200)];
  assertEquals(servingBefore([...measured, ...all], measured), 0.001 + 0.1 + 0.12 + 0.02);
});
