import { assert, assertEquals, assertNotEquals, assertThrows } from "@std/assert";
import { createRandom, integerBelow } from "../backends/random.ts";
import type { Message, Target } from "../backends/protocol.ts";
import { findProtocol } from "../backends/protocols.ts";
import type { PromptSpec } from "../workloads/session.ts";
import { bordersOf } from "../workloads/session_borders.ts";
import {
  contentMaker,
  requestMaker,
  type RequestParts,
} from "../workloads/session_prompt_request.ts";
import { chooseUnits, type UnitTable } from "../workloads/session_prompt_units.ts";
import { estimateCounter } from "../workloads/tokenizer.ts";
import { drawSession } from "./support/block_sessions.ts";
import { TEST_TOKENIZERS } from "./support/test_tokenizers.ts";

const CHAT = findProtocol("openai-chat");
const COMPLETIONS = findProtocol("openai-completions");
const TARGET: Target = { baseUrl: "http://h:1", headers: { "X-Team": "a" } };
const OTHER: Target = { baseUrl: "http://other:2", headers: { "X-Team": "b" } };
const PARTS: RequestParts = { outputTokens: 5, model: "m", requestId: 3n };
const DEFAULTS = { length: "forced", stream: true, sampling: {} } as const;

/** A prompt with messages at drawn borders. */
function drawSpec(seed: number, inputTokens: number): PromptSpec {
  const random = createRandom(seed, "specs");
  const borders = new Set<number>([inputTokens]);
  for (let i = integerBelow(random, 6); i > 0; i--) {
    borders.add(1 + integerBelow(random, inputTokens));
  }
  return {
    inputTokens,
    blocks: Uint32Array.from(
      { length: Math.ceil(integerBelow(random, inputTokens + 1) / 16) },
      (_, i) => i,
    ),
    blockTokens: 16,
    scope: "s",
    filler: `f${seed}`,
    borders: [...borders].toSorted((a, b) => a - b),
    hasSystem: borders.size > 1 && seed % 2 === 0,
    ...(seed % 3 === 0 ? { salt: { mark: "m", at: seed % 5 } } : {}),
  };
}

const ESTIMATED = chooseUnits(estimateCounter);

function messageMaker(units: UnitTable, seed = 1): (spec: PromptSpec) => readonly Message[] {
  const form = { kind: "text", units } as const;
  const contentOf = contentMaker({ protocol: CHAT, seed, form });
  return (spec) => contentOf(spec).messages;
}

const textOf = (messages: readonly Message[]) => messages.map(({ content }) => content).join("");

Deno.test("contents have four bytes a token by the estimate, and begin with a word", () => {
  const make = messageMaker(ESTIMATED);
  for (const tokens of [1, 2, 3, 4, 63, 64, 65, 999, 20_000, 200_000]) {
    for (let seed = 0; seed < 6; seed++) {
      const spec = drawSpec(seed, tokens);
      const messages = make(spec);
      assertEquals(textOf(messages).length, 4 * tokens);
      messages.forEach(({ role, content }, i) => {
        const { borders, hasSystem } = spec;
        assertEquals(estimateCounter.count(content as string), borders[i]! - (borders[i - 1] ?? 0));
        assert(/^[a-z]{4}( [a-z]{3})*$/.test(content as string), `${content.slice(0, 80)}`);
        const user = (i % 2 === 0) !== hasSystem;
        assertEquals(role, i === 0 && hasSystem ? "system" : user ? "user" : "assistant");
      });
    }
  }
});

Deno.test("contents have exactly the tokens wanted by every kind of tokenizer", async () => {
  for (const { name, open, units } of TEST_TOKENIZERS) {
    const counter = await open();
    const make = messageMaker(await units());
    for (const [seed, tokens] of [1, 2, 3, 5, 16, 17, 100, 333, 2000].entries()) {
      const spec = drawSpec(seed, tokens);
      make(spec).forEach(({ content }, i) => {
        const place = `${name}, ${tokens} tokens, message ${i}`;
        const ids = counter.encode!(content as string);
        assertEquals(ids.length, spec.borders[i]! - (spec.borders[i - 1] ?? 0), place);
        assert(/^\w/.test(content as string), place);
        assertEquals(counter.encode!(counter.decode!(ids)), ids, place);
      });
    }
  }
});

