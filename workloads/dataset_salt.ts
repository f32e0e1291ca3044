/**
 * Marks in front of prompts: a server's prefix cache knows nothing of a prompt whose beginning is new.
 *
 * @module
 */
import type { Message } from "../backends/protocol.ts";
import { createRandom, integerBelow } from "../backends/random.ts";
import type { Prompt, TokenCounter } from "./prompt.ts";

/** With the line feed, two tokens by the estimate. */
const LETTERS = 7;
/** Draws until a mark has as many tokens as the first one. */
const DRAWS = 1000;
/** Different ids that are looked for: more would make marks no shorter. */
const ENOUGH_IDS = 1024;
/** As many different marks of token ids there must be, so that no two of a few runs are equal. */
const FEW_EQUAL = 2 ** 40;

/** The marks of a run, all of which have the same number of tokens. */
export interface Marks {
  /** Tokens of a mark. */
  readonly tokens: number;
  /**
   * The mark of something that is named in the run, e.g. `load/0`: letters and a line feed, behind which
   * tokenizers begin anew. The same for the same salt and name.
   */
  of(name: string): string;
}

/** Marks that follow from a salt. */
export function marksOf(salt: string, counter: Pick<TokenCounter, "count">): Marks {
  const first = draw(salt, "load/0", () => true);
  const tokens = counter.count(first);
  return {
    tokens,
    of: (name) =>
      name === "load/0" ? first : draw(salt, name, (text) => counter.count(text) === tokens),
  };
}

function draw(salt: string, name: string, fits: (mark: string) => boolean): string {
  const random = createRandom(0, `salt/${salt}/${name}`);
  for (let drawn = 1;; drawn++) {
    let mark = "";
    for (let i = 0; i < LETTERS; i++) mark += String.fromCharCode(97 + integerBelow(random, 26));
    mark += "\n";
    if (drawn === DRAWS || fits(mark)) return mark;
  }
}

/** Token ids that stand for a mark: as many for each, out of so many choices. */
export function idsOfMark(
  mark: string,
  choices: number,
  choose: (choice: number) => number,
): readonly number[] {
  const random = createRandom(0, `mark/${mark}`);
  const count = markLength(choices);
  return Array.from({ length: count }, () => choose(integerBelow(random, choices)));
}

/** So many ids out of so many choices make a mark. */
export function markLength(choices: number): number {
  return Math.ceil(Math.log(FEW_EQUAL) / Math.log(Math.max(2, choices)));
}

/** Different ids of some prompts, to make marks of; absent = they have none, or one. */
export function knownIds(prompts: readonly Prompt[]): readonly number[] | undefined {
  const ids = new Set<number>();
  for (const { tokenIds = [] } of prompts) {
    for (const id of tokenIds) ids.add(id);
    if (ids.size >= ENOUGH_IDS) break;
  }
  return ids.size < 2 ? undefined : [...ids];
}

/**
 * The prompt with a mark at the very front: of the content of its first message, which may be the
 * system's; of its token ids, behind the first one, which many models have in common.
 *
 * @param options.tokens of the mark, which are added to the prompt's.
 * @returns the prompt as it is, where there is nothing to put a mark in front of.
 */
export function withMark(
  prompt: Prompt,
  mark: string,
  { tokens, known }: { readonly tokens: number; readonly known: readonly number[] | undefined },
): Prompt {
  const { messages, tokenIds, promptTokens } = prompt;
  if (tokenIds !== undefined) {
    if (known === undefined) return prompt;
    const at = Math.min(1, tokenIds.length);
    const of = (mark: string) => idsOfMark(mark, known.length, (choice) => known[choice]!);
    const ids = of(mark);
    return {
      ...prompt,
      markIds: { at, of },
      tokenIds: [...tokenIds.slice(0, at), ...ids, ...tokenIds.slice(at)],
      promptTokens: { ...promptTokens, tokens: promptTokens.tokens + ids.length },
    };
  }
  const first = messages[0];
  if (first === undefined) return prompt;
  return {
    ...prompt,
    messages: [marked(first, mark), ...messages.slice(1)],
    promptTokens: { ...promptTokens, tokens: promptTokens.tokens + tokens },
  };
}

/** The prompt with another mark in place of the one at its front; as it is, where it has none. */
export function withOtherMark(prompt: Prompt, from: string, to: string): Prompt {
  const { messages, tokenIds, markIds } = prompt;
  const first = messages[0];
  const content = first && remarked(first.content, from, to);
  const ids = tokenIds !== undefined && markIds !== undefined
    ? withIds(tokenIds, markIds.at, markIds.of(to))
    : tokenIds;
  if (content === first?.content && ids === tokenIds) return prompt;
  return {
    ...prompt,
    messages: first === undefined
      ? messages
      : [{ ...first, content: content! }, ...messages.slice(1)],
    ...(ids !== undefined && { tokenIds: ids }),
  };
}

/** The message with a mark at the front of its content. */
export function marked(message: Message, mark: string): Message {
  const { content } = message;
  return {
    ...message,
    content: typeof content === "string"
      ? mark + content
      : [{ type: "text", text: mark }, ...content],
  };
}

function remarked(
  content: Message["content"],
  from: string,
  to: string,
): Message["content"] {
  if (typeof content === "string") {
    return content.startsWith(from) ? to + content.slice(from.length) : content;
  }
  return content[0]?.text === from ? [{ ...content[0], text: to }, ...content.slice(1)] : content;
}

/** Ids with others in the place of as many of them. */
export function withIds(
  ids: readonly number[],
  at: number,
  by: readonly number[],
): readonly number[] {
  return [...ids.slice(0, at), ...by, ...ids.slice(at + by.length)];
}
