import { assert, assertEquals, assertRejects } from "@std/assert";
import { readTrace } from "../workloads/traces.ts";
import type { TraceSession } from "../workloads/trace.ts";
import { UserError } from "../workloads/user_error.ts";
import { inTempFolder } from "./support/run_cli.ts";
import { assertRefused, readWritten, turnLines } from "./support/trace_files.ts";

/** A request; blocks of 10 tokens and 5 tokens behind them. */
const request = (t: number, ids: readonly number[], fields: object = {}) => ({
  t,
  type: "n",
  model: "big",
  in: 10 * ids.length + 5,
  out: 7,
  hash_ids: ids,
  api_time: 1,
  think_time: 0,
  ...fields,
});

const file = (requests: readonly object[], fields: object = {}) => ({
  id: "a",
  models: ["big"],
  block_size: 10,
  hash_id_scope: "local",
  tool_tokens: 20,
  system_tokens: 3,
  requests,
  ...fields,
});

const subAgent = (t: number, duration: number | null, requests: readonly object[]) => ({
  t,
  type: "subagent",
  agent_id: "agent_1",
  subagent_type: "Explore",
  duration_ms: duration,
  status: "completed",
  models: ["small"],
  tool_tokens: 4,
  system_tokens: 2,
  requests,
});

const ids = (from: number, to: number) => Array.from({ length: to - from }, (_, i) => from + i);

async function sessionOf(requests: readonly object[], fields?: object): Promise<TraceSession> {
  const { sessions } = await readWritten([file(requests, fields)], { name: "trace.json" });
  assertEquals(sessions.length, 1);
  keepsPromises(sessions[0]!);
  return sessions[0]!;
}

/** No chain holds two requests that overlap, and turns wait for those before them only. */
function keepsPromises({ turns, chains }: TraceSession): void {
  const tails = new Map<number, number>();
  for (const [position, { chain, waitsFor, atMs, delayMs }] of turns.entries()) {
    assert(waitsFor.every((waited) => waited < position));
    assert(delayMs >= 0 && chain < chains.length);
    const tail = turns[tails.get(chain) ?? -1];
    if (tail !== undefined) assert((tail.endMs ?? tail.atMs) <= atMs + 1000);
    tails.set(chain, position);
  }
}

Deno.test("weka: a conversation is one chain, each turn behind the end of the one before", async () => {
  const session = await sessionOf([
    request(0, ids(1, 4)),
    request(5, ids(1, 6), { think_time: 9 }),
    request(9.5, ids(1, 7)),
  ]);
  assertEquals(turnLines(session), [
    "main0 1 at 0 after - +0",
    "main0 2 at 5000 after 0 +4000",
    "main0 3 at 9500 after 1 +3500",
  ]);
  assertEquals(session.chains, [{ name: "main", depth: 0, systemTokens: 23 }]);
  assertEquals([session.id, session.scope, session.models], ["a", "a", ["big"]]);
  const [first] = session.turns;
  assertEquals([first!.endMs, first!.outputTokens, first!.model], [1000, 7, 0]);
  assert(first!.prompt.kind === "blocks");
  assertEquals([first!.prompt.inputTokens, [...first!.prompt.blocks.toArray()]], [35, [1, 2, 3]]);
});

Deno.test("weka: instants begin with the first request, rounding to a second overlaps nothing", async () => {
  const session = await sessionOf([
    request(100, ids(1, 4), { api_time: 4.9 }),
    request(104, ids(1, 6)),
  ]);
  assertEquals(turnLines(session), ["main0 1 at 0 after - +0", "main0 2 at 4000 after 0 +0"]);
});

Deno.test("weka: think_time counts only where no end is known and no sub-agent lies between", async () => {
  const unknown = { api_time: null };
  assertEquals(
    turnLines(
      await sessionOf([
        request(0, ids(1, 4), unknown),
        request(9, ids(1, 5), { think_time: 2, api_time: undefined }),
        request(20, ids(1, 6), { think_time: undefined }),
        request(30, ids(1, 7), unknown),
        subAgent(38, 6000, [request(0, ids(50, 52), { api_time: 4 })]),
        request(50, ids(1, 8), { think_time: 19 }),
      ]),
    ),
    [
      "main0 1 at 0 after - +0",
      "main0 2 at 9000 after 0 +2000",
      // Neither is known: the start of the turn before is all that is left.
      "main0 3 at 20000 after 1 +11000",
      "main0 4 at 30000 after 2 +9000",
      // By its own think_time.
      "Explore1 1 at 32000 after 3 +0",
      "main0 5 at 50000 after 3,4 +14000",
    ],
  );
});

