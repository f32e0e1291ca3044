/**
 * What a load is mixed of: classes of prompts, models, and the header that tells sessions apart.
 *
 * @module
 */
import type { RunShare } from "../metrics/run.ts";
import type { Values } from "./command.ts";
import { formatLengthSpec, parseLengthSpec } from "./dataset_length.ts";
import type { MixClass } from "./dataset_mix.ts";
import { checkShares, parseShare, parseShares } from "./dataset_shares.ts";
import {
  chooseDataset,
  DATASET_EXTRA_OPTIONS,
  datasetExtra,
  DATASETS,
  DEFAULT_DATASET,
  holdsRequests,
} from "./datasets.ts";
import { listOptions } from "./option_table.ts";
import type { DatasetKind } from "./prompt.ts";
import { type ModelAssignment, usualAssignment } from "./session_models.ts";
import type { Trace } from "./trace.ts";
import { UserError } from "./user_error.ts";

/** The classes of `--mix`. */
export interface Mix {
  readonly classes: readonly MixClass[];
  /** A file of them holds whole requests, whose answers are to end by themselves. */
  readonly holdsRequests: boolean;
}

/** Where a class begins behind a comma: file names may hold commas. */
const NEXT_CLASS = /,(?=[^,=]*=)/;
/** A dataset by its name, and what it is told. */
const MADE = /^([a-z]+)(?::([^]*))?$/;

/**
 * Reads `chat:70=FILE,code:30=FILE`; in place of a file `synthetic`, `synthetic:512/128` with its
 * lengths of prompts and answers, or `sample`.
 *
 * @param values options of the run: those of datasets go to the classes that have them.
 * @throws {UserError} for what cannot be read so, and options that no class has.
 */
export async function planMix(text: string, values: Values): Promise<Mix> {
  const parts = text.split(NEXT_CLASS).map((part) => part.trim());
  const named = parts.map((part) => {
    const at = part.indexOf("=");
    if (at < 0 || at === part.length - 1) {
      throw new UserError(
        `Cannot use "${part}" in --mix: write each class as NAME:WEIGHT=FILE, as in ` +
          '"chat:70=chat.jsonl,code:30=code.jsonl"',
      );
    }
    return { ...parseShare(part.slice(0, at), "--mix"), source: part.slice(at + 1).trim() };
  });
  checkShares(named, "--mix");
  const found: { readonly kind: DatasetKind; readonly one: MixClass }[] = [];
  for (const { name, weight, source } of named) {
    const { kind, path, lengths } = await chooseSource(source, values);
    const own = Object.fromEntries(
      Object.entries(values).filter(([key]) => key in kind.options || !isOfDatasets(key)),
    );
    const { outputTokens, ...extra } = { ...datasetExtra(kind, own), ...lengths };
    found.push({
      kind,
      one: {
        ...{ name, weight, dataset: kind.name, extra },
        ...path === undefined ? {} : { path },
        ...outputTokens === undefined ? {} : { outputTokens },
      },
    });
  }
  refuseUnused(found.map(({ kind }) => kind), values);
  let whole = false;
  for (const { kind, one } of found) whole ||= await holdsRequests(kind, one.path, one.extra);
  return { classes: found.map(({ one }) => one), holdsRequests: whole };
}

/** The text of `--mix` with other files in place of its own; what is made and not read stays. */
export function replaceMixFiles(text: string, replace: (path: string) => string): string {
  return text.split(NEXT_CLASS).map((part) => {
    const at = part.indexOf("=");
    const path = part.slice(at + 1).trim();
    return at < 0 || path === "" || madeKind(path) !== undefined
      ? part
      : `${part.slice(0, at + 1)}${replace(path)}`;
  }).join(",");
}

/** The dataset that a source names which needs no file. */
function madeKind(source: string): DatasetKind | undefined {
  const [, name] = MADE.exec(source) ?? [];
  return DATASETS.find((kind) => kind.name === name && !kind.needsFile);
}

/** Lengths that a class has of its own. */
interface OwnLengths {
  readonly inputTokens?: string;
  readonly outputTokens?: string;
}

