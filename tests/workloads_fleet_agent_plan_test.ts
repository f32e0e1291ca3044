/** What an agent takes from a leader's messages, and what it refuses. */
import { assert, assertEquals, assertRejects, assertThrows } from "@std/assert";
import { checkPlan, planShare } from "../workloads/fleet_agent_plan.ts";
import { rankOfEnvironment } from "../workloads/fleet_agent_rank.ts";
import {
  packDelivered,
  packMessage,
  readDelivered,
  readMessage,
} from "../workloads/fleet_codec.ts";
import type { Beat, FleetPlan } from "../workloads/fleet_messages.ts";
import {
  beatShape,
  helloAnswerShape,
  leaseAnswerShape,
  nextAnswerShape,
} from "../workloads/fleet_shape_lead.ts";
import { createUpdateCounters } from "../workloads/fleet_update.ts";
import { bucketOf } from "../workloads/live_histogram.ts";
import { anything } from "../workloads/json_shape.ts";
import { UserError } from "../workloads/user_error.ts";
import { createRecord } from "./support/create_record.ts";

const PLAN: FleetPlan = {
  run: "run-1",
  share: { agent: 0, agents: 2 },
  urls: ["http://127.0.0.1:1"],
  options: { rate: [2] },
  files: [],
  ...{ finds: false, hasSecrets: false, collect: false, lostMs: 30_000 },
};
const BEAT: Beat = { run: "run-1", number: 1, stop: false, abort: false, over: false };

Deno.test("a plan sets what is sent, and nothing that starts, writes, listens or tells others", () => {
  checkPlan({ options: { rate: [2], model: "m", slo: "ttft:500", percentiles: [50] } });
  const refused = {
    ...{ launch: "vllm", launchArgs: ["x"], againstLaunch: "x", out: "/tmp/x", plots: "/tmp/x" },
    ...{ live: 8080, otel: "http://x", saveText: true, save: false, calibration: "/etc/passwd" },
    ...{ config: "x", fleet: "f", nats: "nats://x", constructor: "x", ["__proto__x"]: 1 },
  };
  for (const [key, value] of Object.entries(refused)) {
    assertThrows(() => checkPlan({ options: { [key]: value } }), UserError, "does not take");
  }
  for (const key of ["apiKey", "header"]) {
    assertThrows(() => checkPlan({ options: { [key]: "x" } }), UserError, "secrets travel apart");
  }
  for (const key of ["protocol", "againstProtocol"]) {
    assertThrows(
      () => checkPlan({ options: { [key]: "transformers" } }),
      UserError,
      "runs a model in this process",
    );
  }
});

Deno.test("a plan names no file but those that come with it, and secrets set nothing else", async () => {
  const bus = { load: () => Promise.resolve(undefined) };
  const moving = { folder: undefined, secrets: undefined, signal: new AbortController().signal };
  const reads = {
    ...{ datasetPath: "/etc/passwd", tokenizer: "/etc", systemPromptFile: "/etc/passwd" },
    ...{ caCert: "/etc/passwd" },
  };
  for (const [key, path] of Object.entries(reads)) {
    await assertRejects(
      () => planShare(bus, { ...PLAN, options: { ...PLAN.options, [key]: path } }, moving),
      UserError,
      "does not list",
    );
  }
  await assertRejects(
    () => planShare(bus, PLAN, { ...moving, secrets: { options: { out: "/tmp/x" } } }),
    UserError,
    "--out is none of a plan",
  );
  // A secret is taken as it stands: no file or variable is read for it.
  const secrets = { options: { apiKey: "sk-0123456789ab", header: ["X-Team: blue-42-team"] } };
  const { bench, report } = await planShare(bus, {
    ...PLAN,
    options: { rate: ["inf"], requests: 3, slo: "ttft:500" },
  }, { ...moving, secrets });
  assertEquals([bench.apiKey, bench.headers], ["sk-0123456789ab", { "x-team": "blue-42-team" }]);
  assertEquals(bench.loads.map((load) => load.kind === "open" && load.ratePerSec), [Infinity]);
  assertEquals([report.values, report.slo?.limits.length], ["histogram", 1]);
  const file = { options: { apiKey: "file:/etc/hostname" } };
  await assertRejects(() => planShare(bus, PLAN, { ...moving, secrets: file }), UserError);
});

