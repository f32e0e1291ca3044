/**
 * Every dataset, in the order of the help.
 *
 * @module
 */
import { extraKey } from "./dataset_extra.ts";
import { jsonl } from "./dataset_jsonl.ts";
import { sample } from "./dataset_sample.ts";
import { sharegpt } from "./dataset_sharegpt.ts";
import { synthetic } from "./dataset_synthetic.ts";
import type { DatasetKind } from "./prompt.ts";
import type { Option, Values } from "./command.ts";
import { nearestName } from "./option_suggest.ts";
import { UserError } from "./user_error.ts";

/** Every dataset. A new one is a file and a line here. */
export const DATASETS: readonly DatasetKind[] = [sample, sharegpt, jsonl, synthetic];

/** The options of all datasets, each once; spread them into a command's table. */
export const DATASET_EXTRA_OPTIONS: readonly Option[] = [
  ...new Map(
    DATASETS.flatMap(({ options }) => options.map((option) => [option.name, option] as const)),
  ).values(),
];

/** The dataset of that name. @throws {UserError} naming those that exist. */
export function findDataset(name: string): DatasetKind {
  const found = DATASETS.find((dataset) => dataset.name === name);
  if (found !== undefined) return found;
  const names = DATASETS.map((dataset) => dataset.name);
  const near = nearestName(name, names);
  throw new UserError(
    `Cannot find --dataset "${name}": ` +
      (near === undefined ? "" : `did you mean ${near}? `) + `known are ${names.join(", ")}`,
  );
}

/**
 * What a dataset's `extra` should hold, from a command's values.
 *
 * @throws {UserError} for an option that was given and belongs to other datasets only: it would have
 *   no effect, and the user would not know.
 */
export function datasetExtra(kind: DatasetKind, values: Values): Record<string, unknown> {
  const extra: Record<string, unknown> = {};
  for (const { name } of DATASET_EXTRA_OPTIONS) {
    if (values[name] === undefined) continue;
    if (!kind.options.some((option) => option.name === name)) {
      const owners = DATASETS.filter(({ options }) => options.some((own) => own.name === name));
      throw new UserError(
        `Cannot use --${name} with --dataset ${kind.name}: it is for ${
          owners.map((owner) => owner.name).join(" and ")
        }`,
      );
    }
    extra[extraKey(name)] = values[name];
  }
  return extra;
}
