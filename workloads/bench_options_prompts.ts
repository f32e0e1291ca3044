/**
 * Options that say which prompts are sent.
 *
 * @module
 */
import type { Need } from "./command.ts";
import { LENGTH_SPEC_FORMS } from "./dataset_length.ts";
import { DATASET_EXTRA_OPTIONS, DATASETS, DEFAULT_DATASET } from "./datasets.ts";
import { group, option } from "./option_table.ts";

const WITHOUT_MIX: Need = {
  key: "mix",
  not: true,
  because: "its classes have their own files, leave one of them out",
};
/** Which prompts are sent. */
export const DATASET_OPTIONS = {
  ...group("Prompts", {
    dataset: option.choice({
      default: DEFAULT_DATASET,
      choices: DATASETS.map((dataset) => dataset.name),
      needs: [WITHOUT_MIX],
      help: `Source of the prompts. ${
        DATASETS.map(({ name, description }) => `${name}: ${description}`).join("; ")
      }.`,
    }),
    datasetPath: option.file({
      reads: "data",
      needs: [WITHOUT_MIX],
      help: `File of the dataset. Without --dataset its rows decide, then its ending: ${
        DATASETS.filter(({ needsFile }) => needsFile)
          .map(({ name, fileEndings = [] }) => `${fileEndings.join(" ")} ${name}`).join(", ")
      }.`,
    }),
    mix: option.text({
      reads: "mix",
      value: '"NAME:WEIGHT=FILE,…"',
      help:
        "Classes of prompts in one load, each from a file of its own (of any kind, found as with " +
        "--dataset-path), or synthetic:IN/OUT with lengths of prompts and answers: drawn from " +
        "--seed by weight, each with rows of its own.",
    }),
    prompts: option.integer({
      min: 1,
      defaultText: "as many as requests are planned, 1000 with --duration alone",
      help: "Size of the pool of prompts; after its last prompt it starts over (see --once).",
    }),
    outputTokens: option.length({
      value: "LENGTH",
      defaultText: "the dataset's lengths or answers, 128 where it has none",
      help: `Answer length to request, in tokens: ${LENGTH_SPEC_FORMS}.`,
    }),
    tokenizer: option.text({
      reads: "tokenizer",
      value: "PATH",
      defaultText: "none: lengths are estimates and marked as such",
      help: "tokenizer.json or tokenizer.model, or the folder with it.",
    }),
    numTurns: option.integer({
      default: 1,
      min: 1,
      help: "User messages of a conversation that go into one prompt.",
    }),
    systemPromptFile: option.file({
      reads: "file",
      aliases: ["system-prompt-path"],
      help: "Text sent before every prompt as a system message.",
      advanced: true,
    }),
  }),
  ...DATASET_EXTRA_OPTIONS,
  ...group("Prompts", {
    saltScope: option.choice({
      value: "SCOPE",
      choices: ["load", "session", "request", "none"],
      defaultText: "load; session for traces",
      help: "A mark at the very front of each prompt keeps the prefix cache of the server from " +
        "knowing it. It is new for each load, for each session (traces), or for each request; " +
        "none: prompts are sent as they are.",
    }),
    salt: option.text({
      defaultText: "random in each run",
      help:
        "What the marks, and synthetic prompts beside --seed, follow from. Give the salt of an " +
        "earlier run to send its prompts again.",
      advanced: true,
    }),
  }),
  seed: option.integer({
    default: 0,
    min: 0,
    help: "Determines everything random on the client: prompts, their order, arrivals.",
    group: "Prompts",
  }),
};
