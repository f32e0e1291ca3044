/**
 * The prompts of a run: its dataset with the marks that keep a prefix cache from knowing it.
 *
 * @module
 */
import { systemClock } from "../backends/clock.ts";
import { defined } from "../backends/defined.ts";
import type { Protocol } from "../backends/protocol.ts";
import { findProtocol } from "../backends/protocols.ts";
import type { BenchPlan } from "./bench_plan.ts";
import { poolStretches } from "./bench_pool.ts";
import { lengthsOf } from "./dataset_length.ts";
import { findDataset } from "./datasets.ts";
import type { Load, Stop } from "./load.ts";
import type { Dataset, DatasetOptions, Prompt, TokenCounter } from "./prompt.ts";
import type { PrepareHooks } from "./run_hooks.ts";
import { loadMark, markDataset, marksOfRun, type RunMarks } from "./run_salt.ts";
import { estimateCounter, loadTokenizer } from "./tokenizer.ts";

/** Loading that takes no longer shows no progress line. */
const QUIET_LOADING_MS = 1000;
/** Loads tokenizer and dataset. @throws {UserError} */
export async function loadPrompts(
  plan: BenchPlan,
  hooks: PrepareHooks,
): Promise<{ counter: TokenCounter; dataset: Dataset }> {
  const counter = await loadCounter(plan);
  const protocol = findProtocol(plan.protocol);
  const marks = marksOfRun(plan, counter);
  return { counter, dataset: await loadMarked(plan, { counter, marks, protocol }, hooks) };
}

/** The tokenizer, or the estimate where none was given. @throws {UserError} */
export async function loadCounter({ tokenizer }: BenchPlan): Promise<TokenCounter> {
  return tokenizer === undefined ? estimateCounter : await loadTokenizer(tokenizer);
}

/** What loading prompts reports and obeys. */
export interface PromptHooks extends PrepareHooks {
  /** Only the first prompt, without a word about the others. */
  readonly first?: true;
  readonly signal?: AbortSignal;
}

/** The dataset, each prompt with its mark at the front. */
export async function loadMarked(
  plan: BenchPlan,
  { counter, marks, protocol }: {
    readonly counter: TokenCounter;
    readonly marks: RunMarks | undefined;
    readonly protocol: Protocol;
  },
  hooks: PromptHooks,
): Promise<Dataset> {
  if (plan.own !== undefined) return plan.own.dataset;
  // In front of a system prompt, too.
  const mark = plan.systemPrompt === undefined ? marks?.marks.of(loadMark(0)) : undefined;
  const marksItself = (name: string) =>
    mark !== undefined && findDataset(name).marksItself === true;
  const itself = plan.classes === undefined
    ? marksItself(plan.dataset)
    : new Set(plan.classes.filter(({ dataset }) => marksItself(dataset)).map(({ name }) => name));
  const marked = (prompt: Prompt) =>
    typeof itself === "boolean" ? itself : itself.has(prompt.class ?? "");
  const dataset = await loadDataset(plan, { counter, mark }, hooks);
  const { salt, extraBody } = plan;
  return markDataset(dataset, marks, { marked, salt, protocol, ...defined({ extraBody }) });
}

async function loadDataset(
  plan: BenchPlan,
  { counter, mark }: { readonly counter: TokenCounter; readonly mark: string | undefined },
  hooks: PromptHooks,
): Promise<Dataset> {
  const { classes } = plan;
  const startMs = systemClock.now();
  const load = classes === undefined
    ? findDataset(plan.dataset).load
    : async (options: DatasetOptions) => {
      const { loadMix } = await import("./dataset_mix.ts");
      const stretches = poolStretches(plan, plan.prompts);
      return await loadMix(classes, { ...options, stretches, find: findDataset });
    };
  const dataset = await load({
    count: hooks.first === true ? 1 : plan.prompts,
    spare: hooks.first === true ? 0 : plan.sparePrompts ?? 0,
    allowsFewer: plan.allPrompts === true,
    seed: plan.seed,
    counter,
    turns: plan.turns,
    extra: plan.datasetExtra,
    salt: plan.salt,
    onProgress(done, total) {
      const elapsedMs = systemClock.now() - startMs;
      if (elapsedMs < QUIET_LOADING_MS) return;
      hooks.onProgress?.({
        phase: "loading prompts",
        label: plan.datasetPath ?? plan.dataset,
        done,
        total,
        failed: 0,
        inFlight: 0,
        elapsedMs,
      });
    },
    ...defined({
      path: plan.datasetPath,
      outputTokens: plan.outputTokens &&
        lengthsOf(plan.outputTokens, { seed: plan.seed, label: "output-tokens" }),
      systemPrompt: plan.systemPrompt,
      signal: hooks.signal,
      mark,
    }),
  });
  if (hooks.first === true) return dataset;
  for (const remark of [dataset.bad, ...dataset.remarks ?? []]) {
    if (remark !== undefined) hooks.note?.(remark);
  }
  // The shipped sample is known to be small.
  if (dataset.note !== undefined && plan.datasetPath !== undefined) {
    const again = plan.loads.some((load, i) => startsOver(load, plan.stops[i] ?? {}))
      ? "; a pool that is too small is sent again from its start"
      : plan.stops.some(({ once }) => once)
      ? "; each is sent once"
      : "";
    hooks.note?.(`${dataset.note}${again}`);
  }
  return dataset;
}

/** Whether the load starts over with the first prompt when it has sent all of them. */
function startsOver(load: Load, stop: Stop): boolean {
  const wholePool = load.kind === "closed" && ["legacy", "shuffled"].includes(load.sequence);
  return stop.once !== true && !wholePool;
}
