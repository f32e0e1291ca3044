/**
 * Prompts from plain text: each line is one, sent as it stands; blank lines are left out.
 *
 * @module
 */
import { defined } from "../backends/defined.ts";
import type { Message } from "../backends/protocol.ts";
import { countDuplicates } from "./dataset_duplicates.ts";
import { openDatasetFile } from "./dataset_file.ts";
import { textItems } from "./dataset_items.ts";
import { DEFAULT_OUTPUT_TOKENS } from "./dataset_jsonl.ts";
import { RowTally } from "./dataset_tally.ts";
import {
  countNote,
  type Dataset,
  type DatasetKind,
  type DatasetOptions,
  joinContents,
  type Prompt,
} from "./prompt.ts";
import { UserError } from "./user_error.ts";

export const text: DatasetKind = {
  name: "text",
  description: "a plain text file, a prompt on each line",
  needsFile: true,
  fileEndings: [".txt", ".md"],
  options: {},
  load,
};

async function load(options: DatasetOptions): Promise<Dataset> {
  const { count, counter, systemPrompt, onProgress } = options;
  if (options.turns > 1) {
    throw new UserError(`Cannot take ${options.turns} turns of a text file: each line is a prompt`);
  }
  const hint = "give a text file with a prompt on each line";
  using file = await openDatasetFile(options.path, { dataset: "text", hint });
  const items = textItems(file);
  const tally = new RowTally(file.path, items.unit);
  const system: readonly Message[] = systemPrompt === undefined
    ? []
    : [{ role: "system", content: systemPrompt }];
  const prompts: Prompt[] = [];
  for await (const { value, problem, number } of items.each(onProgress)) {
    tally.read++;
    if (problem !== undefined) tally.addBad(number, problem);
    else if (prompts.length < count) {
      const messages = [...system, { role: "user", content: value as string }];
      prompts.push({
        id: String(number),
        messages,
        promptTokens: { tokens: counter.count(joinContents(messages)), source: counter.source },
        outputTokens: options.outputTokens?.(prompts.length) ?? DEFAULT_OUTPUT_TOKENS,
      });
    }
  }
  tally.check();
  const unsure = options.outputTokens === undefined
    ? `${DEFAULT_OUTPUT_TOKENS} tokens are asked for (--output-tokens)`
    : undefined;
  return {
    prompts,
    ...tally.factsOf(file, [unsure]),
    duplicates: countDuplicates(prompts),
    ...defined({ note: countNote(prompts.length, options) }),
  };
}
