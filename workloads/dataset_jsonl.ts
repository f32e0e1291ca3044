/**
 * Prompts of the user's own, one JSON object per line. The prompt is `prompt`, `text` or `messages`;
 * the answer's length is `output_tokens`, `max_tokens`, or that of a reference answer (`completion`,
 * or a last message of the assistant); `id` is optional.
 *
 * ```json
 * {"prompt": "Name three rivers", "output_tokens": 40}
 * {"messages": [{"role": "user", "content": "Hi"}, {"role": "assistant", "content": "Hello!"}]}
 * ```
 *
 * @module
 */
import { isObject } from "../backends/json_event.ts";
import type { Message } from "../backends/protocol.ts";
import { createRandom, shuffled } from "../backends/random.ts";
import { pythonRandom } from "../backends/mt19937.ts";
import { countDuplicates } from "./dataset_duplicates.ts";
import { readExtra } from "./dataset_extra.ts";
import { openDatasetFile } from "./dataset_file.ts";
import { option } from "./option_table.ts";
import { readLines } from "./line_stream.ts";
import {
  type Dataset,
  type DatasetKind,
  type DatasetOptions,
  joinContents,
  type Prompt,
  scriptMessage,
} from "./prompt.ts";
import { UserError } from "./user_error.ts";

/**
 * `file`: the first ones, in the file's order. `seeded`: shuffled by `--seed`. `api-bench-tools`:
 * as that script reads such files (Python's shuffle with seed 0, messages joined to one text,
 * answers of 200 tokens).
 */
const ORDERS = ["file", "seeded", "api-bench-tools"] as const;

/** Answers that the api_bench_tools script asks for. */
const SCRIPT_OUTPUT_TOKENS = 200;

const HINT =
  'give a file with one JSON object per line, e.g. {"prompt": "Hi", "output_tokens": 16}';

export const JSONL_OPTIONS = {
  order: option.choice({
    value: "NAME",
    choices: ORDERS,
    defaultText: "file",
    help: "Order of the prompts of a JSONL file: as in the file, shuffled by --seed, or as the " +
      "api_bench_tools script shuffles and joins them.",
    group: "Prompts",
    advanced: true,
  }),
};

export const jsonl: DatasetKind = {
  name: "jsonl",
  description: "prompts or messages from a file with one JSON object per line",
  needsFile: true,
  fileEndings: [".jsonl"],
  options: JSONL_OPTIONS,
  load,
};

async function load(options: DatasetOptions): Promise<Dataset> {
  const { count, seed, counter, onProgress } = options;
  const { order = "file" } = readExtra(JSONL_OPTIONS, options.extra);
  if (options.turns > 1) {
    throw new UserError(
      `Cannot take ${options.turns} turns of a jsonl dataset: its lines are sent as they are`,
    );
  }
  using file = await openDatasetFile(options.path, { dataset: "jsonl", hint: HINT });
  const fail = (line: number, why: string) =>
    new UserError(`Cannot read line ${line} of "${file.path}": ${why}`);

  function read(text: string | undefined, line: number): Row {
    if (text === undefined) throw fail(line, "it is not UTF-8");
    try {
      return rowOf(JSON.parse(text));
    } catch (error) {
      if (error instanceof SyntaxError || error instanceof TypeError) {
        throw fail(line, error.message);
      }
      throw error;
    }
  }
  function promptOf(row: Row, place: { line: number; index: number }): Prompt {
    const messages = arrange(row.messages, order, options.systemPrompt);
    const outputTokens = options.outputTokens?.(place.index) ??
      (order === "api-bench-tools" ? SCRIPT_OUTPUT_TOKENS : undefined) ??
      row.outputTokens ??
      (row.completion === undefined ? undefined : Math.max(1, counter.count(row.completion)));
    if (outputTokens === undefined) {
      throw fail(
        place.line,
        "it has no answer length: add output_tokens, or give --output-tokens",
      );
    }
    return {
      id: row.id ?? String(place.line),
      messages,
      promptTokens: { tokens: counter.count(joinContents(messages)), source: counter.source },
      outputTokens,
    };
  }

  const places: { line: number; offset: number; length: number }[] = [];
  const prompts: Prompt[] = [];
  try {
    for await (const { text, number: line, offset, length } of readLines(file.chunks(onProgress))) {
      if (text?.trim() === "") continue;
      // Lines that are not sent are checked too: a broken file should stop the run before it starts.
      const row = read(text, line);
      places.push({ line, offset, length });
      if (order === "file" && prompts.length < count) {
        prompts.push(promptOf(row, { line, index: prompts.length }));
      }
    }
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
    throw new UserError(`Cannot read "${file.path}": ${error.message}`);
  }
  if (places.length === 0) {
    throw new UserError(`Cannot take a prompt from "${file.path}": it is empty`);
  }
  if (order !== "file") {
    for (const place of shuffledPlaces(places, order, seed).slice(0, count)) {
      const row = read(new TextDecoder().decode(await file.readAt(place)), place.line);
      prompts.push(promptOf(row, { line: place.line, index: prompts.length }));
    }
  }
  return {
    prompts,
    source: file.path,
    sha256: file.sha256(),
    read: places.length,
    skipped: {},
    duplicates: countDuplicates(prompts),
    ...(prompts.length < count ? { note: `${count} prompts wanted, ${prompts.length} found` } : {}),
  };
}

