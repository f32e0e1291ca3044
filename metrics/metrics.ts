/**
 * Every metric, in the order in which reports show them. A new one is a file and a line.
 *
 * @module
 */
import { cachedTokens } from "./metric_cached_tokens.ts";
import { connectTime } from "./metric_connect_time.ts";
import { e2e } from "./metric_e2e.ts";
import { e2eIntended } from "./metric_e2e_intended.ts";
import { itl } from "./metric_itl.ts";
import { lengthShortfall } from "./metric_length_shortfall.ts";
import type { Metric } from "./metric.ts";
import { outputTokens } from "./metric_output_tokens.ts";
import { promptTokens } from "./metric_prompt_tokens.ts";
import { readsPerToken } from "./metric_reads_per_token.ts";
import { scheduleDelay } from "./metric_schedule_delay.ts";
import { tokensPerTick } from "./metric_tokens_per_tick.ts";
import { tpot } from "./metric_tpot.ts";
import { ttft } from "./metric_ttft.ts";
import { ttftAnswer } from "./metric_ttft_answer.ts";
import { ttftIntended } from "./metric_ttft_intended.ts";

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
  tpot,
  itl,
  e2e,
  e2eIntended,
  scheduleDelay,
  connectTime,
  promptTokens,
  outputTokens,
  lengthShortfall,
  cachedTokens,
  tokensPerTick,
  readsPerToken,
];
