/**
 * Picks prompts from a pool of conversations: in our own seeded order, or exactly as one of the Python
 * scripts does (same generator, same seed, same filters, same order).
 *
 * @module
 */
import { defined } from "../backends/defined.ts";
import type { Message } from "../backends/protocol.ts";
import { createRandom, shuffled } from "../backends/random.ts";
import { pythonRandom } from "../backends/mt19937.ts";
import { countDuplicates } from "./dataset_duplicates.ts";
import { readExtra } from "./dataset_extra.ts";
import { ROLES } from "./dataset_fields.ts";
import {
  countNote,
  type Dataset,
  type DatasetOptions,
  joinContents,
  type Prompt,
  scriptMessage,
  type TokenCounter,
} from "./prompt.ts";
import { group, option } from "./option_table.ts";
import { UserError } from "./user_error.ts";

/** One message in ShareGPT's format. */
export interface ConversationMessage {
  /** `human`, `gpt`, `system`, … */
  readonly from: string;
  readonly value: string;
}

export interface Conversation {
  /** From the file, else the position. */
  readonly id: string;
  /** In the order of the file, unchecked. */
  readonly messages: readonly ConversationMessage[];
}

/** Conversations that may still be on the disk. */
export interface ConversationPool {
  /** For messages: the file. */
  readonly name: string;
  /** Number of messages by position; 0 for what is not a conversation. */
  readonly messageCounts: ArrayLike<number>;
  readonly at: (position: number) => Promise<Conversation>;
}

/**
 * Ways to pick.
 *
 * `seeded`: ours. Shuffled by `--seed`, filtered until enough; roles are kept as messages.
 * `lmdeploy`: LMDeploy's scripts up to v0.2.5. Filters everything (slow on a large file), then
 * Python's `random.sample` by `--seed`.
 * `lmdeploy-presample`: since v0.2.6. Samples 1.2 times as many, at least 1000, before it filters.
 * `api-bench-tools`: Python's `random.shuffle` with seed 0; messages joined, each with a line break;
 * no upper limits; lengths include the tokenizer's BOS.
 * `request-rate`: the same order; first message alone, with upper limits.
 */
export type SamplerName =
  | "seeded"
  | "lmdeploy"
  | "lmdeploy-presample"
  | "api-bench-tools"
  | "request-rate";

/** Every {@linkcode SamplerName}, the default first. */
const SAMPLERS: readonly SamplerName[] = [
  "seeded",
  "lmdeploy",
  "lmdeploy-presample",
  "api-bench-tools",
  "request-rate",
];

const MIN_TOKENS = 4;
const MAX_PROMPT_TOKENS = 1024;
const MAX_TOTAL_TOKENS = 2048;

/** Options of the datasets that hold conversations. */
export const SAMPLER_OPTIONS = group("Prompts", {
  sampler: option.choice({
    choices: SAMPLERS,
    defaultText: "seeded",
    help: "How prompts are picked from the conversations: by --seed, or exactly as one of the " +
      "Python scripts picks them.",
  }),
  minPromptTokens: option.integer({
    min: 0,
    defaultText: String(MIN_TOKENS),
    help: "Leave out shorter prompts.",
    advanced: true,
  }),
  minOutputTokens: option.integer({
    min: 0,
    defaultText: String(MIN_TOKENS),
    help: "Leave out conversations with a shorter answer (not with --output-tokens).",
    advanced: true,
  }),
  maxPromptTokens: option.integer({
    min: 1,
    defaultText: `${MAX_PROMPT_TOKENS}, none with --sampler api-bench-tools`,
    help: "Leave out longer prompts.",
    advanced: true,
  }),
  maxTotalTokens: option.integer({
    min: 1,
    defaultText: `${MAX_TOTAL_TOKENS}, none with --sampler api-bench-tools`,
    help: "Leave out conversations whose prompt and answer are longer together.",
    advanced: true,
  }),
  requireHuman: option.flag({
    defaultText: "on with --sampler seeded, off with the others",
    help: "Take only conversations in which a human begins and the roles alternate. Without it " +
      "messages count by position, and an answer can be sent as a question.",
    advanced: true,
  }),
});

interface Rules {
  readonly sampler: SamplerName;
  readonly turns: number;
  readonly requireHuman: boolean;
  readonly minPrompt: number;
  readonly minOutput: number;
  readonly maxPrompt: number;
  readonly maxTotal: number;
  readonly counter: TokenCounter;
  readonly systemPrompt: string | undefined;
  /** The script counts BOS, too. */
  readonly countsSpecial: boolean;
}

/**
 * Picks `options.count` prompts. Filters look at the conversation without the system prompt (so
 * that adding one changes no choice), except where a script counts it in.
 *
 * @throws {UserError} when nothing passes the filters, or for values that cannot be combined.
 */
