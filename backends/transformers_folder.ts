/**
 * The folder of an ONNX model as `@huggingface/transformers` reads it, checked beforehand: the
 * library's own message for a missing file names a property of `undefined`.
 *
 * @module
 */
import { oneLine } from "./error_message.ts";

/** File name endings by the kind of numbers, in the order in which a kind is chosen. */
const ENDINGS: Readonly<Record<string, string>> = {
  fp32: "",
  fp16: "_fp16",
  q8: "_quantized",
  int8: "_int8",
  uint8: "_uint8",
  q4: "_q4",
  q4f16: "_q4f16",
  bnb4: "_bnb4",
};

/** Kinds of numbers that a model may hold. */
export const DTYPES: readonly string[] = Object.keys(ENDINGS);

/** A folder that can be loaded. */
export interface ModelFolder {
  /** Absolute path. */
  readonly path: string;
  readonly dtype: string;
  /** From `config.json`, where it says. */
  readonly vocabulary?: number;
  /** Longest prompt and answer together. */
  readonly contextTokens?: number;
  /** Contents of `chat_template.jinja`, which the library does not read by itself. */
  readonly chatTemplate?: string;
}

/** Does the folder hold an ONNX model (complete or not)? */
export async function isModelFolder(path: string): Promise<boolean> {
  return (await onnxFiles(path)).length > 0;
}

/** Is there a folder or file of this name? */
export async function pathExists(path: string): Promise<boolean> {
  return (await statOf(path)) !== undefined;
}

/**
 * Checks that all files are there.
 *
 * @param dtype kind of numbers; absent = the first that the folder has, fp32 first.
 * @throws {TypeError} one sentence that names the file that is missing or broken.
 */
export async function readModelFolder(path: string, dtype?: string): Promise<ModelFolder> {
  const found = await statOf(path);
  if (found === undefined) {
    throw new TypeError(
      `Cannot find the model folder "${path}": give a folder with config.json, tokenizer.json, ` +
        "tokenizer_config.json and onnx/model.onnx",
    );
  }
  if (!found.isDirectory) {
    throw new TypeError(`Cannot use "${path}" as a model: give the folder that holds config.json`);
  }
  const config = await readJson(path, "config.json");
  await readJson(path, "tokenizer.json");
  await readJson(path, "tokenizer_config.json");
  const chosen = await chooseDtype(path, dtype);
  const inner = typeof config.text_config === "object" && config.text_config !== null
    ? config.text_config as Record<string, unknown>
    : {};
  const number = (...names: readonly string[]) =>
    names.map((name) => config[name] ?? inner[name]).find((value): value is number =>
      typeof value === "number"
    );
  const vocabulary = number("vocab_size");
  const contextTokens = number("max_position_embeddings", "n_positions", "n_ctx");
  const chatTemplate = await readTemplate(path);
  return {
    path: await Deno.realPath(path),
    dtype: chosen,
    ...(vocabulary === undefined ? {} : { vocabulary }),
    ...(contextTokens === undefined ? {} : { contextTokens }),
    ...(chatTemplate === undefined ? {} : { chatTemplate }),
  };
}

async function chooseDtype(path: string, wanted: string | undefined): Promise<string> {
  if (wanted !== undefined && !(wanted in ENDINGS)) {
    throw new TypeError(`Cannot use dtype "${wanted}": known are ${DTYPES.join(", ")}`);
  }
  const files = await onnxFiles(path);
  const has = (dtype: string) => files.includes(`model${ENDINGS[dtype]}.onnx`);
  const chosen = wanted === undefined ? DTYPES.find(has) : has(wanted) ? wanted : undefined;
  if (chosen !== undefined) return chosen;
  const name = `onnx/model${ENDINGS[wanted ?? "fp32"]}.onnx`;
  throw new TypeError(
    `Cannot find ${name} in "${path}": ` +
      (files.length === 0
        ? "the folder holds no ONNX model"
        : `there are ${files.map((file) => `onnx/${file}`).join(", ")}`),
  );
}

async function onnxFiles(path: string): Promise<string[]> {
  const names: string[] = [];
  try {
    for await (const { name, isDirectory } of Deno.readDir(`${path}/onnx`)) {
      if (!isDirectory && name.endsWith(".onnx")) names.push(name);
    }
  } catch (error) {
    if (!isMissing(error)) throw error;
  }
  return names.sort();
}

async function readJson(folder: string, name: string): Promise<Record<string, unknown>> {
  let source: string;
  try {
    source = await Deno.readTextFile(`${folder}/${name}`);
  } catch (error) {
    if (!isMissing(error)) throw error;
    throw new TypeError(`Cannot find ${name} in "${folder}": the model needs it`);
  }
  let value: unknown;
  try {
    value = JSON.parse(source);
  } catch (error) {
    throw new TypeError(
      `Cannot read ${name} in "${folder}": ` +
        (source.startsWith("version https://git-lfs")
          ? "it is a Git LFS pointer, fetch the file itself"
          : oneLine((error as Error).message)),
    );
  }
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    throw new TypeError(`Cannot read ${name} in "${folder}": it holds no JSON object`);
  }
  return value as Record<string, unknown>;
}

async function readTemplate(folder: string): Promise<string | undefined> {
  try {
    return await Deno.readTextFile(`${folder}/chat_template.jinja`);
  } catch (error) {
    if (isMissing(error)) return undefined;
    throw error;
  }
}

async function statOf(path: string): Promise<Deno.FileInfo | undefined> {
  try {
    return await Deno.stat(path);
  } catch (error) {
    if (isMissing(error)) return undefined;
    throw error;
  }
}

function isMissing(error: unknown): boolean {
  return error instanceof Deno.errors.NotFound || error instanceof Deno.errors.NotADirectory;
}
