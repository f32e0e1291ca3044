/**
 * Checks the folder of an ONNX model before `@huggingface/transformers` reads it: the library's own
 * message for a missing file names a property of `undefined`.
 *
 * @module
 */
import { defined } from "./defined.ts";
import { messageOf, oneLine } from "./error_message.ts";
import { isObject, type JsonObject } from "./json_event.ts";

/** File name endings by number format, in the order of preference. */
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

/** Number formats of a model. */
export const DTYPES: readonly string[] = Object.keys(ENDINGS);

/** A folder that can be loaded. */
export interface ModelFolder {
  /** Absolute path. */
  readonly path: string;
  readonly dtype: string;
  /** From `config.json`, where it has one. */
  readonly vocabulary?: number;
  /** Longest prompt and answer together. */
  readonly contextTokens?: number;
  /** Contents of `chat_template.jinja`, which the library does not read by itself. */
  readonly chatTemplate?: string;
}

/** Whether the folder holds an ONNX model, complete or not. */
export async function isModelFolder(path: string): Promise<boolean> {
  return (await onnxFiles(path)).length > 0;
}

/** Whether there is a folder or file with this name. */
export async function pathExists(path: string): Promise<boolean> {
  return (await ifFound(Deno.stat(path))) !== undefined;
}

/**
 * Checks that all files exist.
 *
 * @param dtype number format; absent = the first that the folder has, fp32 first.
 * @throws {TypeError} one sentence that names the file that is missing or broken.
 */
export async function readModelFolder(path: string, dtype?: string): Promise<ModelFolder> {
  const found = await ifFound(Deno.stat(path));
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
  const inner = isObject(config.text_config) ? config.text_config : {};
  const number = (...names: readonly string[]) =>
    names.map((name) => config[name] ?? inner[name]).find((value): value is number =>
      typeof value === "number"
    );
  return defined({
    path: await Deno.realPath(path),
    dtype: chosen,
    vocabulary: number("vocab_size"),
    contextTokens: number("max_position_embeddings", "n_positions", "n_ctx"),
    chatTemplate: await ifFound(Deno.readTextFile(`${path}/chat_template.jinja`)),
  });
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
  const entries = await ifFound(Array.fromAsync(Deno.readDir(`${path}/onnx`))) ?? [];
  return entries.filter(({ name, isDirectory }) => !isDirectory && name.endsWith(".onnx"))
    .map(({ name }) => name).sort();
}

async function readJson(folder: string, name: string): Promise<JsonObject> {
  const source = await ifFound(Deno.readTextFile(`${folder}/${name}`));
  if (source === undefined) {
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
          : oneLine(messageOf(error))),
    );
  }
  if (isObject(value)) return value;
  throw new TypeError(`Cannot read ${name} in "${folder}": it is not a JSON object`);
}

/** The result; `undefined` when there is no such file. */
async function ifFound<T>(reading: Promise<T>): Promise<T | undefined> {
  try {
    return await reading;
  } catch (error) {
    const { NotFound, NotADirectory } = Deno.errors;
    if (error instanceof NotFound || error instanceof NotADirectory) return undefined;
    throw error;
  }
}
