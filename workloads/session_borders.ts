/**
 * Where the messages of a session's prompts end: on the same tokens in every turn, so that prompts
 * that share blocks share messages too.
 *
 * @module
 */
import type { PromptSpec } from "./session.ts";
import type { TraceSession } from "./trace.ts";

/** Messages of a prompt of blocks: see {@linkcode PromptSpec}. */
export type PromptBorders = Pick<PromptSpec, "borders" | "hasSystem">;

/**
 * The messages of each turn, by its position in the session; absent for turns that are written out.
 * The first is of the system where its length is known, then user and assistant by turns, the last of
 * the user. Two turns that share blocks have the same borders inside of them. Takes milliseconds for
 * a session of hundreds of turns: call it once, when the session is begun.
 *
 * Sessions that share their blocks with others (`scope` is not their `id`) have one message a prompt:
 * other borders in another session would end what they share.
 *
 * @param blockTokens tokens of a block, as the trace says.
 */
export function bordersOf(
  _session: TraceSession,
  _blockTokens: number,
): readonly (PromptBorders | undefined)[] {
  throw new Error("not yet");
}
