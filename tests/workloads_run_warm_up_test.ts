import { assert, assertEquals, assertNotEquals } from "@std/assert";
import { findProtocol } from "../backends/protocols.ts";
import type { Load, Stop } from "../workloads/load.ts";
import { WirePool } from "../workloads/load_wires.ts";
import { shortWarmUp, warmUpStreams } from "../workloads/run_warm_up.ts";
import { createRecord } from "./support/create_record.ts";
import { cannedRequest } from "./support/protocol_contract.ts";

const users = (number: number, rampUpMs = 0): Load => ({
  ...{ kind: "closed", users: number, rampUpMs, sequence: "disjoint" },
});
const arrivals = (ratePerSec: number, maxInFlight = 0): Load => ({
  ...{ kind: "open", arrival: "poisson", ratePerSec, shape: 1, maxInFlight, overflow: "wait" },
});

Deno.test("a short warm-up has as many streams as the load, at most as an engine runs at once", () => {
  const cases: readonly [Load, Stop, number][] = [
    [users(1), {}, 1],
    [users(64, 5000), { requests: 640 }, 64],
    [users(4096), { requests: 8192 }, 1024],
    // 50 a second, 2 s each.
    [arrivals(50), { requests: 1000 }, 100],
    [arrivals(50, 16), { requests: 1000 }, 16],
    [arrivals(0.01), { requests: 1000 }, 1],
    [arrivals(50), { requests: 7 }, 7],
    [arrivals(Infinity), { requests: 300 }, 300],
    [arrivals(1e6), { durationMs: 1000 }, 1024],
  ];
  for (const [load, stop, streams] of cases) {
    assertEquals(warmUpStreams({ load, stop, meanMs: 2000 }), streams, JSON.stringify(load));
  }
});

Deno.test("a short warm-up asks in the load's shape, as briefly as the check, for other prompts", () => {
  const pool = [5n, 6n].map((id) =>
    cannedRequest({
      messages: [{ role: "user", content: `prompt ${id}` }],
      outputTokens: id === 5n ? 500 : 3,
      requestId: (1n << 40n) + id,
    })
  );
  const prepared = {
    protocol: findProtocol("openai-chat"),
    targets: [1, 2].map((port) => ({ baseUrl: `http://127.0.0.1:${port}`, headers: {} })),
    pool: { length: 2, modelAt: () => undefined, serverAt: (position: number) => position % 2 },
    requests: pool,
    dataset: { prompts: [] },
    marks: undefined,
  };
  const warmUp = (number: number) =>
    shortWarmUp({
      ...{ prepared, checked: createRecord({ requestedTokens: 8 }), load: users(3, 1000) },
      ...{ stop: {}, number },
    });
  const { load, requests, wires } = warmUp(0);
  // All at once, whatever the ramp of the load.
  assertEquals(load, { kind: "closed", users: 3, rampUpMs: 0, sequence: "shared" });
  assertEquals(requests.map(({ outputTokens }) => outputTokens), [8, 3, 8]);
  const sent = new WirePool(wires);
  const bodies = [0, 1, 2].map((i) => JSON.parse(new TextDecoder().decode(sent.at(i).body)));
  assertEquals(bodies.map(({ max_tokens }) => max_tokens), [8, 3, 8]);
  // To the server of the request that each is like.
  assertEquals([0, 1, 2].map((i) => new URL(sent.at(i).url).port), ["1", "2", "1"]);
  const begins = (number: number) => String(warmUp(number).requests[0]!.messages[0]!.content);
  assert(begins(0).startsWith("Warm-up 1. "));
  assertNotEquals(begins(0), begins(1));
  const ids = [0, 1].flatMap((number) => warmUp(number).requests.map((one) => one.requestId));
  // Neither one another's nor those of the check and the load.
  assertEquals(new Set(ids).size, 6);
  assert(ids.every((id) => id > 1n && id < pool[0]!.requestId - 1n));
});
