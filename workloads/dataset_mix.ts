/**
 * Prompts of several classes in one load, each class from a dataset of its own.
 *
 * @module
 */
import { defined } from "../backends/defined.ts";
import { createRandom } from "../backends/random.ts";
import type { RunShare } from "../metrics/run.ts";
import type { RunDatasetPart } from "../metrics/run_dataset.ts";
import { lengthsOf, parseLengthSpec } from "./dataset_length.ts";
import { dealShares } from "./dataset_shares.ts";
import type { Dataset, DatasetKind, DatasetOptions, Prompt } from "./prompt.ts";

/** A class of a mix: its share, and where its prompts come from. */
export interface MixClass extends RunShare {
  /** Name in the registry of datasets. */
  readonly dataset: string;
  /** File, where the dataset reads one. */
  readonly path?: string;
  /** The dataset's own options. */
  readonly extra: Readonly<Record<string, unknown>>;
  /** Answer lengths of its own, as `--output-tokens` has them. */
  readonly outputTokens?: string;
}

/** What a mix is made with: as for a dataset, and where the loads begin in its prompts. */
export interface MixOptions extends Omit<DatasetOptions, "path"> {
  /** Lengths of the stretches of the pool that loads take, all together `count`. */
  readonly stretches: readonly number[];
  /** The dataset of that name in the registry. */
  readonly find: (name: string) => DatasetKind;
}

/**
 * Loads the prompts of all classes, in the order in which loads take them: the class of a prompt follows
 * from the seed and its position alone. A class with too few prompts starts over with its first.
 *
 * @throws {UserError} as the datasets do.
 */
export async function loadMix(
  classes: readonly MixClass[],
  { stretches, ...options }: MixOptions,
): Promise<Dataset> {
  const dealt = dealShares(classes.map(({ weight }) => weight), {
    ...{ seed: options.seed, label: "mix", stretches },
  });
  const counts = classes.map(() => 0);
  for (const one of dealt) counts[one]!++;
  const parts: Dataset[] = [];
  for (const [i, one] of classes.entries()) {
    // A class that these few requests do not reach is loaded all the same: its file must be good.
    parts.push(await loadClass(one, { ...options, count: Math.max(1, counts[i]!) }));
  }
  const taken = classes.map(() => 0);
  const prompts = Array.from(dealt, (i): Prompt => {
    const { prompts } = parts[i]!;
    const { name } = classes[i]!;
    const prompt = prompts[taken[i]!++ % prompts.length]!;
    return { ...prompt, id: `${name}/${prompt.id}`, class: name };
  });
  const described = classes.map((one, i) => describe(one, parts[i]!));
  return {
    prompts,
    source: described.map(({ class: name, source }) => `${name}: ${source}`).join("; "),
    ...defined({ sha256: await hashOf(described) }),
    read: sum(parts.map(({ read }) => read)),
    skipped: Object.fromEntries(
      parts.flatMap(({ skipped }, i) =>
        Object.entries(skipped).map(([why, count]) => [`${classes[i]!.name}: ${why}`, count])
      ),
    ),
    duplicates: sum(parts.map(({ duplicates }) => duplicates)),
    remarks: parts.flatMap(({ bad, note, remarks = [] }, i) =>
      [
        ...[bad, ...remarks].flatMap((text) => text ?? []),
        ...note === undefined ? [] : [`${note}; those are sent again from the first`],
      ].map((text) => `class ${classes[i]!.name}: ${text}`)
    ),
    parts: described,
  };
}

function loadClass(
  { name, dataset, path, extra, outputTokens }: MixClass,
  options: Omit<MixOptions, "stretches">,
): Promise<Dataset> {
  const { seed, find, onProgress: _, ...rest } = options;
  return find(dataset).load({
    ...rest,
    spare: 0,
    // Two classes of one generator or one file must not send the same prompts.
    seed: createRandom(seed, `mix/${name}`).uint32(),
    extra: { ...rest.extra, ...extra },
    ...defined({
      path,
      outputTokens: outputTokens === undefined
        ? rest.outputTokens
        : lengthsOf(parseLengthSpec(outputTokens, "--mix"), { seed, label: `mix/${name}/output` }),
    }),
  });
}

function describe(
  { name, dataset }: MixClass,
  { source, sha256, prompts, skipped, duplicates }: Dataset,
): RunDatasetPart {
  const mean = (values: readonly number[]) => sum(values) / values.length;
  return {
    ...{ class: name, kind: dataset, source, prompts: prompts.length, skipped, duplicates },
    ...defined({ sha256 }),
    promptTokens: mean(prompts.map(({ promptTokens }) => promptTokens.tokens)),
    outputTokens: mean(prompts.map(({ outputTokens }) => outputTokens)),
  };
}

/** Of all files together; absent where a class has none. */
async function hashOf(parts: readonly RunDatasetPart[]): Promise<string | undefined> {
  if (parts.some(({ sha256 }) => sha256 === undefined)) return undefined;
  const bytes = new TextEncoder().encode(
    parts.map(({ class: name, sha256 }) => `${name} ${sha256}\n`).join(""),
  );
  return new Uint8Array(await crypto.subtle.digest("SHA-256", bytes)).toHex();
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}
