import { defined } from "../backends/defined.ts";
import { assert, assertEquals, assertFalse, assertMatch, assertStringIncludes } from "@std/assert";
import type { RequestRecord } from "../backends/record.ts";
import { fasterClient, highest, VERDICT_RULES } from "../metrics/check_causes.ts";
import type { RunHeader } from "../metrics/run.ts";
import type { ClientHealth, Witness } from "../metrics/run_client.ts";
import type { LoadSummary } from "../metrics/load_summary.ts";
import { exactValues, sortValues } from "../metrics/stat_quantile.ts";
import { summarize, type SummaryOptions } from "../metrics/summary.ts";
import type { VerdictKind } from "../metrics/load_client.ts";
import { createFailure, createRecord, type RecordFields } from "./support/create_record.ts";
import { createRun, type RunFields } from "./support/create_run.ts";

/** 100 requests in a row: TTFT 100 ms, gaps 10 ms, one stream, 33 tokens/s. */
function records(fields: RecordFields = {}): readonly RequestRecord[] {
  return Array.from(
    { length: 100 },
    (_, index) => createRecord({ index, sentMs: index * 150, endMs: index * 150 + 150, ...fields }),
  );
}

/** The same with 2.5 events in each read. */
function joinedRecords(): readonly RequestRecord[] {
  return records().map((record) => ({
    ...record,
    tickMs: record.tickMs.slice(0, 4),
    tickTokens: Uint32Array.of(2, 5, 7, 10),
    lastTokenMs: record.tickMs[3]!,
    outputTokens: { tokens: 10, source: "counter" },
    ...{ requestedTokens: 10, reads: 4, events: 10 },
  }));
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
  readonly witness?: Witness;
  readonly witnessAbsent?: string;
}

function loadOf(evidence: Evidence, options: SummaryOptions = {}): LoadSummary {
  const { client, records: list = records(), witness, witnessAbsent, ...fields } = evidence;
  const end = defined({ client, witness, witnessAbsent });
  return summarize(createRun(list, { ...fields, ends: [end] }), options).loads[0]!;
}

const healthy = (fields: Partial<ClientHealth>): Evidence => ({ client: { ...QUIET, ...fields } });

Deno.test("clientVerdict without brackets is never ok", () => {
  const { verdict, checks } = loadOf({ client: QUIET });
  assertEquals(verdict?.kind, "unknown");
  assertEquals(verdict?.reasons, []);
  assert(checks.find(({ name }) => name === "client")!.ok);
});

Deno.test("clientVerdict without brackets says so, and why", () => {
  const unknown = "The client seemed to have time, but its error is not known: ";
  assertEquals(
    loadOf({ client: QUIET }).verdict?.message,
    `${unknown}nothing tells how late its stamps may be`,
  );
  const witnessAbsent = "the transport is inprocess";
  assertEquals(loadOf({ client: QUIET, witnessAbsent }).verdict?.message, unknown + witnessAbsent);
});

Deno.test("clientVerdict judges nobody where nothing was measured", () => {
  const records = [createFailure("connect_error"), createFailure("http_error", { index: 1 })];
  const busy = { ...QUIET, loopLagP99Ms: 80, threadCpu: 0.99 };
  const verdict = (fields: Parameters<typeof loadOf>[0]) => {
    const { kind, message, reasons } = loadOf({ client: busy, records, ...fields }).verdict!;
    return [kind, message, reasons.length];
  };
  assertEquals(verdict({}), ["no-measurement", "No measurement: no request completed", 0]);
  assertEquals(verdict({ records: [] }), [
    "no-measurement",
    "No measurement: nothing was sent",
    0,
  ]);
  // What was measured before the server went stands, and says nothing of the client either.
  const serverLost = { atMs: 1500, failures: 20, message: "refused" };
  const run = createRun([createRecord()], { ends: [{ client: busy, serverLost }] });
  const lost = summarize(run).loads[0]!.verdict!;
  assertEquals([lost.kind, lost.reasons], ["no-measurement", []]);
  assertStringIncludes(lost.message, "the server was lost 1.50 s after the start");
  // Unless the client is why nothing was.
  const message = "Too many open files (os error 24)";
  const [kind] = verdict({ records: [createFailure("connect_error", { message })] });
  assertEquals(kind, "client-bound");
});

