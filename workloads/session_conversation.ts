/**
 * Conversations that grow from turn to turn: what a session's written messages follow.
 *
 * @module
 */
import type { Message } from "../backends/protocol.ts";
import { continueConversation, type ConversationChanges } from "./session_answer.ts";
import { type DueTurn, type SessionUse, turnOf } from "./session_turn.ts";
import type { MessagesPrompt } from "./trace.ts";

/** What an agent has said and heard so far. */
interface Conversation {
  /** Messages of its last request. */
  readonly sent: readonly Message[];
  /** What the server answered to it; absent = the record holds all answers. */
  readonly answer?: Message;
}

/** The conversations of sessions that are alive. */
export class Conversations {
  readonly #live: boolean;
  /** What had to be changed in conversations to go on. */
  readonly changes: ConversationChanges[] = [];
  /** By session and chain. */
  readonly #last = new Map<SessionUse, Map<number, Conversation>>();

  /** @param live prompts hold the server's own answers. */
  constructor(live: boolean) {
    this.#live = live;
  }

  /** All messages of a request. */
  messagesOf(turn: Pick<DueTurn, "use" | "position">): readonly Message[] {
    const { prompt, chain } = turnOf(turn);
    const written = (prompt as MessagesPrompt).messages;
    const before = this.#before(turn, prompt as MessagesPrompt);
    const messages = before === undefined ? written : this.#join(before, written);
    this.#of(turn.use).set(chain, { sent: messages });
    return messages;
  }

  /** Messages of the last request of that turn's agent. */
  sentOf(turn: Pick<DueTurn, "use" | "position">): readonly Message[] {
    return this.#of(turn.use).get(turnOf(turn).chain)?.sent ?? [];
  }

  /** The server's answer to the last request of that turn's agent. */
  answered(turn: Pick<DueTurn, "use" | "position">, answer: Message): void {
    const { chain } = turnOf(turn);
    const conversations = this.#of(turn.use);
    const last = conversations.get(chain);
    if (last !== undefined) conversations.set(chain, { ...last, answer });
  }

  /** The session is over. */
  forget(use: SessionUse): void {
    this.#last.delete(use);
  }

  #of(use: SessionUse): Map<number, Conversation> {
    let conversations = this.#last.get(use);
    if (conversations === undefined) this.#last.set(use, conversations = new Map());
    return conversations;
  }

  /** The conversation that the turn's messages are added to; absent = they are all of it. */
  #before(
    { use, position }: Pick<DueTurn, "use" | "position">,
    { holds }: MessagesPrompt,
  ): Conversation | undefined {
    if (holds === "whole") return undefined;
    const { chain } = use.session.turns[position]!;
    const last = this.#of(use).get(chain);
    if (last !== undefined) return last;
    // A session that begins in the middle has turns that were never sent; the record holds all of them.
    const earlier = use.session.turns.slice(0, position).filter((turn) => turn.chain === chain);
    const sent = earlier.flatMap(({ prompt }) => (prompt as MessagesPrompt).messages);
    return sent.length === 0 ? undefined : { sent };
  }

  #join({ sent, answer }: Conversation, written: readonly Message[]): readonly Message[] {
    if (!this.#live || answer === undefined) return [...sent, ...written];
    const { messages, changes } = continueConversation(sent, answer, written);
    if (Object.values(changes).some((count) => count > 0)) this.changes.push(changes);
    return messages;
  }
}
