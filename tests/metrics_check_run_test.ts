import { assert, assertEquals, assertFalse, assertStringIncludes } from "@std/assert";
import type { RequestRecord } from "../backends/record.ts";
import { type Check, warnings } from "../metrics/check.ts";
import { summarize } from "../metrics/summary.ts";
import { createFailure, createRecord, type RecordFields } from "./support/create_record.ts";
import { createRun, type RunFields } from "./support/create_run.ts";

/** 100 requests in a row without a fault, 150 ms each; fields of the test on top. */
function records(fields: RecordFields = {}, count = 100): readonly RequestRecord[] {
  return Array.from(
    { length: count },
    (_, index) => createRecord({ index, sentMs: index * 150, endMs: index * 150 + 150, ...fields }),
  );
}

function checksOf(list: readonly RequestRecord[], fields: RunFields = {}): readonly Check[] {
  const summary = summarize(createRun(list, fields));
  return [...summary.checks, ...summary.loads[0]!.checks];
}

/** The named check, which must have an opinion. */
function checkOf(name: string, list: readonly RequestRecord[], fields: RunFields = {}): Check {
  const check = checksOf(list, fields).find((one) => one.name === name);
  assert(check !== undefined, `no check ${name}`);
  return check;
}

const OPEN = { label: "10 req/s constant", kind: "open", ratePerSec: 10 } as const;

Deno.test("checkLoad finds nothing wrong with a clean run", () => {
  const checks = checksOf(records(), { ends: [{ client: { cpuCores: 0.2, loopLagP99Ms: 1 } }] });
  assertEquals(warnings(checks), []);
  assert(checks.length > 12);
  for (const { advice, name } of checks) assertEquals(advice, undefined, name);
});

