import { assert, assertAlmostEquals, assertEquals, assertStringIncludes } from "@std/assert";
import { LOG_WIDTH } from "./bench/client.ts";
import { type Packet, readPackets, rowsOfPackets } from "./bench/truth_far.ts";
import {
  joinFigures,
  measuredRows,
  percentile,
  printedOf,
  RATE,
  rowsOfLog,
  serverLateness,
  truthOf,
} from "./bench/truth_join.ts";
import { loadOptions, paceQuery, PLANS } from "./bench/truth_plans.ts";
import { inside, limitOf, truthReport } from "./bench/truth_report.ts";
import type { TruthFinding } from "./bench/truth_run.ts";

/** A log as the C server writes it, from ms. */
function logOf(rows: readonly (readonly number[])[]): BigUint64Array {
  const log = new BigUint64Array(rows.length * LOG_WIDTH);
  rows.forEach((row, r) =>
    row.forEach((ms, i) => log[r * LOG_WIDTH + i] = 5_000_000_000n + BigInt(Math.round(ms * 1e6)))
  );
  return log;
}

Deno.test("bench:truth: tokens of one write are one write, and empty rows are none", () => {
  const [first, second, ...rest] = rowsOfLog(logOf([[1, 51, 51, 101, 101], [2, 60, 90]]));
  assertEquals(rest, []);
  assertEquals(first, { arrivalMs: 0, writeMs: [50, 100], writeTokens: [2, 4] });
  assertEquals(second, { arrivalMs: 1, writeMs: [59, 89], writeTokens: [1, 2] });
  assertEquals(rowsOfLog(new BigUint64Array(LOG_WIDTH)), []);
  const [known] = rowsOfLog(logOf([[1, 51, 51, 101]]), logOf([[0, 52, 52, 103]]));
  assertEquals(known!.writtenMs, [51, 102]);
});

Deno.test("bench:truth: percentiles need samples and lie between the values", () => {
  assertEquals(percentile([4, 1, 3, 2], 50), 2.5);
  assertEquals(percentile([1], 50), undefined);
  assertEquals(percentile(Array.from({ length: 99 }, (_, i) => i), 99), undefined);
  assertAlmostEquals(percentile(Array.from({ length: 100 }, (_, i) => i), 99)!, 98.01);
});

Deno.test("bench:truth: figures of the log", () => {
  // The check request comes first; measured are two.
  const all = rowsOfLog(logOf([[0, 5], [100, 150, 200, 260], [101, 161, 201, 221]]));
  const truth = truthOf(measuredRows(all, 2), 10);
  assertEquals(truth.get("TTFT p50")!.value, 55);
  assertEquals(truth.get("TPOT p50")!.value, (55 + 30) / 2);
  assertEquals(truth.get("ITL p50")!.value, 45);
  assertEquals(truth.get("E2E p50")!.value, 140);
  assertEquals(truth.has("ITL p90"), false);
  assertAlmostEquals(truth.get(RATE)!.value, 6 / 0.17);
});

Deno.test("bench:truth: what the server's stamps leave open", () => {
  // Sends took 1, 2 and 3 ms.
  const row = { arrivalMs: 0, writeMs: [50, 100, 150], writtenMs: [51, 102, 153] };
  const truth = truthOf(
    [{ ...row, writeTokens: [1, 2, 3] }, { ...row, writeTokens: [1, 2, 3] }],
    0,
  );
  const ends: [name: string, low: number, high: number][] = [
    ["TTFT p50", 50, 51],
    ["E2E p50", 150, 153],
    ["TPOT p50", (150 - 51) / 2, (153 - 50) / 2],
    ["ITL p50", 48.5, 52.5],
  ];
  for (const [name, low, high] of ends) {
    assertAlmostEquals(truth.get(name)!.low, low - 0.001, 1e-9, name);
    assertAlmostEquals(truth.get(name)!.high, high + 0.001, 1e-9, name);
  }
});

