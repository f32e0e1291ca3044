import { assert, assertEquals, assertStrictEquals, assertThrows } from "@std/assert";
import { createRandom } from "../backends/random.ts";
import { OUTCOME_KINDS, type RequestRecord } from "../backends/record.ts";
import type { LoadState, Mergeable } from "../metrics/load_state.ts";
import type { Run } from "../metrics/run.ts";
import type { Witness } from "../metrics/run_client.ts";
import { createValueHistogram } from "../metrics/stat_value_histogram.ts";
import { createLanes } from "../metrics/summary_lanes.ts";
import { createRequests } from "../metrics/summary_requests.ts";
import { createStalls } from "../metrics/summary_stalls.ts";
import { sampleOfTimeline } from "../metrics/summary_timeline.ts";
import { createLoadAccumulator } from "../metrics/summary_accumulator.ts";
import { parseSlo } from "../metrics/summary_slo.ts";
import {
  type Accumulator,
  createAccumulator,
  type Summary,
  type SummaryOptions,
} from "../metrics/summary.ts";
import { createFailure, createRecord, type RecordFields } from "./support/create_record.ts";
import { createRun, type RunFields } from "./support/create_run.ts";
import { createSessionsRun } from "./support/create_sessions.ts";
import { withRequests } from "./support/with_requests.ts";

const FAILURES = OUTCOME_KINDS.filter((kind) => kind !== "ok");
const OPTIONS: SummaryOptions = {
  percentiles: [50, 90, 99],
  slo: parseSlo("ttft:100,tpot:20,e2e:p99<2s"),
};

/** What differs from one course of a load to the next. */
interface Course {
  readonly kind: "open" | "closed";
  readonly count: number;
  readonly seconds: number;
  /** Who knows what the stamps leave open. */
  readonly bounds: "stamps" | "witness" | "mixed";
}

/** A load with everything in it that a summary tells apart. */
function eventful({ kind, count, seconds, bounds }: Course): Run {
  const random = createRandom(5, `${kind} ${bounds}`);
  // Not whole µs: what is added up must not care.
  const at = (ms: number) => Math.max(0, ms);
  const chance = (share: number) => random.next() < share;
  const records = Array.from({ length: count }, (_, index): RequestRecord => {
    const sentMs = at(index * seconds * 1000 / count + 20 * random.next());
    const knows = bounds === "stamps" || bounds === "mixed" && chance(0.5);
    const intendedMs = at(sentMs - 15 * random.next());
    const common: RecordFields = {
      index,
      user: index % 12,
      phase: chance(0.03) ? "warmup" as const : "measure" as const,
      sentMs,
      intendedMs,
      heldMs: chance(0.1) ? Math.min(1, sentMs - intendedMs) : undefined,
      connection: chance(0.3) ? "new" as const : "reused" as const,
      connectMs: chance(0.3) ? (chance(0.02) ? Infinity : random.next()) : undefined,
      class: `class ${Math.floor(3 * random.next())}`,
      model: chance(0.5) ? "one" : "two",
      server: Math.floor(2 * random.next()),
      stage: kind === "open" ? Math.floor(2 * index / count) : undefined,
      contentTokens: Math.floor(3000 * random.next() ** 3),
      contextTooLong: chance(0.01) ? true : undefined,
    };
    if (chance(0.12)) {
      const failure = FAILURES[Math.floor(random.next() * FAILURES.length)]!;
      const message = `cause ${Math.floor(9 * random.next())}`;
      return createFailure(failure, { ...common, message, afterMs: 900 * random.next() });
    }
    const ticks: [number, number][] = [];
    let [ms, tokens] = [sentMs + 30 + 200 * random.next() ** 4, 0];
    for (let i = 0; i < 1 + 30 * random.next(); i++) {
      tokens += chance(0.1) ? 3 : chance(0.03) ? 0 : 1;
      ticks.push([ms, Math.max(1, tokens)]);
      ms += chance(0.01) ? 500 * random.next() : 8 + 30 * random.next() ** 3;
    }
    const counted = Math.max(1, tokens) + (chance(0.1) ? index % 3 : 0);
    const source = chance(0.5) ? "usage" as const : "counter" as const;
    return createRecord({
      ...common,
      ticks,
      reads: ticks.length + 1,
      events: ticks.length + 2,
      endMs: ms,
      departedMs: knows ? sentMs + 0.3 * random.next() : undefined,
      tickWidthUs: knows
        ? Uint32Array.from(ticks, () => Math.floor(400 * random.next()))
        : undefined,
      outputTokens: chance(0.05) ? undefined : { tokens: counted, source },
      promptTokens: chance(0.05)
        ? undefined
        : { tokens: 10 + Math.floor(50 * random.next()), source: "usage" },
      requestedTokens: counted + (chance(0.1) ? 2 : 0),
      cachedTokens: chance(0.2) ? 3 : undefined,
      expectedCachedTokens: chance(0.5) ? 7 : undefined,
      unmarkedEnd: chance(0.02) ? true : undefined,
      rejectedCount: chance(0.02) ? { tokens: 4, source: "usage" } : undefined,
      finishReason: chance(0.1) ? "stop" : "length",
      serverTimings: {
        queueMs: 5 * random.next(),
        ...(chance(0.9) ? { prefillMs: 3 * random.next(), ttftMs: 9 * random.next() } : {}),
        ...(chance(0.5) ? { draftTokens: 8, acceptedTokens: 5 } : {}),
      },
    });
  });
  const half = seconds * 500;
  const rate = count / seconds;
  const load = kind === "open"
    ? {
      ...{ label: "stages", kind, ratePerSec: rate },
      stages: [
        { fromPerSec: rate, toPerSec: rate, durationMs: half },
        { fromPerSec: rate, toPerSec: 2 * rate, durationMs: half },
      ],
    } as const
    : { label: "12 users", users: 12, rampUpMs: 1000 };
  const fields: RunFields = {
    header: {
      classes: [0, 1, 2].map((i) => ({ name: `class ${i}`, share: 1 / 3 })),
      models: [{ name: "one", share: 0.5 }, { name: "two", share: 0.5 }],
    } as unknown as RunFields["header"] & object,
    loads: [load],
    ends: [{ rampEndMs: 1000, witness: WITNESS, client: { loopLagP50Ms: 1, loopLagP99Ms: 2 } }],
  };
  return createRun(records, fields);
}