/** Each row: what is wrong, the check that must say so, a part of what it says. */
const FAULTS: readonly [
  name: string,
  part: string,
  list: readonly RequestRecord[],
  fields?: RunFields,
][] = [
  ["stamps", "firstTokenMs 50 is before sentMs 60", [
    createRecord({ sentMs: 60, firstByteMs: undefined, firstEventMs: undefined, firstTokenMs: 50 }),
  ]],
  ["stamps", "tick 1 has fewer tokens", [createRecord({ ticks: [[1, 2], [2, 1]] })]],
  ["stamps", "endMs is NaN", [createRecord({ endMs: NaN })]],
  ["stamps", "intendedMs is -1", [createRecord({ intendedMs: -1 })]],
  ["stamps", "firstByteMs is Infinity", [createRecord({ firstByteMs: Infinity })]],
  ["stamps", "outputTokens is -3", [
    createRecord({ outputTokens: { tokens: -3, source: "usage" } }),
  ]],
  ["stamps", "promptTokens is 1.5", [
    createRecord({ promptTokens: { tokens: 1.5, source: "usage" } }),
  ]],
  ["stamps", "bytes is -1", [createRecord({ bytes: -1 })]],
  ["stamps", "connectMs is -2", [createRecord({ connectMs: -2 })]],
  ["stamps", "cachedTokens 11 are more than promptTokens 10", [createRecord({ cachedTokens: 11 })]],
  ["stamps", "reasoningTokens 6 are more than outputTokens 5", [
    createRecord({ reasoningTokens: 6, outputTokens: { tokens: 5, source: "usage" } }),
  ]],
  ["stamps", "textEvents 9 are more than events 5", [createRecord({ textEvents: 9 })]],
  ["stamps", "5 ticks came in 1 reads", [createRecord({ reads: 1 })]],
  ["stamps", "tick 0 at 100 is not firstTokenMs 101", [createRecord({ firstTokenMs: 101 })]],
  ["stamps", "tick 0 has no token", [createRecord({ ticks: [[1, 0], [2, 1]] })]],
  ["stamps", "1 of 101 requests has impossible stamps or counts, first request 100: endMs is -5", [
    ...records(),
    createFailure("truncated", { index: 100, endMs: -5 }),
  ]],
  ["end_mark", "whether tokens are missing or too many in the 1 that differ", [
    { ...createRecord({ requestedTokens: 9 }), unmarkedEnd: true },
    { ...createRecord({ requestedTokens: 5 }), unmarkedEnd: true },
  ]],
  ["end_mark", "whether some of them were cut short cannot be seen", [
    { ...createRecord({ lengthForced: false }), unmarkedEnd: true },
  ]],
  ["client_values", "threadWait is -0.1", records(), { ends: [{ client: { threadWait: -0.1 } }] }],
  ["client_values", "loopLagP99Ms is NaN", records(), {
    ends: [{ client: { loopLagP99Ms: NaN } }],
  }],
  ["client_values", "cpuCores is 500", records(), { ends: [{ client: { cpuCores: 500 } }] }],
  ["requests", "More requests were recorded than planned: 100 of 99", records(), {
    loads: [{ label: "1 user", users: 1, stopRequests: 99 }],
  }],
  ["requests", "Requests are missing: 99 of 100", records({}, 99), {
    loads: [{ label: "1 user", users: 1, stopRequests: 100 }],
  }],
  ["tick_counts", "some show more and some fewer", [
    createRecord({ outputTokens: { tokens: 3, source: "usage" } }),
    createRecord({ index: 1, outputTokens: { tokens: 7, source: "usage" } }),
  ]],
  ["requested_length", "Answers longer than their limit: 1 of 1", [
    createRecord({ requestedTokens: 4, lengthForced: false }),
  ], { header: { length: "cap" } }],
  ["latency_sum", "is not E2E", [createRecord({ lastTokenMs: 200, endMs: 200 })]],
  ["complete", "stopped by hand", records(), { ends: [{ interrupted: true }] }],
  ["server_lost", "lost 1.50 s after the start of the load: 20 connections in a row failed, the", [
    createRecord(),
  ], { ends: [{ serverLost: { atMs: 1500, failures: 20, message: "Connection refused" } }] }],
  ["server_lost", "lost before this load: nothing was sent", [], {
    ends: [{ skipped: true, serverLost: { atMs: 0, failures: 0, message: "Connection refused" } }],
  }],
  [
    "empty_answers",
    "token: 2 of 3 requests; the server ended them as if all were well, with finish",
    [
      createRecord(),
      ...[1, 2].map((index) => createFailure("wrong_length", { index, message: "0 tokens" })),
    ],
  ],
  [
    "failures",
    "through the proxy proxy.example:3128 of the environment, which may be what refused",
    [
      createRecord(),
      createFailure("http_error", { index: 1 }),
    ],
    { header: { proxied: true, proxy: "proxy.example:3128" } },
  ],
  ["failures", "1 of 2 requests failed, most often truncated (1): it broke", [
    createRecord(),
    createFailure("truncated", { index: 1 }),
  ]],
  ["cancelled", "1 request had not ended", [...records(), createFailure("cancelled")]],
  ["dropped", "Never sent: 1 of 101 arrivals, because the limit of 8 requests", [
    ...records(),
    createFailure("dropped"),
  ], { loads: [{ ...OPEN, maxInFlight: 8 }] }],
  [
    "offered_rate",
    "Only 5 of 10 req/s",
    [0, 1, 2].map((i) => createRecord({ index: i, intendedMs: i * 100, sentMs: i * 200 })),
    { loads: [OPEN] },
  ],
  ["schedule_delay", "p99 of the schedule delay is 30.0 ms: this client sent late", [
    ...records().map((one) => ({ ...one, intendedMs: one.sentMs! - 30 })),
  ], { loads: [OPEN] }],
  ["schedule_delay", "1 request was in flight, the limit", [
    ...records().map((one) => ({ ...one, intendedMs: one.sentMs! - 30 })),
  ], { loads: [{ ...OPEN, maxInFlight: 1 }] }],
  ["client", "timers late by 40.0 ms", records(), { ends: [{ client: { loopLagP99Ms: 40 } }] }],
  ["client", "0.950 cores busy", records(), { ends: [{ client: { cpuCores: 0.95 } }] }],
  ["concurrency", "1 of 200 users had a request in flight at once: there were only 100 requests", [
    ...records(),
  ], { loads: [{ label: "200 users", users: 200 }] }],
  ["steady_window", "no request completed between", [createRecord()]],
  ["steady_window", "only 20.0 % of the run", records(), { ends: [{ rampEndMs: 11_850 }] }],
  ["samples", "99 of 100 completed requests have a TTFT, too few for p99", [
    ...records().slice(0, 99),
    { ...records()[99]!, wholeBody: true },
  ]],
  ["samples", "99 completed requests are too few for p99", records({}, 99)],
  [
    "littles_law",
    "streams stayed open long after",
    records({}, 10).map((one) => ({
      ...one,
      endMs: one.sentMs! + 1000,
    })),
  ],
  ["littles_law", "due to 1 request that did not complete", [
    ...records({}, 10),
    createFailure("timeout", { index: 10, afterMs: 1500 }),
  ]],
  ["tick_counts", "showed 5 tokens where 10 were counted (requests that differ: 1 of 1)", [
    createRecord({ outputTokens: { tokens: 10, source: "usage" } }),
  ]],
  ["requested_length", "differ from the forced length: 1 of 2 (1 shorter, 0 longer)", [
    createRecord(),
    createRecord({ requestedTokens: 6 }),
  ]],
  ["prompt_token_source", "estimate (1)", [
    createRecord({ promptTokens: { tokens: 9, source: "estimate" } }),
  ]],
  ["output_token_source", "event (1)", [
    createRecord({ outputTokens: { tokens: 5, source: "event" } }),
  ]],
  ["output_token_source", "none (1)", [createRecord({ outputTokens: undefined })]],
  ["prefix_cache", "50.0 % of the prompt tokens", [createRecord({ cachedTokens: 5 })]],
  ["coalescing", "2 events arrived in one read", [
    createRecord({ ticks: [[100, 2], [150, 4], [200, 6]], reads: 3, events: 6 }),
  ]],
  ["coalescing", "the engine puts several tokens into one event", [
    createRecord({ ticks: [[100, 2], [150, 4], [200, 6]], reads: 3, events: 3 }),
  ]],
  // Two proxies: one hands over four tokens every 1.5 ms, one the tokens of 80 ms microseconds apart.
  ["coalescing", "4 tokens arrived at once, every 1.50 ms", [
    createRecord({ ticks: [[100, 4], [101.5, 8], [103, 12]], reads: 3, events: 12 }),
  ]],
  ["coalescing", "half of the gaps are below 15 µs, while a token takes 11.4 ms", [
    createRecord({
      ticks: [0, 80].flatMap((atMs) =>
        [1, 2, 3, 4].map((n) => [100 + atMs + n * 0.015, atMs / 20 + n] as const)
      ),
    }),
  ]],
  ["duplicate_prompts", "10 of 100 prompts repeat", records(), {
    header: {
      dataset: { kind: "sharegpt", source: "x", prompts: 100, skipped: {}, duplicates: 10 },
    },
  }],
];

