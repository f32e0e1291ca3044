/**
 * Every dataset, in the order of the help.
 *
 * @module
 */
import { jsonl } from "./dataset_jsonl.ts";
import { sample } from "./dataset_sample.ts";
import { openDatasetFile } from "./dataset_file.ts";
import { jsonItems } from "./dataset_items.ts";
import { sharegpt } from "./dataset_sharegpt.ts";
import { synthetic } from "./dataset_synthetic.ts";
import { text } from "./dataset_text.ts";
import { trace } from "./dataset_trace.ts";
import type { DatasetKind } from "./prompt.ts";
import type { OptionTable, Values } from "./command.ts";
import { nearestName } from "./option_suggest.ts";
import { listOptions } from "./option_table.ts";
import { fileError, UserError } from "./user_error.ts";

/** Every dataset. A new one is a file and a line here. */
export const DATASETS: readonly DatasetKind[] = [
  sample,
  sharegpt,
  jsonl,
  text,
  synthetic,
  trace,
];

/** Where prompts come from without `--dataset` and `--dataset-path`. */
export const DEFAULT_DATASET = sample.name;

/** The options of all datasets; spread them into a command's table. */
export const DATASET_EXTRA_OPTIONS: OptionTable = Object.assign(
  {},
  ...DATASETS.map(({ options }) => options),
);

/** Rows that are looked at to tell one kind of file from another. */
const LOOKED_AT = 20;

/**
 * The dataset of a run: the one that was asked for; with a file and no `--dataset` the one that
 * recognizes its rows, whatever its name, else the one whose files end like it.
 *
 * @param values options of the run: a dataset that has those of datasets among them comes first.
 * @throws {UserError} for a dataset without the file that it needs, or with one that it cannot read.
 */
export async function chooseDataset(
  name: string,
  path: string | undefined,
  values: Values = {},
): Promise<DatasetKind> {
  const asked = findDataset(name);
  if (path === undefined) {
    if (!asked.needsFile) return asked;
    throw new UserError(`Cannot use --dataset ${name} without a file: add --dataset-path FILE`);
  }
  if (asked.needsFile) return asked;
  if (name !== DEFAULT_DATASET) {
    throw new UserError(`Cannot use --dataset-path with --dataset ${name}: it reads no file`);
  }
  await refuseMissing(path);
  const readers = DATASETS.filter(({ needsFile }) => needsFile);
  const own = Object.keys(DATASET_EXTRA_OPTIONS).filter((key) => values[key] !== undefined);
  const rows = await firstRows(path);
  if (await isRecording(path, rows)) return trace;
  const recognizing = rows === undefined
    ? []
    : readers.filter(({ recognizes }) => recognizes?.(rows) === true);
  return recognizing.find(({ options }) => own.every((key) => key in options)) ??
    recognizing[0] ??
    readers.find(({ fileEndings = [] }) => fileEndings.some((end) => path.endsWith(end))) ??
    // Text of no known form; what cannot be read is refused by any of them.
    (rows === undefined ? readers[0]! : text);
}

/** Which dataset a file would be cannot be told where there is none. @throws {UserError} */
async function refuseMissing(path: string): Promise<void> {
  try {
    await Deno.stat(path);
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) return;
    throw fileError(`Cannot read --dataset-path "${path}"`, error);
  }
}

/** Fields that recordings have; what reads them is not loaded for a file without. */
const RECORDED = ["timestamp", "input_length", "hash_ids", "requests", "turns", "chat_id"]
  .concat(["delay", "message_mode"]);

async function isRecording(path: string, rows: readonly unknown[] | undefined): Promise<boolean> {
  const mayBe = path.endsWith(".csv") || rows === undefined ||
    rows.some((row) =>
      typeof row === "object" && row !== null && RECORDED.some((field) => field in row)
    );
  if (!mayBe) return false;
  const { recognizesTrace } = await import("./traces.ts");
  try {
    return await recognizesTrace(path, rows);
  } catch {
    // Why it cannot be read is said by the dataset that is taken for it.
    return false;
  }
}

/** Whether the file holds whole requests, so that no length is to be forced on them. */
export async function holdsRequests(
  { areRequests }: DatasetKind,
  path: string | undefined,
  extra: Readonly<Record<string, unknown>>,
): Promise<boolean> {
  if (areRequests === undefined || path === undefined) return false;
  return areRequests(await firstRows(path) ?? [], extra);
}

/** None where the file is no JSON; absent where it cannot be read: its dataset will say why. */
export async function firstRows(path: string): Promise<readonly unknown[] | undefined> {
  const rows: unknown[] = [];
  let isOpen = false;
  try {
    using file = await openDatasetFile(path, { dataset: "", hint: "" });
    isOpen = true;
    for await (const { value, problem } of jsonItems(file).each()) {
      if (problem === undefined) rows.push(value);
      if (rows.length >= LOOKED_AT) break;
    }
  } catch (error) {
    if (!(error instanceof UserError)) throw error;
  }
  return isOpen ? rows : undefined;
}

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
 * A dataset's `extra`, from a command's values.
 *
 * @throws {UserError} for an option that was given and belongs to other datasets only: it would have
 *   no effect.
 */
export function datasetExtra(kind: DatasetKind, values: Values): Record<string, unknown> {
  const extra: Record<string, unknown> = {};
  for (const { key, name } of listOptions(DATASET_EXTRA_OPTIONS)) {
    if (values[key] === undefined) continue;
    if (!(key in kind.options)) {
      const owners = DATASETS.filter(({ options }) => key in options);
      throw new UserError(
        `Cannot use --${name} with --dataset ${kind.name}: it is for ${
          owners.map((owner) => owner.name).join(" and ")
        }`,
      );
    }
    extra[key] = values[key];
  }
  return extra;
}
