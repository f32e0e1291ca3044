/**
 * Every protocol against the engine that speaks it, over a real connection: what the client reads
 * is what the engine says it sent.
 */
import { assert, assertEquals, assertStringIncludes, assertThrows } from "@std/assert";
import { systemClock } from "../backends/clock.ts";
import { decodeExchange } from "../backends/decode.ts";
import { fetchTransport } from "../backends/transport_fetch.ts";
import type { Ask, GenerationRequest, Protocol } from "../backends/protocol.ts";
import { findProtocol, PROTOCOLS } from "../backends/protocols.ts";
import type { Outcome, RequestRecord, TokenSource } from "../backends/record.ts";
import type { SimOptions } from "../backends/sim_options.ts";
import { SIM_ENGINES, simProtocolsOf } from "../backends/sim_protocols.ts";
import { type SimServer, startSimServer } from "../backends/sim_server.ts";
import { cannedOptions, cannedRequest } from "./support/protocol_contract.ts";

interface Pair {
  readonly engine: string;
  readonly protocol: Protocol;
  /** What the tokens of its stream rest on. */
  readonly source: TokenSource;
  /** Outcomes that differ from the usual ones, and why. */
  readonly outcomes?: Partial<Record<string, readonly [Outcome["kind"], string]>>;
}

const PAIRS: readonly Pair[] = [
  { engine: "lmdeploy", protocol: findProtocol("lmdeploy-interactive"), source: "counter" },
  { engine: "lmdeploy", protocol: findProtocol("lmdeploy-generate"), source: "counter" },
  { engine: "lmdeploy", protocol: findProtocol("lmdeploy-nul"), source: "counter" },
  { engine: "lmdeploy", protocol: findProtocol("lmdeploy-chat"), source: "usage" },
  { engine: "lmdeploy", protocol: findProtocol("lmdeploy-completions"), source: "usage" },
  {
    engine: "lightllm",
    protocol: findProtocol("lightllm"),
    source: "counter",
    outcomes: { "error-event": ["truncated", "the engine breaks off without a word"] },
  },
  {
    engine: "lightllm-tgi",
    protocol: findProtocol("lightllm-tgi"),
    source: "counter",
    outcomes: { "error-event": ["truncated", "the engine breaks off without a word"] },
  },
  { engine: "sglang", protocol: findProtocol("sglang"), source: "counter" },
  {
    engine: "tgi",
    protocol: findProtocol("tgi"),
    source: "ids",
    outcomes: { "early-stop": ["ok", "the length cannot be forced"] },
  },
  { engine: "llama.cpp", protocol: findProtocol("llamacpp"), source: "counter" },
  {
    engine: "amsv2",
    protocol: findProtocol("amsv2"),
    source: "usage",
    outcomes: {
      "early-stop": ["ok", "the length cannot be forced"],
      truncate: ["ok", "only the end of the body ends it"],
    },
  },
  {
    engine: "triton",
    protocol: findProtocol("triton-trtllm"),
    source: "event",
    outcomes: {
      "early-stop": ["ok", "events prove no length"],
      truncate: ["ok", "only the end of the body ends it"],
    },
  },
  {
    engine: "triton",
    protocol: findProtocol("triton-vllm"),
    source: "ids",
    outcomes: { truncate: ["wrong_length", "only the end of the body ends it"] },
  },
];

const TOKENS = 12;

Deno.test("every HTTP protocol is tried against an engine that plays it (T36)", () => {
  const tried = new Set(PAIRS.map(({ protocol }) => protocol.name));
  const others = ["openai-completions", "openai-chat"];
  const http = PROTOCOLS.filter(({ carrier }) => carrier === "http").map(({ name }) => name);
  assertEquals(http.filter((name) => !tried.has(name) && !others.includes(name)), []);
  const played = new Set(PAIRS.map(({ engine }) => engine));
  assertEquals(
    SIM_ENGINES.filter(({ name, protocols }) => protocols.length > 0 && !played.has(name))
      .map(({ name }) => name),
    [],
  );
});