Deno.test("bench:truth: a report that counts connecting begins that much earlier", () => {
  const rows = [{ arrivalMs: 30, writeMs: [80], writeTokens: [1], connectMs: 20 }];
  assertEquals(measuredRows(rows, 1)[0]!.arrivalMs, 30);
  assertEquals(measuredRows(rows, 1, true)[0]!.arrivalMs, 10);
});

Deno.test("bench:truth: how late the server was", () => {
  const writeMs = Array.from({ length: 101 }, (_, i) => 50 + 50 * i + (i === 100 ? 8 : 0));
  const row = { arrivalMs: 0, writeMs, writeTokens: writeMs.map((_, i) => i + 1) };
  const { ttftP99Ms, itlP99Ms } = serverLateness([row], { ttftMs: 50, itlMs: 50 });
  assertEquals(ttftP99Ms, null);
  assertAlmostEquals(itlP99Ms!, 0.08);
});

const percentiles = [{ p: 50, value: 50 }, { p: 99, value: null }];

Deno.test("bench:truth: what is printed, by versions with brackets and without", () => {
  const metrics = (
    brackets: object,
  ) => [{ name: "ttft", distribution: { percentiles }, ...brackets }];
  const old = {
    metrics: metrics({}),
    client: { error: { ttft: { p99Ms: 2 } } },
    throughput: { run: { outputTokensPerSec: 900 } },
  };
  assertEquals([...printedOf(old)], [
    ["TTFT p50", { value: 50, low: 48, high: 52 }],
    [RATE, { value: 900, low: null, high: null }],
  ]);
  const bracket = { low: 49.5, high: 50.1 };
  const now = {
    metrics: metrics({ brackets: { percentiles: [{ p: 50, bracket }, { p: 99, bracket: null }] } }),
    client: null,
    throughput: {
      run: { outputTokensPerSec: 900, brackets: { outputTokensPerSec: { low: 899, high: 903 } } },
    },
  };
  const said = printedOf(now);
  assertEquals([...said], [
    ["TTFT p50", { value: 50, low: 49.5, high: 50.1 }],
    [RATE, { value: 900, low: 899, high: 903 }],
  ]);
  const truth = { value: 50.2, low: 50.1, high: 50.3 };
  assertEquals(joinFigures(new Map([["TTFT p50", truth], ["TTFT p90", truth]]), said), [{
    ...{ name: "TTFT p50", truth: 50.2, truthLow: 50.1, truthHigh: 50.3 },
    ...{ printed: 50, low: 49.5, high: 50.1 },
  }]);
});

function packet(atMs: number, fromClient: boolean, sequence: number, text: string): Packet {
  const payload = new TextEncoder().encode(text);
  return { atMs, fromClient, syn: false, clientPort: 4000, sequence, payload };
}

Deno.test("bench:truth: a token is there when all bytes before it are", () => {
  const head = "HTTP/1.1 200 OK\r\ndate: now\r\n\r\n";
  const token = (t: number) => `data: {"t": ${t}}\n\n`;
  const size = token(1).length;
  const at = 0xffff_fff0;
  const open = (fromClient: boolean, atMs: number) => ({
    ...packet(atMs, fromClient, 0, ""),
    syn: true,
  });
  const rows = rowsOfPackets([
    open(true, 1),
    open(false, 41),
    packet(42, true, 7, "POST / HTTP/1.1\r\n\r\n{}"),
    packet(62, false, at, head),
    // The first token's packet was lost: the second one waits for it.
    packet(100, false, at + head.length + size >>> 0, token(2)),
    packet(300, false, at + head.length >>> 0, token(1)),
    packet(301, false, at + head.length >>> 0, token(1)),
    packet(350, false, at + head.length + 2 * size >>> 0, token(3)),
  ]);
  assertEquals(rows, [
    { arrivalMs: 42, connectMs: 40, writeMs: [300, 350], writeTokens: [2, 3] },
  ]);
});

Deno.test("bench:truth: the link's log", () => {
  const bytes = new Uint8Array(22);
  const view = new DataView(bytes.buffer);
  view.setBigUint64(0, 123n, true);
  bytes[8] = 1;
  view.setUint16(10, 4000, true);
  view.setUint32(12, 77, true);
  view.setUint32(16, 2, true);
  bytes.set([79, 75], 20);
  const [one] = readPackets(bytes);
  assertEquals({ ...one, payload: [...one!.payload] }, {
    ...{ atMs: 0, fromClient: true, syn: false, clientPort: 4000, sequence: 77 },
    payload: [79, 75],
  });
});

