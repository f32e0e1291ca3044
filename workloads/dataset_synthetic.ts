/**
 * Generated prompts of a chosen length, made of words or of token ids.
 *
 * Every prompt begins with a code that no other prompt of this or another run has, since an engine
 * answers from its prefix cache when it knows the beginning of a prompt. A common prefix can be asked
 * for, to measure that cache on purpose.
 *
 * @module
 */
import { patientClock, systemClock } from "../backends/clock.ts";
import { createRandom, integerBelow, type Random, uniformInteger } from "../backends/random.ts";
import { readExtra } from "./dataset_extra.ts";
import {
  formatLengthSpec,
  LENGTH_SPEC_FORMS,
  lengthsOf,
  parseLengthSpec,
} from "./dataset_length.ts";
import { group, option } from "./option_table.ts";
import type { Dataset, DatasetKind, DatasetOptions, Prompt, TokenCounter } from "./prompt.ts";
import { UserError } from "./user_error.ts";
import words from "./dataset_synthetic_words.json" with { type: "json" };

/** Length of prompts and of answers when none is given. */
const DEFAULT_TOKENS = 128;
/** Prompts are made so long before the thread rests and reads what has come: a server's answer may. */
const SLICE_MS = 5;
const REST_MS = 1;

export const SYNTHETIC_OPTIONS = group("Prompts", {
  inputTokens: option.length({
    value: "LENGTH",
    defaultText: String(DEFAULT_TOKENS),
    help: `Length of synthetic prompts: ${LENGTH_SPEC_FORMS}.`,
  }),
  prefixTokens: option.integer({
    min: 0,
    defaultText: "0",
    help: "Put the same N tokens in front of all synthetic prompts, to measure a prefix cache.",
    advanced: true,
  }),
  prefixPools: option.text({
    value: "G:TOKENS[:zipf=S]",
    needs: [{ key: "prefixTokens", not: true, because: "both stand in front, leave one out" }],
    help:
      "Put one of G prefixes of so many tokens in front of each synthetic prompt, drawn by seed: " +
      "each as often as any other, or by Zipf's law with that exponent. They are sent once before " +
      "each load, so that a prefix cache has them.",
    advanced: true,
  }),
  cachedShare: option.number({
    value: "PERCENT",
    min: 0,
    max: 99,
    help: "Share of the tokens of synthetic prompts that the prefix cache is to have: sets the " +
      "length of the prefixes of --prefix-pools (one without it), and the rest of each prompt is " +
      "new. --input-tokens is then the length of the whole prompt.",
    advanced: true,
  }),
  tokenIds: option.flag({
    help: "Send synthetic prompts as token ids: from the tokenizer, or random ones with --vocab.",
    advanced: true,
  }),
  vocab: option.integer({
    min: 16,
    help: "Size of the model's vocabulary, for --token-ids without a tokenizer.",
    advanced: true,
  }),
});

export const synthetic: DatasetKind = {
  name: "synthetic",
  description: "prompts of exactly the length wanted, each different from all others",
  needsFile: false,
  firstAlone: true,
  options: SYNTHETIC_OPTIONS,
  load,
};