async function chooseSource(
  source: string,
  values: Values,
): Promise<{ readonly kind: DatasetKind; readonly path?: string; readonly lengths?: OwnLengths }> {
  const [, , spec] = MADE.exec(source) ?? [];
  const made = madeKind(source);
  if (made === undefined) {
    const kind = await chooseDataset(DEFAULT_DATASET, source, values);
    if (kind.hasSessions !== true) return { kind, path: source };
    throw new UserError(
      `Cannot use "${source}" in --mix: it holds sessions, which depend on each other; give it alone, ` +
        "as --dataset-path",
    );
  }
  if (spec === undefined) return { kind: made };
  if (!("inputTokens" in made.options)) {
    throw new UserError(`Cannot use "${source}" in --mix: ${made.name} has lengths of its own`);
  }
  const [input = "", output, ...more] = spec.split("/");
  if (more.length > 0) {
    throw new UserError(`Cannot use "${source}" in --mix: write it as ${made.name}:512/128`);
  }
  const length = (text: string) => formatLengthSpec(parseLengthSpec(text, "--mix with a length"));
  return {
    kind: made,
    lengths: {
      inputTokens: length(input),
      ...output === undefined ? {} : { outputTokens: length(output) },
    },
  };
}

function isOfDatasets(key: string): boolean {
  return key in DATASET_EXTRA_OPTIONS;
}

function refuseUnused(kinds: readonly DatasetKind[], values: Values): void {
  for (const { key, name } of listOptions(DATASET_EXTRA_OPTIONS)) {
    if (values[key] === undefined || kinds.some(({ options }) => key in options)) continue;
    const owners = DATASETS.filter(({ options }) => key in options).map((kind) => kind.name);
    throw new UserError(
      `Cannot use --${name} with --mix: it is for ${owners.join(" and ")}, which no class is from`,
    );
  }
}

/** The models of a run, and how requests get them. */
export interface ModelsPlan {
  readonly models: readonly RunShare[];
  readonly modelAssignment: ModelAssignment;
}

/**
 * Reads `base:70,sql:20,chat:10`.
 *
 * @throws {UserError} beside `--model`, for one name alone, and for weights where they have no effect.
 */
export function planModels(
  text: string,
  { model, assignment, trace }: {
    readonly model: string | undefined;
    readonly assignment: ModelAssignment | undefined;
    /** The recording that is replayed; absent = there is none. */
    readonly trace: Pick<Trace, "sessions"> | undefined;
  },
): ModelsPlan {
  const models = parseShares(text, "--models");
  if (model !== undefined) {
    throw new UserError(
      `Cannot use --model ${model} and --models together: give the first one in --models`,
    );
  }
  if (models.length === 1) {
    throw new UserError(
      `Cannot use --models with "${models[0]!.name}" alone: give several, or --model NAME`,
    );
  }
  const modelAssignment = assignment ?? usualAssignment(models, trace);
  const equal = models.every(({ weight }) => weight === models[0]!.weight);
  if (modelAssignment !== "random" && !equal) {
    throw new UserError(
      `Cannot use --model-assignment ${modelAssignment} with weights: ${
        modelAssignment === "recorded" ? "the recording decides" : "the models take turns"
      }`,
    );
  }
  if (modelAssignment === "recorded" && trace === undefined) {
    throw new UserError("Cannot use --model-assignment recorded without a recording");
  }
  return { models, modelAssignment };
}

/** Headers that the transport or the protocol writes. */
const OURS = /^(host|content-length|content-type|transfer-encoding|connection|te|authorization)$/i;

/**
 * The name of the header that tells sessions apart, in lower case.
 *
 * @throws {UserError} for what cannot be a header's name, and for one that is sent anyway.
 */
export function planSessionHeader(
  name: string,
  headers: Readonly<Record<string, string>>,
): string {
  if (!/^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/.test(name)) {
    throw new UserError(
      `Cannot use --session-header ${JSON.stringify(name)}: give the name of a header, as in ` +
        "X-Session-ID; its values are made for each session",
    );
  }
  const lower = name.toLowerCase();
  if (OURS.test(lower) || lower in headers) {
    throw new UserError(
      `Cannot use --session-header ${name}: ${
        lower in headers ? "--header has it, too" : "the request has one of its own"
      }`,
    );
  }
  return lower;
}