Deno.test("weka: where a sub-agent's last request has no end, its own is the end", async () => {
  const unknown = { api_time: null };
  const session = await sessionOf([
    request(0, ids(1, 4), unknown),
    subAgent(9, 6000, [request(0, [50], unknown), request(2, [50, 51], unknown)]),
    request(12, ids(1, 6), { think_time: 11 }),
  ]);
  assertEquals(turnLines(session).at(-1), "main0 2 at 12000 after 0,2 +3000");
  const launched = await sessionOf([
    request(0, ids(1, 4), unknown),
    subAgent(4, null, [request(4, [50], unknown)]),
    request(12, ids(1, 6), { think_time: 11 }),
  ]);
  // Neither has an end: the start of the later one is all that is left.
  assertEquals(turnLines(launched).at(-1), "main0 2 at 12000 after 0,1 +8000");
});

Deno.test("weka: helpers inside of a sub-agent are joined in it, or with it", async () => {
  const session = await sessionOf([
    request(0, ids(1, 4)),
    subAgent(20, 18_000, [
      request(0, [1, 50]),
      request(2, [1, 60], { api_time: 2.5 }),
      request(2.5, [1, 70], { api_time: 9 }),
      request(5, [1, 50, 51]),
    ]),
    request(25, ids(1, 6)),
  ]);
  assertEquals(turnLines(session), [
    "main0 1 at 0 after - +0",
    "Explore1 1 at 2000 after 0 +1000",
    "helper2 1 at 4000 after 1 +1000",
    "helper3 1 at 4500 after 1 +1500",
    "Explore1 2 at 7000 after 1,2 +500",
    "main0 2 at 25000 after 0,3,4 +11500",
  ]);
});

Deno.test("weka: sub-agents start behind the request before them, beside each other, and are joined", async () => {
  const session = await sessionOf([
    request(0, ids(1, 4)),
    subAgent(8, 6000, [
      request(0, ids(50, 53), { model: "small" }),
      request(3, ids(50, 55), { model: "small" }),
    ]),
    // Its requests are on the parent's axis.
    subAgent(9, 6000, [request(3, [50, 60], { model: "small" })]),
    request(12, ids(1, 6)),
    // Nobody waits for it.
    subAgent(30, 10_000, [request(0, [70])]),
  ]);
  assertEquals(turnLines(session), [
    "main0 1 at 0 after - +0",
    "Explore1 1 at 2000 after 0 +1000",
    "Explore1 2 at 5000 after 1 +2000",
    "Explore2 1 at 3000 after 0 +2000",
    "main0 2 at 12000 after 0,2,3 +6000",
    "Explore3 1 at 20000 after 4 +7000",
  ]);
  assertEquals(session.chains[1], { name: "Explore", parent: 0, depth: 1, systemTokens: 6 });
  assertEquals(session.models, ["big", "small"]);
  assertEquals(session.turns.map(({ model }) => model), [0, 1, 1, 1, 0, 0]);
});

Deno.test("weka: a sub-agent that ran on is joined by the first turn that began behind its end", async () => {
  const session = await sessionOf([
    request(0, ids(1, 4)),
    subAgent(20, 18_000, [request(0, [50], { api_time: 18 })]),
    request(5, ids(1, 5)),
    request(25, ids(1, 6)),
  ]);
  assertEquals(turnLines(session).slice(2), [
    "main0 2 at 5000 after 0 +4000",
    "main0 3 at 25000 after 1,2 +5000",
  ]);
});

Deno.test("weka: a sub-agent without a duration starts at its instant", async () => {
  const session = await sessionOf([
    request(0, ids(1, 4)),
    subAgent(4, null, [request(4, [50]), request(9, [50, 51])]),
  ]);
  assertEquals(turnLines(session).slice(1), [
    "Explore1 1 at 4000 after 0 +3000",
    "Explore1 2 at 9000 after 1 +4000",
  ]);
});