for (const pair of PAIRS) {
  const { engine, protocol, source } = pair;

  Deno.test(`${protocol.name} reads from the engine what it says it sent`, async () => {
    const reference = await answerOf({ engine: "openai" }, findProtocol("openai-completions"));
    for (const stream of [true, false]) {
      const { record, server } = await answerOf({ engine }, protocol, { stream });
      assertEquals(record.outcome, { kind: "ok" });
      const truth = server.truth().at(-1);
      assertEquals(truth?.writeTokens.at(-1), TOKENS);
      assertEquals(record.text, reference.record.text, "same seed, same text");
      if (!stream) {
        assert(record.outputTokens?.source === "event" || record.outputTokens?.tokens === TOKENS);
        continue;
      }
      assertEquals(record.outputTokens, { tokens: TOKENS, source });
      assertEquals(record.tickTokens.at(-1), TOKENS);
      assert(record.tickMs.length > 1, "tokens came one after the other");
      assert(record.lengthForced === protocol.forcesLength);
      if (record.promptTokens !== undefined) {
        assertEquals(record.promptTokens, { tokens: truth?.promptTokens, source: "usage" });
      }
    }
  });

  Deno.test(`${protocol.name} reads characters that span tokens (T9)`, async () => {
    for (const utf8 of ["events", "joined"] as const) {
      const options = { engine: "openai", utf8: "events", seed: 3 } as const;
      const reference = await answerOf(options, findProtocol("openai-completions"));
      const { record } = await answerOf({ engine, utf8, seed: 3 }, protocol);
      assertEquals(record.outcome, { kind: "ok" });
      assertEquals(record.text, reference.record.text);
      assert(/[^\x20-\x7e]/.test(record.text ?? ""), `the test has such a character`);
      if (source !== "event") assertEquals(record.outputTokens, { tokens: TOKENS, source });
    }
  });

  Deno.test(`${protocol.name} names what went wrong (T2, T5, T6)`, async () => {
    const faults: Record<string, Outcome["kind"]> = {
      "http-500": "http_error",
      "json-error": "engine_error",
      "error-event": "engine_error",
      cut: "truncated",
      truncate: "truncated",
      "malformed-event": "protocol_error",
      "early-stop": "wrong_length",
    };
    for (const [fault, usual] of Object.entries(faults)) {
      const { record } = await answerOf({ engine, faults: [fault] }, protocol);
      const expected = pair.outcomes?.[fault]?.[0] ?? usual;
      assertEquals(record.outcome.kind, expected, `${fault}: ${JSON.stringify(record.outcome)}`);
      if (expected === "http_error" || fault === "json-error") {
        const said = "message" in record.outcome ? record.outcome.message : "";
        assertStringIncludes(said, `Fault to order: ${fault}`);
      }
    }
  });

  Deno.test(`${protocol.name} is let in with the key only (T38)`, async () => {
    const options = { engine, apiKey: "k-1" };
    const { record: refused } = await answerOf(options, protocol);
    assertEquals(refused.outcome.kind, "http_error");
    const { record } = await answerOf(options, protocol, {}, "k-1");
    assertEquals(record.outcome, { kind: "ok" });
  });

  if (protocol.listModels !== undefined) {
    Deno.test(`${protocol.name} finds the model's name (T43)`, async () => {
      const server = await startSimServer({ engine, model: "llama-7b" });
      try {
        const names = await protocol.listModels!({ baseUrl: server.url, headers: {} }, ask);
        const own = { "triton-trtllm": "ensemble", "triton-vllm": "vllm_model" };
        assertEquals(names[0], own[protocol.name as keyof typeof own] ?? "llama-7b");
      } finally {
        await server.stop();
      }
    });
  }
}

Deno.test("lmdeploy protocols accept the one token more that some versions give", async () => {
  for (const { protocol } of PAIRS.filter(({ engine }) => engine === "lmdeploy")) {
    const { record } = await answerOf({ engine: "lmdeploy", faults: ["one-more"] }, protocol);
    const expected = protocol.lengthTolerance === 1 ? "ok" : "wrong_length";
    assertEquals(record.outcome.kind, expected, protocol.name);
    assertEquals(record.outputTokens?.tokens, TOKENS + 1);
  }
});

