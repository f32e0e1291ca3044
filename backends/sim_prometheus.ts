/**
 * The simulated engine's counters, under the names that scrapers of vLLM look for.
 *
 * @module
 */
import type { EngineLoad } from "./sim_engine.ts";
import type { SimOptions } from "./sim_options.ts";
import type { SimReply } from "./sim_protocol.ts";

/** The answer to `GET /metrics`. */
export function simPrometheusReply(
  load: EngineLoad,
  { model, prefixCache }: Pick<SimOptions, "model" | "prefixCache">,
): SimReply {
  const label = `{model_name=${JSON.stringify(model)}}`;
  const rows: (readonly [name: string, type: "gauge" | "counter", value: number])[] = [
    ["vllm:num_requests_running", "gauge", load.running],
    ["vllm:num_requests_waiting", "gauge", load.waiting],
    ["vllm:prompt_tokens_total", "counter", load.promptTokens],
    ["vllm:generation_tokens_total", "counter", load.outputTokens],
  ];
  if (prefixCache) {
    // Both count tokens.
    rows.push(["vllm:prefix_cache_queries_total", "counter", load.promptTokens]);
    rows.push(["vllm:prefix_cache_hits_total", "counter", load.cachedTokens]);
  }
  return {
    status: 200,
    contentType: "text/plain; version=0.0.4; charset=utf-8",
    body: rows.map(([name, type, value]) => `# TYPE ${name} ${type}\n${name}${label} ${value}\n`)
      .join(""),
  };
}
