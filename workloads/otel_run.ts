/**
 * A run that was measured, as spans.
 *
 * @module
 */
import type { Run } from "../metrics/run.ts";
import { createOtelObserver, type SpansSent } from "./otel_observer.ts";
import { endpointOf } from "./otel_target.ts";

/** Where the spans of a run go. */
export interface SpanCollector {
  /** Of a collector that takes OTLP over HTTP; without a path of its own it gets `/v1/traces`. */
  readonly url: string;
  /** Headers for it alone, such as its key. */
  readonly headers?: Readonly<Record<string, string>>;
  /** Ends the sending. */
  readonly signal?: AbortSignal;
}

/**
 * Sends a span of each measured request to an OpenTelemetry collector, as `--otel` does; sent twice, they
 * are the same spans. Needs `--allow-net` for the collector. A collector that fails is told in the
 * result.
 *
 * @throws {UserError} for an address that is none.
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { measureBench, startSimServer } from "@tokometer/tokometer";
 * import { sendRunSpans } from "@tokometer/tokometer/workloads";
 *
 * const server = await startSimServer({ ttft: "1", itl: "0" });
 * const run = await measureBench(server.url, { concurrency: [1], requests: 4 });
 * await server.stop();
 *
 * const collector = Deno.serve({ port: 0, onListen: () => {} }, async (request) => {
 *   await request.body?.cancel();
 *   return Response.json({});
 * });
 * const { spans, sent } = await sendRunSpans(run, {
 *   url: `http://localhost:${collector.addr.port}`,
 * });
 * await collector.shutdown();
 * // Four requests, their load, and the run.
 * assertEquals([spans, sent], [6, 6]);
 * ```
 */
export async function sendRunSpans(run: Run, collector: SpanCollector): Promise<SpansSent> {
  const { url, headers = {}, signal = new AbortController().signal } = collector;
  const observer = createOtelObserver({
    ...{ target: { url: endpointOf(url), headers }, signal, note: () => {} },
    ...{ mostRequests: run.records.length, patient: true },
  });
  observer.onHeader(run.header);
  for (const end of run.ends) {
    for (const record of run.records) if (record.load === end.load) observer.onRecord(record);
    await observer.onLoadEnd(end);
  }
  await observer.finish();
  return observer.sent();
}