async function load(options: DatasetOptions): Promise<Dataset> {
  const { count, seed, counter, systemPrompt } = options;
  const extra = readExtra(SYNTHETIC_OPTIONS, options.extra);
  const { salt = "" } = options;
  const { prefixTokens = 0, tokenIds: asIds = false, vocab: vocabulary } = extra;
  const spec = parseLengthSpec(`${extra.inputTokens ?? DEFAULT_TOKENS}`, "--input-tokens");
  if (options.turns > 1) {
    throw new UserError(`Cannot make synthetic prompts of ${options.turns} turns: they have one`);
  }
  if (asIds && systemPrompt !== undefined) {
    throw new UserError("Cannot put a system prompt in front of token ids: leave one of them out");
  }
  if (vocabulary !== undefined && !asIds) {
    throw new UserError(`Cannot use --vocab ${vocabulary} without --token-ids`);
  }
  if (asIds && vocabulary === undefined && counter.encode === undefined) {
    throw new UserError("Cannot make token ids: give --tokenizer PATH, or --vocab N");
  }

  const inputTokens = lengthsOf(spec, { seed, label: "input-tokens" });
  const stream = (label: string | number) => createRandom(seed, `synthetic/${salt}/${label}`);
  const make = vocabulary === undefined
    ? textMaker(counter, { prefix: stream("prefix"), prefixTokens, asIds })
    : idMaker(vocabulary, { prefix: stream("prefix"), prefixTokens });

  const prompts: Prompt[] = [];
  const seen = new Set<string>();
  let lastMs = systemClock.now();
  for (let index = 0; index < count; index++) {
    const tokens = inputTokens(index);
    const random = stream(index);
    let body = make(random, tokens);
    // Short prompts are easily equal: try again, and count those that stay equal as duplicates.
    for (let attempt = 0; attempt < 20 && seen.has(keyOf(body)); attempt++) {
      body = make(random, tokens);
    }
    seen.add(keyOf(body));
    prompts.push(promptOf(body, index));
    if (systemClock.now() - lastMs > SLICE_MS) {
      options.onProgress?.(index + 1, count);
      await patientClock.sleepUntil(systemClock.now() + REST_MS);
      options.signal?.throwIfAborted();
      lastMs = systemClock.now();
    }
  }
  options.onProgress?.(count, count);
  return {
    prompts,
    source: `synthetic, ${formatLengthSpec(spec)} tokens` +
      (prefixTokens > 0 ? ` after ${prefixTokens} in common` : "") +
      (salt === "" ? "" : `, salt ${salt}`),
    read: count,
    skipped: {},
    duplicates: count - seen.size,
  };

  function promptOf(body: Body, index: number): Prompt {
    const outputTokens = options.outputTokens?.(index) ?? DEFAULT_TOKENS;
    const id = String(index);
    if (body.ids !== undefined) {
      const messages = body.text === undefined
        ? []
        : [{ role: "user", content: body.text } as const];
      const promptTokens = { tokens: body.ids.length, source: "ids" } as const;
      return { id, messages, tokenIds: body.ids, promptTokens, outputTokens };
    }
    const user = { role: "user", content: body.text } as const;
    const { source } = counter;
    if (systemPrompt === undefined) {
      const promptTokens = { tokens: prefixTokens + inputTokens(index), source };
      return { id, messages: [user], promptTokens, outputTokens };
    }
    const promptTokens = { tokens: counter.count(`${systemPrompt}\n${body.text}`), source };
    const messages = [{ role: "system", content: systemPrompt } as const, user];
    return { id, messages, promptTokens, outputTokens };
  }
}

/** A prompt's content: text, ids, or ids that also have a text. */
type Body =
  | { readonly text: string; readonly ids?: undefined }
  | { readonly text?: string; readonly ids: readonly number[] };

type Maker = (random: Random, tokens: number) => Body;

function keyOf(body: Body): string {
  return body.text ?? body.ids?.join() ?? "";
}

/** Random ids. The ends of a vocabulary are left out: special tokens live there. */
function idMaker(
  vocabulary: number,
  options: { readonly prefix: Random; readonly prefixTokens: number },
): Maker {
  const margin = Math.floor(vocabulary / 8);
  const bounds = { low: margin, high: vocabulary - 1 - margin };
  const draw = (random: Random, tokens: number) =>
    Array.from({ length: tokens }, () => uniformInteger(random, bounds));
  const prefix = draw(options.prefix, options.prefixTokens);
  return (random, tokens) => ({ ids: [...prefix, ...draw(random, tokens)] });
}

function textMaker(
  counter: TokenCounter,
  options: { readonly prefix: Random; readonly prefixTokens: number; readonly asIds: boolean },
): Maker {
  const { prefixTokens, asIds } = options;
  const vocabulary = measureWords(counter);
  const compose = (random: Random, openings: readonly string[], tokens: number) =>
    composeExact({ random, openings, tokens, counter, vocabulary });
  const prefix = prefixTokens === 0
    ? ""
    : compose(options.prefix, [codeOf(options.prefix), ""], prefixTokens);
  return (random, tokens) => {
    const code = codeOf(random);
    const openings = prefix === "" ? [code, ""] : [`${prefix} ${code}`, prefix];
    const text = compose(random, openings, prefixTokens + tokens);
    return asIds ? { text, ids: counter.encode?.(text) ?? [] } : { text };
  };
}

