import { assert, assertEquals, assertRejects, assertThrows } from "@std/assert";
import type { Protocol } from "../backends/protocol.ts";
import { findProtocol } from "../backends/protocols.ts";
import type { PromptSpec } from "../workloads/session.ts";
import {
  openPromptMaker,
  type PromptMakerOptions,
  type RequestParts,
} from "../workloads/session_prompts.ts";
import { estimateCounter } from "../workloads/tokenizer.ts";
import { UserError } from "../workloads/user_error.ts";

const OPTIONS: PromptMakerOptions = {
  protocol: findProtocol("openai-chat"),
  targets: [{ baseUrl: "http://h:1", headers: {}, apiKey: "sk-1" }],
  seed: 3,
  counter: estimateCounter,
  defaults: { length: "forced", stream: true, sampling: { temperature: 0 } },
};

const PARTS: RequestParts = { outputTokens: 5, model: "m", requestId: 9n };

function specOf(filler: string, inputTokens = 100): PromptSpec {
  return {
    inputTokens,
    blocks: Uint32Array.of(1, 2),
    blockTokens: 16,
    scope: "s",
    filler,
    borders: [inputTokens],
    hasSystem: false,
  };
}

Deno.test("a prompt maker makes the same requests on its thread and on ours, in every protocol", async () => {
  for (const name of ["openai-chat", "openai-completions", "sglang", "ppl"]) {
    const options = { ...OPTIONS, protocol: findProtocol(name) };
    const [there, here] = [openPromptMaker(options), openPromptMaker({ ...options, workers: 0 })];
    try {
      // A view of more memory than its own.
      const blocks = new Uint32Array(1000).subarray(10, 13).fill(7);
      for (const spec of [specOf("a"), specOf("b", 3000), { ...specOf("c"), blocks }]) {
        const [one, other] = await Promise.all([there.make(spec, PARTS), here.make(spec, PARTS)]);
        assertEquals(one, other, name);
        assert(one.wire.body!.length > 4 * spec.inputTokens, name);
        assertEquals(one.wire.headers.authorization, "Bearer sk-1");
      }
    } finally {
      there.close();
      here.close();
    }
  }
});

Deno.test("a made request is described without its prompt", async () => {
  const maker = openPromptMaker({ ...OPTIONS, workers: 0 });
  const { request } = await maker.make(
    { messages: [{ role: "user", content: "Hi" }] },
    { ...PARTS, extra: { x: 1 }, tools: [{}] },
  );
  assertEquals(request, {
    model: "m",
    messages: [],
    outputTokens: 5,
    requestId: 9n,
    length: "forced",
    stream: true,
    sampling: { temperature: 0 },
    extraBody: { x: 1 },
  });
  maker.close();
});

Deno.test("what is due first is made first", async () => {
  for (const workers of [0, 1] as const) {
    const maker = openPromptMaker({ ...OPTIONS, workers });
    const order: string[] = [];
    const make = (name: string, dueMs?: number) =>
      maker.make(specOf(name), { ...PARTS, ...(dueMs === undefined ? {} : { dueMs }) })
        .then(() => void order.push(name));
    // The first two are taken at once.
    await Promise.all([
      make("x", 9),
      make("y", 9),
      make("c", 3),
      // Of no known instant: like the one before it.
      make("c2"),
      make("a", 1),
      make("b", 2),
      make("a2", 1),
    ]);
    assertEquals(order, ["x", "y", "a", "a2", "b", "c", "c2"]);
    maker.close();
  }
});

Deno.test("a request that the protocol refuses fails alone", async () => {
  for (const workers of [0, 1] as const) {
    const maker = openPromptMaker({ ...OPTIONS, protocol: findProtocol("tgi"), workers });
    const bad = maker.make(specOf("a"), { ...PARTS, tools: [{}] });
    const good = maker.make(specOf("a"), PARTS);
    await assertRejects(() => bad, UserError, "Cannot send tools to tgi: use openai-chat");
    assert((await good).wire.body!.length > 400);
    maker.close();
  }
});

Deno.test("a closed maker gives up what is waiting", async () => {
  for (const workers of [0, 1] as const) {
    const maker = openPromptMaker({ ...OPTIONS, workers });
    const waiting = Array.from({ length: 5 }, (_, i) => maker.make(specOf(`${i}`), PARTS));
    maker.close();
    for (const made of [...waiting, maker.make(specOf("late"), PARTS)]) {
      const error = await assertRejects(() => made, DOMException);
      assertEquals(error.name, "AbortError");
    }
  }
});

Deno.test("a thread that fails says so for every request", async () => {
  const strange: Protocol = { ...OPTIONS.protocol, name: "nothing of the list" };
  const maker = openPromptMaker({ ...OPTIONS, protocol: strange });
  await assertRejects(() => maker.make(specOf("a"), PARTS), Error, 'find the protocol "nothing');
  await assertRejects(() => maker.make(specOf("b"), PARTS), Error, 'find the protocol "nothing');
  maker.close();
});

Deno.test("openPromptMaker refuses what cannot be made", () => {
  const rows: [Partial<PromptMakerOptions>, string][] = [
    [{ tokenIds: true }, "Cannot send token ids to openai-chat"],
    [{ vocab: 100 }, "Cannot use --vocab 100 without --token-ids"],
    [
      { tokenIds: true, protocol: findProtocol("openai-completions") },
      "Cannot make token ids: give --tokenizer PATH, or --vocab N",
    ],
    [{ protocol: findProtocol("triton-turbomind") }, "Cannot send recorded prompts over triton-"],
  ];
  for (const [options, message] of rows) {
    assertThrows(() => openPromptMaker({ ...OPTIONS, ...options }), UserError, message);
  }
});