const WITNESS: Witness = {
  ...{ streams: 2, requests: 100, ticks: 2000 },
  readLate: { p50Ms: 0.05, p90Ms: 0.2, p99Ms: 0.9, maxMs: 3 },
  departLate: { p50Ms: 0.1, p90Ms: 0.2, p99Ms: 0.4, maxMs: 1 },
  windowMs: 100,
  readLateMaxMs: [0.1, 3, null, 0.2],
  departLateMaxMs: [0.1, 1, null, 0.2],
};

const sent = (state: LoadState): LoadState => JSON.parse(JSON.stringify(state));
const create = (run: Run) => createAccumulator(run.header, { ...OPTIONS, values: "histogram" });
const text = (summary: Summary) => JSON.stringify(withRequests(summary));

/** Text of the summary of all of it, or of what was put together. */
function summaryOf(run: Run, accumulator: Accumulator): string {
  for (const end of run.ends) accumulator.end(end);
  return text(accumulator.summary());
}

function ofOne(run: Run): string {
  const all = create(run);
  for (const record of run.records) all.add(record);
  for (const session of run.sessions ?? []) all.session(session);
  return summaryOf(run, all);
}

/** One accumulator for each agent, to which `agentOf` deals. */
function deal(
  run: Run,
  agents: number,
  agentOf: (one: { readonly user: number; readonly index?: number }) => number,
): readonly Accumulator[] {
  const dealt = Array.from({ length: agents }, () => create(run));
  for (const record of run.records) dealt[agentOf(record) % agents]!.add(record);
  for (const session of run.sessions ?? []) dealt[agentOf(session) % agents]!.session(session);
  return dealt;
}

function shuffled<T>(list: readonly T[], stream: string): readonly T[] {
  const random = createRandom(3, stream);
  return list.map((one) => [random.next(), one] as const).sort(([a], [b]) => a - b)
    .map(([, one]) => one);
}

function ofFleet(run: Run): Run {
  return { ...run, header: { ...run.header, fleet: { name: "f", run: "r", agents: [] } } };
}

const RUNS: Readonly<Record<string, () => Run>> = {
  "an open load in stages": () =>
    eventful({ kind: "open", count: 600, seconds: 70, bounds: "stamps" }),
  "a closed load whose witness knows": () =>
    eventful({ kind: "closed", count: 600, seconds: 40, bounds: "witness" }),
  "a short load of both": () =>
    eventful({ kind: "closed", count: 60, seconds: 0.2, bounds: "mixed" }),
  "sessions": () => createSessionsRun({ slots: 9, sessions: 3 }),
  // Of a fleet less is kept, and what is left out must be the same.
  "more requests and gaps than are kept": () =>
    ofFleet(eventful({ kind: "open", count: 2300, seconds: 60, bounds: "mixed" })),
  "more sessions than are drawn": () =>
    ofFleet(createSessionsRun({ slots: 30, sessions: 6, turns: 8 })),
};

