import { assert, assertEquals, assertFalse, assertMatch, assertStringIncludes } from "@std/assert";
import type { RequestRecord } from "../backends/record.ts";
import type { CalibrationCell, CalibrationLimit, ClientHealth } from "../metrics/run.ts";
import { errorSpread } from "../metrics/check_client_error.ts";
import type { LoadSummary } from "../metrics/load_summary.ts";
import { exactValues, sortValues } from "../metrics/stat_quantile.ts";
import { summarize } from "../metrics/summary.ts";
import { fasterClient, highest, VERDICT_RULES } from "../metrics/check_verdict.ts";
import type { VerdictKind } from "../metrics/load_client.ts";
import { createCell, createLimit } from "./support/create_calibration.ts";
import { createFailure, createRecord, type RecordFields } from "./support/create_record.ts";
import { createRun, type RunFields } from "./support/create_run.ts";

/** 100 requests in a row: TTFT 100 ms, gaps 10 ms, one stream, 33 tokens/s. */
function records(fields: RecordFields = {}): readonly RequestRecord[] {
  return Array.from(
    { length: 100 },
    (_, index) => createRecord({ index, sentMs: index * 150, endMs: index * 150 + 150, ...fields }),
  );
}

/** What a quiet machine shows. */
const QUIET: ClientHealth = {
  cpuCores: 0.1,
  loopLagP50Ms: 1.1,
  loopLagP99Ms: 2.6,
  loopLagMaxMs: 12,
  threadCpu: 0.05,
  threadWait: 0.02,
  descriptors: 40,
  descriptorLimit: 1024,
  replacedConnections: 0,
};

interface Evidence extends RunFields {
  readonly client?: ClientHealth;
  readonly records?: readonly RequestRecord[];
  readonly cells?: readonly CalibrationCell[];
  readonly limits?: readonly CalibrationLimit[];
}

function loadOf(evidence: Evidence): LoadSummary {
  const { client, records: list = records(), cells, limits, header, ...fields } = evidence;
  const calibration = (cells ?? limits) && {
    savedAt: "2026-01-01T00:00:00.000Z",
    cells: cells ?? [],
    limits: limits ?? [],
  };
  return summarize(createRun(list, {
    ...fields,
    header: { ...header, ...(calibration === undefined ? {} : { calibration }) },
    ends: [client === undefined ? {} : { client }],
  })).loads[0]!;
}

const healthy = (fields: Partial<ClientHealth>): Evidence => ({ client: { ...QUIET, ...fields } });

/** A cell just as heavy as the run, whose error in TTFT and gap is this. */
const wrongBy = (ttftMs: number, itlMs: number, p50Ms = 0.1): Evidence => ({
  client: QUIET,
  cells: [createCell({
    streams: 1,
    tokensPerSec: 33,
    error: {
      ...createCell().error,
      ttft: { count: 100, p50Ms, p99Ms: ttftMs, maxMs: ttftMs },
      itl: errorSpread(Array(100).fill(itlMs)),
    },
  })],
});

Deno.test("clientVerdict says ok of a client that had time, calibrated or not", () => {
  for (const evidence of [{ client: QUIET }, wrongBy(2, 2)]) {
    const { verdict, checks } = loadOf(evidence);
    assertEquals(verdict?.kind, "ok");
    assertEquals(verdict?.reasons, []);
    assert(checks.find(({ name }) => name === "client")!.ok);
  }
});

Deno.test("clientVerdict lets one connection of a hundred be replaced", () => {
  assertEquals(loadOf(healthy({ replacedConnections: 1 })).verdict?.kind, "ok");
});

Deno.test("fasterClient advises what is not done yet", () => {
  const { header } = createRun([]);
  const advice = (transport: string, workers: number, cores: number) =>
    fasterClient({
      header: { ...header, transport, workers, environment: { ...header.environment, cores } },
      load: { label: "8 users" },
    });
  assertMatch(advice("fetch", 0, 2), /--workers 1/);
  assertMatch(advice("fetch", 0, 1), /^use --transport socket,/);
  assertMatch(advice("grpc", 1, 4), /^use --transport grpc-socket,/);
  assertEquals(advice("socket", 1, 3), "use --workers 2");
  assertMatch(advice("socket", 2, 3), /^lower the load of 8 users,/);
  assertMatch(advice("socket", 0, 1), /^lower the load of 8 users,/);
});