Deno.test("checkLoad finds each fault and says what to do (T3)", async (t) => {
  for (const [name, part, list, fields] of FAULTS) {
    await t.step(`${name}: ${part}`, () => {
      const check = checkOf(name, list, fields);
      assertFalse(check.ok, check.message);
      assertStringIncludes(check.message, part);
      assert(check.advice !== undefined && check.advice.length > 10);
      assertFalse(/\.$/.test(check.message) || /\.$/.test(check.advice), "no final period");
    });
  }
});

Deno.test("checkLoad sees a load whose end was never written", () => {
  const summary = summarize({ ...createRun(records()), ends: [] });
  const check = summary.loads[0]!.checks.find(({ name }) => name === "complete")!;
  assertStringIncludes(check.message, "has no end");
});

Deno.test("checkLoad does not advise what is in use already", () => {
  const busy = { ends: [{ client: { cpuCores: 5 } }] };
  const environment = {
    ...{ os: "linux", arch: "x86_64", cores: 4, ffi: false, deno: "2.9.6", v8: "14" },
  };
  const loads = [{ label: "64 users", users: 64 }];
  const advice = (header: RunFields["header"]) =>
    checkOf("client", records(), { ...busy, loads, header: { environment, ...header } }).advice!;
  assertStringIncludes(advice({ workers: 0, transport: "socket" }), "--workers 1");
  assertStringIncludes(advice({ workers: 2, transport: "fetch" }), "--transport socket");
  assertStringIncludes(advice({ workers: 2, transport: "grpc" }), "--transport grpc-socket");
  assertStringIncludes(advice({ workers: 2, transport: "socket" }), "--workers 3");
  assertStringIncludes(advice({ workers: 2, transport: "grpc-socket" }), "--workers 3");
  assertFalse(advice({ workers: 3, transport: "socket" }).includes("--"));
  const cancelled = [...records(), createFailure("cancelled")];
  const grace = (options: Record<string, unknown>) =>
    checkOf("cancelled", cancelled, { header: { options } }).advice!;
  assertStringIncludes(grace({}), "--grace SECONDS");
  assertStringIncludes(grace({ grace: 5 }), "longer --grace");
  const guessed = [createRecord({ outputTokens: { tokens: 5, source: "event" } })];
  const counted = (source: "tokenizer" | "estimate") =>
    checkOf("output_token_source", guessed, { header: { tokenizer: { source, name: "x" } } })
      .advice!;
  assertStringIncludes(counted("estimate"), "--tokenizer");
  assertFalse(counted("tokenizer").includes("--tokenizer"));
});

Deno.test("checkLoad finds nothing in fast streams that share a read now and then, nor in a stall", () => {
  for (
    const ticks of [
      [[100, 1], [100.2, 2], [100.5, 4], [100.7, 5]],
      [[100, 1], [120, 2], [140, 3], [300, 4], [320, 5]],
    ] as const
  ) {
    const { ok, message } = checkOf("coalescing", [createRecord({ ticks })]);
    assert(ok, message);
  }
});

Deno.test("checkLoad leaves out checks that do not apply", () => {
  const names = (list: readonly RequestRecord[], fields: RunFields = {}) =>
    checksOf(list, fields).map(({ name }) => name);
  const closed = names(records());
  for (const name of ["dropped", "offered_rate", "schedule_delay", "client", "prefix_cache"]) {
    assertFalse(closed.includes(name), name);
  }
  assertFalse(names(records(), { loads: [OPEN] }).includes("concurrency"));
  const plan = { label: "1 user", users: 1, stopRequests: 200 };
  const few = { prompts: 100, kind: "jsonl", source: "x", skipped: {}, duplicates: 0 };
  // Fewer than planned, for a reason: the time was over, a stop by hand, a small dataset sent once.
  for (
    const fields of [
      { loads: [{ ...plan, stopDurationMs: 1000 }] },
      { loads: [plan], ends: [{ interrupted: true }] },
      { loads: [plan], header: { dataset: few } },
    ]
  ) assertFalse(names(records(), fields).includes("requests"));
  assertFalse(names(records(), { header: { stream: false } }).includes("coalescing"));
});
