/**
 * Tokens that the server's chat template adds to a prompt, as far as a run can see them.
 *
 * @module
 */
import type { RequestRecord } from "../backends/record.ts";
import type { TokenCounter } from "./prompt.ts";

/**
 * Tokens that the server counted above the content of a request with one message; absent where it
 * gave no count of its own, or where ours is an estimate and the difference means nothing.
 */
export function templateTokens(
  { promptTokens }: Pick<RequestRecord, "promptTokens">,
  contentTokens: number,
  { source }: Pick<TokenCounter, "source">,
): number | undefined {
  if (source === "estimate" || promptTokens?.source !== "usage") return undefined;
  return promptTokens.tokens - contentTokens;
}

/** For the report, in a sentence without a period. */
export function templateRemark(tokens: number | undefined): string | undefined {
  if (tokens === undefined) return undefined;
  const [amount, them] = tokens === 1 ? ["1 token", "it"] : [`${tokens} tokens`, "them"];
  return `The server's template adds ${amount} to a prompt of one message; ` +
    `the recorded lengths are without ${them}`;
}
