import { assert, assertEquals, assertMatch } from "@std/assert";
import type { RequestRecord } from "../backends/record.ts";
import type { LoadPlan } from "../metrics/run.ts";
import type { Witness } from "../metrics/run_client.ts";
import { summarize } from "../metrics/summary.ts";
import { VerdictSoFar } from "../workloads/live_verdict.ts";
import { createRecord } from "./support/create_record.ts";
import { createRun } from "./support/create_run.ts";

const CLOSED: LoadPlan = { label: "2 users", kind: "closed", users: 2 };
const OPEN: LoadPlan = { label: "10 req/s", kind: "open", ratePerSec: 10, maxInFlight: 8 };

/** Answers whose reads may each have waited for `widthUs`. */
function stamped(widthUs: number, count = 200): readonly RequestRecord[] {
  return Array.from({ length: count }, (_, index) => {
    // Two users, one answer after the other.
    const record = createRecord({ index, user: index % 2, sentMs: (index >> 1) * 140 });
    const tickWidthUs = new Uint32Array(record.tickMs.length).fill(widthUs);
    return { ...record, departedMs: record.sentMs! + 0.01, tickWidthUs };
  });
}

/** Requests of an open loop that left so late; nothing tells how exact their stamps are. */
function late(ms: number, count = 200): readonly RequestRecord[] {
  return Array.from(
    { length: count },
    (_, index) => {
      const intendedMs = (index >> 1) * 140;
      return createRecord({ index, user: index % 2, sentMs: intendedMs + ms, intendedMs });
    },
  );
}

function witness(lateMs: number, ticks = 1000): Witness {
  const late = { p50Ms: lateMs, p90Ms: lateMs, p99Ms: lateMs, maxMs: lateMs };
  return {
    ...{ streams: 2, requests: ticks / 5, ticks, windowMs: 100, readLate: late },
    departLate: { p50Ms: 0.1, p90Ms: 0.1, p99Ms: 0.1, maxMs: 0.1 },
    readLateMaxMs: [lateMs],
    departLateMaxMs: [0.1],
  };
}

interface Case {
  readonly name: string;
  readonly plan?: LoadPlan;
  readonly records: readonly RequestRecord[];
  readonly witness?: Witness;
  readonly state: "ok" | "doubtful" | "client-bound" | undefined;
  readonly why?: RegExp;
}

const NO_FILES = { kind: "connect_error", message: "too many open files (os error 24)" } as const;

const CASES: readonly Case[] = [
  { name: "exact stamps", records: stamped(20), state: "ok", why: /^$/ },
  {
    name: "reads that may have waited for 5 ms of 10",
    records: stamped(5000),
    state: "client-bound",
    why: /^the client is the limit of p50, p90 and p99 of TPOT and ITL/,
  },
  {
    name: "one request of fifty with wide reads",
    records: stamped(20, 196).concat(stamped(8000, 4)),
    state: "doubtful",
    why: /^p99 of .* may be the client's$/,
  },
  { name: "a witness on time", records: late(0), witness: witness(0.02), state: "ok" },
  {
    name: "a witness that was late",
    records: late(0),
    witness: witness(3),
    state: "client-bound",
    why: /ITL/,
  },
  {
    name: "a witness with too few ticks",
    records: late(0),
    witness: witness(3, 90),
    state: undefined,
  },
  {
    name: "a witness that disagrees with the stamps",
    records: stamped(20),
    witness: { ...witness(0.02), ticksInside: 900 },
    state: "doubtful",
    why: /^10.0 % of 1,000 ticks of the witness streams lie outside/,
  },
  { name: "nothing that tells, on time", plan: OPEN, records: late(0), state: undefined },
  {
    name: "nothing that tells, departures 10 ms late",
    plan: OPEN,
    records: late(10),
    state: "doubtful",
    why: /^requests are sent up to 9\.\d+ ms late \(p99\)$/,
  },
  { name: "departures 80 ms late", plan: OPEN, records: late(80), state: "client-bound" },
  {
    name: "departures 10 ms late that matter in no figure",
    plan: OPEN,
    records: late(10),
    witness: witness(0.02),
    state: "ok",
  },
  { name: "users have no schedule", records: late(80), state: undefined },
  {
    name: "no file left to open",
    records: [createRecord({ outcome: NO_FILES, ticks: [] }), ...stamped(20)],
    state: "client-bound",
    why: /^1 request failed because the client may not open more/,
  },
  { name: "too early", records: stamped(5000, 9), state: undefined },
];

/** What the reports say of the same. */
const FINAL = { "ok": "ok", "doubtful": "suspect", "client-bound": "client-bound" } as const;

for (const { name, plan = CLOSED, records, state, why, ...more } of CASES) {
  Deno.test(`the verdict so far: ${name}`, () => {
    const soFar = new VerdictSoFar({ plan });
    for (const record of records) soFar.add(record);
    if (more.witness !== undefined) soFar.see(more.witness);
    const found = soFar.verdict();
    assertEquals(found?.state, state);
    if (why !== undefined) assertMatch(found!.why, why);
    if (found === undefined) return;
    const run = createRun(records, { loads: [plan], ends: [more] });
    const final = summarize(run).loads[0]!.verdict!;
    assertEquals(final.kind, FINAL[found.state], `the end says: ${final.message}`);
  });
}

Deno.test("the verdict so far: at the limit of requests in flight nobody can tell who was late", () => {
  const soFar = new VerdictSoFar({ plan: OPEN });
  for (const record of late(80)) soFar.add(record);
  soFar.inFlight(7);
  assertEquals(soFar.verdict()?.state, "client-bound");
  soFar.inFlight(8);
  assertEquals(soFar.verdict(), undefined);
});

Deno.test("the verdict so far allows what the report is asked to allow", () => {
  const found = (tolerance: number) => {
    const soFar = new VerdictSoFar({ plan: CLOSED, tolerance });
    for (const record of stamped(5000)) soFar.add(record);
    return soFar.verdict()?.state;
  };
  assertEquals([found(0.05), found(1)], ["client-bound", "ok"]);
  assert(new VerdictSoFar({ plan: undefined }).verdict() === undefined);
});