export async function sampleConversations(
  pool: ConversationPool,
  options: DatasetOptions,
): Promise<Omit<Dataset, "source" | "sha256">> {
  const rules = rulesOf(options);
  const { sampler, turns } = rules;
  const { count, seed, outputTokens, onProgress } = options;
  const skipped = new Map<string, number>();
  const skip = (reason: string, times = 1) =>
    skipped.set(reason, (skipped.get(reason) ?? 0) + times);

  const eligible: number[] = [];
  for (let position = 0; position < pool.messageCounts.length; position++) {
    if (pool.messageCounts[position]! >= 2 * turns) eligible.push(position);
  }
  const short = pool.messageCounts.length - eligible.length;
  if (short > 0) skip(`fewer than ${2 * turns} messages`, short);

  async function filter(position: number, fixedOutput?: number): Promise<Prompt | undefined> {
    const found = examine(await pool.at(position), rules, fixedOutput);
    if (typeof found !== "string") return found;
    skip(found);
    return undefined;
  }

  /** Takes the first that pass. */
  async function walk(order: readonly number[]): Promise<Prompt[]> {
    const taken: Prompt[] = [];
    for (const position of order) {
      if (taken.length >= count) break;
      const prompt = await filter(position, outputTokens?.(taken.length));
      if (prompt === undefined) continue;
      taken.push(prompt);
      onProgress?.(taken.length, count);
    }
    return taken;
  }

  /** All that pass, by position: only the chosen ones are kept in memory. */
  async function passing(positions: readonly number[]): Promise<number[]> {
    const passed: number[] = [];
    for (const [done, position] of positions.entries()) {
      if (await filter(position) !== undefined) passed.push(position);
      onProgress?.(done + 1, positions.length);
    }
    return passed;
  }

  let prompts: Prompt[];
  let presampled: string | undefined;
  switch (sampler) {
    case "seeded":
      prompts = await walk(shuffled(createRandom(seed, "conversations"), eligible));
      break;
    case "api-bench-tools":
    case "request-rate":
      pythonRandom(0).shuffle(eligible);
      prompts = await walk(eligible);
      break;
    case "lmdeploy":
    case "lmdeploy-presample": {
      const random = pythonRandom(seed);
      let positions = eligible;
      if (sampler === "lmdeploy-presample") {
        const wanted = Math.max(Math.trunc(count * 1.2), 1000);
        if (wanted > eligible.length) {
          presampled = `the script would stop here: it needs ${wanted} conversations`;
        }
        positions = random.sample(eligible, Math.min(wanted, eligible.length));
      }
      const passed = await passing(positions);
      const chosen = random.sample(passed, Math.min(count, passed.length));
      prompts = [];
      for (const position of chosen) {
        const fixedOutput = outputTokens?.(prompts.length);
        const prompt = examine(await pool.at(position), rules, fixedOutput, true);
        if (typeof prompt !== "string") prompts.push(prompt);
      }
    }
  }

  const reasons = Object.fromEntries(skipped);
  if (prompts.length === 0) throw nothingLeft(pool, reasons);
  const note = [
    countNote(prompts.length, options),
    presampled,
  ].filter((part) => part !== undefined).join("; ");
  return {
    prompts,
    read: pool.messageCounts.length,
    skipped: reasons,
    duplicates: countDuplicates(prompts),
    ...defined({ note: note || undefined }),
  };
}

function rulesOf(options: DatasetOptions): Rules {
  const { turns, counter, systemPrompt, outputTokens } = options;
  const extra = readExtra(SAMPLER_OPTIONS, options.extra);
  const { sampler = "seeded" } = extra;
  if (!Number.isSafeInteger(turns) || turns < 1) {
    throw new UserError(`Cannot use ${turns} turns: give a whole number of at least 1`);
  }
  if (turns > 1 && sampler !== "seeded" && sampler !== "api-bench-tools") {
    throw new UserError(
      `Cannot take ${turns} turns with --sampler ${sampler}: the script takes the first question and answer; seeded and api-bench-tools take more`,
    );
  }
  const likeScript = sampler === "api-bench-tools" || sampler === "request-rate";
  const fixed = outputTokens?.(0);
  if (likeScript && fixed !== undefined && fixed < MIN_TOKENS) {
    throw new UserError(
      `Cannot use answers of ${fixed} tokens with --sampler ${sampler}: the script refuses fewer than ${MIN_TOKENS}`,
    );
  }
  const limited = sampler !== "api-bench-tools";
  return {
    sampler,
    turns,
    requireHuman: extra.requireHuman ?? sampler === "seeded",
    minPrompt: extra.minPromptTokens ?? MIN_TOKENS,
    minOutput: extra.minOutputTokens ?? MIN_TOKENS,
    maxPrompt: extra.maxPromptTokens ?? (limited ? MAX_PROMPT_TOKENS : Infinity),
    maxTotal: extra.maxTotalTokens ?? (limited ? MAX_TOTAL_TOKENS : Infinity),
    counter,
    systemPrompt,
    countsSpecial: likeScript,
  };
}