Deno.test("weka: helpers hidden in a flat file overlap, are joined, and have chains of their own", async () => {
  const trace = await readWritten([file([
    request(0, ids(1, 4), { api_time: 10 }),
    // Both begin behind the first turn, and run beside each other.
    request(11, [1, 50, 51], { api_time: 4 }),
    request(12, [1, 60, 61], { api_time: 6 }),
    request(16, [1, 50, 51, 52], { api_time: 3 }),
    request(25, ids(1, 6), { api_time: 4 }),
    request(30, ids(1, 7)),
  ])], { name: "x.json" });
  const [session] = trace.sessions;
  keepsPromises(session!);
  assertEquals(turnLines(session!), [
    "main0 1 at 0 after - +0",
    "helper1 1 at 11000 after 0 +1000",
    "helper2 1 at 12000 after 0 +2000",
    "helper1 2 at 16000 after 1 +1000",
    "main0 2 at 25000 after 0,2,3 +6000",
    "main0 3 at 30000 after 4 +1000",
  ]);
  assertEquals(session!.chains[1], { name: "helper", parent: 0, depth: 1, systemTokens: 0 });
  assertEquals(trace.remarks.length, 1);
  assert(trace.remarks[0]!.startsWith("2 helpers that the files do not name"), trace.remarks[0]);
});

Deno.test("weka: another model is another chain, the longer one is the main agent", async () => {
  const session = await sessionOf([
    request(0, [1], { model: "small" }),
    request(2, [1, 2]),
    request(5, [1, 2, 3]),
  ]);
  assertEquals(turnLines(session), [
    "helper1 1 at 0 after - +0",
    "main0 1 at 2000 after 0 +1000",
    "main0 2 at 5000 after 1 +2000",
  ]);
  assertEquals(session.models, ["small", "big"]);
});

Deno.test("weka: a compaction goes on with the chain, unless somebody goes on from before it", async () => {
  const compacted = [request(0, ids(1, 9)), request(5, [1, 2, 30]), request(9, [1, 2, 30, 31])];
  assertEquals((await sessionOf(compacted)).chains.length, 1);
  const forked = await sessionOf([...compacted, request(20, ids(1, 11))]);
  assertEquals(turnLines(forked), [
    "main0 1 at 0 after - +0",
    "helper1 1 at 5000 after 0 +4000",
    "helper1 2 at 9000 after 1 +3000",
    "main0 2 at 20000 after 0,2 +10000",
  ]);
  // Nothing of the tail is kept: another agent.
  assertEquals((await sessionOf([request(0, ids(1, 9)), request(5, [70])])).chains.length, 2);
});

Deno.test("weka: requests out of order are sorted with their sub-agents", async () => {
  const session = await sessionOf([
    request(20, ids(1, 6)),
    request(0, ids(1, 4)),
    subAgent(9, 4000, [request(0, [50])]),
  ]);
  assertEquals(turnLines(session), [
    "main0 1 at 0 after - +0",
    "Explore1 1 at 5000 after 0 +4000",
    "main0 2 at 20000 after 0,1 +14000",
  ]);
});

Deno.test("weka: requests without tokens are left out and counted", async () => {
  const { sessions, skipped } = await readWritten([file([
    request(0, ids(1, 4)),
    request(3, [], { in: 0 }),
    request(4, ids(1, 5), { out: 0 }),
    subAgent(9, 4000, [request(0, [50], { out: 0 })]),
    subAgent(9, 4000, []),
    request(12, ids(1, 6)),
  ])], { name: "x.json" });
  assertEquals(skipped, { "no input tokens": 1, "no output tokens": 2 });
  assertEquals(turnLines(sessions[0]!).length, 2);
  await assertRefused([file([request(0, [1], { out: 0 })])], "holds no request", "weka");
});

Deno.test("weka: a chain shares the memory of its ids, and each turn has all of its own", async () => {
  const lists = [ids(1, 9), ids(1, 12), [1, 2, 30], [1, 2, 30, 31]];
  const session = await sessionOf(lists.map((list, i) => request(5 * i, list)));
  assertEquals(
    session.turns.map(({ prompt }) => prompt.kind === "blocks" && [...prompt.blocks.toArray()]),
    lists,
  );
});

