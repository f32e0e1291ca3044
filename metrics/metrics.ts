/**
 * Every metric, in the order of reports. A new metric is one file and one line here.
 *
 * @module
 */
import { cachedTokens } from "./metric_cached_tokens.ts";
import { connectTime } from "./metric_connect_time.ts";
import { decodeRate } from "./metric_decode_rate.ts";
import { e2e } from "./metric_e2e.ts";
import { e2eIntended } from "./metric_e2e_intended.ts";
import { e2ePerToken } from "./metric_e2e_per_token.ts";
import { itl } from "./metric_itl.ts";
import { itlPerToken } from "./metric_itl_per_token.ts";
import { lengthShortfall } from "./metric_length_shortfall.ts";
import { held } from "./metric_held.ts";
import type { Metric } from "./metric.ts";
import { outputTokens } from "./metric_output_tokens.ts";
import { prefillRate } from "./metric_prefill_rate.ts";
import { promptTokens } from "./metric_prompt_tokens.ts";
import { readsPerToken } from "./metric_reads_per_token.ts";
import { scheduleDelay } from "./metric_schedule_delay.ts";
import { tokensPerTick } from "./metric_tokens_per_tick.ts";
import { tpot } from "./metric_tpot.ts";
import { ttft } from "./metric_ttft.ts";
import { ttftAnswer } from "./metric_ttft_answer.ts";
import { ttftIntended } from "./metric_ttft_intended.ts";
import { ttftTool } from "./metric_ttft_tool.ts";
import { ttst } from "./metric_ttst.ts";

/**
 * All metrics in display order.
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { METRICS } from "@tokometer/tokometer";
 *
 * const ttft = METRICS.find(({ name }) => name === "ttft");
 * assertEquals([ttft?.unit, ttft?.better], ["ms", "lower"]);
 * ```
 */
export const METRICS: readonly Metric[] = [
  ttft,
  ttftIntended,
  ttftAnswer,
  ttftTool,
  tpot,
  itl,
  itlPerToken,
  e2e,
  e2eIntended,
  scheduleDelay,
  held,
  connectTime,
  promptTokens,
  outputTokens,
  lengthShortfall,
  cachedTokens,
  tokensPerTick,
  readsPerToken,
  ttst,
  e2ePerToken,
  decodeRate,
  prefillRate,
];

/** Names of the metrics that every report shows first. */
export const KEY_METRICS: readonly string[] = namesOf("key");

/** Names of the metrics that are not rows of the terminal table. */
export const DETAIL_METRICS: readonly string[] = namesOf("detail");

function namesOf(wanted: Metric["rank"]): readonly string[] {
  return METRICS.filter(({ rank }) => rank === wanted).map(({ name }) => name);
}