for (const [name, make] of Object.entries(RUNS)) {
  Deno.test(`state and absorb: ${name} on several machines is that on one`, () => {
    const run = make();
    const one = ofOne(run);
    for (const agents of [2, 7]) {
      const byUser = ({ user }: { readonly user: number }) => user;
      const byIndex = (
        { user, index = user }: { readonly user: number; readonly index?: number },
      ) => index >> 1;
      for (const agentOf of agents === 2 ? [byUser] : [byUser, byIndex]) {
        const dealt = deal(run, agents, agentOf);
        const together = create(run);
        const states = dealt.map((own) => sent(own.state(0)));
        for (const state of shuffled(states, name)) together.absorb(state);
        assertStrictEquals(summaryOf(run, together), one, `${agents} agents`);
      }
    }
  });
}

Deno.test("state and absorb: of a fleet less is kept, and it says how near that is", () => {
  const run = ofFleet(createSessionsRun({ slots: 30, sessions: 6, turns: 8 }));
  const all = create(run);
  for (const record of run.records) all.add(record);
  const [load] = all.summary().loads;
  assert(load!.lanes!.every > 1);
  assertStrictEquals(load!.approximation!.courseError, 0.005);
});

/** Folds that keep a few of many, with all that they say. */
const BOUNDED: Readonly<
  Record<string, () => Mergeable & { add(record: RequestRecord): void; all(): unknown }>
> = {
  "createStalls"() {
    const stalls = createStalls(20);
    const itl = createValueHistogram();
    // Half of the gaps are stalls: the shortest of them are not kept.
    for (let i = 0; i < 100; i++) itl.add(i < 60 ? 0.4 : 30);
    const options = { itl, inFlightAt: () => 1, witness: undefined };
    return { ...stalls, all: () => stalls.result(options) };
  },
  "createRequests"() {
    const requests = createRequests(40);
    return { ...requests, all: () => requests.result(1e9) };
  },
  "sampleOfTimeline"() {
    const sample = sampleOfTimeline();
    return { ...sample, all: sample.entries };
  },
  "createLanes"() {
    const lanes = createLanes({ label: "", kind: "closed", users: 12, replay: "sessions" }, 30);
    return { ...lanes, all: lanes.result };
  },
};

for (const [name, make] of Object.entries(BOUNDED)) {
  Deno.test(`${name}: which are kept does not depend on where and when they came`, () => {
    const random = createRandom(8, name);
    const records = Array.from({ length: 900 }, (_, index) => {
      const sentMs = 10 * index;
      const gapMs = Math.ceil(1000 * (5 + 60 * random.next())) / 1000;
      const ticks = [[sentMs + 9, 1], [sentMs + 9 + gapMs, 2]] as const;
      return createRecord({ index, user: index % 12, session: `s${index % 12}`, sentMs, ticks });
    });
    const all = make();
    for (const record of records) all.add(record);
    const wanted = JSON.stringify(all.all());
    // Nearly all at one, the rest at the other, and some only afterwards.
    for (const [few, late] of [[0, 0], [3, 0], [40, 0], [450, 0], [0, 5], [3, 800]] as const) {
      const [one, other, together] = [make(), make(), make()];
      for (const [i, record] of shuffled(records, `${few} ${late}`).entries()) {
        if (i < few) other.add(record);
        else if (i < records.length - late) one.add(record);
      }
      for (const own of shuffled([one, other], `${few}`)) {
        together.merger(JSON.parse(JSON.stringify(own.state())))();
      }
      const rest = shuffled(records, `${few} ${late}`).slice(records.length - late);
      for (const record of rest) together.add(record);
      assertStrictEquals(JSON.stringify(together.all()), wanted, `${few}, ${late}`);
    }
  });
}

Deno.test("state and absorb: what is put together is a state, and more records may follow", () => {
  const run = eventful({ kind: "open", count: 400, seconds: 30, bounds: "stamps" });
  const [first, second, third] = deal(run, 3, ({ index = 0 }) => index);
  const [inner, outer] = [create(run), create(run)];
  inner.absorb(sent(second!.state(0)));
  inner.absorb(sent(first!.state(0)));
  outer.absorb(sent(inner.state(0)));
  for (const record of run.records) if (record.index % 3 === 2) outer.add(record);
  assertStrictEquals(summaryOf(run, outer), ofOne(run));
  // A state takes nothing away.
  const again = create(run);
  for (const own of [first!, second!, third!]) again.absorb(sent(own.state(0)));
  assertStrictEquals(summaryOf(run, again), ofOne(run));
});