Deno.test("a prompt of 200,000 tokens is exact, too", async () => {
  const { open, units } = TEST_TOKENIZERS[0]!;
  const counter = await open();
  const spec = { ...drawSpec(1, 200_000), borders: [200_000], hasSystem: false };
  assertEquals(counter.count(textOf(messageMaker(await units())(spec))), 200_000);
});

Deno.test("blocks and their joins are the same tokens in every prompt", async () => {
  for (const { name, open, units } of TEST_TOKENIZERS) {
    const counter = await open();
    const make = messageMaker(await units());
    const idsOf = (blocks: readonly number[]) => {
      const inputTokens = blocks.length * 16;
      const text = textOf(make({
        ...drawSpec(1, inputTokens),
        blocks: Uint32Array.from(blocks),
        borders: [inputTokens],
        hasSystem: false,
      }));
      return counter.encode!(text);
    };
    // The first token is that of a message's front.
    const block = (id: number) => idsOf([0, id]).slice(16);
    for (let i = 1; i < 12; i++) {
      const joined = idsOf([0, i, i + 1, 3 * i]);
      assertEquals(joined.slice(16), [...block(i), ...block(i + 1), ...block(3 * i)], name);
    }
  }
});

Deno.test("prompts of a session that share blocks share their bytes, message by message", () => {
  const blockTokens = 8;
  let compared = 0;
  for (let seed = 0; seed < 60; seed++) {
    const session = drawSession(seed, blockTokens);
    const make = messageMaker(ESTIMATED, seed);
    const laid = bordersOf(session, blockTokens);
    const made = session.turns.map(({ prompt }, i) => {
      assert(prompt.kind === "blocks");
      const { borders, hasSystem } = laid[i]!;
      const blocks = prompt.blocks.toArray();
      const spec: PromptSpec = {
        ...{ inputTokens: prompt.inputTokens, blocks, blockTokens, borders, hasSystem },
        scope: session.scope,
        filler: `${session.id} ${i}`,
      };
      return { spec, messages: make(spec), text: textOf(make(spec)) };
    });
    for (const [i, one] of made.entries()) {
      for (const other of made.slice(0, i)) {
        let shared = 0;
        while (
          shared < one.spec.blocks.length && one.spec.blocks[shared] === other.spec.blocks[shared]
        ) {
          shared++;
        }
        const end = Math.min(
          shared * blockTokens,
          one.spec.inputTokens - 1,
          other.spec.inputTokens - 1,
        );
        if (end <= 0) continue;
        const place = `seed ${seed}, turn ${i}, ${end} tokens`;
        assertEquals(one.text.slice(0, 4 * end), other.text.slice(0, 4 * end), place);
        const done = one.spec.borders.findIndex((border) => border >= end);
        assertEquals(one.messages.slice(0, done), other.messages.slice(0, done), place);
        assertEquals(one.messages[done]!.role, other.messages[done]!.role, place);
        compared++;
      }
    }
  }
  assert(compared > 1000, `${compared}`);
});

Deno.test("what has no roles gets one text without borders", () => {
  const form = { kind: "text", units: ESTIMATED } as const;
  const spec = { ...drawSpec(1, 40), borders: [10, 20, 40], hasSystem: true };
  const body = (name: string) => {
    const protocol = findProtocol(name);
    const make = requestMaker({ protocol, targets: [TARGET], seed: 1, form, defaults: DEFAULTS });
    return JSON.parse(new TextDecoder().decode(make(spec, PARTS).body));
  };
  assertEquals(body("openai-chat").messages.map(({ role }: Message) => role), [
    "system",
    "user",
    "assistant",
  ]);
  assertEquals(body("openai-completions").prompt.length, 160);
  assertEquals(body("tgi").inputs, body("openai-completions").prompt);
});