/** The prompt, or why it is left out. `trusted`: it passed before and is not filtered again. */
function examine(
  conversation: Conversation,
  rules: Rules,
  fixedOutput: number | undefined,
  trusted = false,
): Prompt | string {
  const used = usedMessages(conversation, rules);
  if (typeof used === "string") return used;
  const { counter } = rules;
  const special = rules.countsSpecial ? counter.specialTokens ?? 0 : 0;
  const messages = promptOf(used, rules);
  const all = joinContents(messages);
  const inScript = rules.sampler === "api-bench-tools";
  const filtered = inScript ? all : joinContents(messages.slice(systemMessages(rules)));
  const promptTokens = counter.count(filtered) + special;
  const answer = used.at(-1)!.value;
  const outputTokens = fixedOutput ?? counter.count(answer) + special;
  if (!trusted) {
    const { minPrompt, minOutput, maxPrompt, maxTotal } = rules;
    if (promptTokens < minPrompt) return `prompt under ${minPrompt} tokens`;
    if (fixedOutput === undefined && outputTokens < minOutput) {
      return `answer under ${minOutput} tokens`;
    }
    if (promptTokens > maxPrompt) return `prompt over ${maxPrompt} tokens`;
    if (promptTokens + outputTokens > maxTotal) return `prompt and answer over ${maxTotal} tokens`;
  }
  const tokens = all === filtered ? promptTokens : counter.count(all) + special;
  return {
    id: conversation.id,
    messages,
    promptTokens: { tokens, source: counter.source },
    outputTokens,
  };
}

/** The messages of the prompt and the answer; a leading system message stays in front. */
function usedMessages(
  { messages }: Conversation,
  rules: Rules,
): readonly ConversationMessage[] | string {
  const wanted = 2 * rules.turns;
  const leading = rules.requireHuman && messages[0]?.from === "system" ? 1 : 0;
  const used = messages.slice(0, leading + wanted);
  if (used.length < leading + wanted) return `fewer than ${wanted} messages`;
  if (used.some(({ value }) => typeof value !== "string" || value === "")) return "empty message";
  if (!rules.requireHuman) return used;
  const alternate = used.slice(leading).every(({ from }, i) =>
    Object.hasOwn(ROLES, from) && ROLES[from] === (i % 2 === 0 ? "user" : "assistant")
  );
  return alternate ? used : "roles not human, gpt, …";
}

function promptOf(used: readonly ConversationMessage[], rules: Rules): readonly Message[] {
  const prompt = used.slice(0, -1);
  const { sampler, systemPrompt } = rules;
  if (sampler === "api-bench-tools" || sampler === "request-rate") {
    // One text: the first script ends every message with a line break, the last one, too.
    const text = sampler === "api-bench-tools"
      ? prompt.map(({ value }) => `${value}\n`).join("")
      : prompt[0]!.value;
    return [scriptMessage(text, systemPrompt)];
  }
  const leading = used.length % 2;
  const messages = prompt.map(({ value }, i): Message => ({
    role: i < leading ? "system" : (i - leading) % 2 === 0 ? "user" : "assistant",
    content: value,
  }));
  if (systemPrompt === undefined) return messages;
  return [{ role: "system", content: systemPrompt }, ...messages];
}

function systemMessages({ sampler, systemPrompt }: Rules): number {
  return systemPrompt === undefined || sampler === "request-rate" ? 0 : 1;
}

function nothingLeft(pool: ConversationPool, reasons: Readonly<Record<string, number>>): UserError {
  const read = pool.messageCounts.length;
  const list = Object.entries(reasons).map(([reason, times]) => `${times} ${reason}`).join(", ");
  const options = LIMITS.filter(([, begin]) =>
    Object.keys(reasons).some((reason) => reason.startsWith(begin))
  ).map(([option]) => option);
  return new UserError(
    `Cannot take a prompt from ${pool.name}: it holds ${read} conversations` +
      (list === "" ? "" : `, left out: ${list}`) +
      (options.length === 0 ? "" : `; ${options.join(" and ")} N sets the limit`),
  );
}

/** The option of each limit, and how a reason begins that names it. */
const LIMITS: readonly (readonly [option: string, begin: string])[] = [
  ["--max-total-tokens", "prompt and answer over"],
  ["--max-prompt-tokens", "prompt over"],
  ["--min-prompt-tokens", "prompt under"],
  ["--min-output-tokens", "answer under"],
];
