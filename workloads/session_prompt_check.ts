/**
 * Whether a protocol can send the prompts of a recording: asked before a server is.
 *
 * @module
 */
import { partsBesideText } from "../backends/protocol_fields.ts";
import type { Protocol } from "../backends/protocol.ts";
import { checkTakesTokenIds } from "../backends/protocols.ts";
import type { MessagesPrompt, Trace } from "./trace.ts";
import { UserError } from "./user_error.ts";

/** How prompts of blocks are to be sent. */
export interface PromptFormAsked {
  readonly protocol: Protocol;
  /** As token ids. */
  readonly tokenIds?: boolean | undefined;
  /** Size of the vocabulary that ids are drawn from. */
  readonly vocab?: number | undefined;
  /** There is a tokenizer, whose ids they can be. */
  readonly hasTokenizer: boolean;
}

/** @throws {UserError} where prompts cannot be made and sent in this form. */
export function checkPromptForm(
  { protocol, tokenIds, vocab, hasTokenizer }: PromptFormAsked,
): void {
  if (protocol.prepare !== undefined) {
    throw new UserError(
      `Cannot send recorded prompts over ${protocol.name}: each would be a question to the server ` +
        "before its time; use another protocol",
    );
  }
  if (tokenIds !== true) {
    if (vocab === undefined) return;
    throw new UserError(`Cannot use --vocab ${vocab} without --token-ids`);
  }
  try {
    checkTakesTokenIds(protocol);
  } catch (error) {
    throw new UserError((error as Error).message);
  }
  if (vocab === undefined && !hasTokenizer) {
    throw new UserError("Cannot make token ids: give --tokenizer PATH, or --vocab N");
  }
}

/**
 * @throws {UserError} where a prompt is written out and holds what the protocol cannot send, naming the
 *   session; and where all are, so that none becomes token ids.
 */
export function checkWrittenPrompts(
  { sessions, source }: Pick<Trace, "sessions" | "source">,
  { protocol: { name, takesRoles }, tokenIds }: Pick<PromptFormAsked, "protocol" | "tokenIds">,
): void {
  let hasBlocks = false;
  for (const { id, turns } of sessions) {
    for (const { prompt } of turns) {
      if (prompt.kind === "blocks") {
        hasBlocks = true;
        continue;
      }
      const strange = takesRoles === true ? undefined : strangeIn(prompt);
      if (strange === undefined) continue;
      throw new UserError(
        `Cannot send ${strange} of session ${id} over ${name}, which takes text: use --protocol openai-chat`,
      );
    }
  }
  if (tokenIds === true && !hasBlocks) {
    throw new UserError(
      `Cannot use --token-ids with ${source}: its prompts are written out, leave it out`,
    );
  }
}

/** What of a prompt is no text. */
function strangeIn({ tools, messages }: MessagesPrompt): string | undefined {
  if (tools !== undefined) return "tools";
  return messages.flatMap(({ content, extra = {} }) => [
    ...partsBesideText(content),
    ...Object.keys(extra),
  ])[0];
}
