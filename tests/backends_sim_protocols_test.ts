/**
 * Every protocol against the engine that speaks it, over a real connection: what the client reads
 * is what the engine says it sent.
 */
import { assert, assertEquals, assertStringIncludes, assertThrows } from "@std/assert";
import type { Ask, Protocol } from "../backends/protocol.ts";
import { findProtocol, PROTOCOLS } from "../backends/protocols.ts";
import type { Outcome } from "../backends/record.ts";
import {
  findSimProtocol,
  SIM_ENGINES,
  SIM_PROTOCOLS,
  simProtocolsOf,
} from "../backends/sim_protocols.ts";
import { startSimServer } from "../backends/sim_server.ts";
import { answerOf, modelInPath, PAIRS, TOKENS } from "./support/sim_exchange.ts";
import { simulatedStream } from "./support/simulated_bodies.ts";

Deno.test("every protocol of a server has a simulated side, and the other way round (T36)", () => {
  const served = SIM_PROTOCOLS.flatMap(({ name, serves = [name] }) => serves);
  const known = PROTOCOLS.filter(({ carrier }) => carrier !== "inprocess").map(({ name }) => name);
  assertEquals(served.toSorted(), known.toSorted());
});

for (const { engine, protocol } of PAIRS) {
  const { name, tokenSource: source } = protocol;
  /** A wrong length shows where one can be forced and the engine counts tokens. */
  const wrongLength = protocol.forcesLength && source !== "event" ? "wrong_length" : "ok";

  Deno.test(`${name} reads what the engine's truth log says it sent`, async () => {
    const reference = await answerOf({ engine: "openai" }, findProtocol("openai-completions"));
    for (const stream of [true, false]) {
      let answered = await answerOf({ engine }, protocol, { stream });
      // On a busy machine all may have been due when the engine woke up.
      for (let tries = 1; stream && answered.record.tickMs.length < 2 && tries < 10; tries++) {
        answered = await answerOf({ engine }, protocol, { stream });
      }
      const { record, server } = answered;
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

  Deno.test(`${name} reads characters that span tokens (T9)`, async () => {
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

  Deno.test(`${name} names what went wrong (T2, T5, T6)`, async () => {
    const faults: Record<string, Outcome["kind"]> = {
      "http-500": "http_error",
      "json-error": "engine_error",
      "error-event": breaksOffSilently(protocol) ? "truncated" : "engine_error",
      cut: "truncated",
      truncate: protocol.endMark === "eof" ? wrongLength : "truncated",
      "malformed-event": "protocol_error",
      "early-stop": wrongLength,
    };
    for (const [fault, expected] of Object.entries(faults)) {
      const { record } = await answerOf({ engine, faults: [fault] }, protocol);
      assertEquals(record.outcome.kind, expected, `${fault}: ${JSON.stringify(record.outcome)}`);
      if (expected === "http_error" || fault === "json-error") {
        const said = "message" in record.outcome ? record.outcome.message : "";
        assertStringIncludes(said, `Injected fault: ${fault}`);
      }
    }
  });

  Deno.test(`${name} is let in with the key only (T38)`, async () => {
    const options = { engine, apiKey: "k-1" };
    const { record: refused } = await answerOf(options, protocol);
    assertEquals(refused.outcome.kind, "http_error");
    const { record } = await answerOf(options, protocol, {}, "k-1");
    assertEquals(record.outcome, { kind: "ok" });
  });

  if (protocol.listModels !== undefined) {
    Deno.test(`${name} finds the model's name (T43)`, async () => {
      const server = await startSimServer({ engine, model: "llama-7b" });
      try {
        const names = await protocol.listModels!({ baseUrl: server.url, headers: {} }, ask);
        assertEquals(names[0], modelInPath(protocol) ?? "llama-7b");
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

Deno.test("every engine refuses invalid bodies with its own message", () => {
  for (const { name } of SIM_ENGINES) {
    for (const protocol of simProtocolsOf(name)) {
      const client = PROTOCOLS.find((each) => findSimProtocol(each.name) === protocol);
      if (client === undefined) continue;
      for (const body of ["", "[]", "{}", "{", '{"prompt":7,"inputs":7,"text":7}']) {
        const reply = protocol.accept({
          method: "POST",
          path: client.path,
          query: new URLSearchParams(),
          headers: {},
          body: new TextEncoder().encode(body),
        }, "m");
        assert("status" in reply && reply.status >= 400, `${protocol.name}: ${body}`);
        const said = client.readError(String(reply.body));
        assert(said !== "" && !said.startsWith("{"), `${protocol.name}: ${said}`);
      }
    }
  }
});

Deno.test("findProtocol and simProtocolsOf list what there is for an unknown name", () => {
  assertThrows(() => findProtocol("nope"), TypeError, "lmdeploy-interactive");
  assertThrows(() => simProtocolsOf("nope"), RangeError, "lightllm-tgi");
});

/** Does the engine have no event for an error inside a stream? */
function breaksOffSilently(protocol: Protocol): boolean {
  const sim = findSimProtocol(protocol.name)!;
  return sim.errorEvent(simulatedStream(protocol, sim), "failed").length === 0;
}

const ask: Ask = async ({ method, url, headers, body }) => {
  const response = await fetch(url, { method, headers, body: body ?? null });
  return { status: response.status, body: new Uint8Array(await response.arrayBuffer()) };
};