Deno.test("simLlamacpp gives fewer events than tokens when characters are joined (T7)", async () => {
  const options = { engine: "llama.cpp", utf8: "joined", seed: 3 } as const;
  const { record } = await answerOf(options, findProtocol("llamacpp"));
  assert(record.events < TOKENS, `${record.events} events`);
  assertEquals(record.outputTokens?.tokens, TOKENS);
});

Deno.test("simTgi refuses the values that TGI refuses", async () => {
  const { record } = await answerOf({ engine: "tgi" }, findProtocol("tgi"), {
    extraBody: { parameters: { temperature: 0 } },
  });
  assertEquals(record.outcome, {
    kind: "http_error",
    status: 422,
    message: "Input validation error: `temperature` must be strictly positive",
  });
});

Deno.test("simLightllm refuses a body without parameters", async () => {
  const { record } = await answerOf({ engine: "lightllm" }, findProtocol("lightllm"), {
    extraBody: { parameters: null },
  });
  assertEquals(record.outcome, { kind: "http_error", status: 417, message: "'parameters'" });
});

Deno.test("simTritonHttp knows the served model and the usual names only", async () => {
  const rows = [["simulated", "ok"], ["ensemble", "ok"], ["", "ok"], ["other", "http_error"]];
  for (const [model, expected] of rows) {
    const { record } = await answerOf({ engine: "triton" }, findProtocol("triton-trtllm"), {
      model: model ?? "",
    });
    assertEquals(record.outcome.kind, expected, model);
  }
});

Deno.test("every engine refuses bodies that are no requests with its own words", () => {
  for (const { name } of SIM_ENGINES) {
    for (const protocol of simProtocolsOf(name)) {
      if (!PAIRS.some((pair) => pair.protocol.name === protocol.name)) continue;
      const path = findProtocol(protocol.name).path;
      for (const body of ["", "[]", "{}", "{", '{"prompt":7,"inputs":7,"text":7}']) {
        const reply = protocol.accept({
          method: "POST",
          path,
          query: new URLSearchParams(),
          headers: {},
          body: new TextEncoder().encode(body),
        }, "m");
        assert("status" in reply && reply.status >= 400, `${protocol.name}: ${body}`);
        const said = findProtocol(protocol.name).readError(String(reply.body));
        assert(said !== "" && !said.startsWith("{"), `${protocol.name}: ${said}`);
      }
    }
  }
});

Deno.test("findProtocol and simProtocolsOf list what there is for an unknown name", () => {
  assertThrows(() => findProtocol("nope"), TypeError, "lmdeploy-interactive");
  assertThrows(() => simProtocolsOf("nope"), RangeError, "lightllm-tgi");
});

/** One request to a fresh server; the server has stopped, but still knows what it sent. */
async function answerOf(
  options: Partial<SimOptions>,
  protocol: Protocol,
  overrides: Partial<GenerationRequest> = {},
  apiKey = "",
): Promise<{ record: RequestRecord; server: SimServer }> {
  const server = await startSimServer({ ttft: "1", itl: "1", ...options });
  const transport = fetchTransport.open({ clock: systemClock });
  try {
    const request = cannedRequest({
      model: protocol.name.startsWith("triton") ? "" : "simulated",
      outputTokens: TOKENS,
      length: protocol.forcesLength ? "forced" : "cap",
      ...overrides,
    });
    const wire = protocol.buildRequest(request, { baseUrl: server.url, apiKey, headers: {} });
    const exchange = await transport.send(wire, { timeoutMs: 5000 });
    return { record: decodeExchange(exchange, protocol, request, cannedOptions()), server };
  } finally {
    await transport.close();
    await server.stop();
  }
}

const ask: Ask = async ({ method, url, headers, body }) => {
  const response = await fetch(url, { method, headers, body: body ?? null });
  return { status: response.status, body: new Uint8Array(await response.arrayBuffer()) };
};
