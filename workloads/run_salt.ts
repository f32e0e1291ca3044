/**
 * The marks of a run in its prompts: which load, or which request, has which.
 *
 * @module
 */
import { plural } from "../metrics/format.ts";
import type { Protocol } from "../backends/protocol.ts";
import type { BenchPlan } from "./bench_plan.ts";
import { knownIds, type Marks, marksOf, withMark, withOtherMark } from "./dataset_salt.ts";
import type { Dataset, Prompt, TokenCounter } from "./prompt.ts";

/** How the prompts of a run are marked. */
export interface RunMarks {
  /** What a mark is renewed for. */
  readonly scope: "load" | "session" | "request";
  /** By their names. */
  readonly marks: Marks;
}

/** Marks of a run; absent = its prompts are sent as they are. */
export function marksOfRun(
  { saltScope, salt, own }: Pick<BenchPlan, "saltScope" | "salt" | "own">,
  counter: TokenCounter,
): RunMarks | undefined {
  // A command's own prompts are those of a script.
  if (saltScope === "none" || own !== undefined) return undefined;
  return { scope: saltScope, marks: marksOf(salt, counter) };
}

/** Another mark than those of the pool, for a request like one of its own. */
export interface OtherMark {
  readonly text: string;
  /** In place of the ids of the mark that it has. */
  readonly ids: Prompt["markIds"];
}

/** A mark of that name for a request like that prompt; absent = the run has none. */
export function otherMarkOf(
  run: RunMarks | undefined,
  name: string,
  prompt: Prompt | undefined,
): OtherMark | undefined {
  return run && { text: run.marks.of(name), ids: prompt?.markIds };
}

/** The name of the mark that the prompt at that position of the pool has from the start. */
export function firstMark({ scope }: RunMarks, position: number): string {
  return scope === "request" ? requestMark(position) : loadMark(0);
}

/** The name of the mark of a load. */
export function loadMark(number: number): string {
  return `load/${number}`;
}

/** The name of the mark of a request; `load` tells those that are sent in place of the pool's. */
export function requestMark(position: number, load?: number): string {
  return load === undefined ? `request/${position}` : `request/${load}/${position}`;
}

/**
 * The dataset with its marks: those of the first load, or one for each prompt.
 *
 * @param options.marked whether the dataset has put the mark of the first load in front by itself.
 */
export function markDataset(
  dataset: Dataset,
  run: RunMarks | undefined,
  { marked, salt, extraBody, protocol }:
    & Pick<BenchPlan, "salt" | "extraBody">
    & { readonly marked: (prompt: Prompt) => boolean; readonly protocol: Protocol },
): Dataset {
  if (run === undefined || run.scope === "session") return dataset;
  const { marks, scope } = run;
  const base = marks.of(loadMark(0));
  const known = knownIds(dataset.prompts);
  const add = (prompt: Prompt) =>
    marked(prompt) ? prompt : withMark(prompt, base, { tokens: marks.tokens, known });
  const within = dataset.prompts.filter(marked).length;
  let without = 0;
  const prompts = dataset.prompts.map((prompt, position) => {
    const first = add(prompt);
    if (!hasMark(first, base)) without++;
    return scope === "load"
      ? first
      : withOtherMark(first, base, marks.of(firstMark(run, position)));
  });
  const tools = prompts.filter(({ ownFields }) => ownFields?.tools !== undefined).length;
  const hidden = PROMPT_FIELDS.filter((name) => extraBody?.[name] !== undefined);
  const remarks = [
    `each prompt begins with a mark of its ${scope}: ${plural(marks.tokens, "token")} ${
      within === 0
        ? "more"
        : within === prompts.length
        ? "of its length"
        : "more, of their length in synthetic ones"
    } (--salt ${salt} repeats it, --salt-scope none leaves it out)`,
    ...(without === 0
      ? []
      : [`${plural(without, "prompt")} without a mark: too short, or of one id`]),
    ...(tools === 0 ? [] : [
      `${plural(tools, "prompt")} with tools, which most templates put before the mark: a prefix ` +
      "cache may know them from before",
    ]),
    ...hidden.map((name) => `--extra-body replaces ${name}: no mark is sent`),
    ...(scope === "load" && protocol.prepare !== undefined
      ? ["the mark is the same in all loads: the server made the token ids before the first one"]
      : []),
  ];
  const { prefixes } = dataset;
  return {
    ...dataset,
    prompts,
    remarks: [...dataset.remarks ?? [], ...remarks],
    ...(prefixes && {
      prefixes: new Map(prefixes.entries().map(([pool, prompt]) => [pool, add(prompt)])),
    }),
  };
}

/** Fields of a body that hold the prompt. */
const PROMPT_FIELDS = ["messages", "prompt", "inputs", "input_ids", "text_input", "text"];

function hasMark({ tokenIds, markIds, messages }: Prompt, mark: string): boolean {
  if (tokenIds !== undefined) return markIds !== undefined;
  const content = messages[0]?.content;
  return typeof content === "string" ? content.startsWith(mark) : content?.[0]?.text === mark;
}
