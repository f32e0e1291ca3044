/**
 * What a perfect, endless prefix cache would have of each prompt, where prompts have prefixes in common.
 *
 * @module
 */
import { defined } from "../backends/defined.ts";
import type { RequestRecord } from "../backends/record.ts";
import type { Prepared } from "./run_prepare.ts";

/** What a record says of it. */
export type ExpectedShare = Pick<RequestRecord, "contentTokens" | "expectedCachedTokens">;

/**
 * Says it of each request of a load, given in the order in which they are answered; absent where prompts
 * have no prefixes.
 *
 * @param options.warmed the prefixes were sent before the load.
 */
export function expectShares(
  { dataset: { prompts, prefixes }, pool: { modelAt, serverAt } }: Pick<
    Prepared,
    "dataset" | "pool"
  >,
  { warmed }: { readonly warmed: boolean },
): ((position: number) => ExpectedShare) | undefined {
  if (prefixes === undefined) return undefined;
  const seen = new Set<string>();
  return (position) => {
    const own = position % prompts.length;
    const { prefix, promptTokens: { tokens } } = prompts[own]!;
    const where = `${serverAt(position)} ${modelAt(position)}`;
    const [whole, front] = [`prompt ${own} ${where}`, `prefix ${prefix?.pool} ${where}`];
    const cached = seen.has(whole) ? tokens : warmed || seen.has(front) ? prefix?.tokens ?? 0 : 0;
    seen.add(whole).add(front);
    return defined({ contentTokens: tokens, expectedCachedTokens: cached });
  };
}
