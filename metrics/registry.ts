/**
 * Every metric, in the order in which reports show them. A new one is a file and a line.
 *
 * @module
 */
import { cachedTokens } from "./cached_tokens.ts";
import { connectTime } from "./connect_time.ts";
import { e2e } from "./e2e.ts";
import { e2eIntended } from "./e2e_intended.ts";
import { itl } from "./itl.ts";
import { lengthShortfall } from "./length_shortfall.ts";
import type { Metric } from "./metric.ts";
import { outputTokens } from "./output_tokens.ts";
import { promptTokens } from "./prompt_tokens.ts";
import { readsPerToken } from "./reads_per_token.ts";
import { scheduleDelay } from "./schedule_delay.ts";
import { tokensPerTick } from "./tokens_per_tick.ts";
import { tpot } from "./tpot.ts";
import { ttft } from "./ttft.ts";
import { ttftAnswer } from "./ttft_answer.ts";
import { ttftIntended } from "./ttft_intended.ts";

/** All metrics in display order. */
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
