/**
 * What a perfect cache would have of a recording, and what the simulated engine with an endless one has:
 * the same tokens, request by request, from prompts that were made from blocks and sent over HTTP.
 */
import { assert, assertEquals, assertGreater } from "@std/assert";
import { findProtocol } from "../backends/protocols.ts";
import { createRandom } from "../backends/random.ts";
import { startSimServer } from "../backends/sim_server.ts";
import { bordersOf } from "../workloads/session_borders.ts";
import { openPromptMaker, type PromptMakerOptions } from "../workloads/session_prompts.ts";
import { estimateCounter } from "../workloads/tokenizer.ts";
import type { Trace } from "../workloads/trace.ts";
import { PerfectCache, sharingOf, turnsInOrder } from "../workloads/trace_sharing.ts";
import { readTrace } from "../workloads/traces.ts";
import { readWritten } from "./support/trace_files.ts";

/** Sends all requests of a recording one after the other; returns cached tokens in all. */
async function replay(
  trace: Trace,
  form: Pick<PromptMakerOptions, "tokenIds" | "vocab"> & { readonly protocol: string },
): Promise<number> {
  const { blockTokens } = trace;
  const server = await startSimServer({
    ...{ ttft: "0", itl: "0", prefixCache: true, cacheBlock: blockTokens, engine: "openai" },
  });
  const maker = openPromptMaker({
    ...form,
    protocol: findProtocol(form.protocol),
    targets: [{ baseUrl: server.url, headers: {} }],
    seed: 3,
    counter: estimateCounter,
    defaults: { length: "forced", stream: false, sampling: {} },
  });
  const borders = new Map(
    trace.sessions.map((session) => [session.id, bordersOf(session, blockTokens)]),
  );
  const perfect = new PerfectCache();
  let total = 0;
  let number = 0n;
  try {
    for (const { session, turn } of turnsInOrder(trace)) {
      const { prompt } = turn;
      assert(prompt.kind === "blocks");
      const { scope } = session;
      const { inputTokens } = prompt;
      // Rows without sessions are read anew each time, and each is a session of its own.
      const at = trace.hasSessions ? session.turns.indexOf(turn) : 0;
      const blocks = prompt.blocks.toArray();
      const { wire } = await maker.make({
        ...{ inputTokens, blocks, blockTokens, scope, filler: `${session.id}/${at}` },
        ...borders.get(session.id)![at]!,
      }, { outputTokens: 1, model: "simulated", requestId: number++ });
      const { url, method, headers, body } = wire;
      const response = await fetch(url, { method, headers, body: body as BodyInit });
      const { usage } = await response.json();
      const seen = perfect.see({ scope, blocks, blockTokens, inputTokens });
      const had = usage.prompt_tokens_details.cached_tokens;
      const where = `${session.id}, turn ${at}`;
      assertEquals(usage.prompt_tokens, inputTokens, where);
      // An engine computes at least one token.
      assertEquals(had, seen < inputTokens ? seen : inputTokens - blockTokens, where);
      total += seen;
    }
  } finally {
    maker.close();
    await server.stop();
  }
  return total;
}

const CHAT = { protocol: "openai-chat" };

/** A file of weka in which prompts are walks in a tree of blocks of 16 tokens. */
function randomFile(seed: number): object {
  const random = createRandom(seed, "trace");
  const requests = Array.from({ length: 60 }, (_, i) => {
    const ids: number[] = [];
    for (let id = 1; ids.length < 3 + random.next() * 30; id = 4 * id + random.uint32() % 2) {
      ids.push(id % 2 ** 31);
      if (id >= 2 ** 28) break;
    }
    const rest = Math.floor(random.next() * 16);
    return {
      ...{ t: 10 * i, type: "n", model: random.next() < 0.7 ? "big" : "small" },
      ...{ in: 16 * ids.length + rest, out: 1 + Math.floor(random.next() * 60), hash_ids: ids },
      ...{ api_time: 1, think_time: 0 },
    };
  });
  return {
    ...{ id: `random-${seed}`, models: ["big", "small"], block_size: 16 },
    ...{ hash_id_scope: "local", tool_tokens: 20, system_tokens: 3, requests },
  };
}

Deno.test("a simulated cache without end has what a perfect one would have", async () => {
  for (const seed of [1, 2]) {
    const trace = await readWritten([randomFile(seed)], { name: "trace.json" });
    assertEquals(trace.blockTokens, 16);
    const had = await replay(trace, CHAT);
    assertEquals(had, sharingOf(trace).cachedTokens);
    assertGreater(had, 3000);
  }
});

Deno.test("so it does of rows that share blocks across sessions, cut ones included, and of ids", async () => {
  // In recordings a cut block has an id of its own, which may come again as it was.
  const rows = [[1, 2, 3], [1, 2, 4], [1, 2, 3], [7], [1, 2, 3, 5], [8, 1], [1, 2, 4], [1, 2, 3]]
    .map(
      (ids, i) => ({
        timestamp: 100 * i,
        input_length: i % 7 === 0 ? 512 * ids.length : 512 * ids.length - 300,
        output_length: 5,
        hash_ids: ids,
      }),
    );
  const trace = await readWritten(rows, { format: "mooncake" });
  const forms = [CHAT, { protocol: "openai-completions", tokenIds: true, vocab: 50_000 }];
  for (const form of forms) {
    assertEquals(await replay(trace, form), 512 * (2 + 2 + 3 + 2 + 3));
  }
});

const TRACES = Deno.env.get("TOKOMETER_TRACES");

for (const name of ["trace_0002", "trace_0277"]) {
  Deno.test({
    name: `so it does of the recorded session ${name} (TOKOMETER_TRACES)`,
    ignore: TRACES === undefined,
    async fn() {
      const trace = await readTrace(`${TRACES}/weka/${name}.json`);
      assertEquals(await replay(trace, CHAT), sharingOf(trace).cachedTokens);
    },
  });
}
