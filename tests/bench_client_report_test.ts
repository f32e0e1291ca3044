import { assertStringIncludes } from "@std/assert";
import type { ClientResult } from "./bench/client_load.ts";
import { report } from "./bench/client_report.ts";

const NOTHING = { p50: null, p99: null, max: null };
const result = (cpuMs: number): ClientResult => ({
  ...{ tokens: 1000, requests: 10, cpuMs, wallMs: 500, reads: 900, failures: 0, peakMiB: 90 },
  all: { p50: 1, p99: 2, max: 3 },
  warm: { p50: 0.1, p99: 20, max: 30 },
  departures: NOTHING,
});

Deno.test("bench_client's report takes ratios inside their rounds and judges the goals", () => {
  const clients = ["C", "aiohttp", "socket"];
  // aiohttp ÷ socket: 2, 3, 2.5; of the medians it would be 40 ÷ 20 = 2.
  const rounds = [[5, 40, 20], [5, 60, 20], [10, 25, 10]].map((costs) =>
    clients.map((client, i) => ({ client, result: result(costs[i]!) }))
  );
  const plan = {
    ...{ name: "paced-1024", title: "1,024 streams", streams: 1024, requests: 2, tokens: 48 },
    ...{ query: "paced=1", rampMs: 0, clients },
  };
  const text = report([{ plan, rounds }], {
    ...{ date: "2026-01-02", command: "deno task bench:client", deno: "2.9.6", cores: 2, load: 0 },
    seconds: 60,
  });
  assertStringIncludes(text, "| socket | 20 | 50,000 | 4 | 2.5 (2–3) | 0.9 | 1 / 2 / 3 |");
  assertStringIncludes(text, "tokens per CPU-second, socket | ≥ 2 | ≥ 2.7 | 2.5 × aiohttp | yes |");
  assertStringIncludes(text, "error p50, warm, socket | ≤ 0.1 | ≤ 0.05 | 0.1 ms | yes |");
  assertStringIncludes(text, "error p99, warm, socket | ≤ 10 | ≤ 3 | 20 ms | **no** |");
  assertStringIncludes(text, "tokens per CPU-second, epoll | ≥ 3.3 | ≥ 4 | n/a | n/a |");
});