Deno.test("ids are those of the tokenizer's words, or of a vocabulary", async () => {
  const counter = await TEST_TOKENIZERS[0]!.open();
  const units = await TEST_TOKENIZERS[0]!.units();
  const spec = { ...drawSpec(1, 500), borders: [500], hasSystem: false };
  const idsOf = (form: Parameters<typeof contentMaker>[0]["form"]) =>
    contentMaker({ protocol: COMPLETIONS, seed: 1, form })(spec).promptTokenIds!;
  const ids = idsOf({ kind: "ids", ids: units.ids! });
  const text = contentMaker({ protocol: COMPLETIONS, seed: 1, form: { kind: "text", units } })(
    spec,
  );
  assertEquals(ids.length, 500);
  assertEquals(ids.slice(1), counter.encode!(textOf(text.messages)).slice(1));
  const drawn = idsOf({ kind: "vocabulary", size: 32_000 });
  assertEquals(drawn.length, 500);
  assert(drawn.every((id) => id >= 4000 && id < 28_000));
});

Deno.test("a request has its own model, headers, server, fields, and tools", () => {
  const form = { kind: "text", units: ESTIMATED } as const;
  const make = requestMaker({
    ...{ protocol: CHAT, targets: [TARGET, OTHER], seed: 1, form },
    defaults: { ...DEFAULTS, extraBody: { a: { mine: 1 }, gone: null } },
  });
  const messages: Message[] = [
    { role: "assistant", content: "", extra: { tool_calls: [{ id: "c" }] } },
    { role: "tool", content: "42", extra: { tool_call_id: "c" } },
  ];
  const { url, headers, body } = make({ messages }, {
    ...PARTS,
    headers: { "X-Session-ID": "s1" },
    server: 1,
    extra: { a: { file: 2, mine: 3 }, gone: 4, chat_template_kwargs: { x: true } },
    tools: [{ type: "function", function: { name: "f" } }],
  });
  assertEquals(url, "http://other:2/v1/chat/completions");
  assertEquals([headers["x-team"], headers["x-session-id"]], ["b", "s1"]);
  const sent = JSON.parse(new TextDecoder().decode(body));
  assertEquals(sent.model, "m");
  assertEquals(sent.max_tokens, 5);
  assertEquals(sent.tools, [{ type: "function", function: { name: "f" } }]);
  assertEquals(sent.messages, [
    { role: "assistant", content: "", tool_calls: [{ id: "c" }] },
    { role: "tool", content: "42", tool_call_id: "c" },
  ]);
  // The user's own fields stand above those of the file.
  assertEquals(sent.a, { file: 2, mine: 1 });
  assertEquals([sent.gone, sent.chat_template_kwargs], [undefined, { x: true }]);
  const plain = make({ messages }, PARTS);
  assertEquals([plain.url, plain.headers["x-session-id"]], [
    "http://h:1/v1/chat/completions",
    undefined,
  ]);
  assertThrows(() => make({ messages }, { ...PARTS, server: 2 }), RangeError, "server 2 of 2");
  for (const name of ["tgi", "openai-completions"]) {
    const protocol = findProtocol(name);
    const text = requestMaker({ protocol, targets: [TARGET], seed: 1, form, defaults: DEFAULTS });
    const tools = () => text({ messages }, { ...PARTS, tools: [] });
    assertThrows(tools, TypeError, `Cannot send tools to ${name}: use openai-chat`);
  }
});

Deno.test("a session's salt stands where it was put, in every turn", () => {
  const make = messageMaker(ESTIMATED);
  const plain = { ...drawSpec(1, 200), borders: [40, 200], hasSystem: true };
  const salted = { ...plain, salt: { mark: "s", at: 40 } };
  const [system, user] = make(plain);
  const [system2, user2] = make(salted);
  assertEquals(system2, system);
  assertNotEquals(
    (user2!.content as string).slice(0, 4 * 8),
    (user!.content as string).slice(0, 4 * 8),
  );
  assertEquals((user2!.content as string).slice(4 * 8), (user!.content as string).slice(4 * 8));
});