Deno.test("highest takes the largest value where a percentile has too few", () => {
  const upTo = (count: number) =>
    exactValues(sortValues(Array.from({ length: count }, (_, i) => i)));
  assertEquals(highest(upTo(0), 99), undefined);
  assertEquals(highest(upTo(99), 99), { name: "the largest value", value: 98 });
  assertEquals(highest(upTo(101), 99), { name: "p99", value: 99 });
});

Deno.test("clientVerdict is absent where nothing is known", () => {
  assertEquals(loadOf({}).verdict, undefined);
});

/** The run has one stream with 33 tokens/s. */
const limited = (...limits: Partial<CalibrationLimit>[]): Evidence => ({
  client: QUIET,
  limits: limits.map((fields) => createLimit({ streams: 1, tokensPerSec: 33, ...fields })),
});

/** Each row: the injected fault, the rule that must see it, the verdict. */
const FAULTS: readonly [fault: string, Evidence, rule: string, VerdictKind][] = [
  [
    "busy loops on the client's core",
    healthy({ threadWait: 0.6, threadCpu: 0.6 }),
    "thread_wait",
    "client-bound",
  ],
  [
    "a neighbor on the client's core",
    healthy({ threadWait: 0.2, threadCpu: 0.3 }),
    "thread_wait",
    "suspect",
  ],
  ["a busy loop beside a light client", healthy({ threadWait: 0.06 }), "thread_starved", "suspect"],
  ["a stall of 200 ms", healthy({ loopLagMaxMs: 200 }), "stall", "suspect"],
  ["a stall of 2 s", healthy({ loopLagMaxMs: 2000 }), "stall", "client-bound"],
  ["late timers", healthy({ loopLagP99Ms: 20 }), "loop_lag", "suspect"],
  ["very late timers", healthy({ loopLagP99Ms: 60 }), "loop_lag", "client-bound"],
  ["20 times too many streams", healthy({ threadCpu: 0.97 }), "thread_cpu", "client-bound"],
  ["many streams", healthy({ threadCpu: 0.75 }), "thread_cpu", "suspect"],
  ["a busy process", { client: { cpuCores: 0.95 } }, "process_cpu", "suspect"],
  ["an error of half the TTFT", wrongBy(60, 1), "ttft_error", "client-bound"],
  ["an error of a tenth of the TTFT", wrongBy(11, 1), "ttft_error", "suspect"],
  ["an error of half a gap", wrongBy(1, 5), "itl_error", "suspect"],
  ["an error above a gap", wrongBy(1, 11), "itl_error", "client-bound"],
  ["a bias of the TTFT", wrongBy(6, 1, 6), "middle_error", "suspect"],
  [
    "a rate beyond the calibrated one",
    limited({ tokensPerSec: 25 }),
    "calibrated_limit",
    "suspect",
  ],
  ["no stream was few enough", limited({ streams: 0 }), "calibrated_limit", "suspect"],
  ["few descriptors left", healthy({ descriptorLimit: 100 }), "descriptors", "suspect"],
  [
    "no descriptors left",
    {
      records: [
        ...records(),
        createFailure("connect_error", { message: "connect EMFILE 127.0.0.1:8000" }),
      ],
    },
    "descriptors_exhausted",
    "client-bound",
  ],
  [
    "late departures",
    {
      client: QUIET,
      records: records().map((one) => ({ ...one, intendedMs: one.sentMs! - 30 })),
      loads: [{ label: "7 req/s constant", kind: "open", ratePerSec: 7 }],
    },
    "departures",
    "suspect",
  ],
  [
    "joined reads of a busy client",
    { ...healthy({ loopLagP99Ms: 8 }), records: records({ reads: 2, events: 5 }) },
    "coalesced_reads",
    "suspect",
  ],
  [
    "late departures below the in-flight limit",
    {
      client: QUIET,
      records: records().map((one) => ({ ...one, intendedMs: one.sentMs! - 60 })),
      loads: [{ label: "7 req/s constant", kind: "open", ratePerSec: 7, maxInFlight: 64 }],
    },
    "departures",
    "client-bound",
  ],
  ["closed connections", healthy({ replacedConnections: 10 }), "replaced_connections", "suspect"],
];

const FASTER =
  "read on a thread of its own (--workers 1), or run the client on another machine than the server";
const IDLE =
  "stop what else runs on this machine, or run the client on another machine than the server";
