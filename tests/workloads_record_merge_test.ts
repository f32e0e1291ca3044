import {
  assert,
  assertAlmostEquals,
  assertEquals,
  assertRejects,
  assertStrictEquals,
  assertStringIncludes,
} from "@std/assert";
import { createRandom } from "../backends/random.ts";
import type { RequestRecord } from "../backends/record.ts";
import type { LoadEnd, LoadPlan, Run, RunHeader } from "../metrics/run.ts";
import type { Witness } from "../metrics/run_client.ts";
import type { SessionEnd } from "../metrics/run_replay.ts";
import { createAccumulator, summarize, type Summary } from "../metrics/summary.ts";
import { mergeRecordFiles } from "../workloads/record_merge.ts";
import type { Alignment } from "../workloads/record_merge_axis.ts";
import { openRecordFile, startRecordFile } from "../workloads/record_writer.ts";
import { UserError } from "../workloads/user_error.ts";
import { createRecord, type RecordFields } from "./support/create_record.ts";
import { createRun } from "./support/create_run.ts";
import { createSessionsRun } from "./support/create_sessions.ts";
import { inTempFolder, runCli } from "./support/run_cli.ts";

/** What one machine brings; the rest of its run follows. */
interface Client {
  readonly records: readonly RequestRecord[];
  readonly header?: Partial<RunHeader>;
  readonly loads?: readonly Partial<LoadPlan>[];
  readonly ends?: readonly Partial<LoadEnd>[];
  /** Killed: the file has no ends. */
  readonly killed?: boolean;
  readonly sessions?: readonly SessionEnd[];
}

const EPOCH = 1_790_000_000_000;

async function write(path: string, client: Client, number: number): Promise<void> {
  const run = createRun(client.records, {
    header: {
      startedAt: new Date(EPOCH + number).toISOString(),
      environment: {
        os: "linux",
        arch: "x86_64",
        cores: 2,
        hostname: `node-${number}`,
        deno: "2",
        v8: "14",
      },
      ...client.header,
    },
    loads: client.loads ?? [{ label: "4 users", users: 4 }],
    ends: client.ends ?? [{ startedAtMs: EPOCH }],
  });
  const writer = startRecordFile(await openRecordFile(path), run.header);
  for (const record of run.records) writer.add(record);
  for (const session of client.sessions ?? []) writer.session(session);
  if (!client.killed) { for (const end of run.ends) writer.end(end); }
  await writer.close();
}

/** Merges the files of these clients. */
async function merge(
  clients: readonly Client[],
  options: { readonly align?: Alignment; readonly values?: "raw" | "histogram" } = {},
): Promise<{ run: Run; summary: Summary }> {
  return await inTempFolder(async (folder) => {
    const paths = clients.map((_, i) => `${folder}/${i}.jsonl`);
    for (const [i, client] of clients.entries()) await write(paths[i]!, client, i);
    let header: RunHeader | undefined;
    const records: RequestRecord[] = [];
    const ends: LoadEnd[] = [];
    const sessions: SessionEnd[] = [];
    for await (const entry of mergeRecordFiles(paths, options)) {
      header ??= entry.header;
      if (entry.record !== undefined) records.push(entry.record);
      if (entry.session !== undefined) sessions.push(entry.session);
      if (entry.end !== undefined) ends.push(entry.end);
    }
    const accumulator = createAccumulator(header!, { values: options.values ?? "raw" });
    for (const record of records) accumulator.add(record);
    for (const session of sessions) accumulator.session(session);
    for (const end of ends) accumulator.end(end);
    return { run: { header: header!, records, ends, sessions }, summary: accumulator.summary() };
  });
}

/** A load as one client would have seen it, and as two do that began 250.125 ms apart. */
function splitLoad(): { whole: readonly RequestRecord[]; parts: readonly [Client, Client] } {
  const random = createRandom(5, "split");
  const us = (ms: number) => Math.round(ms * 1000) / 1000;
  const shift = (ms: number, by: number) => us(ms - by);
  const drawn = Array.from({ length: 600 }, (_, index) => {
    const sentMs = us(300 + index * 20 + 10 * random.next());
    let ms = sentMs + 40 + 30 * random.next();
    const ticks = Array.from({ length: 20 }, (_, i): [number, number] => {
      ms += 5 + 250 * random.next() ** 6;
      return [us(ms), i + 1];
    });
    return { index, sentMs, ticks, endMs: us(ms + 1) };
  });
  const client = (number: number, laterMs: number): Client => ({
    records: drawn.filter(({ index }) => index % 2 === number).map((one, index) =>
      createRecord({
        index,
        sentMs: shift(one.sentMs, laterMs),
        endMs: shift(one.endMs, laterMs),
        ticks: one.ticks.map(([ms, tokens]): [number, number] => [shift(ms, laterMs), tokens]),
      })
    ),
    ends: [{ startedAtMs: EPOCH + laterMs }],
  });
  return {
    whole: drawn.map((one) => createRecord(one)),
    parts: [client(0, 0), client(1, 250.125)],
  };
}

