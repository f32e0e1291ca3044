import { assertEquals, assertRejects } from "@std/assert";
import { openaiCompletions } from "../backends/protocol_openai_completions.ts";
import type { Exchange } from "../backends/transport.ts";
import type { Load } from "../workloads/load.ts";
import { type LoadJob, openThreads } from "../workloads/load_threads.ts";
import { shareWires } from "../workloads/load_wires.ts";
import { startCompletionsServer } from "./support/completions_server.ts";

const CLOSED: Load = { kind: "closed", users: 16, rampUpMs: 0, sequence: "rounds" };
const OPEN: Load = {
  ...{ kind: "open", arrival: "constant", ratePerSec: 1000, shape: 1 },
  ...{ maxInFlight: 0, overflow: "wait" },
};

/** Sends 100 requests from this thread. */
async function runLoad(
  { load, scheduled, onExchange }: Pick<LoadJob, "load" | "onExchange"> & { scheduled: boolean },
): Promise<void> {
  await using server = {
    ...startCompletionsServer(),
    async [Symbol.asyncDispose]() {
      await this.stop();
    },
  };
  const target = { baseUrl: server.url, headers: {} };
  const threads = await openThreads({
    workers: 0,
    transport: "socket",
    transportOptions: {},
    protocol: openaiCompletions.name,
    target,
    wires: shareWires([
      openaiCompletions.buildRequest({
        model: "m",
        messages: [{ role: "user", content: "Hello" }],
        outputTokens: 3,
        length: "cap",
        stream: true,
        sampling: {},
        requestId: 1n,
      }, target),
    ]),
    scheduled,
  });
  const never = new AbortController().signal;
  try {
    await threads.run({
      load,
      stop: { requests: 100 },
      seed: 1,
      loadNumber: 0,
      poolOffset: 0,
      poolSize: 1,
      timeoutMs: 10_000,
      graceMs: 0,
      stopSignal: never,
      abortSignal: never,
      onExchange,
      onDropped() {},
    });
  } finally {
    await threads.close();
  }
}

for (const [load, scheduled] of [[CLOSED, false], [OPEN, true]] as const) {
  Deno.test(`openThreads() hands on each answer once, then empties it: ${load.kind} load`, async () => {
    const indices: number[] = [];
    const exchanges: Exchange[] = [];
    await runLoad({
      load,
      scheduled,
      onExchange({ index }, exchange) {
        assertEquals(exchange.body.length, exchange.readEnds.at(-1));
        indices.push(index);
        exchanges.push(exchange);
      },
    });
    assertEquals(indices.sort((a, b) => a - b), Array.from({ length: 100 }, (_, i) => i));
    for (const { body, readMs, readEnds } of exchanges) {
      assertEquals([body.length, readMs.length, readEnds.length], [0, 0, 0]);
    }
  });
}

Deno.test("openThreads() keeps a schedule only where it was opened for one", async () => {
  await assertRejects(
    () => runLoad({ load: OPEN, scheduled: false, onExchange() {} }),
    Error,
    "not opened for one",
  );
});