const RAISE = "raise the limit before the run, e.g. ulimit -n 65536, or lower the load";
const AGAIN =
  "run it again and compare the tails; if it happens again, find out what else runs on this machine";

/** What each fault is reported as, and the advice. */
const REASONS: Readonly<Record<string, readonly [message: string, advice: string]>> = {
  "busy loops on the client's core": [
    "the reading thread waited for a core for 60.0 % of the time",
    IDLE,
  ],
  "a neighbor on the client's core": [
    "the reading thread waited for a core for 20.0 % of the time",
    IDLE,
  ],
  "a busy loop beside a light client": [
    "the reading thread waited for a core 1.20 times as long as it ran",
    IDLE,
  ],
  "a stall of 200 ms": [
    "the reading thread stalled for 200 ms: what arrived then was stamped late",
    AGAIN,
  ],
  "a stall of 2 s": [
    "the reading thread stalled for 2.00 s: what arrived then was stamped late",
    AGAIN,
  ],
  "late timers": ["timers late by 20.0 ms at p99 on the reading thread", FASTER],
  "very late timers": ["timers late by 60.0 ms at p99 on the reading thread", FASTER],
  "20 times too many streams": ["the reading thread was busy for 97.0 % of the time", FASTER],
  "many streams": ["the reading thread was busy for 75.0 % of the time", FASTER],
  "a busy process": ["0.950 cores busy with sending and reading", FASTER],
  "an error of half the TTFT": [
    "one TTFT in a hundred is off by 60.0 ms or more, 60.0 % of the median",
    FASTER,
  ],
  "an error of a tenth of the TTFT": [
    "one TTFT in a hundred is off by 11.0 ms or more, 11.0 % of the median",
    FASTER,
  ],
  "an error of half a gap": [
    "one ITL in a hundred is off by 5.00 ms or more, 50.0 % of the median",
    FASTER,
  ],
  "an error above a gap": [
    "one ITL in a hundred is off by 11.0 ms or more, 1.10 times the median",
    FASTER,
  ],
  "a bias of the TTFT": [
    "half of all TTFTs are off by more than 6.00 ms, 6.0 % of their median",
    FASTER,
  ],
  "a rate beyond the calibrated one": [
    "1 stream with 33 tokens/s are beyond what was calibrated: on this machine fetch with --workers 0 kept the p99 errors of TTFT and ITL within 5.00 ms only up to 1 stream with 25 tokens/s",
    "read on a thread of its own (--workers 1), or run the client on another machine than the server, or at most 1 stream",
  ],
  "no stream was few enough": [
    "on this machine fetch with --workers 0 did not keep the p99 errors of TTFT and ITL within 5.00 ms with any number of streams",
    FASTER,
  ],
  "few descriptors left": ["40 of 100 allowed files and sockets were open", RAISE],
  "no descriptors left": [
    "1 request failed because the client may not open more files and sockets",
    RAISE,
  ],
  "late departures": ["requests were sent up to 30.0 ms late (p99)", FASTER],
  "late departures below the in-flight limit": [
    "requests were sent up to 60.0 ms late (p99)",
    FASTER,
  ],
  "joined reads of a busy client": [
    "2.50 events arrived in one read while the client was busy",
    FASTER,
  ],
  "closed connections": [
    "10 connections had been closed by the server and opened again, 10.0 % of requests: their TTFT includes connecting",
    "give the server a longer keep-alive timeout than the pause between requests",
  ],
};