Deno.test("mergeRecordFiles: two clients give what one would have seen, bit for bit", async () => {
  const { whole, parts } = splitLoad();
  for (const values of ["histogram", "raw"] as const) {
    const one = summarize(
      createRun(whole, { loads: [{ label: "2 × 4 users", users: 8 }], ends: [{}] }),
      { values },
    ).loads[0]!;
    for (const order of [parts, parts.toReversed()]) {
      const { summary, run } = await merge(order, { values });
      const [load] = summary.loads;
      assertStrictEquals(load!.label, "2 × 4 users");
      assertStrictEquals(load!.plan.users, 8);
      assertEquals(load!.counts, one.counts);
      assertEquals(load!.tokens, one.tokens);
      if (values === "histogram") assertEquals(load!.metrics, one.metrics);
      assertAlmostEquals(load!.durationMs, one.durationMs, 1e-6);
      assertAlmostEquals(load!.inFlight.mean!, one.inFlight.mean!, 1e-6);
      assertStrictEquals(load!.inFlight.max, one.inFlight.max);
      for (const [m, { name, distribution }] of one.metrics.entries()) {
        const found = load!.metrics[m]!.distribution;
        for (const [p, { value }] of distribution.percentiles.entries()) {
          if (value === undefined) continue;
          assertAlmostEquals(found.percentiles[p]!.value!, value, 1e-6, name);
        }
      }
      // Steady while both send: from the later start to the first who has nothing left to send.
      assertEquals(run.ends[0]!.rampEndMs, 250.125);
      assertAlmostEquals(run.ends[0]!.sendingEndMs, whole[598]!.sentMs!, 1e-6);
      assertEquals(summary.header.merged?.clock, "wall");
      assertEquals(summary.header.merged?.clients.map(({ laterMs }) => laterMs).toSorted(), [
        0,
        250.125,
      ]);
    }
  }
});

Deno.test("mergeRecordFiles: positions and users of two clients stay apart", async () => {
  const records = [0, 1, 2].map((index) => createRecord({ index, user: index }));
  const { run } = await merge([{ records }, { records }, { records }]);
  assertEquals(new Set(run.records.map(({ index }) => index)).size, 9);
  assertEquals(new Set(run.records.map(({ user }) => user)).size, 9);
  assertStrictEquals(Math.max(...run.records.map(({ user }) => user)), 10);
});

Deno.test("mergeRecordFiles: without the time of a load's start they began together, and it says so", async () => {
  const records = [createRecord({ sentMs: 10 })];
  const asked = { records, ends: [{ startedAtMs: EPOCH + 100 }] };
  for (
    const [clients, align] of [
      [[{ records }, { records, ends: [{}] }], undefined],
      [[{ records }, { records, killed: true }], undefined],
      [[{ records }, asked], "start"],
    ] as const
  ) {
    const { run, summary } = await merge(clients, align === undefined ? {} : { align });
    assertEquals(run.records.map(({ sentMs }) => sentMs), [10, 10]);
    assertEquals(summary.loads[0]!.complete, !clients.some((client) => "killed" in client));
    assertEquals(summary.header.merged?.clock, "start");
  }
  const { run } = await merge([{ records }, asked]);
  assertEquals(run.records.map(({ sentMs }) => sentMs), [10, 110]);
});

Deno.test("mergeRecordFiles: a load that was never begun leaves the others on their axis", async () => {
  const skipped = { durationMs: 0, sendingEndMs: 0, interrupted: true, skipped: true } as const;
  const records = [createRecord({ sentMs: 10 })];
  const loads = [{ label: "1 user", users: 1 }, { label: "2 users", users: 2 }];
  const stopped = (startedAtMs: number) => ({ records, loads, ends: [{ startedAtMs }, skipped] });
  const both = await merge([stopped(EPOCH), stopped(EPOCH + 100)]);
  assertEquals(both.summary.header.merged?.clock, "wall");
  assertEquals(both.run.records.map(({ sentMs }) => sentMs), [10, 110]);
  assertEquals(both.run.ends.map(({ skipped = false }) => skipped), [false, true]);
  const went = { records, loads, ends: [{ startedAtMs: EPOCH }, { startedAtMs: EPOCH + 5000 }] };
  const one = await merge([went, stopped(EPOCH + 100)]);
  assertEquals(one.summary.header.merged?.clock, "wall");
  assertEquals(one.run.ends.map(({ skipped = false }) => skipped), [false, false]);
  // The one that ran it has a steady window of its own.
  const only = createRun(records, { loads, ends: went.ends }).ends[1]!;
  assertEquals(one.run.ends[1]!.sendingEndMs, only.sendingEndMs);
});

