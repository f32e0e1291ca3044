/**
 * What is sent: a prompt and the length of the answer wanted.
 *
 * @module
 */
import { contentText } from "../backends/protocol_fields.ts";
import type { Message } from "../backends/protocol.ts";
import type { TokenCount } from "../backends/record.ts";
import type { RunDatasetPart } from "../metrics/run_dataset.ts";
import type { OptionTable } from "./command.ts";

/** One prompt of a dataset. */
export interface Prompt {
  /** Stable id: from the file, else its position. */
  readonly id: string;
  /** Messages to send; empty where only the token ids are known. */
  readonly messages: readonly Message[];
  /** Exact token ids, where the dataset makes them. */
  readonly tokenIds?: readonly number[];
  /** How a mark is made of ids, always of as many, where some stand for it; from `at` on. */
  readonly markIds?: { readonly at: number; readonly of: (mark: string) => readonly number[] };
  /** Number of the prefix that it has in common with others, and how many of its tokens that has. */
  readonly prefix?: { readonly pool: number; readonly tokens: number };
  /** Our count before sending, with its source; the record prefers the engine's own. */
  readonly promptTokens: TokenCount;
  /** Tokens to ask for. */
  readonly outputTokens: number;
  /** Fields of a whole request, sent as they are in place of those that the run would send. */
  readonly ownFields?: Readonly<Record<string, unknown>>;
  /** Field of the length, where the request names another than the usual one. */
  readonly lengthField?: "max_completion_tokens";
  /** Path of the call that the prompt is a request for; absent = any. */
  readonly path?: string;
  /** Class of the mix that it is of; absent = there is no mix. */
  readonly class?: string;
}

/** Counts tokens of a text. */
export interface TokenCounter {
  /** `tokenizer` or `estimate`. */
  readonly source: "tokenizer" | "estimate";
  /** For reports: the folder's name, or how the estimate is made. */
  readonly name: string;
  /** Tokens of the text alone, without special ones. */
  count(text: string): number;
  /** Tokens that the model's tokenizer would add to a text (BOS, EOS); never part of a count. */
  readonly specialTokens?: number;
  /** Token ids of a text; absent in the estimate. */
  encode?(text: string): number[];
  /** Text of these ids; absent in the estimate. */
  decode?(ids: readonly number[]): string;
}

/** What a dataset gets to work with. */
export interface DatasetOptions {
  /** File, where the dataset reads one. */
  readonly path?: string;
  /** How many prompts are wanted at most. */
  readonly count: number;
  /** So many of them may be missing without a word: only users that are faster than others need them. */
  readonly spare?: number;
  /** Fewer are as good: all of the file was asked for. */
  readonly allowsFewer?: boolean;
  /** Every random choice follows from it. */
  readonly seed: number;
  /** Measures lengths while prompts are chosen or made. */
  readonly counter: TokenCounter;
  /** Overrides the dataset's own answer lengths. */
  readonly outputTokens?: (index: number) => number;
  /** Text put in front of each prompt as a system message. */
  readonly systemPrompt?: string;
  /** User messages T of a conversation that are sent (prompt = its first 2T − 1 messages). */
  readonly turns: number;
  /** What generated prompts follow from beside the seed. */
  readonly salt?: string;
  /** Mark at the very front of each prompt; absent = none. */
  readonly mark?: string;
  /** Options of the dataset's own, by name, already checked (see its `options`). */
  readonly extra: Readonly<Record<string, unknown>>;
  /** Says how far a long load is (0…1, or bytes done without a total). */
  readonly onProgress?: (done: number, total: number) => void;
  /** Gives up a long load, where the dataset can. */
  readonly signal?: AbortSignal;
}

/** Prompts and what was left out on the way. */
export interface Dataset {
  /** In the order in which loads take them. */
  readonly prompts: readonly Prompt[];
  /** For the header: file or generator, its SHA-256, items read. */
  readonly source: string;
  /** Of the file's bytes, in hexadecimal; absent for generators. */
  readonly sha256?: string;
  /** Items found in the file or made, those left out included. */
  readonly read: number;
  /** Reason → how many were left out for it. */
  readonly skipped: Readonly<Record<string, number>>;
  /** Rows of the file that cannot be used, in a sentence without a period; absent = none. */
  readonly bad?: string;
  /** What else the report should say of the prompts, each in a sentence without a period. */
  readonly remarks?: readonly string[];
  /** Of a mix: the dataset of each class. */
  readonly parts?: readonly RunDatasetPart[];
  /**
   * The prefixes of the prompts, to be sent before a load, so that a cache has them. A prompt's own
   * `prefix` says which: the longest one of its number.
   */
  readonly prefixes?: ReadonlyMap<number, Prompt>;
  /** Share of the prompt tokens that a prefix cache is to have, 0 to 1; absent = not asked for. */
  readonly askedCachedShare?: number;
  /** Prompts whose text also stands earlier in the list (prefix-cache hits to expect). */
  readonly duplicates: number;
  /** One sentence for the user, e.g. that there are fewer prompts than wanted. */
  readonly note?: string;
}

/** A kind of dataset, as listed in the registry. */
export interface DatasetKind {
  /** Name on the command line, e.g. `sharegpt`. */
  readonly name: string;
  /** For the help: what the prompts are and where they come from. */
  readonly description: string;
  /** It cannot do without `path`; otherwise it takes none. */
  readonly needsFile: boolean;
  /** Its first prompt can be had alone, the same as with others, and says whether the options fit. */
  readonly firstAlone?: boolean;
  /** Its prompts are turns of sessions, which are replayed: there is no pool of them. */
  readonly hasSessions?: true;
  /** It puts `mark` in front of its prompts itself, as a part of their length. */
  readonly marksItself?: true;
  /** Endings of its files, e.g. `.jsonl`: such a file is taken for this dataset. */
  readonly fileEndings?: readonly string[];
  /** Whether a JSON file that begins with these rows is one of its own; the first such kind is taken. */
  readonly recognizes?: (rows: readonly unknown[]) => boolean;
  /** Whether these rows are whole requests, whose answers are to end by themselves. */
  readonly areRequests?: (
    rows: readonly unknown[],
    extra: Readonly<Record<string, unknown>>,
  ) => boolean;
  /** Options of its own; `extra` holds their values by the same keys. */
  readonly options: OptionTable;
  /**
   * Reads or makes the prompts.
   *
   * @throws {UserError} when the file is missing, broken or holds nothing usable.
   */
  readonly load: (options: DatasetOptions) => Promise<Dataset>;
}

/** What to say of the number of prompts found; absent where it is as wanted. */
export function countNote(
  found: number,
  { count, spare = 0, allowsFewer = false }: Pick<
    DatasetOptions,
    "count" | "spare" | "allowsFewer"
  >,
): string | undefined {
  const wanted = count - spare;
  if (found < count) {
    return allowsFewer || found >= wanted ? undefined : `${wanted} prompts wanted, ${found} found`;
  }
  return allowsFewer ? `the first ${found} prompts alone: give --prompts N for more` : undefined;
}

/** The contents as one text, as a completion prompt is made from messages. */
export function joinContents(messages: readonly Message[]): string {
  return messages.map(({ content }) => contentText(content)).join("\n");
}

/** One message with the system prompt in front of the text, as the Python scripts send them. */
export function scriptMessage(text: string, systemPrompt: string | undefined): Message {
  return { role: "user", content: systemPrompt === undefined ? text : `${systemPrompt}\n${text}` };
}