interface Vocabulary {
  /** Words and what each adds behind another one, in tokens, cheapest first. */
  readonly words: readonly { readonly word: string; readonly cost: number }[];
  readonly maxCost: number;
}

/** Costs may be fractions: an estimate counts bytes. */
function measureWords(counter: TokenCounter): Vocabulary {
  const times = 8;
  const start = counter.count("so");
  const words = WORDS.map((word) => ({
    word,
    cost: (counter.count("so" + ` ${word}`.repeat(times)) - start) / times,
  })).filter(({ cost }) => cost > 0).sort((a, b) => a.cost - b.cost);
  return { words, maxCost: words.at(-1)?.cost ?? 1 };
}

/** What a text is made of. */
interface Composing {
  readonly random: Random;
  /** Beginnings, best first; the first one that fits is used. */
  readonly openings: readonly string[];
  readonly tokens: number;
  readonly counter: TokenCounter;
  readonly vocabulary: Vocabulary;
}

/**
 * A text of exactly so many tokens, counted as a whole in the end: text decoded from random ids would
 * encode to another number of tokens (T33 in docs/python-scripts.md). Words are added by their known
 * cost; what is then missing is filled with shorter words and letters.
 */
function composeExact(request: Composing): string {
  const { tokens, counter } = request;
  for (let drawn = 0; drawn < DRAWS; drawn++) {
    const text = compose(request);
    if (text !== undefined) return text;
  }
  throw new UserError(
    `Cannot make a prompt of exactly ${tokens} tokens with the tokenizer ${counter.name}: use another length, or --token-ids`,
  );
}

/** A tokenizer that joins words across blanks may leave a draw no way to its length. */
const DRAWS = 50;

/** One draw; absent where it did not come to the length. */
function compose({ random, openings, tokens, counter, vocabulary }: Composing): string | undefined {
  const { words, maxCost } = vocabulary;
  const opening = openings.find((text) => counter.count(text) <= tokens) ?? "";
  let text = opening;
  let left = tokens - counter.count(text);
  for (let attempt = 0; attempt < 200; attempt++) {
    // Joined at the end: each word added to the text would be an object.
    const parts = text === "" ? [] : [text];
    while (true) {
      const affordable = left >= maxCost ? words.length : countAffordable(words, left);
      if (affordable === 0) break;
      const { word, cost } = words[integerBelow(random, affordable)]!;
      parts.push(word);
      left -= cost;
    }
    text = parts.join(" ");
    left = tokens - counter.count(text);
    if (left === 0) return text;
    if (left < 0) text = opening + shortened(text.slice(opening.length), tokens / (tokens - left));
    else if (countAffordable(words, left) === 0) text += letterOf(random);
    if (left < 0) left = tokens - counter.count(text);
  }
  return undefined;
}

/** The share of a text's words that comes to the length, by their mean; one word less at least. */
function shortened(text: string, share: number): string {
  const words = text.split(" ");
  return words.slice(0, Math.min(words.length - 1, Math.floor(words.length * share))).join(" ");
}

function countAffordable(words: Vocabulary["words"], left: number): number {
  let low = 0;
  let high = words.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((words[middle] as Vocabulary["words"][number]).cost <= left) low = middle + 1;
    else high = middle;
  }
  return low;
}

/** Eight letters: two of 100,000 prompts are equal in one of forty runs. */
function codeOf(random: Random): string {
  let code = "";
  for (let i = 0; i < 8; i++) {
    code += String.fromCharCode(97 + integerBelow(random, 26));
  }
  return code;
}

/** A letter that seldom becomes one token with the word before it. */
function letterOf(random: Random): string {
  return "qxzjvk"[integerBelow(random, 6)]!;
}

const WORDS: readonly string[] = words.join(" ").split(" ");
