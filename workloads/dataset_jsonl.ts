/**
 * Prompts of the user's own, from JSON lines, a JSON array or CSV: texts, lists of messages, or whole
 * requests, which are sent as they are. `dataset_fields.ts` lists the names that are known.
 *
 * ```json
 * {"prompt": "Name three rivers", "output_tokens": 40}
 * {"messages": [{"role": "user", "content": "Hi"}, {"role": "assistant", "content": "Hello!"}]}
 * ```
 *
 * @module
 */
import { isObject } from "../backends/json_event.ts";
import { defined } from "../backends/defined.ts";
import { contentText, partsBesideText } from "../backends/protocol_fields.ts";
import type { Message } from "../backends/protocol.ts";
import { createRandom, shuffled } from "../backends/random.ts";
import { pythonRandom } from "../backends/mt19937.ts";
import { plural } from "../metrics/format.ts";
import { countDuplicates } from "./dataset_duplicates.ts";
import { readExtra } from "./dataset_extra.ts";
import { openDatasetFile, type Place } from "./dataset_file.ts";
import { jsonItems } from "./dataset_items.ts";
import { NoPrompt, type Row, rowOf } from "./dataset_row.ts";
import { RowTally } from "./dataset_tally.ts";
import { group, option } from "./option_table.ts";
import {
  countNote,
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

/** Answers to ask for where a row has no length and no answer. */
export const DEFAULT_OUTPUT_TOKENS: number = 128;

const HINT =
  'give a file with one JSON object per line, e.g. {"prompt": "Hi", "output_tokens": 16}';

export const JSONL_OPTIONS = group("Prompts", {
  order: option.choice({
    value: "NAME",
    choices: ORDERS,
    defaultText: "file",
    help: "Order of the prompts of a JSONL file: as in the file, shuffled by --seed, or as the " +
      "api_bench_tools script shuffles and joins them.",
    advanced: true,
  }),
  promptKey: option.text({
    value: "NAME",
    defaultText: "the one that is known as a prompt",
    help:
      "Field of a JSON row or CSV column that holds the prompt, as text or a list of messages; " +
      "a.b looks into objects.",
  }),
  outputKey: option.text({
    value: "NAME",
    defaultText: "the one that is known as a length or an answer",
    help: "Field that holds an answer, whose length is asked for, or the length itself.",
  }),
});

export const jsonl: DatasetKind = {
  name: "jsonl",
  description: "prompts, messages or whole requests: JSON lines, a JSON array, CSV",
  needsFile: true,
  fileEndings: [".jsonl", ".ndjson", ".csv"],
  recognizes: (rows) => rows.length > 0,
  areRequests: (rows, { order, promptKey }) =>
    order !== "api-bench-tools" &&
    rows.some((row) => isRequest(row, typeof promptKey === "string" ? promptKey : undefined)),
  options: JSONL_OPTIONS,
  load,
};

function isRequest(value: unknown, promptKey: string | undefined): boolean {
  try {
    const { ownFields, path } = rowOf(value, { promptKey });
    return ownFields !== undefined || path !== undefined;
  } catch (error) {
    if (error instanceof TypeError) return false;
    throw error;
  }
}

async function load(options: DatasetOptions): Promise<Dataset> {
  const { count, seed, onProgress } = options;
  const { order = "file", ...keys } = readExtra(JSONL_OPTIONS, options.extra);
  if (options.turns > 1) {
    throw new UserError(
      `Cannot take ${options.turns} turns of a jsonl dataset: its lines are sent as they are`,
    );
  }
  using file = await openDatasetFile(options.path, { dataset: "jsonl", hint: HINT });
  const items = jsonItems(file);
  const tally = new RowTally(file.path, items.unit);
  const places: (Place & { readonly number: number })[] = [];
  const prompts: Prompt[] = [];
  let withoutLength = 0;
  const add = (row: Row, number: number) => {
    const length = lengthOf(row, { order, index: prompts.length, options });
    if (length === undefined) withoutLength++;
    prompts.push(promptOf(row, { order, options, number, length }));
  };
  for await (const { value, problem, number, offset, length } of items.each(onProgress)) {
    tally.read++;
    if (problem !== undefined) {
      tally.addBad(number, problem);
      continue;
    }
    // Rows that are not sent are checked too: what is wrong with a file shows before a run.
    let row: Row;
    try {
      row = rowOf(value, keys);
    } catch (error) {
      if (!(error instanceof TypeError)) throw error;
      tally.addBad(number, error.message);
      if (error instanceof NoPrompt || isMissingKey(value, keys.promptKey)) tally.addKeys(value);
      continue;
    }
    tally.addUnused(row.unused);
    if (order !== "file") places.push({ number, offset, length });
    else if (prompts.length < count) add(row, number);
  }
  tally.check();
  if (order !== "file") {
    for (const place of shuffledPlaces(places, order, seed).slice(0, count)) {
      add(rowOf(await items.at(place), keys), place.number);
    }
  }
  const unsure = withoutLength === 0
    ? undefined
    : `${
      plural(withoutLength, "prompt")
    } without a length: ${DEFAULT_OUTPUT_TOKENS} tokens asked ` +
      "for (--output-tokens)";
  return {
    prompts,
    ...tally.factsOf(file, [tally.unusedText(), unsure]),
    duplicates: countDuplicates(prompts),
    ...defined({ note: countNote(prompts.length, options) }),
  };
}

function isMissingKey(value: unknown, key: string | undefined): boolean {
  return key !== undefined && isObject(value) && !Object.hasOwn(value, key);
}

/** How a row becomes a prompt. */
interface Making {
  readonly order: typeof ORDERS[number];
  readonly options: DatasetOptions;
}

/** Tokens to ask for; absent = the row says nothing. */
function lengthOf(row: Row, { order, options, index }: Making & { index: number }) {
  const { outputTokens, counter } = options;
  return outputTokens?.(index) ??
    (order === "api-bench-tools" ? SCRIPT_OUTPUT_TOKENS : undefined) ??
    row.outputTokens ??
    (row.answer === undefined ? undefined : Math.max(1, counter.count(row.answer)));
}

function promptOf(
  row: Row,
  { order, options, number, length = DEFAULT_OUTPUT_TOKENS }: Making & {
    readonly number: number;
    readonly length: number | undefined;
  },
): Prompt {
  const { counter, systemPrompt } = options;
  const { tokenIds, ownFields, lengthField, path } = row;
  const base = {
    id: row.id ?? String(number),
    outputTokens: length,
    // The script sends texts alone.
    ...(order === "api-bench-tools" ? {} : defined({ ownFields, lengthField, path })),
  };
  if (tokenIds !== undefined) {
    if (systemPrompt !== undefined) {
      throw new UserError("Cannot put a system prompt in front of token ids: leave it out");
    }
    const promptTokens = { tokens: tokenIds.length, source: "ids" } as const;
    return { ...base, messages: [], tokenIds, promptTokens };
  }
  const messages = arrange(row.messages, order, systemPrompt);
  // What images, audio and tools cost, only the engine knows.
  const onlyText = ownFields?.tools === undefined &&
    messages.every(({ content, extra }) => partsBesideText(content).length === 0 && !extra);
  const source = onlyText ? counter.source : "estimate";
  const promptTokens = { tokens: counter.count(joinContents(messages)), source };
  return { ...base, messages, promptTokens };
}

function shuffledPlaces<T>(places: readonly T[], order: typeof ORDERS[number], seed: number): T[] {
  if (order === "seeded") return shuffled(createRandom(seed, "lines"), places);
  const list = places.slice();
  pythonRandom(0).shuffle(list);
  return list;
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
  if (first?.role === "system" || first?.role === "developer") {
    const content = `${systemPrompt}\n\n${contentText(first.content)}`;
    return [{ ...first, content }, ...others];
  }
  return [{ role: "system", content: systemPrompt }, ...messages];
}