Deno.test("bench:truth: plans have names of their own, and their options are the command's", () => {
  assertEquals(new Set(PLANS.map(({ name }) => name)).size, PLANS.length);
  const joined = PLANS.find(({ name }) => name === "joined-256")!;
  assertEquals(paceQuery(joined), "paced=1&ttft=50000&itl=50000&coal=4");
  assert(loadOptions(joined, "epoll").includes("--transport=epoll"));
  const poisson = loadOptions(PLANS.find(({ rate }) => rate === 50)!, "auto");
  assert(poisson.includes("--rate=50") && !poisson.some((word) => word.includes("concurrency")));
});

function finding(changes: Partial<TruthFinding>): TruthFinding {
  return {
    ...{ at: "", machineLoad: 0, tree: "", state: "idle", plan: "spread-64", transport: "epoll" },
    ...{ used: "epoll", requests: 128, verdict: "ok", rules: [], messages: [], basis: "stamps" },
    ...{ figures: [], server: { ttftP99Ms: 0.1, itlP99Ms: 0.1 }, clientCpuMs: 1000 },
    ...{ witness: null, witnessAbsent: null },
    ...changes,
  };
}

const ttft = (truth: number, p = 50) => ({
  ...{ name: `TTFT p${p}`, truth, truthLow: truth, truthHigh: truth + 0.01 },
  ...{ printed: 50, low: 49.5, high: 50.5 },
});

Deno.test("bench:truth: what an ok allows", () => {
  const limits: [name: string, printed: number, limit: number][] = [
    ["TTFT p50", 10, 1],
    ["E2E p99", 2000, 100],
    ["ITL p50", 1, 0.1],
    ["TPOT p99", 50, 2.5],
    [RATE, 1000, 50],
  ];
  for (const [name, printed, limit] of limits) {
    assertAlmostEquals(limitOf({ name, printed }), limit);
  }
  assertEquals(inside(ttft(49.5)), true);
  assertEquals(inside(ttft(49.4)), false);
  assertEquals(inside(ttft(49.495)), true);
  assertEquals(inside(ttft(50.505)), false);
  assertEquals(inside({ ...ttft(50), low: null, high: null }), undefined);
});

Deno.test("bench:truth: the tables", () => {
  const witness = {
    ...{ streams: 2, requests: 10, ticks: 200, ticksInside: 190, departuresInside: 9, cpuMs: 20 },
    loadTicks: 10_000,
  };
  const text = truthReport([
    finding({ figures: [ttft(50.1), ttft(50.2, 99)], witness }),
    finding({ figures: [ttft(54)] }),
    finding({ figures: [ttft(50.1)], verdict: "suspect" }),
    finding({ state: "pinned", transport: "fetch", used: "fetch", failed: "exit code 1:\n why" }),
  ]);
  for (
    const line of [
      "| nothing else runs | 3 | 3 of 4 (75 %) | 2 of 3 (66.7 %) | n/a | 1 of 1 (100 %) | n/a | 0 |",
      "| nothing else runs | 1 of 1 | 1 of 2 (50 %) | 2 × ok, 1 × suspect |",
      "| idle | spread-64 | epoll | TTFT p50 | 54 | 50 |",
      "| idle | spread-64 | epoll | ok | TTFT p50 | 54 | 50 | 49.5–50.5 |",
      "| idle | epoll | 0.5 / 0.5 | 3 of 3 (100 %) | n/a / n/a | n/a | 0.5 / 0.5 | 1 of 1 (100 %) |",
      "| idle | spread-64 | epoll | 2 | 2 | 2 | 95 | 90 | 100 |",
      "| spread-64 | epoll | 3 / 4 | 0.1 |",
      "| pinned | spread-64 | fetch | exit code 1: why |",
    ]
  ) assertStringIncludes(text, line);
});