Deno.test("a merged run says which client was missing, and what its time axis is worth", async () => {
  const load = (number: number, fields: RecordFields = {}) =>
    createRecord({ load: number, ...fields });
  const loads = [{ label: "1 user", users: 1 }, { label: "2 users", users: 2 }];
  const ends = [{ startedAtMs: EPOCH }, { startedAtMs: EPOCH + 5000 }];
  const went = { records: [load(0), load(1)], loads, ends };
  const stopped = { records: [load(0)], loads, ends: [ends[0]!, { skipped: true } as const] };
  const killed = { records: [load(0)], loads, killed: true };
  const found = async (...clients: Client[]) => {
    const { summary } = await merge(clients);
    const said = [summary, ...summary.loads].map(({ checks }) =>
      checks.find(({ name }) => name === "merged_clock" || name === "clients")!
    );
    return said.map(({ ok, message }) => ok ? "ok" : message);
  };
  assertEquals(await found(went, went), ["ok", "ok", "ok"]);
  const [clock, first, second] = await found(went, stopped);
  assertEquals([clock, first], ["ok", "ok"]);
  assertStringIncludes(second!, "1 of 2 clients (node-1) never began this load");
  assertStringIncludes(second!, 'less than "2 × 2 users"');

  const [untold, broken, absent] = await found(went, killed);
  assertStringIncludes(untold!, "1 of 2 clients (node-1) does not say when each load began");
  assertStringIncludes(broken!, "1 of 2 clients (node-1) ended during this load");
  assertStringIncludes(absent!, "never began this load");
  // Nobody who says that they began together is warned of it.
  const { summary } = await merge([went, went], { align: "start" });
  assert(summary.checks.find(({ name }) => name === "merged_clock")!.ok);
  const alone = summarize(createRun([createRecord()]));
  const names = [alone, ...alone.loads].flatMap(({ checks }) => checks.map(({ name }) => name));
  assertEquals(names.filter((name) => name === "clients" || name === "merged_clock"), []);
});

Deno.test("mergeRecordFiles: plans add up, the worst client speaks for all", async () => {
  const open = { kind: "open", ratePerSec: 4, maxInFlight: 8, overflow: "drop" } as const;
  const ends = (loopLagP99Ms: number, interrupted: boolean) => [{
    startedAtMs: EPOCH,
    interrupted,
    client: {
      loopLagP99Ms,
      cpuCores: 0.5,
      descriptors: 10,
      descriptorLimit: 100,
      replacedConnections: 2,
    },
  }];
  const records = [createRecord({})];
  const { run } = await merge([
    { records, loads: [{ label: "4 req/s", ...open }], ends: ends(1, false) },
    { records, loads: [{ label: "2 req/s", ...open, ratePerSec: 2 }], ends: ends(7, true) },
  ]);
  assertEquals(run.header.loads, [{
    label: "4 req/s + 2 req/s",
    kind: "open",
    overflow: "drop",
    ratePerSec: 6,
    maxInFlight: 16,
  }]);
  const [{ client, interrupted } = { client: undefined, interrupted: false }] = run.ends;
  assertEquals(client, {
    loopLagP99Ms: 7,
    cpuCores: 0.5,
    descriptors: 10,
    descriptorLimit: 100,
    replacedConnections: 4,
  });
  assert(interrupted);
  // The same stages add up; different ones have no rate over time in common.
  const stages = (toPerSec: number) => [{ fromPerSec: 2, toPerSec, durationMs: 9000 }];
  const staged = async (...ends: number[]) => {
    const plans = ends.map((end) => ({ records, loads: [{ ...open, stages: stages(end) }] }));
    return (await merge(plans)).run.header.loads[0]?.stages;
  };
  assertEquals(await staged(4, 4), [{ fromPerSec: 4, toPerSec: 8, durationMs: 9000 }]);
  assertEquals(await staged(4, 6), undefined);
  // One pool, one seed: the second client sends the first one's prompts again.
  const dataset = { kind: "jsonl", source: "a.jsonl", prompts: 100, skipped: {}, duplicates: 5 };
  const same = await merge([{ records, header: { dataset } }, { records, header: { dataset } }]);
  assertEquals(same.run.header.dataset.duplicates, 105);
  const own = { dataset, seed: 1 };
  const other = await merge([{ records, header: { dataset } }, { records, header: own }]);
  assertEquals(other.run.header.dataset.duplicates, 10);
  // With marks of their own they have nothing in common.
  const saltScope = "load";
  for (const [options, duplicates] of [[{}, 10], [{ salt: "a" }, 105]] as const) {
    const header = { dataset, saltScope, options } as const;
    const marked = await merge([{ records, header }, { records, header }]);
    assertEquals(marked.run.header.dataset.duplicates, duplicates);
  }
});

