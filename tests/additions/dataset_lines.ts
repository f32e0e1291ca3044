/**
 * Prompts from a plain text file: one per line, blank lines left out.
 *
 * @module
 */
import { countDuplicates } from "../../workloads/dataset_duplicates.ts";
import { readExtra } from "../../workloads/dataset_extra.ts";
import { openDatasetFile } from "../../workloads/dataset_file.ts";
import { option } from "../../workloads/option_table.ts";
import { readLines } from "../../workloads/line_stream.ts";
import type { Dataset, DatasetKind, DatasetOptions, Prompt } from "../../workloads/prompt.ts";

/** Answers asked for without `--output-tokens`. */
const OUTPUT_TOKENS = 128;

const OPTIONS = {
  skipLines: option.integer({
    value: "N",
    min: 0,
    help: "Lines left out at the top of a text file.",
    group: "Prompts",
    advanced: true,
  }),
};

/** Prompts from a text file. */
export const lines: DatasetKind = {
  name: "lines",
  description: "a text file with a prompt on each line",
  needsFile: true,
  fileEndings: [".txt"],
  options: OPTIONS,
  load,
};

async function load(options: DatasetOptions): Promise<Dataset> {
  const { count, counter, onProgress } = options;
  const { skipLines = 0 } = readExtra(OPTIONS, options.extra);
  const hint = "give a text file with a prompt on each line";
  using file = await openDatasetFile(options.path, { dataset: "lines", hint });
  const prompts: Prompt[] = [];
  let read = 0;
  for await (const { text = "", number } of readLines(file.chunks(onProgress))) {
    if (number <= skipLines || text.trim() === "") continue;
    if (++read > count) continue;
    prompts.push({
      id: String(number),
      messages: [{ role: "user", content: text }],
      promptTokens: { tokens: counter.count(text), source: counter.source },
      outputTokens: options.outputTokens?.(prompts.length) ?? OUTPUT_TOKENS,
    });
  }
  return {
    prompts,
    source: file.path,
    sha256: file.sha256(),
    read,
    skipped: {},
    duplicates: countDuplicates(prompts),
  };
}
