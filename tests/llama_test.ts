/**
 * llama.cpp's own server on a model of random weights: a real engine, whose counts and timings are
 * not ours. Runs when LLAMA_SERVER names the program (see `tests/truth/get_llama_server.sh`);
 * speeds mean nothing, agreement does.
 */
import { assert, assertEquals } from "@std/assert";
import { systemClock } from "../backends/clock.ts";
import { decodeExchange, decodeSingle } from "../backends/decode.ts";
import { cutEvents } from "../backends/framing.ts";
import type { GenerationRequest } from "../backends/protocol.ts";
import { findProtocol } from "../backends/protocols.ts";
import { openTransport } from "../backends/transports.ts";
import { readRecordFile } from "../workloads/record_file.ts";
import { bordersOf } from "../workloads/session_borders.ts";
import { openPromptMaker } from "../workloads/session_prompts.ts";
import { loadTokenizer } from "../workloads/tokenizer.ts";
import { blockSession } from "./support/block_sessions.ts";
import { LLAMA_SERVER, writeRandomModel } from "./support/llama_server.ts";
import { inTempFolder, runCli } from "./support/run_cli.ts";

const NO_CACHE = '--extra-body={"cache_prompt":false}';

interface Llama {
  readonly url: string;
  /** Value of a Prometheus counter. */
  metric(name: string): Promise<number>;
}

async function withLlama(
  use: (llama: Llama, folder: string) => Promise<void>,
  kind: "spm" | "bpe" = "spm",
): Promise<void> {
  await inTempFolder(async (folder) => {
    const model = await writeRandomModel(folder, kind);
    const child = new Deno.Command(LLAMA_SERVER!, {
      args: ["-m", model, "--host", "127.0.0.1", "--port", "0", "-np", "16"]
        .concat(["-c", "65536", "-t", "1", "--metrics"]),
      stdout: "null",
      stderr: "piped",
    }).spawn();
    let url: string | undefined;
    const listening = Promise.withResolvers<void>();
    const reading = (async () => {
      let log = "";
      for await (const text of child.stderr.pipeThrough(new TextDecoderStream())) {
        if (url !== undefined) continue;
        log += text;
        url = /listening on (http:\/\/\S+)/.exec(log)?.[1];
        if (url !== undefined) listening.resolve();
      }
      listening.reject(new Error(`llama-server ended: ${log.slice(-500)}`));
    })();
    try {
      await listening.promise;
      await use({
        url: url!,
        async metric(name) {
          const text = await (await fetch(`${url}/metrics`)).text();
          return Number(new RegExp(`^llamacpp:${name} (\\S+)$`, "m").exec(text)![1]);
        },
      }, folder);
    } finally {
      child.kill("SIGKILL");
      await child.status;
      listening.promise.catch(() => {});
      await reading;
    }
  });
}

const sum = (values: readonly number[]) => values.reduce((total, value) => total + value, 0);

Deno.test({
  name: "llama.cpp: our token totals equal its usage and its /metrics (LLAMA_SERVER)",
  ignore: LLAMA_SERVER === undefined,
  fn: () =>
    withLlama(async ({ url, metric }, folder) => {
      for (const protocol of ["llamacpp", "openai-chat", "openai-completions"]) {
        for (const users of [1, 4, 16]) {
          const name = `${protocol} ${users}`;
          const before = await metric("tokens_predicted_total");
          const out = `${folder}/${protocol}-${users}`;
          const { code, err } = await runCli([
            "bench",
            url,
            `--protocol=${protocol}`,
            `--concurrency=${users}`,
            `--requests=${users * 3}`,
            "--warmup=0",
            "--output-tokens=24",
            NO_CACHE,
            `--out=${out}`,
          ]);
          assertEquals(code, 0, `${name}: ${err}`);
          const { records } = await readRecordFile(`${out}/records.jsonl`);
          assertEquals(records.length, users * 3, name);
          assert(records.every(({ outcome }) => outcome.kind === "ok"), name);
          assert(records.every((one) => one.outputTokens!.tokens === 24), name);
          assert(records.every((one) => one.cachedTokens === undefined || one.cachedTokens === 0));
          // Without the request that checks the server: eight tokens.
          const counted = sum(records.map((one) => one.outputTokens!.tokens));
          assertEquals(await metric("tokens_predicted_total") - before, counted + 8, name);
        }
      }
    }),
});

Deno.test({
  name: "llama.cpp: TTFT and TPOT hold what its own timings say (LLAMA_SERVER)",
  ignore: LLAMA_SERVER === undefined,
  fn: () =>
    withLlama(async ({ url }) => {
      const protocol = findProtocol("openai-chat");
      const target = { baseUrl: url, headers: {} };
      for (const name of ["fetch", "socket"]) {
        const transport = await openTransport(name, { clock: systemClock });
        try {
          for (let i = 0; i < 3; i++) {
            const request: GenerationRequest = {
              model: "m",
              messages: [{ role: "user", content: `Tell me more about number ${i}. `.repeat(40) }],
              outputTokens: 100,
              length: "forced",
              stream: true,
              sampling: {},
              requestId: 1n,
              extraBody: { cache_prompt: false },
            };
            const wire = protocol.buildRequest(request, target);
            const exchange = await transport.send(wire, { timeoutMs: 60_000 });
            const record = decodeExchange(exchange, protocol, request, {
              load: 0,
              phase: "measure",
              index: i,
              user: 0,
              promptId: "p",
              intendedMs: exchange.sentMs,
              originMs: exchange.sentMs,
            });
            assertEquals(record.outcome, { kind: "ok" });
            let timings: Readonly<Record<string, number>> = {};
            cutEvents("sse", exchange.body, (data) => {
              timings = protocol.readEvent(data, request).timings ?? timings;
            });
            assertEquals(record.outputTokens!.tokens, timings.predicted_n);
            assertEquals(record.promptTokens!.tokens, timings.prompt_n);
            // The client cannot see the first token before the prompt has been computed, nor the
            // last before all have been generated; the server counts the first token's own time
            // as generation. A tenth of slack for its rounding and the clocks' rates.
            const firstMs = record.firstTokenMs!;
            const allMs = record.lastTokenMs!;
            assert(firstMs > timings.prompt_ms! * 0.9, `${firstMs} ${timings.prompt_ms}`);
            const serverMs = timings.prompt_ms! + timings.predicted_ms!;
            assert(allMs > serverMs * 0.9, `${allMs} ${serverMs}`);
            // And what the client adds is small beside it (no absolute time: the machine is noisy).
            assert(allMs < serverMs * 2 + 50, `${allMs} ${serverMs}`);
          }
        } finally {
          await transport.close();
        }
      }
    }),
});