function shuffledPlaces<T>(places: readonly T[], order: typeof ORDERS[number], seed: number): T[] {
  if (order === "seeded") return shuffled(createRandom(seed, "lines"), places);
  const list = places.slice();
  pythonRandom(0).shuffle(list);
  return list;
}

/** A line as read. */
interface Row {
  readonly id: string | undefined;
  readonly messages: readonly Message[];
  readonly outputTokens: number | undefined;
  readonly completion: string | undefined;
}

/** @throws {TypeError} saying what the line lacks. */
function rowOf(value: unknown): Row {
  if (!isObject(value)) throw new TypeError("it is not a JSON object");
  const { id, prompt, text, messages, completion, ...rest } = value;
  const given = Object.entries({ prompt, text, messages }).filter(([, field]) =>
    field !== undefined
  );
  if (given.length !== 1) {
    throw new TypeError(
      given.length === 0
        ? "it has no prompt, text or messages"
        : `it has ${given.map(([name]) => name).join(" and ")}: give one of them`,
    );
  }
  if (completion !== undefined && typeof completion !== "string") {
    throw new TypeError("its completion is not text");
  }
  const lengths = ["output_tokens", "max_tokens"].map((name) => rest[name]);
  const length = lengths.find((tokens) => tokens !== undefined && tokens !== null);
  if (length !== undefined && !(Number.isSafeInteger(length) && (length as number) > 0)) {
    throw new TypeError(
      `its answer length is ${JSON.stringify(length)}: give a whole number above 0`,
    );
  }
  const all = messages === undefined
    ? [{ role: "user", content: plainText(prompt ?? text) } as const]
    : messagesOf(messages);
  const last = all.at(-1);
  const hasReference = last?.role === "assistant" && all.length > 1;
  return {
    id: typeof id === "string" || typeof id === "number" ? String(id) : undefined,
    messages: hasReference ? all.slice(0, -1) : all,
    outputTokens: length as number | undefined,
    completion: completion ?? (hasReference ? last.content : undefined),
  };
}

const ROLES: Readonly<Record<string, Message["role"]>> = {
  system: "system",
  developer: "system",
  user: "user",
  human: "user",
  assistant: "assistant",
  gpt: "assistant",
};

function messagesOf(value: unknown): Message[] {
  if (!Array.isArray(value) || value.length === 0) {
    throw new TypeError("its messages are not a list with at least one message");
  }
  return value.map((message, i) => {
    const { role = "user", content } = (message ?? {}) as Record<string, unknown>;
    const known = Object.hasOwn(ROLES, String(role)) ? ROLES[String(role)] : undefined;
    if (known === undefined) {
      throw new TypeError(
        `message ${i + 1} has the role ${JSON.stringify(role)}: known are system, user, assistant`,
      );
    }
    return { role: known, content: plainText(content) };
  });
}

/** A text, or a list of text parts as chat requests have them. */
function plainText(value: unknown): string {
  const parts = Array.isArray(value) ? value : [{ type: "text", text: value }];
  const texts = parts.map((part) => part?.type === "text" ? part.text : undefined);
  if (texts.some((text) => typeof text !== "string") || texts.join("") === "") {
    throw new TypeError("its prompt or one of its messages is not text");
  }
  return texts.join("");
}

function arrange(
  messages: readonly Message[],
  order: typeof ORDERS[number],
  systemPrompt: string | undefined,
): readonly Message[] {
  if (order === "api-bench-tools") {
    return [scriptMessage(joinContents(messages), systemPrompt)];
  }
  if (systemPrompt === undefined) return messages;
  const [first, ...others] = messages;
  // Many chat templates refuse a second system message.
  if (first?.role === "system") {
    return [{ role: "system", content: `${systemPrompt}\n\n${first.content}` }, ...others];
  }
  return [{ role: "system", content: systemPrompt }, ...messages];
}
