/**
 * How often each prompt was sent: a pool smaller than the load starts over.
 *
 * @module
 */
import type { Finding } from "./check.ts";
import { formatNumber, plural } from "./format.ts";
import type { LoadSummary } from "./load_summary.ts";
import type { RunHeader } from "./run.ts";

/** How often each prompt was sent; absent where the pool has enough for all requests. */
export function repeatsText(
  { counts }: Pick<LoadSummary, "counts">,
  { dataset: { prompts } }: RunHeader,
): string | undefined {
  const sent = counts.offered - counts.dropped + counts.warmupFromPool;
  if (prompts === 0 || sent <= prompts) return undefined;
  const warmup = counts.warmupFromPool === 0 ? "" : ", warm-up included";
  return `${plural(prompts, "prompt")} for ${plural(sent, "request")}${warmup}: each was sent ${
    formatNumber(sent / prompts)
  } times on average`;
}

/** Information, no fault: whoever gave a small pool sees what it means. */
export function checkPool(
  load: Pick<LoadSummary, "counts">,
  header: RunHeader,
): Finding {
  const repeats = repeatsText(load, header);
  if (repeats === undefined) return "The pool has a prompt for each request";
  return `${repeats}; an engine with a prefix cache answers repeats faster`;
}