Deno.test("state and absorb: one that saw nothing changes nothing", () => {
  const run = eventful({ kind: "closed", count: 200, seconds: 10, bounds: "mixed" });
  const [full, empty] = [create(run), create(run)];
  for (const record of run.records) full.add(record);
  full.absorb(sent(create(run).state(0)));
  empty.absorb(sent(full.state(0)));
  assertStrictEquals(summaryOf(run, full), ofOne(run));
  assertStrictEquals(summaryOf(run, empty), ofOne(run));
});

Deno.test("state and absorb: another version, another load, other limits are refused", () => {
  const run = createRun([createRecord()]);
  const own = create(run);
  for (const record of run.records) own.add(record);
  const state = own.state(0);
  const refused = (wrong: unknown, said: string, into = create(run)) =>
    assertThrows(() => into.absorb(wrong as LoadState), TypeError, said);
  refused({ ...state, schema: "tokometer.state/0" }, "another version");
  refused({ ...state, load: 3 }, "there is none");
  refused({ ...state, parts: 5 }, "Cannot add results of load 1: it is no object");
  assertThrows(() => own.state(-1), TypeError, "there is none");
  const others = createAccumulator(run.header, { slo: parseSlo("ttft:1"), values: "histogram" });
  refused(state, "slo: it is of other limits", others);
  const slices = createAccumulator(run.header, {
    ...OPTIONS,
    ...{ values: "histogram", sliceMs: 77 },
  });
  refused(state, "slices: bins: its first bins are of another width", slices);
  const raw = createAccumulator(run.header, OPTIONS);
  refused(state, 'not "histogram"', raw);
  assertThrows(() => raw.state(0), TypeError, 'not "histogram"');
  const open = createRun([createRecord()], { loads: [{ kind: "open" }] });
  refused(create(open).state(0), "of other metrics");
});

/** Every value of a state that is not an object or a list, with what puts another one there. */
function* leaves(
  value: unknown,
  put: (other: unknown) => unknown = (other) => other,
): Generator<(other: unknown) => unknown> {
  if (typeof value !== "object" || value === null) yield put;
  else if (Array.isArray(value)) {
    yield put;
    for (const [i, one] of value.entries()) {
      yield* leaves(one, (other) => put(value.with(i, other)));
    }
  } else {
    yield put;
    for (const [name, one] of Object.entries(value)) {
      yield* leaves(one, (other) => put({ ...value, [name]: other }));
    }
  }
}

Deno.test("absorb: rubbish anywhere in a state is a TypeError, and leaves all as it was", () => {
  const sessions = createSessionsRun({ slots: 3, sessions: 2 });
  const run = eventful({ kind: "open", count: 14, seconds: 3, bounds: "mixed" });
  const rubbish = [
    undefined,
    null,
    -1,
    1e300,
    0.5,
    "x",
    "////////////",
    "/",
    "B",
    [],
    [[]],
    {},
    true,
  ];
  for (const one of [run, sessions]) {
    const own = create(one);
    for (const record of one.records.slice(0, 12)) own.add(record);
    const { parts } = sent(own.state(0));
    const into = createLoadAccumulator({
      ...{ plan: one.header.loads[0]!, header: one.header, values: "histogram" },
      ...{ slo: OPTIONS.slo, clientTolerance: 0.05 },
    });
    const before = JSON.stringify(into.parts!.state());
    let refused = 0;
    const taken: (() => void)[] = [];
    let leaf = 0;
    for (const put of leaves(parts)) {
      // All kinds of them; checking a whole state each time takes its time.
      if (leaf++ % 3 !== 0) continue;
      const wrong = rubbish[(refused + taken.length) % rubbish.length];
      try {
        taken.push(into.parts!.merger(put(wrong)));
      } catch (error) {
        assert(error instanceof TypeError, String(error));
        refused++;
      }
    }
    assertStrictEquals(JSON.stringify(into.parts!.state()), before);
    // Counts may be other counts: most rubbish is none.
    assert(refused > 150 && refused > 5 * taken.length, `${refused}, ${taken.length}`);
    // What was taken can be added.
    for (const add of taken) add();
    JSON.stringify(into.parts!.state());
  }
});

Deno.test("state: counts of many agents are exact, whatever is added first", () => {
  const run = createRun([createRecord()]);
  const all = create(run);
  for (let agent = 0; agent < 50; agent++) {
    const own = create(run);
    own.add(createRecord({ index: agent, sentMs: agent * 1000.1 }));
    all.absorb(sent(own.state(0)));
  }
  const [load] = all.summary().loads;
  assertEquals([load!.counts.completed, load!.stream.ticks], [50, 250]);
});
