/**
 * llama.cpp's own server on a model of random weights: a real engine, whose counts and timings are
 * not ours. Runs when LLAMA_SERVER names the program (see `tests/truth/get_llama_server.sh`);
 * speeds mean nothing, agreement does.
 */
import { assert, assertEquals } from "@std/assert";
import { systemClock } from "../backends/clock.ts";
import { decodeExchange } from "../backends/decode.ts";
import { cutEvents } from "../backends/framing.ts";
import type { GenerationRequest } from "../backends/protocol.ts";
import { findProtocol } from "../backends/protocols.ts";
import { openTransport } from "../backends/transports.ts";
import { readRecordFile } from "../workloads/record_file.ts";
import { LLAMA_SERVER, writeRandomModel } from "./support/llama_server.ts";
import { inTempFolder, runCli } from "./support/run_cli.ts";

const NO_CACHE = '--extra-body={"cache_prompt":false}';

interface Llama {
  readonly url: string;
  /** Value of a Prometheus counter. */
  metric(name: string): Promise<number>;
}

async function withLlama(use: (llama: Llama, folder: string) => Promise<void>): Promise<void> {
  await inTempFolder(async (folder) => {
    const model = await writeRandomModel(folder);
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
