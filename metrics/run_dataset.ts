/**
 * Where the prompts of a run came from, and how their tokens were counted.
 *
 * @module
 */
import type { Count } from "./count.ts";

/** The prompts of a run. */
export interface RunDataset {
  /** Kind of dataset, e.g. `synthetic`. */
  readonly kind: string;
  /** File or generator. */
  readonly source: string;
  /** SHA-256 of the file, in hex. */
  readonly sha256?: string;
  /** Prompts used. */
  readonly prompts: Count;
  /** Entries left out, by reason. */
  readonly skipped: Readonly<Record<string, Count>>;
  /** Prompts that repeat an earlier one. */
  readonly duplicates: Count;
  /** Rows of the file that could not be used, in a sentence without a period; absent = none. */
  readonly bad?: string;
  /** What else is to be known of the prompts, each in a sentence without a period. */
  readonly remarks?: readonly string[];
  /** Datasets of the classes of a mix, in the order of the header's `classes`. */
  readonly parts?: readonly RunDatasetPart[];
}

/** The dataset of one class of a mix. */
export interface RunDatasetPart {
  /** Name of the class. */
  readonly class: string;
  /** Kind of dataset, e.g. `jsonl`. */
  readonly kind: string;
  /** File or generator. */
  readonly source: string;
  /** SHA-256 of the file, in hex. */
  readonly sha256?: string;
  /** Prompts of its own; a class that needs more sends them again from the first. */
  readonly prompts: Count;
  /** Entries left out, by reason. */
  readonly skipped: Readonly<Record<string, Count>>;
  /** Prompts that repeat an earlier one. */
  readonly duplicates: Count;
  /** Mean length of its prompts in tokens, as the client counts them. */
  readonly promptTokens: number;
  /** Mean length of the answers that are asked for, in tokens. */
  readonly outputTokens: number;
}

/** How the client counted tokens of texts. */
export interface RunTokenizer {
  /** A tokenizer, or an estimate from the length of the text. */
  readonly source: "tokenizer" | "estimate";
  /** Name of the tokenizer, or how the estimate is made. */
  readonly name: string;
}