const MISFITS: readonly [name: string, first: Client, second: Client, message: RegExp][] = [
  [
    "protocols",
    { records: [] },
    { records: [], header: { protocol: "tgi" } },
    /protocol is tgi in one and openai-completions in the other/,
  ],
  ["models", { records: [] }, { records: [], header: { model: "big" } }, /model is big/],
  [
    "kinds of load",
    { records: [] },
    { records: [], loads: [{ kind: "open", label: "1 req/s" }] },
    /loads differ \(open loop; closed loop\)/,
  ],
  [
    "numbers of loads",
    { records: [] },
    { records: [], loads: [{}, {}] },
    /loads differ \(closed loop, closed loop; closed loop\)/,
  ],
  [
    "times",
    { records: [createRecord({})] },
    { records: [createRecord({})], ends: [{ startedAtMs: EPOCH + 60_140 }] },
    /load 1 began 60.0 s after it had ended there; .*--align start/,
  ],
];

Deno.test("mergeRecordFiles refuses files that do not fit together, in a sentence", async (t) => {
  for (const [name, first, second, message] of MISFITS) {
    await t.step(`other ${name}`, async () => {
      const error = await assertRejects(() => merge([first, second]), UserError);
      assertStrictEquals(error.exitCode, 2);
      assert(message.test(error.message), error.message);
      assertStringIncludes(error.message, "Cannot merge ");
    });
  }
  await t.step("the clock asked for is not there", async () => {
    const silent = { records: [createRecord({})], ends: [{}] };
    await assertRejects(
      () => merge([silent, silent], { align: "wall" }),
      UserError,
      "Cannot align",
    );
  });
});

Deno.test("report refuses to count a run twice, and a file that is none, with exit code 2", async () => {
  await inTempFolder(async (folder) => {
    const path = `${folder}/records.jsonl`;
    await write(path, { records: [createRecord({})] }, 0);
    const twice = await runCli(["report", path, folder]);
    assertStrictEquals(twice.code, 2);
    assertStringIncludes(twice.err, "it is the same run and would count twice");
    await Deno.writeTextFile(`${folder}/other`, "no records\n");
    const { code, err } = await runCli(["report", path, `${folder}/other`]);
    assertStrictEquals(code, 2);
    assertStringIncludes(err, "line 1 is not a line of a record file");
  });
});

Deno.test("mergeRecordFiles: witnesses are one, each on the time axis of its client", async () => {
  const witness = (fields: Partial<Witness>): Witness => ({
    ...{ streams: 2, requests: 10, ticks: 100, ticksInside: 99, windowMs: 100 },
    readLate: { p50Ms: 0.1, maxMs: 3 },
    departLate: {},
    readLateMaxMs: [1, null, 3],
    departLateMaxMs: [null],
    ...fields,
  });
  const records = [createRecord()];
  const first = { records, ends: [{ startedAtMs: EPOCH, witness: witness({ cpuMs: 5 }) }] };
  const other = (end: Partial<LoadEnd>) => ({
    records: [createRecord({ ticks: [[90, 1]] })],
    ends: [{ startedAtMs: EPOCH + 50, ...end }],
  });
  const second = witness({
    departuresInside: 10,
    readLate: { p50Ms: 0.2, p99Ms: 1, maxMs: 2 },
    readLateMaxMs: [2],
    departLateMaxMs: [0.5],
  });
  const { run, summary } = await merge([first, other({ witness: second })]);
  const merged = {
    ...{ streams: 4, requests: 20, ticks: 200, ticksInside: 198, windowMs: 100 },
    readLate: { p50Ms: 0.2, p99Ms: 1, maxMs: 3 },
    departLate: {},
    // The other's window covers half of two.
    readLateMaxMs: [2, 2, 3],
    departLateMaxMs: [0.5, 0.5],
  };
  assertEquals(run.ends[0]!.witness, merged);
  assertEquals(summary.loads[0]!.bracketBasis, "witness");
  const absent = await merge([first, other({ witnessAbsent: "--no-witness" })]);
  assertEquals(absent.run.ends[0]!.witness, undefined);
  assertEquals(absent.run.ends[0]!.witnessAbsent, "some of the clients had none");
  const none = await merge([other({ witnessAbsent: "a" }), other({ witnessAbsent: "b" })]
    .map((client, i) => ({ ...client, header: { seed: i } })));
  assertEquals(none.run.ends[0]!.witnessAbsent, "a");
});