Deno.test("clientVerdict sees each fault and says what to do", async (t) => {
  for (const [fault, evidence, rule, kind] of FAULTS) {
    await t.step(fault, () => {
      const { verdict, checks } = loadOf(evidence);
      assertEquals(verdict?.reasons.map((reason) => reason.rule), [rule]);
      assertEquals(verdict?.kind, kind);
      assertMatch(verdict!.message, kind === "suspect" ? /may be the client's$/ : /was the limit/);
      const { message, advice } = verdict!.reasons[0]!;
      assertEquals([message, advice], REASONS[fault]);
      assertFalse(/\.$/.test(message) || /\.$/.test(advice), "no final period");
      const check = checks.find(({ name }) => name === "client")!;
      assertFalse(check.ok);
      assertStringIncludes(check.message, message);
    });
  }
  assertEquals(
    VERDICT_RULES.map(({ name }) => name).filter((name) => !FAULTS.some((row) => row[2] === name)),
    [],
    "rules without a fault",
  );
});

Deno.test("clientVerdict finds nothing at the thresholds", () => {
  const fast = records({
    ticks: [[100, 1], [101, 2], [102, 3], [103, 4], [104, 5]],
    reads: 2,
    events: 5,
  });
  const rows: readonly Evidence[] = [
    // Waiting as little as any machine does, though longer than it ran.
    healthy({ threadWait: 0.03, threadCpu: 0.01 }),
    // Two threads share the process's time, and where a thread's own is known it counts alone.
    { client: { cpuCores: 1.6 }, header: { workers: 1 } },
    healthy({ cpuCores: 1.6, threadCpu: 0.3 }),
    healthy({ descriptors: 36, descriptorLimit: 100 }),
    // Streams that are too fast for a read per token.
    { ...healthy({ threadCpu: 0.6 }), records: fast },
    { ...healthy({ threadCpu: 0.5, loopLagP99Ms: 5 }), records: records({ reads: 2, events: 5 }) },
  ];
  for (const row of rows) assertEquals(loadOf(row).verdict?.reasons, []);
  const busy = { ...healthy({ threadCpu: 0.6 }), records: records({ reads: 2, events: 5 }) };
  assertEquals(loadOf(busy).verdict?.reasons.map(({ rule }) => rule), ["coalesced_reads"]);
});

Deno.test("clientVerdict counts failures of a kind once one of them was for want of descriptors", () => {
  const failed = ["connection refused", "connect EMFILE 127.0.0.1:8000"]
    .map((message, i) => createFailure("connect_error", { index: 100 + i, message }));
  const [reason] = loadOf({ records: [...records(), ...failed] }).verdict!.reasons;
  assertMatch(reason!.message, /^2 requests failed because/);
});

Deno.test("clientVerdict names the calibrated limit beside an error that is too large", () => {
  const limits = [createLimit({ streams: 1, tokensPerSec: 25 })];
  const rulesOf = (evidence: Evidence) =>
    loadOf({ ...evidence, limits }).verdict?.reasons.map(({ rule }) => rule);
  assertEquals(rulesOf(wrongBy(60, 1)), ["ttft_error", "calibrated_limit"]);
  assertEquals(rulesOf(wrongBy(1, 11)), ["itl_error", "calibrated_limit"]);
});

Deno.test("clientVerdict blames the server for joined reads of an idle client", () => {
  const joined = records({ reads: 2, events: 5 });
  assertEquals(loadOf({ client: QUIET, records: joined }).verdict?.kind, "ok");
});

Deno.test("clientVerdict lets users of a closed loop start one after the other", () => {
  const late = records().map((one) => ({ ...one, intendedMs: one.sentMs! - 30 }));
  assertEquals(loadOf({ client: QUIET, records: late }).verdict?.kind, "ok");
});

Deno.test("clientVerdict does not blame the client for the in-flight limit", () => {
  const { verdict } = loadOf({
    client: QUIET,
    records: records().map((one) => ({ ...one, intendedMs: one.sentMs! - 30 })),
    loads: [{ label: "7 req/s", kind: "open", ratePerSec: 7, maxInFlight: 1 }],
  });
  assertEquals(verdict?.kind, "ok");
});

Deno.test("clientVerdict uses no error of a load more than twice as heavy", () => {
  const heavy = { ...wrongBy(60, 60).cells![0]!, streams: 3 };
  const { verdict, client } = loadOf({ client: QUIET, cells: [heavy] });
  assertEquals(client?.error?.basis, "heavier");
  assertEquals(verdict?.kind, "ok");
});

Deno.test("clientVerdict blames no client for an error that every machine makes", () => {
  // TTFT 4 ms, wrong by 2 ms in one of a hundred: stalls of that length are the machine's.
  const fast = records().map((one) => ({ ...one, firstTokenMs: one.sentMs! + 4 }));
  assertEquals(loadOf({ ...wrongBy(2, 2), records: fast }).verdict?.kind, "ok");
  assertEquals(loadOf({ ...wrongBy(3, 2), records: fast }).verdict?.kind, "client-bound");
});

Deno.test("clientVerdict puts the worst reason first", () => {
  const { verdict } = loadOf(
    healthy({ loopLagP99Ms: 20, loopLagMaxMs: 150, threadWait: 0.9, threadCpu: 0.95 }),
  );
  assertEquals(verdict?.kind, "client-bound");
  assertEquals(verdict?.reasons.map(({ rule }) => rule), [
    "thread_cpu",
    "thread_wait",
    "loop_lag",
    "stall",
  ]);
});

Deno.test("clientVerdict says how far a load is beyond what was calibrated, and what carries it", () => {
  // 10 in flight, 333 tokens/s.
  const many = Array.from({ length: 200 }, (_, index) => {
    const sentMs = Math.floor(index / 10) * 150;
    return createRecord({ index, sentMs, endMs: sentMs + 150 });
  });
  const verdictOf = (limits: readonly CalibrationLimit[], fields: Evidence = {}) =>
    loadOf({ ...fields, client: QUIET, records: many, limits }).verdict!;
  const small = createLimit({ streams: 4, tokensPerSec: 200 });
  const found = verdictOf([small]);
  assertEquals(found.reasons.map(({ rule, kind }) => [rule, kind]), [
    ["calibrated_limit", "suspect"],
  ]);
  const { message, advice } = found.reasons[0]!;
  assertEquals(
    message,
    "10 streams with 333 tokens/s are beyond what was calibrated: on this machine fetch with " +
      "--workers 0 kept the p99 errors of TTFT and ITL within 5.00 ms only up to 4 streams with " +
      "200 tokens/s",
  );
  assertStringIncludes(advice, ", or at most 4 streams");
  const thread = verdictOf([{ ...small, workers: 1 }], { header: { workers: 1 } });
  assertStringIncludes(thread.reasons[0]!.message, "on this machine fetch kept the p99 errors");

  const socket = createLimit({ transport: "socket", streams: 64 });
  const workers = createLimit({ workers: 2, streams: 64 });
  const adviceOf = (...others: CalibrationLimit[]) =>
    verdictOf([small, ...others]).reasons[0]!.advice;
  assertStringIncludes(adviceOf(socket, workers), "use --transport socket, which kept them");
  assertStringIncludes(adviceOf(workers), "use --workers 2, which kept them within 5.00 ms up to");
  // The nearest number of workers, then the smallest error.
  const more = { ...workers, workers: 4 };
  assertMatch(adviceOf(more, workers), /^use --workers 2,/);
  assertMatch(adviceOf({ ...workers, boundMs: 2 }, workers), /kept them within 2.00 ms/);
  assertMatch(adviceOf(workers, { ...workers, boundMs: 2 }), /kept them within 2.00 ms/);
  // Not enough itself, or of no use to this server.
  assertFalse(adviceOf({ ...socket, streams: 5 }).includes("which kept"));
  const epoll = { ...socket, transport: "epoll" };
  const https = { header: { url: "https://example.com" } };
  assertFalse(verdictOf([small, epoll], https).reasons[0]!.advice.includes("epoll"));

  const ok: [name: string, limits: CalibrationLimit[]][] = [
    ["as much as was calibrated", [createLimit({ streams: 10, tokensPerSec: 333 })]],
    ["hardly more", [createLimit({ streams: 9, tokensPerSec: 280 })]],
    ["another rate carried it", [
      small,
      createLimit({ itlMs: 5, streams: 12, tokensPerSec: 2400 }),
    ]],
    ["the search had no more time", [{ ...small, endedBy: "time" }]],
    ["nor tried so few", [{ ...small, endedBy: "time", tooManyStreams: 11 }]],
    ["another client's limit", [{ ...small, transport: "socket" }, { ...small, workers: 1 }]],
    // A quarter of the gap of 10 ms is 2.5 ms: that bound is as good as 1 ms.
    ["a bound that does no harm", [{ ...small, boundMs: 1 }, createLimit({ boundMs: 2.5 })]],
  ];
  for (const [name, limits] of ok) assertEquals(verdictOf(limits).kind, "ok", name);
  assertEquals(verdictOf([{ ...small, endedBy: "time", tooManyStreams: 10 }]).kind, "suspect");
  assertEquals(verdictOf([{ ...small, boundMs: 1 }, createLimit({ boundMs: 3 })]).kind, "suspect");

  // The error of such a load is known, and small beside what was measured.
  const like = createCell({ streams: 10, tokensPerSec: 333 });
  assertEquals(verdictOf([small], { cells: [like] }).kind, "ok");
});