/** Tokens of the template around these messages: roles in letters, two line ends each, the opening. */
function templateAround(roles: readonly string[]): number {
  return 1 + sum([...roles.map((role) => role.length + 2), "assistant".length + 1]);
}

Deno.test({
  name:
    "llama.cpp: prompts of blocks have the tokens wanted, and it finds what they share (LLAMA_SERVER)",
  ignore: LLAMA_SERVER === undefined,
  fn: () =>
    withLlama(async ({ url }, folder) => {
      const session = blockSession([
        { ids: [1, 2, 3, 4], inputTokens: 4 * 16 + 7, outputTokens: 9 },
        { ids: [1, 2, 3, 4, 5, 6], inputTokens: 6 * 16 + 5, outputTokens: 3 },
        // Compacted: the last two are not kept.
        { ids: [1, 2, 3, 4, 9], inputTokens: 5 * 16 + 1 },
      ], { systemTokens: [20] });
      const laid = bordersOf(session, 16);
      const counter = await loadTokenizer(folder);
      const transport = await openTransport("fetch", { clock: systemClock });
      try {
        for (const name of ["openai-chat", "openai-completions"]) {
          const protocol = findProtocol(name);
          const maker = openPromptMaker({
            ...{ protocol, targets: [{ baseUrl: url, headers: {} }], seed: 5, counter, workers: 0 },
            defaults: {
              length: "forced",
              stream: true,
              sampling: {},
              // One place for all, so that each finds what the one before it has left.
              extraBody: { id_slot: name === "openai-chat" ? 0 : 1, cache_prompt: true },
            },
          });
          const seen: (readonly (number | undefined)[])[] = [];
          for (const [i, { prompt }] of session.turns.entries()) {
            assert(prompt.kind === "blocks");
            const { wire, request } = await maker.make({
              inputTokens: prompt.inputTokens,
              blocks: prompt.blocks.toArray(),
              blockTokens: 16,
              scope: session.scope,
              filler: `turn ${i}`,
              ...laid[i]!,
              salt: { mark: "m", at: laid[i]!.borders[0]! },
            }, { outputTokens: 4, model: "m", requestId: BigInt(i + 1) });
            const exchange = await transport.send(wire, { timeoutMs: 60_000 });
            const record = decodeSingle(exchange, protocol, request, { promptId: "p" });
            assertEquals(record.outcome, { kind: "ok" }, name);
            seen.push([record.promptTokens?.tokens, record.cachedTokens]);
          }
          maker.close();
          if (name === "openai-completions") {
            // The engine puts one token in front.
            assertEquals(seen, [[1 + 71, 0], [1 + 101, 1 + 64], [1 + 81, 1 + 64]]);
            continue;
          }
          // Where the first user's part ends, one has a line end, the other filler or the next block.
          const cached = 64 + templateAround(["system", "user"]) - "\nassistant\n".length;
          const two = templateAround(["system", "user"]);
          const four = templateAround(["system", "user", "assistant", "user"]);
          assertEquals(seen, [[71 + two, 0], [101 + four, cached], [81 + two, cached]]);
        }
      } finally {
        await transport.close();
      }
    }, "bpe"),
});

Deno.test({
  name: "llama.cpp: a second run finds nothing of the first, prefixes are found (LLAMA_SERVER)",
  ignore: LLAMA_SERVER === undefined,
  fn: () =>
    withLlama(async ({ url }, folder) => {
      const cached = async (name: string, ...argv: string[]) => {
        const out = `${folder}/${name}`;
        const { code, err } = await runCli([
          ...["bench", url, "--out", out, "--gpu", "off", "--no-witness"],
          ...["--output-tokens", "4", "--requests", "6", "-c", "1", "--tokenizer", folder, ...argv],
        ]);
        assertEquals(code, 0, err);
        const { records } = await readRecordFile(`${out}/records.jsonl`);
        return records.filter(({ phase }) => phase === "measure").map(
          ({ cachedTokens = 0, promptTokens, expectedCachedTokens }) =>
            [cachedTokens, promptTokens!.tokens, expectedCachedTokens ?? 0] as const,
        );
      };
      await cached("one");
      // The template's own beginning, which stands before every mark.
      const [first] = await cached("two");
      assert(first![0] <= 8, `${first}`);
      await cached("three", "--salt-scope", "none");
      for (const [tokens, all] of await cached("four", "--salt-scope", "none")) {
        assert(tokens > all / 2, `${tokens} of ${all}`);
      }
      const pools = ["--dataset", "synthetic", "--prefix-pools", "2:120", "--input-tokens", "30"];
      for (const [tokens, , expected] of await cached("five", ...pools)) {
        assertEquals(expected, 120);
        assert(Math.abs(tokens - expected) <= 10, `${tokens}`);
      }
    }, "bpe"),
});