Deno.test("mergeRecordFiles: of clients that read one endpoint the one counts that read it longest", async () => {
  const scrapes = (url: string, timeMs: readonly number[], difference: number) => ({
    ...{ url, timeMs },
    families: [{
      ...{ name: "vllm:prompt_tokens_total", type: "counter" as const },
      series: [{ labels: {}, first: 0, last: difference, difference }],
    }],
  });
  const client = (serverMetrics: readonly string[], later: number, end: Partial<LoadEnd>) => ({
    records: [createRecord()],
    header: { serverMetrics },
    ends: [{ startedAtMs: EPOCH + later, ...end }],
  });
  const { run, summary } = await merge([
    client(["http://a"], 0, { scrapes: [scrapes("http://a", [-10, 900], 50)] }),
    client(["http://a", "http://b"], 50, {
      scrapes: [scrapes("http://a", [-20, 1000], 80), scrapes("http://b", [-20, 1000], 7)],
    }),
    client([], 0, {}),
  ]);
  assertEquals(run.header.serverMetrics, ["http://a", "http://b"]);
  assertEquals(run.ends[0]!.scrapes?.map(({ url, timeMs }) => [url, timeMs]), [
    ["http://a", [30, 1050]],
    ["http://b", [30, 1050]],
  ]);
  assertEquals(summary.loads[0]?.server?.figures[0]?.difference, 87);
});

Deno.test("mergeRecordFiles: clients that sent the same sessions keep them apart", async () => {
  const { header, records, sessions } = createSessionsRun({ slots: 2, sessions: 1 });
  const { replay, saltScope } = header;
  const client = (startedAtMs: number): Client => ({
    ...{ records, sessions: sessions! },
    header: { replay: replay!, saltScope: saltScope! },
    loads: [{ label: "2 sessions", users: 2, replay: "sessions", maxPrefill: 4 }],
    ends: [{ startedAtMs }],
  });
  const { run, summary } = await merge([client(EPOCH), client(EPOCH + 100)]);
  assertEquals(run.header.loads[0], {
    ...{ label: "2 × 2 sessions", kind: "closed", users: 4, rampUpMs: 0 },
    ...{ replay: "sessions", maxPrefill: 8 },
  });
  const [load] = summary.loads;
  assertEquals(load!.sessions!.ends, { done: 2, failed: 0, context: 0, cut: 2 });
  assertEquals(load!.lanes!.lanes.map(({ user, sessions }) => [user, sessions[0]!.session]), [
    [0, "trace_0000#1 of client 1"],
    [1, "trace_0001#1 of client 1"],
    [2, "trace_0000#1 of client 2"],
    [3, "trace_0001#1 of client 2"],
  ]);
  const [first, , third] = load!.lanes!.lanes;
  assertEquals(third!.sessions[0]!.startMs, first!.sessions[0]!.startMs + 100);
});

for (
  const [name, header, reason] of [
    ["sessions and single requests", {}, "the recording is none in one and weka"],
    ["histories", { history: "live" }, "weka, live history in one and weka, recorded history"],
    ["salts", { saltScope: "none" }, "the salt is none in one and session"],
    ["servers", { urls: ["http://a", "http://b"] }, "the list of servers is http://a http://b in"],
  ] as const
) {
  Deno.test(`mergeRecordFiles refuses other ${name}`, async () => {
    const { header: { replay, saltScope } } = createSessionsRun();
    const records = [createRecord()];
    const first = { replay: replay!, saltScope: saltScope! };
    const other = "history" in header
      ? { ...first, replay: { ...replay!, ...header } }
      : name.startsWith("sessions")
      ? {}
      : { ...first, ...header };
    await assertRejects(
      () => merge([{ records, header: first }, { records, header: other }]),
      UserError,
      reason,
    );
  });
}