Deno.test("weka: a folder is read by name, lines and prettily printed files too", async () => {
  await inTempFolder(async (folder) => {
    const write = (name: string, text: string) => Deno.writeTextFile(`${folder}/${name}`, text);
    await write("b.json", JSON.stringify(file([request(0, [1])], { id: "b" }), null, 2));
    await write("a.json", JSON.stringify(file([request(0, [1])])));
    await write("notes.txt", "not read");
    const two = ["c", "d"].map((id) => JSON.stringify(file([request(0, [1])], { id })));
    await write("c.jsonl", `${two.join("\n")}\n`);
    const seen: number[] = [];
    const trace = await readTrace(folder, { onProgress: (done) => void seen.push(done) });
    assertEquals(trace.sessions.map(({ id }) => id), ["a", "b", "c", "d"]);
    assertEquals([trace.format, seen.length], ["weka", 3]);
    const bytes = await Promise.all(
      ["a.json", "b.json", "c.jsonl"].map((name) => Deno.readFile(`${folder}/${name}`)),
    );
    const all = new Uint8Array(await new Blob(bytes).arrayBuffer());
    const hash = new Uint8Array(await crypto.subtle.digest("SHA-256", all));
    assertEquals(trace.sha256, hash.toHex());
    await write("e.json", JSON.stringify(file([request(0, [1])])));
    await assertRejects(() => readTrace(folder), UserError, 'e.json", line 1: id is "a"');
    await write("e.json", JSON.stringify(file([request(0, [1])], { id: "e", block_size: 16 })));
    await assertRejects(() => readTrace(folder), UserError, "block_size is 16, but 10");
  });
  await inTempFolder((folder) =>
    assertRejects(() => readTrace(folder), UserError, "no .json files").then(() => {})
  );
});

Deno.test("weka: ids of the scope global mean the same in all sessions", async () => {
  const { sessions } = await readWritten(
    ["a", "b"].map((id) => file([request(0, [1])], { id, hash_id_scope: "global" })),
  );
  assertEquals(sessions.map(({ scope }) => scope), ["weka", "weka"]);
});

Deno.test("weka: what does not fit is named", async () => {
  const refuse = (requests: readonly object[], words: string, fields = {}) =>
    assertRefused([file(requests, fields)], words, "weka");
  await refuse([request(0, [1]), request(-1, [1])], "line 1: requests[1].t is -1, not a number");
  await refuse([request(0, [1], { in: 1.5 })], "requests[0].in is 1.5");
  await refuse([request(0, [1], { type: "x" })], 'requests[0].type is "x", not one of n, s');
  await refuse([request(0, [-1])], "requests[0].hash_ids[0] is -1");
  await refuse(
    [request(0, ids(1, 5), { in: 30 })],
    "requests[0].hash_ids has 4 ids, but 30 tokens",
  );
  await refuse(
    [subAgent(1, 1, [request(0, ["x" as unknown as number])])],
    "requests[0].requests[0]",
  );
  await refuse([], "block_size is 0", { block_size: 0 });
  await assertRefused('{"id": "a"\n', "it is not JSON", "weka");
});

/** Random flat files: what holds for all of them. */
Deno.test("weka: chains of any file hold no overlaps, and all requests are there", async () => {
  let state = 3;
  const draw = (most: number) => (state = (Math.imul(state, 1_103_515_245) + 12_345) >>> 0) % most;
  for (let round = 0; round < 60; round++) {
    let t = 0;
    const requests: object[] = [];
    let last = [1, 2];
    for (let i = 0; i < 25; i++) {
      t += draw(4);
      const kept = draw(3) === 0 ? draw(last.length + 1) : last.length;
      const list = [...last.slice(0, kept), ...ids(100 * i + 10, 100 * i + 10 + draw(3))];
      const fields = {
        model: draw(5) === 0 ? "small" : "big",
        api_time: draw(6) === 0 ? null : draw(6) + draw(10) / 10,
      };
      if (draw(8) === 0) {
        requests.push(subAgent(t + 3, 1000 * draw(4), [request(0, list, fields)]));
      } else requests.push(request(t, list, fields));
      if (draw(2) === 0) last = list.length > 0 ? list : [1, 2];
    }
    const { turns, chains } = await sessionOf(requests);
    assertEquals(turns.length, requests.length);
    for (const { parent, depth } of chains) {
      assertEquals(depth, parent === undefined ? 0 : chains[parent]!.depth + 1);
    }
  }
});

Deno.test("weka: many helpers in one session are told apart", async () => {
  const many = Array.from({ length: 800 }, (_, i) => request(3 * i, [10 + i]));
  const { chains, turns } = await sessionOf([...many, request(10_000, [])]);
  assertEquals([chains.length, turns.length], [801, 801]);
});