Deno.test("what a leader says is checked before it is used", () => {
  const read = (value: unknown) =>
    readMessage(packMessage(value), helloAnswerShape, { at: "answer" });
  assert("value" in read({ kind: "plan", plan: PLAN }));
  assert("value" in read({ kind: "wait", why: "1 of 2 agents are there" }));
  const wrong: readonly unknown[] = [
    ...[null, [], "plan", { kind: "other" }, { kind: "plan" }, { kind: "wait", why: 3 }],
    ...[
      { run: "../x" },
      { run: "a.b" },
      { share: { agent: 2, agents: 2 } },
      { share: { agent: 0, agents: 1e9 } },
      { urls: "http://x" },
      { options: [] },
      { files: [{ option: "tokenizer", path: "x", parts: [{ name: "../x" }] }] },
      { lostMs: 0 },
      { lostMs: null },
    ].map((change) => ({ kind: "plan", plan: { ...PLAN, ...change } })),
  ];
  for (const one of wrong) assert("problem" in read(one), JSON.stringify(one));
  assert("problem" in readMessage(new Uint8Array([0xff]), helloAnswerShape, { at: "answer" }));
  assert("problem" in readMessage(new Uint8Array(9), helloAnswerShape, { at: "answer", most: 8 }));
});

Deno.test("beats, leases and loads of a search are checked, too", () => {
  assertEquals(beatShape({ ...BEAT, load: 3, beginAtMs: 1.7e12, lost: [1] }, "beat"), undefined);
  for (
    const change of [
      { number: -1 },
      { load: 0.5 },
      { beginAtMs: "soon" },
      { stop: 1 },
      {
        met: { load: 0, point: "begin" },
      },
      { skip: { load: 0 } },
      { lost: 3 },
    ]
  ) {
    assert(beatShape({ ...BEAT, ...change }, "beat") !== undefined, JSON.stringify(change));
  }
  assertEquals(leaseAnswerShape({}, "lease"), undefined);
  assert(leaseAnswerShape({ portion: { from: 0, count: -1 } }, "lease") !== undefined);
  const load = { kind: "closed", users: 4, rampUpMs: 0, sequence: "disjoint" };
  const next = (change: object) =>
    nextAnswerShape(
      { kind: "load", decided: { load: { ...load, ...change }, stop: { requests: 8 }, probe: 4 } },
      "next",
    );
  assertEquals(next({}), undefined);
  for (
    const change of [{ users: 0 }, { users: 1e9 }, { sequence: "x" }, { kind: "x" }, {
      thinkTime: { kind: "fixed", ms: -1 },
    }]
  ) {
    assert(next(change) !== undefined, JSON.stringify(change));
  }
});

Deno.test("the number of an agent comes from srun or an Indexed Job", () => {
  const rank = (variables: Readonly<Record<string, string>>) =>
    rankOfEnvironment((name) => variables[name]);
  assertEquals(rank({}), undefined);
  assertEquals(rank({ SLURM_STEP_ID: "0", SLURM_PROCID: "3" }), 3);
  // The script of a job is no step of it.
  assertEquals(rank({ SLURM_PROCID: "0" }), undefined);
  assertEquals(rank({ JOB_COMPLETION_INDEX: "7" }), 7);
  assertEquals(rank({ JOB_COMPLETION_INDEX: "x" }), undefined);
});

Deno.test("updates count a load, and tell each latency once", () => {
  const counters = createUpdateCounters(2);
  const state = { phase: "measuring", label: "1 user", done: 0, failed: 0, elapsedMs: 0 };
  counters.progress({ ...state, load: 0, inFlight: 3 });
  assertEquals(counters.next().sent, 3);
  const record = createRecord({ ticks: [[20, 1], [25, 2], [30, 3]] });
  counters.record(record);
  counters.record({ ...record, phase: "warmup" });
  counters.record({ ...record, outcome: { kind: "timeout", message: "" } });
  counters.progress({ ...state, load: 0, inFlight: 1 });
  const second = counters.next({ cut: "overloaded", leaving: "it was interrupted" });
  assertEquals([second.agent, second.number], [2, 2]);
  assertEquals([second.sent, second.completed, second.failed], [3, 1, 1]);
  assertEquals(second.ttft, [bucketOf(20), 1]);
  assertEquals(second.itl, [bucketOf(5), 2]);
  assertEquals([second.cut, second.leaving], ["overloaded", "it was interrupted"]);
  assertEquals(counters.next().ttft, []);
  // Another load begins with nothing.
  counters.progress({ ...state, load: 1, inFlight: 0 });
  assertEquals(counters.next().completed, 0);
});

Deno.test("what is delivered is packed, and unpacked within bounds", () => {
  const message = { numbers: Array.from({ length: 5000 }, (_, i) => i % 10) };
  const packed = packDelivered(message);
  assert(packed.length * 3 < packMessage(message).length);
  assertEquals(readDelivered(packed, anything, { at: "end" }), { value: message });
  // A short one stays as it is.
  assertEquals(packDelivered({ agent: 1 }), packMessage({ agent: 1 }));
  assertEquals(readDelivered(packDelivered({ agent: 1 }), anything, { at: "done" }), {
    value: { agent: 1 },
  });
  for (const data of [packed, packed.slice(0, 20)]) {
    const read = readDelivered(data, anything, { at: "end", most: 1000 });
    assert("problem" in read && read.problem.startsWith("end cannot be unpacked"));
  }
});