Deno.test("clientVerdict lets one connection of a hundred be replaced", () => {
  assertEquals(loadOf(healthy({ replacedConnections: 1 })).verdict?.kind, "unknown");
});

Deno.test("fasterClient advises what is possible, and never another start", () => {
  const { header } = createRun([]);
  const advice = (workers: number, users: number, fields: Partial<RunHeader> = {}) =>
    fasterClient({
      header: { ...header, transport: "socket", workers, url: "https://10.0.0.1", ...fields },
      load: { plan: { label: `${users} users`, kind: "closed", users, rampUpMs: 0 } },
    });
  const environment = { ...header.environment, cores: 4 };
  assertEquals(advice(1, 64, { environment }), "use --workers 2");
  assertMatch(advice(1, 64), /^lower the load of 64 users,/);
  assertMatch(advice(1, 1), /^run it again; if it stays like this,/);
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
    { ...healthy({ loopLagP99Ms: 8 }), records: joinedRecords() },
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
  "give the program --allow-ffi and use --transport epoll, whose arrivals the kernel stamps";
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
      assertMatch(verdict!.message, kind === "suspect" ? /may be the client's;/ : /was the limit/);
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
    ["connecting"],
    "rules without a fault",
  );
});

Deno.test("clientVerdict finds nothing at the thresholds", () => {
  const fast = joinedRecords().map((record) => {
    const [first] = record.tickMs;
    const tickMs = record.tickMs.map((_, i) => first! + i);
    return { ...record, tickMs, lastTokenMs: tickMs[3]! };
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
    { ...healthy({ threadCpu: 0.5, loopLagP99Ms: 5 }), records: joinedRecords() },
  ];
  for (const row of rows) assertEquals(loadOf(row).verdict?.reasons, []);
});

Deno.test("clientVerdict: joined reads are the client's only where it was late for so long", () => {
  // 2.5 events in a read, one each 10 ms ÷ 2.5: they came over 6 ms.
  const joined = joinedRecords();
  const rules = (client: Partial<ClientHealth>) =>
    loadOf({ ...healthy(client), records: joined }).verdict?.reasons.map(({ rule }) => rule);
  const says = (client: Partial<ClientHealth>) =>
    loadOf({ ...healthy(client), records: joined }).checks
      .find(({ name }) => name === "coalescing")!.message.includes("this client");
  assertEquals([rules({ threadCpu: 0.6, loopLagP99Ms: 5 }), says({ loopLagP99Ms: 5 })], [
    [],
    false,
  ]);
  assertEquals([rules({ loopLagP99Ms: 7 }), says({ loopLagP99Ms: 7 })], [
    ["coalesced_reads"],
    true,
  ]);
  // Events that only close a stream, read together, are not tokens that anybody joined.
  const closing = records().map((record) => ({ ...record, events: 13, textEvents: 5 }));
  const closed = loadOf({ ...healthy({ loopLagP99Ms: 7 }), records: closing });
  assertEquals(closed.verdict?.reasons, []);
});

Deno.test("clientVerdict: gaps between the pieces of a buffer are nobody's", () => {
  // Ticks that may have come 9 ms earlier leave p50 of ITL open.
  const tickWidthUs = Uint32Array.of(0, 9000, 9000, 9000, 9000);
  const wide = records().map((one) => ({ ...one, departedMs: one.sentMs!, tickWidthUs }));
  const kindOf = (list: readonly RequestRecord[]) => {
    const { kind, message } = loadOf({ client: QUIET, records: list }).verdict!;
    return [kind, /ITL/.test(message)];
  };
  assertEquals(kindOf(wide), ["client-bound", true]);
  const held = wide.map((one) => ({ ...one, heldReads: 3 }));
  assertEquals(kindOf(held)[1], false);
});

Deno.test("clientVerdict counts failures of a kind once one of them was for want of descriptors", () => {
  const failed = ["connection refused", "connect EMFILE 127.0.0.1:8000"]
    .map((message, i) => createFailure("connect_error", { index: 100 + i, message }));
  const [reason] = loadOf({ records: [...records(), ...failed] }).verdict!.reasons;
  assertMatch(reason!.message, /^2 requests failed because/);
});

Deno.test("clientVerdict blames the server for joined reads of an idle client", () => {
  const joined = records({ reads: 2, events: 5 });
  assertEquals(loadOf({ client: QUIET, records: joined }).verdict?.kind, "unknown");
});

Deno.test("clientVerdict lets users of a closed loop start one after the other", () => {
  const late = records().map((one) => ({ ...one, intendedMs: one.sentMs! - 30 }));
  assertEquals(loadOf({ client: QUIET, records: late }).verdict?.kind, "unknown");
});

Deno.test("clientVerdict does not blame the client for the in-flight limit", () => {
  const { verdict } = loadOf({
    client: QUIET,
    records: records().map((one) => ({ ...one, intendedMs: one.sentMs! - 30 })),
    loads: [{ label: "7 req/s", kind: "open", ratePerSec: 7, maxInFlight: 1 }],
  });
  assertEquals(verdict?.kind, "unknown");
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

/** What one request leaves open. */
interface Open {
  /** Its tokens came so much later than those of others. */
  readonly laterMs?: number;
  /** Its first read may have been late by so much; the others by 0.1 ms. */
  readonly widthMs?: number;
  /** It was due so long before it was sent. */
  readonly dueMs?: number;
  readonly connection?: RequestRecord["connection"];
}

/** 200 requests in a row as above, whose stamps leave something open. */
function bracketed(open: (index: number) => Open = () => ({})): readonly RequestRecord[] {
  return Array.from({ length: 200 }, (_, index) => {
    const { laterMs = 0, widthMs = 0.1, dueMs = 0, connection = "reused" } = open(index);
    const sentMs = 20 + index * 170;
    const ticks = [100, 110, 120, 130, 140]
      .map((ms, i) => [sentMs + laterMs + ms, i + 1] as const);
    return {
      ...createRecord({ index, intendedMs: sentMs - dueMs, sentMs, ticks, connection }),
      departedMs: sentMs + 0.1,
      tickWidthUs: Uint32Array.of(widthMs * 1000, 100, 100, 100, 100),
    };
  });
}

/** Five of the 200 were read late, and so their first token was stamped late. */
const TAIL = bracketed((index) => index < 5 ? { laterMs: 20, widthMs: 20 } : {});
/** All of them. */
const MIDDLE = bracketed(() => ({ widthMs: 20 }));
const BUSY: ClientHealth = { ...QUIET, threadCpu: 0.97, loopLagP99Ms: 20 };

Deno.test("clientVerdict is ok where all figures hold, however busy the client was", () => {
  for (const client of [QUIET, BUSY, undefined]) {
    const { verdict, bracketBasis } = loadOf({ ...defined({ client }), records: bracketed() });
    assertEquals(bracketBasis, "stamps");
    assertEquals(verdict, {
      kind: "ok",
      message: "The client had time: these numbers are the server's",
      reasons: [],
    });
  }
});

Deno.test("clientVerdict names exactly the figures that do not hold", () => {
  const tail = loadOf({ client: BUSY, records: TAIL }).verdict!;
  assertEquals(tail.kind, "suspect");
  assertEquals(tail.message, "p99 of TTFT and TPOT may be the client's");
  // A busy thread explains it; no cause is worse than what it caused.
  assertEquals(tail.reasons.map(({ rule, kind }) => [rule, kind]), [
    ["brackets", "suspect"],
    ["loop_lag", "suspect"],
    ["thread_cpu", "suspect"],
  ]);
  assertEquals(
    tail.reasons[0]!.message,
    "p99 of TPOT is 10.0 ms (9–15), open by more than 5.0 %",
  );
  const middle = loadOf({ client: BUSY, records: MIDDLE }).verdict!;
  assertEquals(middle.kind, "client-bound");
  assertEquals(
    middle.message,
    "The client was the limit of p50, p90 and p99 of TTFT and TPOT and p90 and p99 of ITL: " +
      "the server may be faster than shown",
  );
  assertEquals(middle.reasons.map(({ rule, kind }) => [rule, kind]), [
    ["brackets", "client-bound"],
    ["thread_cpu", "client-bound"],
    ["loop_lag", "suspect"],
  ]);
  for (const { message, advice } of [...tail.reasons, ...middle.reasons]) {
    assertFalse(/\.$/.test(message) || /\.$/.test(advice), "no final period");
  }
});

Deno.test("clientVerdict looks at p50, p90 and p99 whichever percentiles are shown", () => {
  const shown = { percentiles: [50] };
  assertEquals(
    loadOf({ records: TAIL }, shown).verdict?.message,
    "p99 of TTFT and TPOT may be the client's",
  );
  // Of five requests there is a median only.
  const few = loadOf({ records: MIDDLE.slice(0, 5) }).verdict!;
  assertMatch(few.message, /^The client was the limit of p50 of TTFT and TPOT and p90 of ITL:/);
});

Deno.test("clientVerdict: the limit is a share, and a time that never matters", () => {
  const kind = (records: readonly RequestRecord[], clientTolerance: number) =>
    loadOf({ records }, { clientTolerance }).verdict!;
  assertEquals(kind(TAIL, 0.2).message, "p99 of TPOT may be the client's");
  assertEquals(kind(TAIL, 0.6).kind, "ok");
  // All stamps are within 0.2 ms, but gaps are not within 0.1 ms.
  assertEquals(kind(bracketed(), 0.05).kind, "ok");
  assertMatch(
    kind(bracketed(() => ({ widthMs: 0.5 })), 0.00001).message,
    /^The client was the limit of p50, p90 and p99 of TPOT and ITL and the throughput:/,
  );
});

Deno.test("clientVerdict: users who wait for their client are its limit", () => {
  const { verdict } = loadOf({ records: bracketed(() => ({ dueMs: 20 })) });
  assertEquals(verdict?.kind, "client-bound");
  assertEquals(
    verdict?.message,
    "The client was the limit of the throughput: the server may be faster than shown",
  );
  assertEquals(
    verdict!.reasons[0]!.message,
    "the throughput is 29.4 tokens/s (29–34): more with a client that loses no time",
  );
});

Deno.test("clientVerdict says when connecting is part of a figure, and only then", () => {
  const rules = (open: Open) =>
    loadOf({ records: bracketed((index) => index < 5 ? open : { connection: "new" }) }).verdict!
      .reasons.map(({ rule }) => rule);
  assertEquals(rules({ laterMs: 20, widthMs: 20 }), ["brackets", "connecting"]);
  assertEquals(rules({}), []);
  const all = loadOf({ client: QUIET, records: records({ connection: "new" }) });
  assertEquals(all.verdict?.reasons, []);
});

Deno.test("clientVerdict: what no bracket holds counts where all figures hold", () => {
  const failed = createFailure("connect_error", { index: 999, message: "connect EMFILE" });
  const { verdict } = loadOf({ records: [...bracketed(), failed] });
  assertEquals(verdict?.kind, "client-bound");
  assertEquals(verdict?.message, "The client was the limit: the server may be faster than shown");
  assertEquals(verdict?.reasons.map(({ rule }) => rule), ["descriptors_exhausted"]);
});

const WITNESS: Witness = {
  ...{ streams: 2, requests: 200, ticks: 1000, windowMs: 100 },
  readLate: { maxMs: 0.1 },
  departLate: { maxMs: 0.1 },
  readLateMaxMs: [],
  departLateMaxMs: [],
};

Deno.test("clientVerdict doubts brackets that the witness contradicts", () => {
  const verdictOf = (fields: Partial<Witness>) =>
    loadOf({ records: bracketed(), witness: { ...WITNESS, ...fields } }).verdict!;
  // One in a hundred may be outside, and what chance adds to that.
  assertEquals(verdictOf({ ticksInside: 981, departuresInside: 194 }).kind, "ok");
  const { kind, message, reasons } = verdictOf({ ticksInside: 980 });
  assertEquals([kind, message], [
    "suspect",
    "What the client leaves open may be more than is shown: its witness streams disagree",
  ]);
  assertEquals(reasons.map(({ rule, message }) => [rule, message]), [
    [
      "witness",
      "2.0 % of 1,000 ticks of the witness streams lie outside what the client's stamps leave open",
    ],
  ]);
  assertMatch(
    verdictOf({ ticksInside: 1000, departuresInside: 193 }).reasons[0]!.message,
    /^3\.5 % of 200 departures of the witness/,
  );
  // Of so few one stray tick would be too many.
  assertEquals(verdictOf({ ticks: 99, ticksInside: 80 }).kind, "ok");
});

Deno.test("clientVerdict: brackets of a witness that saw hardly anything are not trusted", () => {
  const kindOf = (ticks: number, client: ClientHealth) =>
    loadOf({ client, records: records(), witness: { ...WITNESS, ticks } }).verdict?.kind;
  assertEquals(kindOf(99, BUSY), "client-bound");
  assertEquals(kindOf(99, QUIET), "ok");
  assertEquals(kindOf(100, BUSY), "ok");
});

Deno.test("the check of the witness says what it saw", () => {
  const messageOf = (evidence: Evidence) => {
    const check = loadOf(evidence).checks.find(({ name }) => name === "witness");
    return check && [check.ok, check.message];
  };
  const list = bracketed();
  const inside = { ticksInside: 998, departuresInside: 200 };
  assertEquals(messageOf({ records: list, witness: { ...WITNESS, ...inside } }), [
    true,
    "Inside the brackets lie 99.8 % of 1,000 ticks and 100 % of 200 departures of 2 witness streams",
  ]);
  assertEquals(messageOf({ records: records(), witness: WITNESS }), [
    true,
    "1,000 ticks of 2 witness streams say how wide the brackets are",
  ]);
  const few = { ...WITNESS, ticks: 99, ticksInside: 99 };
  const saw = "99 ticks of 2 witness streams are too few to say anything about a p99";
  assertEquals(messageOf({ records: list, witness: few }), [true, saw]);
  assertEquals(messageOf({ records: records(), witness: few }), [false, saw]);
  assertEquals(messageOf({ records: list, witness: { ...WITNESS, ticksInside: 900 } }), [
    false,
    "10.0 % of 1,000 ticks of the witness streams lie outside what the client's stamps leave open",
  ]);
  assertEquals(messageOf({ records: list, witnessAbsent: "--no-witness" }), [
    true,
    "There were no witness streams: --no-witness",
  ]);
  assertEquals(messageOf({ records: list }), undefined);
});

Deno.test("clientVerdict: a client with time does not vouch for what came held back or in groups", () => {
  const plain = () => {
    const list = records().map((record) => ({
      ...record,
      departedMs: record.sentMs!,
      tickWidthUs: new Uint32Array(record.tickMs.length),
    }));
    return loadOf({ client: QUIET, records: list }).verdict!;
  };
  assertMatch(plain().message, /these numbers are the server's/);
  const groups = Array.from({ length: 100 }, (_, index) => {
    const sentMs = index * 400;
    return {
      ...createRecord({ index, sentMs, ticks: [1, 2, 3].map((i) => [sentMs + 100 * i, 4 * i]) }),
      ...{ endMs: sentMs + 300, events: 12, textEvents: 12, departedMs: sentMs },
      tickWidthUs: new Uint32Array(3),
    };
  });
  const grouped = loadOf({ client: QUIET, records: groups }).verdict!;
  assertEquals(grouped.kind, "ok");
  assertMatch(grouped.message, /tokens that arrived in groups/);
});
