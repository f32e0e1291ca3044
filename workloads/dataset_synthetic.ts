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
import { defined } from "../backends/defined.ts";
import { createRandom, type Random, uniformInteger } from "../backends/random.ts";
import { readExtra } from "./dataset_extra.ts";
import {
  formatLengthSpec,
  LENGTH_SPEC_FORMS,
  lengthsOf,
  parseLengthSpec,
} from "./dataset_length.ts";
import { group, option } from "./option_table.ts";
import type { Dataset, DatasetKind, DatasetOptions, Prompt, TokenCounter } from "./prompt.ts";
import { planPrefixes, TextPrefix } from "./dataset_prefix.ts";
import { idsOfMark, markLength } from "./dataset_salt.ts";
import { codeOf, composeExact, measureWords } from "./dataset_words.ts";
import { UserError } from "./user_error.ts";

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
    min: 1,
    max: 99,
    needs: [{ key: "prefixTokens", not: true, because: "both stand in front, leave one out" }],
    help: "Share of the tokens of synthetic prompts that the prefix cache is to have: sets the " +
      "length of the prefixes of --prefix-pools (one without it), and the rest of each prompt is " +
      "new. --input-tokens is then the length of the whole prompt.",
    advanced: true,
  }),
  tokenIds: option.flag({
    help: "Send synthetic and recorded prompts as token ids: from the tokenizer, or random ones " +
      "with --vocab.",
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
  marksItself: true,
  options: SYNTHETIC_OPTIONS,
  load,
};

async function load(options: DatasetOptions): Promise<Dataset> {
  const { count, seed, counter, systemPrompt, salt = "", mark = "" } = options;
  const extra = readExtra(SYNTHETIC_OPTIONS, options.extra);
  const { prefixTokens = 0, tokenIds: asIds = false, vocab: vocabulary } = extra;
  const { prefixPools, cachedShare } = extra;
  const spec = parseLengthSpec(`${extra.inputTokens ?? DEFAULT_TOKENS}`, "--input-tokens");
  if (options.turns > 1) {
    throw new UserError(`Cannot make synthetic prompts of ${options.turns} turns: they have one`);
  }
  if (asIds && systemPrompt !== undefined) {
    throw new UserError("Cannot put a system prompt in front of token ids: leave one of them out");
  }
  if (cachedShare !== undefined && systemPrompt !== undefined) {
    throw new UserError(
      `Cannot use --cached-share ${cachedShare} with a system prompt, which is cached, too: leave one of them out`,
    );
  }
  if (vocabulary !== undefined && !asIds) {
    throw new UserError(`Cannot use --vocab ${vocabulary} without --token-ids`);
  }
  if (asIds && vocabulary === undefined && counter.encode === undefined) {
    throw new UserError("Cannot make token ids: give --tokenizer PATH, or --vocab N");
  }

  const inputTokens = lengthsOf(spec, { seed, label: "input-tokens" });
  const plan = planPrefixes({ prefixPools, cachedShare }, seed);
  const stream = (label: string | number) => createRandom(seed, `synthetic/${salt}/${label}`);
  const making = { stream, mark, prefixTokens };
  const maker = vocabulary === undefined
    ? textMaker(counter, { ...making, asIds })
    : idMaker(vocabulary, making);

  const prompts: Prompt[] = [];
  const longest = new Map<number, number>();
  const seen = new Set<string>();
  let lastMs = systemClock.now();
  for (let index = 0; index < count; index++) {
    const asked = inputTokens(index);
    const prefix = plan === undefined
      ? undefined
      : { pool: plan.poolOf(index), tokens: plan.tokensOf(asked) };
    const tokens = plan?.lengthOf(asked) ?? prefixTokens + asked;
    const random = stream(index);
    let body = maker.make(random, tokens, prefix);
    // Short prompts are easily equal: try again, and count those that stay equal as duplicates.
    for (let attempt = 0; attempt < 20 && seen.has(keyOf(body)); attempt++) {
      body = maker.make(random, tokens, prefix);
    }
    seen.add(keyOf(body));
    prompts.push({ ...promptOf(body, { index, tokens }), ...defined({ prefix }) });
    if (prefix !== undefined) {
      longest.set(prefix.pool, Math.max(longest.get(prefix.pool) ?? 0, prefix.tokens));
    }
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
      (plan === undefined ? "" : `, ${plan.title}`) +
      (salt === "" ? "" : `, salt ${salt}`),
    read: count,
    skipped: {},
    duplicates: count - seen.size,
    ...(plan === undefined ? {} : {
      prefixes: new Map(
        longest.entries().filter(([, tokens]) => tokens > 0).map(([pool, tokens]) => [
          pool,
          {
            ...promptOf(maker.prefix({ pool, tokens }), { index: 0, tokens }),
            id: `prefix-${pool}`,
          },
        ]),
      ),
      askedCachedShare: plan.share ?? shareOf(prompts),
    }),
  };

  function promptOf(
    body: Body,
    { index, tokens }: { readonly index: number; readonly tokens: number },
  ): Prompt {
    const outputTokens = options.outputTokens?.(index) ?? DEFAULT_TOKENS;
    const id = String(index);
    if (body.ids !== undefined) {
      const messages = body.text === undefined
        ? []
        : [{ role: "user", content: body.text } as const];
      const promptTokens = { tokens: body.ids.length, source: "ids" } as const;
      return {
        ...{ id, messages, tokenIds: body.ids, promptTokens, outputTokens },
        ...defined({ markIds: body.markIds }),
      };
    }
    const user = { role: "user", content: body.text } as const;
    const { source } = counter;
    if (systemPrompt === undefined) {
      return { id, messages: [user], promptTokens: { tokens, source }, outputTokens };
    }
    const promptTokens = { tokens: counter.count(`${systemPrompt}\n${body.text}`), source };
    const messages = [{ role: "system", content: systemPrompt } as const, user];
    return { id, messages, promptTokens, outputTokens };
  }
}

/** What their prefixes are of all tokens of the prompts. */
function shareOf(prompts: readonly Prompt[]): number {
  const sum = (tokensOf: (prompt: Prompt) => number) =>
    prompts.reduce((total, prompt) => total + tokensOf(prompt), 0);
  return sum(({ prefix }) => prefix?.tokens ?? 0) / sum(({ promptTokens }) => promptTokens.tokens);
}

/** A prompt's content: text, ids, or ids that also have a text. */
type Body =
  | { readonly text: string; readonly ids?: undefined }
  | {
    readonly text?: string;
    readonly ids: readonly number[];
    readonly markIds?: Prompt["markIds"];
  };

/** A prefix that others have, too, and how much of it a prompt has. */
type Prefix = NonNullable<Prompt["prefix"]>;

interface Maker {
  /** A prompt of so many tokens in all. */
  readonly make: (random: Random, tokens: number, prefix: Prefix | undefined) => Body;
  readonly prefix: (prefix: Prefix) => Body;
}

/** What all prompts follow from, whatever they are made of. */
interface Making {
  readonly stream: (label: string) => Random;
  /** At the very front; empty = none. */
  readonly mark: string;
  /** Tokens in front that all prompts have in common. */
  readonly prefixTokens: number;
}

function keyOf(body: Body): string {
  return body.text ?? body.ids?.join() ?? "";
}

/** Random ids. The ends of a vocabulary are left out: special tokens live there. */
function idMaker(vocabulary: number, { stream, mark, prefixTokens }: Making): Maker {
  const margin = Math.floor(vocabulary / 8);
  const bounds = { low: margin, high: vocabulary - 1 - margin };
  const draw = (random: Random, tokens: number) =>
    Array.from({ length: tokens }, () => uniformInteger(random, bounds));
  const choices = bounds.high - bounds.low + 1;
  const markIds = {
    at: 0,
    of: (mark: string) => idsOfMark(mark, choices, (choice) => bounds.low + choice),
  };
  const markTokens = mark === "" ? 0 : markLength(choices);
  /** The mark takes the place of the first ones, unless so few would be left that prompts were equal. */
  const marked = (ids: number[]): Body => {
    if (markTokens === 0 || ids.length < 2 * markTokens) return { ids };
    return { ids: [...markIds.of(mark), ...ids.slice(markTokens)], markIds };
  };
  const common = draw(stream("prefix"), prefixTokens);
  const pools = new Map<number, { readonly random: Random; readonly ids: number[] }>();
  const cut = ({ pool, tokens }: Prefix) => {
    let made = pools.get(pool);
    if (made === undefined) pools.set(pool, made = { random: stream(`prefix/${pool}`), ids: [] });
    for (const id of draw(made.random, Math.max(0, tokens - made.ids.length))) made.ids.push(id);
    return made.ids.slice(0, tokens);
  };
  return {
    make(random, tokens, prefix) {
      const front = prefix === undefined ? common : cut(prefix);
      return marked([...front, ...draw(random, tokens - front.length)]);
    },
    prefix: (prefix) => marked(cut(prefix)),
  };
}

function textMaker(
  counter: TokenCounter,
  { stream, mark, prefixTokens, asIds }: Making & { readonly asIds: boolean },
): Maker {
  const vocabulary = measureWords(counter);
  const compose = (random: Random, openings: readonly string[], tokens: number) =>
    composeExact({ random, openings, tokens, counter, vocabulary });
  const opened = (code: string) => [...(mark === "" ? [] : [mark + code]), code, ""];
  const random = stream("prefix");
  const common = prefixTokens === 0 ? "" : compose(random, opened(codeOf(random)), prefixTokens);
  const pools = new Map<number, TextPrefix>();
  const cut = ({ pool, tokens }: Prefix) => {
    let made = pools.get(pool);
    if (made === undefined) {
      const random = stream(`prefix/${pool}`);
      made = new TextPrefix(mark + codeOf(random), { random, counter, vocabulary });
      pools.set(pool, made);
    }
    return made.cut(tokens);
  };
  const bodyOf = (text: string): Body => {
    if (!asIds) return { text };
    const encode = (text: string) => counter.encode?.(text) ?? [];
    return {
      ...{ text, ids: encode(text) },
      ...(mark !== "" && text.startsWith(mark) ? { markIds: { at: 0, of: encode } } : {}),
    };
  };
  return {
    make(random, tokens, prefix) {
      const code = codeOf(random);
      const front = prefix === undefined ? common : cut(prefix);
      const openings = front === "" ? opened(code) : [`${front} ${code}`, front];
      return bodyOf(compose(random, openings, tokens));
    },
    prefix: (prefix) => bodyOf(cut(prefix)),
  };
}
