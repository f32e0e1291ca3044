import {
  assert,
  assertAlmostEquals,
  assertEquals,
  assertMatch,
  assertNotEquals,
  assertRejects,
  assertStringIncludes,
  assertThrows,
} from "@std/assert";
import config from "../deno.json" with { type: "json" };
import { systemClock } from "../backends/clock.ts";
import type {
  EngineSettings,
  FromEngine,
  GenerationEvent,
} from "../backends/inprocess_messages.ts";
import { type EnginePort, openInprocess } from "../backends/transport_inprocess.ts";
import { createRandom } from "../backends/random.ts";
import { transformers } from "../backends/protocol_transformers.ts";
import { TransformersEngine } from "../backends/transformers_engine.ts";
import { readModelFolder } from "../backends/transformers_folder.ts";
import {
  type GenerateArguments,
  TRANSFORMERS_SPECIFIER,
  type TransformersLibrary,
} from "../backends/transformers_library.ts";
import { pickToken } from "../backends/transformers_sampling.ts";
import { createEngineThread } from "../backends/transformers_worker.ts";
import { cannedRequest, protocolContract } from "./support/protocol_contract.ts";
import { writeTinyModel } from "./support/tiny_model.ts";
import { runWithoutLock, WITHOUT_TRANSFORMERS } from "./support/transformers_cache.ts";

const END =
  '{"text":"abcd","finish_reason":"length","usage":{"prompt_tokens":3,"completion_tokens":4}}\n';
const TOKENS = '{"token":1}\n{"token":2}\n{"token":3}\n{"token":4}\n';

Deno.test("transformers reads tokens by their ids and the end by its usage", () => {
  assertEquals(transformers.readEvent('{"token":0}', cannedRequest()), {
    newTokens: 1,
    source: "ids",
  });
  assertEquals(transformers.readEvent(END, cannedRequest()), {
    text: "abcd",
    end: true,
    finishReason: "length",
    usage: { promptTokens: 3, outputTokens: 4 },
  });
  assertEquals(transformers.readEvent('{"error":"too\\nlong"}', cannedRequest()), {
    error: "too long",
  });
  assertThrows(() => transformers.readEvent("{}", cannedRequest()), SyntaxError, "neither");
});

Deno.test("transformers: every option changes the request (T24)", () => {
  const target = { baseUrl: "models/tiny", headers: {} };
  const bodyOf = (changes: Parameters<typeof cannedRequest>[0]) => {
    const wire = transformers.buildRequest(cannedRequest(changes), target);
    assertEquals(wire.url, "inprocess:models/tiny#/generate");
    return new TextDecoder().decode(wire.body);
  };
  const plain = bodyOf({});
  assert(!plain.includes("min_new_tokens"));
  const changes = [
    { length: "forced" },
    { stream: false },
    { outputTokens: 5 },
    { promptTokenIds: [1, 2] },
    { messages: [{ role: "user", content: "other" }] },
    { sampling: { temperature: 0.5 } },
    { sampling: { topP: 0.5 } },
    { sampling: { topK: 5 } },
    { sampling: { seed: 5 } },
    { sampling: { stop: ["\n"] } },
    { extraBody: { engine: { dtype: "q8" } } },
  ] as const;
  const bodies = changes.map(bodyOf);
  assertEquals(new Set([plain, ...bodies]).size, changes.length + 1);
});

