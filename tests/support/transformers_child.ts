/**
 * What `backends_protocol_transformers_test.ts` lets a child do with the real library: a series of requests
 * to the model folder given as argument; prints what became of each as JSON.
 *
 * @module
 */
import { systemClock } from "../../backends/clock.ts";
import { decodeExchange } from "../../backends/decode.ts";
import { openTransport } from "../../backends/transports.ts";
import type { GenerationRequest } from "../../backends/protocol.ts";
import type { RequestRecord } from "../../backends/record.ts";
import { transformers } from "../../backends/protocol_transformers.ts";
import { cannedOptions } from "./protocol_contract.ts";

const [folder = ""] = Deno.args;
const target = { baseUrl: folder, headers: {} };
const transport = await openTransport("inprocess", { clock: systemClock });

const base: GenerationRequest = {
  model: "",
  messages: [],
  promptTokenIds: [65, 66, 67],
  outputTokens: 16,
  length: "forced",
  stream: true,
  sampling: {},
  requestId: 1n,
  extraBody: { engine: { threads: 1, max_batch: 2 } },
};

async function ask(
  changes: Partial<GenerationRequest> = {},
  options: { cancelAfter?: number; timeoutMs?: number } = {},
): Promise<Partial<RequestRecord> & { firstReadAfterSent: boolean; ordered: boolean }> {
  const request = { ...base, ...changes };
  const abort = new AbortController();
  let reads = 0;
  const exchange = await transport.send(transformers.buildRequest(request, target), {
    timeoutMs: options.timeoutMs ?? 0,
    signal: abort.signal,
    onRead: () => {
      if (++reads === options.cancelAfter) abort.abort();
    },
  });
  const nowMs = systemClock.now();
  const record = decodeExchange(
    exchange,
    transformers,
    request,
    cannedOptions({ originMs: 0, intendedMs: exchange.sentMs }),
  );
  const { outcome, outputTokens, promptTokens, text, finishReason, tickSource, connection } =
    record;
  return {
    outcome,
    connection,
    ...(outputTokens === undefined ? {} : { outputTokens }),
    ...(promptTokens === undefined ? {} : { promptTokens }),
    ...(text === undefined ? {} : { text }),
    ...(finishReason === undefined ? {} : { finishReason }),
    ...(tickSource === undefined ? {} : { tickSource }),
    reads: record.reads,
    tickTokens: Array.from(record.tickTokens) as unknown as Uint32Array,
    firstReadAfterSent: (record.firstTokenMs ?? -1) > record.sentMs!,
    ordered:
      record.tickMs.every((ms, i) => ms > (i === 0 ? record.sentMs! : record.tickMs[i - 1]!)) &&
      (record.endMs ?? 0) >= (record.lastTokenMs ?? 0) &&
      // The engine's stamps are of another thread's clock, converted.
      exchange.readMs.every((ms) => ms >= exchange.sentMs && ms <= nowMs + 0.1),
  };
}

try {
  const prepared = await transformers.prepare!(
    { ...base, messages: [{ role: "user", content: "A the" }], promptTokenIds: undefined! },
    target,
    async (request) => {
      const { status, body } = await transport.send(request, { timeoutMs: 0 });
      return { status, body };
    },
  );
  const sampling = { temperature: 1, topP: 0.95, topK: 50, seed: 7 };
  const results = {
    ids: prepared.promptTokenIds,
    greedy: await ask(),
    again: await ask(),
    cap: await ask({ length: "cap" }),
    whole: await ask({ stream: false }),
    sampled: await ask({ sampling }),
    sampledAgain: await ask({ sampling }),
    otherSeed: await ask({ sampling: { ...sampling, seed: 8 } }),
    cancelled: await ask({ outputTokens: 500 }, { cancelAfter: 3 }),
    together: await Promise.all([1, 2, 3, 4].map((id) => ask({ promptTokenIds: [id, id + 1] }))),
    tooLong: await ask({ outputTokens: 2000 }),
    badId: await ask({ promptTokenIds: [100_000] }),
    after: await ask(),
  };
  await Deno.stdout.write(new TextEncoder().encode(JSON.stringify(results)));
} finally {
  await transport.close();
}
