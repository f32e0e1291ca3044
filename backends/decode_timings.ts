/**
 * What an answer says of the server's own times, by the names that engines use: a further one is a line.
 *
 * @module
 */
import type { ServerTimings } from "./record.ts";

/** Seconds to milliseconds. */
const SECONDS = 1000;

/** Engines' fields and what they mean; of several with one meaning, the first that is there counts. */
const FIELDS: readonly (readonly [field: string, to: keyof ServerTimings, scale?: number])[] = [
  // llama.cpp's `timings`: a request's time in the queue is not among them.
  ["prompt_ms", "prefillMs"],
  ["predicted_ms", "decodeMs"],
  ["draft_n", "draftTokens"],
  ["draft_n_accepted", "acceptedTokens"],
  // vLLM's `metrics`: its time to the first token counts from when it took the request up.
  ["queue_time_ms", "queueMs"],
  ["time_to_first_token_ms", "prefillMs"],
  ["generation_time_ms", "decodeMs"],
  ["num_draft_tokens", "draftTokens"],
  ["num_accepted_draft_tokens", "acceptedTokens"],
  // SGLang's `meta_info`; the last two are from before 0.5.
  ["queue_time", "queueMs", SECONDS],
  ["e2e_latency", "e2eMs", SECONDS],
  ["spec_num_proposed_drafts", "draftTokens"],
  ["spec_num_correct_drafts", "acceptedTokens"],
  ["spec_draft_token_num", "draftTokens"],
  ["spec_accept_token_num", "acceptedTokens"],
];

/** Longer than any answer takes, and more tokens than any has. */
const MOST = 1e9;

/** Reads the fields of an engine; absent when none of them says anything, or nothing that can be true. */
export function readServerTimings(
  fields: Readonly<Record<string, number>>,
): ServerTimings | undefined {
  const found: { -readonly [Name in keyof ServerTimings]: ServerTimings[Name] } = {};
  let any = false;
  for (const [field, to, scale = 1] of FIELDS) {
    const value = fields[field];
    if (value === undefined || found[to] !== undefined) continue;
    const scaled = value * scale;
    if (!(scaled >= 0 && scaled < MOST)) continue;
    if ((to === "draftTokens" || to === "acceptedTokens") && !Number.isInteger(scaled)) continue;
    found[to] = scaled;
    any = true;
  }
  return any ? found : undefined;
}