Deno.test("readModelFolder() names each missing file in one sentence", async () => {
  const folder = await Deno.makeTempDir();
  try {
    await writeTinyModel(folder);
    const { vocabulary, contextTokens, dtype } = await readModelFolder(folder);
    assertEquals([vocabulary, contextTokens, dtype], [354, 1024, "fp32"]);
    const refusal = async (dtype?: string) =>
      (await assertRejects(() => readModelFolder(folder, dtype), TypeError)).message;
    assertMatch(await refusal("q8"), /onnx\/model_quantized\.onnx.*there are onnx\/model\.onnx$/);
    assertMatch(await refusal("fp7"), /"fp7": known are fp32/);
    for (
      const name of ["onnx/model.onnx", "tokenizer_config.json", "tokenizer.json", "config.json"]
    ) {
      await Deno.rename(`${folder}/${name}`, `${folder}/away`);
      assertStringIncludes(await refusal(), `Cannot find ${name} in`);
      await Deno.rename(`${folder}/away`, `${folder}/${name}`);
    }
    await Deno.writeTextFile(`${folder}/config.json`, "{");
    assertMatch(await refusal(), /^Cannot read config\.json/);
    assertMatch(
      (await assertRejects(() => readModelFolder(`${folder}/nowhere`), TypeError)).message,
      /^Cannot find the model folder/,
    );
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

Deno.test("pickToken() draws by probability, within top-k and top-p", () => {
  const logits = Float32Array.of(Math.log(0.5), Math.log(0.25), Math.log(0.2), Math.log(0.05));
  const shares = (sampling: Parameters<typeof pickToken>[1]) => {
    const random = createRandom(1, "pick");
    const counts = [0, 0, 0, 0];
    for (let i = 0; i < 20_000; i++) counts[pickToken(logits, sampling, random)]!++;
    return counts.map((count) => count / 20_000);
  };
  const near = (actual: readonly number[], expected: readonly number[]) => {
    for (const [i, share] of expected.entries()) assertAlmostEquals(actual[i]!, share, 0.015);
  };
  near(shares({}), [0.5, 0.25, 0.2, 0.05]);
  near(shares({ topK: 2 }), [2 / 3, 1 / 3, 0, 0]);
  // 0.5 + 0.25 is the first sum of at least 0.7.
  near(shares({ topP: 0.7 }), [2 / 3, 1 / 3, 0, 0]);
  near(shares({ topP: 0.76 }), [0.5 / 0.95, 0.25 / 0.95, 0.2 / 0.95, 0]);
  // Half the temperature squares the odds.
  near(shares({ temperature: 0.5, topK: 2 }), [0.8, 0.2, 0, 0]);
  for (const greedy of [{ topK: 1 }, { temperature: 0 }, { topP: 0 }]) {
    assertEquals(shares(greedy)[0], 1);
  }
  assertEquals(shares({})[3]! > 0, true);
  const forbidden = Float32Array.of(-Infinity, 0, -Infinity);
  assertEquals(pickToken(forbidden, { temperature: 2 }, createRandom(1, "x")), 1);
});

/** A library whose model makes token 9, each step when the test says so. */
class FakeLibrary implements TransformersLibrary {
  readonly env = { allowRemoteModels: true, allowLocalModels: false };
  readonly calls: GenerateArguments[] = [];
  readonly loaded: Record<string, unknown>[] = [];
  disposed = 0;
  /** Resolved once a step is allowed. */
  steps: (() => void)[] = [];
  free = false;

  readonly Tensor: TransformersLibrary["Tensor"] = class {
    constructor(
      _: "int64",
      readonly data: BigInt64Array,
      readonly dims: readonly number[],
    ) {}
  };
  readonly AutoTokenizer: TransformersLibrary["AutoTokenizer"] = {
    from_pretrained: () =>
      Promise.resolve({
        encode: (text) => [...text].map((character) => character.charCodeAt(0)),
        decode: (ids) => ids.map(String).join(" "),
        apply_chat_template: () => "",
      }),
  };
  readonly AutoModelForCausalLM: TransformersLibrary["AutoModelForCausalLM"] = {
    from_pretrained: (_, options) => {
      this.loaded.push(options);
      return Promise.resolve({
        config: {},
        generate: (call: GenerateArguments) => this.#generate(call),
        dispose: () => Promise.resolve(this.disposed++),
      });
    },
  };

  async #generate(call: GenerateArguments): Promise<void> {
    this.calls.push(call);
    call.streamer.put([[1n, 2n]]);
    for (let made = 0; made < call.max_new_tokens; made++) {
      if (!this.free) await new Promise<void>((resolve) => this.steps.push(resolve));
      call.streamer.put([[9n]]);
      if (call.stopping_criteria.some((done) => done()[0])) break;
    }
    call.streamer.end();
  }

  async step(): Promise<void> {
    for (const go of this.steps.splice(0)) go();
    await settle();
  }
}

async function settle(): Promise<void> {
  for (let i = 0; i < 20; i++) await Promise.resolve();
  await new Promise((resolve) => setTimeout(resolve, 0));
}

/** An engine on a fake library, and what it tells of each request as words. */
async function openEngine(settings: EngineSettings = {}) {
  const library = new FakeLibrary();
  const engine = await TransformersEngine.open({
    library,
    clock: systemClock,
    model: "org/fake",
    settings,
  });
  await engine.warm();
  const told: string[] = [];
  const record = (number: number) => (event: GenerationEvent) => {
    told.push(
      `${number} ${event.kind}` +
        (event.kind === "done"
          ? ` ${event.answer.finishReason} ${event.answer.outputTokens}`
          : event.kind === "error"
          ? ` ${event.message}`
          : ""),
    );
  };
  return { library, engine, told, record };
}

const CALL = { promptIds: [1, 2], maxNewTokens: 2, stream: true } as const;

Deno.test("TransformersEngine forces a length, and leaves it open otherwise", async () => {
  const { library, engine, told, record } = await openEngine();
  library.free = true;
  engine.generate(0, { ...CALL, minNewTokens: 2 }, record(0));
  engine.generate(1, CALL, record(1));
  await settle();
  assertEquals(library.calls.map((call) => call.min_new_tokens), [2, undefined]);
  assertEquals(library.calls[0]!.do_sample, undefined);
  assertEquals(told.filter((line) => line.startsWith("0")), [
    "0 started",
    "0 token",
    "0 token",
    "0 done length 2",
  ]);
  await engine.close();
  assertEquals(library.disposed, 1);
});

Deno.test("TransformersEngine generates at most max_batch requests at once, in order", async () => {
  const { library, engine, told, record } = await openEngine({ maxBatch: 2 });
  for (let i = 0; i < 4; i++) engine.generate(i, CALL, record(i));
  await settle();
  assertEquals(told, ["0 started", "1 started"]);
  await library.step();
  assertEquals(library.calls.length, 2);
  await library.step();
  assertEquals(
    told.filter((line) => line.endsWith("started")).join(),
    [
      "0 started",
      "1 started",
      "2 started",
      "3 started",
    ].join(),
  );
  library.free = true;
  await library.step();
  await engine.close();
});

Deno.test("TransformersEngine.cancel() stops at the next token, and drops what waits", async () => {
  const { library, engine, told, record } = await openEngine({ maxBatch: 1 });
  for (let i = 0; i < 3; i++) engine.generate(i, { ...CALL, maxNewTokens: 99 }, record(i));
  await settle();
  await library.step();
  engine.cancel(0);
  engine.cancel(1);
  await library.step();
  await settle();
  // Nothing of 0 after its cancellation, nothing of 1 at all, and 2 has its turn.
  assertEquals(told, ["0 started", "0 token", "2 started"]);
  engine.cancel(2);
  library.free = true;
  await library.step();
  await engine.close();
  assertEquals(told.length, 3);
});

Deno.test("TransformersEngine stops at a stop text and does not deliver it", async () => {
  const { library, engine, record, told } = await openEngine();
  library.free = true;
  engine.generate(0, { ...CALL, maxNewTokens: 50, stop: ["9 9 9"] }, record(0));
  await settle();
  assertEquals(told.at(-1), "0 done stop 3");
  await engine.close();
});

Deno.test("TransformersEngine samples by itself, since the library ignores top_p", async () => {
  const { library, engine, record } = await openEngine();
  library.free = true;
  const sampled = async (call: Record<string, unknown>) => {
    engine.generate(1, { ...CALL, ...call }, record(1));
    await settle();
    const { logits_processor: [choose], do_sample } = library.calls.at(-1)!;
    assertEquals(do_sample, false);
    if (choose === undefined) return undefined;
    return Array.from({ length: 8 }, () => {
      const data = new Float32Array(100);
      choose([[1n]], { data, dims: [1, 100] });
      assertEquals(data.filter((value) => value === 0).length, 1);
      return data.indexOf(0);
    });
  };
  assertEquals(await sampled({ temperature: 0 }), undefined);
  assertEquals(await sampled({ topK: 1, temperature: 1 }), undefined);
  const seven = await sampled({ topP: 0.9, seed: 7 });
  assertEquals(await sampled({ topP: 0.9, seed: 7 }), seven);
  assertNotEquals(await sampled({ topP: 0.9, seed: 8 }), seven);
  await engine.close();
});

/** The transport on a fake engine's thread in this one. */
function openOnFake(library: FakeLibrary): ReturnType<typeof openInprocess> {
  return openInprocess({ clock: systemClock }, (): EnginePort => {
    let listener: (message: FromEngine) => void = () => {};
    const handle = createEngineThread(
      (message) => queueMicrotask(() => listener(message)),
      () => Promise.resolve(library),
    );
    return {
      send: (message) => void handle(message),
      listen: (heard) => {
        listener = heard;
      },
      end: () => {},
    };
  });
}

Deno.test("inprocess ends a request that is cancelled or too slow, with what was received", async () => {
  const library = new FakeLibrary();
  const transport = openOnFake(library);
  const wire = transformers.buildRequest(
    cannedRequest({ promptTokenIds: [1], outputTokens: 3 }),
    { baseUrl: "org/fake", headers: {} },
  );
  await transport.ready!([wire]);
  const abort = new AbortController();
  const cancelled = transport.send(wire, { timeoutMs: 0, signal: abort.signal });
  const slow = transport.send(wire, { timeoutMs: 30 });
  await settle();
  await library.step();
  abort.abort();
  assertEquals((await cancelled).end.kind, "cancelled");
  assertEquals((await cancelled).readMs.length, 1);
  assertEquals((await slow).end.kind, "timeout");
  library.free = true;
  await library.step();
  const whole = await transport.send(wire, { timeoutMs: 0 });
  assertEquals([whole.end.kind, whole.readMs.length, whole.status], ["complete", 4, 200]);
  assert(whole.firstByteMs! <= whole.readMs[0]!);
  const other = transformers.buildRequest(cannedRequest(), { baseUrl: "b", headers: {} });
  const refused = await transport.send(other, { timeoutMs: 0 });
  assertMatch((refused.end as { message: string }).message, /"b".*"org\/fake"/);
  await transport.close();
});

Deno.test("inprocess refuses an engine setting that does not exist (T24)", async () => {
  const transport = openOnFake(new FakeLibrary());
  const wire = transformers.buildRequest(
    cannedRequest({ extraBody: { engine: { max_bach: 4 } } }),
    { baseUrl: "org/fake", headers: {} },
  );
  const { end } = await transport.send(wire, { timeoutMs: 0 });
  assertEquals(end.kind, "connect_error");
  assertMatch((end as { message: string }).message, /max_bach = 4: known are/);
  await transport.close();
});

Deno.test("the library is loaded by a computed specifier of one exact version only", async () => {
  assertMatch(TRANSFORMERS_SPECIFIER, /^npm:@huggingface\/transformers@\d+\.\d+\.\d+$/);
  // An entry under "scopes" would be written into deno.lock by any task.
  assert(!JSON.stringify(config).includes("@huggingface/transformers"));
  const source = await Deno.readTextFile(
    new URL("../backends/transformers_library.ts", import.meta.url),
  );
  assertMatch(source, /await import\(TRANSFORMERS_SPECIFIER\)/);
});

Deno.test({
  name: "inprocess with the real library: lengths, seeds, cancelling, a batch limit, mistakes",
  ignore: WITHOUT_TRANSFORMERS,
  fn: async () => {
    const folder = await Deno.makeTempDir();
    try {
      await writeTinyModel(folder);
      const { code, out, err } = await runWithoutLock("tests/support/transformers_child.ts", [
        folder,
      ]);
      assertEquals(code, 0, err);
      const told = JSON.parse(out);
      // "A" is byte 65 and its own id; " the" is one token.
      assertEquals(told.ids.length, 2);
      assertEquals(told.ids[0], 65);
      const forced = ["greedy", "again", "sampled", "sampledAgain", "otherSeed", "after"];
      for (const name of [...forced, "cap"]) {
        assertEquals(told[name].outcome, { kind: "ok" }, name);
        assertEquals(told[name].promptTokens, { tokens: 3, source: "usage" });
        assert(told[name].ordered && told[name].firstReadAfterSent, name);
      }
      for (const name of forced) {
        assertEquals(told[name].outputTokens, { tokens: 16, source: "ids" });
        assertEquals(told[name].tickTokens, Array.from({ length: 16 }, (_, i) => i + 1));
        assertEquals(told[name].reads, 17);
        assertEquals(told[name].finishReason, "length");
      }
      assertEquals(told.again.text, told.greedy.text);
      assertEquals(told.after.text, told.greedy.text);
      assertEquals(told.whole.text, told.greedy.text);
      assertEquals(told.whole.reads, 1);
      assertEquals(told.whole.outputTokens.tokens, 16);
      assertEquals(told.sampledAgain.text, told.sampled.text);
      assertNotEquals(told.otherSeed.text, told.sampled.text);
      assertNotEquals(told.sampled.text, told.greedy.text);
      assertEquals(told.cancelled.outcome.kind, "cancelled");
      assertEquals(told.cancelled.tickTokens.length, 3);
      for (const one of told.together) assertEquals(one.outcome, { kind: "ok" });
      assertMatch(told.tooLong.outcome.message, /2000 tokens after 3.*context is 1024/);
      assertEquals(told.badId.outcome.kind, "engine_error");
    } finally {
      await Deno.remove(folder, { recursive: true });
    }
  },
});

protocolContract({
  protocol: transformers,
  bodies: [
    {
      name: "a whole answer",
      body: TOKENS + END,
      expected: {
        text: "abcd",
        tokens: 4,
        source: "ids",
        ticks: [1, 2, 3, 4],
        tickSource: "ids",
        events: 5,
        finishReason: "length",
        promptTokens: 3,
      },
    },
    {
      name: "all at once",
      body: END,
      stream: false,
      expected: { text: "abcd", tokens: 4, source: "usage", finishReason: "length" },
    },
    {
      name: "an error after two tokens",
      body: '{"token":1}\n{"token":2}\n{"error":"out of memory"}\n',
      expected: { outcome: "engine_error", message: "out of memory" },
    },
    { name: "no end", body: TOKENS, expected: { outcome: "truncated" } },
  ],
});
