/**
 * Counts tokens with the model's own tokenizer, read from a local folder, or estimates them. Counts
 * are of the text alone, without BOS, EOS and the chat template.
 *
 * @module
 */
import { isObject } from "../backends/json_event.ts";
import type { TokenCounter } from "./prompt.ts";
import { readSentencePiece } from "./tokenizer_sentencepiece.ts";
import { isLowSurrogate, utf8Length } from "./tokenizer_utf8.ts";
import { UserError } from "./user_error.ts";

/** Bytes of UTF-8 that the estimate takes for one token. */
const BYTES_PER_TOKEN = 4;

/**
 * Most UTF-16 units given to the tokenizer at once: some tokenizers overflow the stack on 300,000
 * characters, and those without a pre-tokenizer take more than linear time (at 256,000 they have a
 * third of their speed at 16,000).
 */
const PIECE_LENGTH = 16_000;

/**
 * ⌈UTF-8 bytes ÷ 4⌉: within about a fifth for English prose, and what the simulated engine counts.
 * For other languages and code it can be off by half; results made with it say so.
 */
export const estimateCounter: TokenCounter = {
  source: "estimate",
  name: `UTF-8 bytes ÷ ${BYTES_PER_TOKEN}`,
  count: (text) => Math.ceil(utf8Length(text) / BYTES_PER_TOKEN),
};

/**
 * Loads a tokenizer from a folder with `tokenizer.json` or a SentencePiece `tokenizer.model`, or
 * from one of these files.
 *
 * @throws {UserError} naming the file that is missing or broken. Nothing is downloaded: a model's
 *   name on a hub is not a path.
 *
 * @example
 * ```ts ignore
 * import { loadTokenizer } from "@tokometer/tokometer/workloads";
 *
 * const counter = await loadTokenizer("models/llama");
 * console.log(counter.count("How many tokens is this?"));
 * ```
 */
export async function loadTokenizer(path: string): Promise<TokenCounter> {
  const { folder, file } = await locate(path);
  const name = nameOf(path);
  const config = await readConfig(`${folder}/tokenizer_config.json`);
  if (file.endsWith(".json")) return await jsonTokenizer(file, { name, config });
  return await modelTokenizer(file, { name, config });
}

/** The text in pieces of at most 16,000 units that can be tokenized one by one. */
export function splitLongText(text: string, dropSpace: boolean): string[] {
  const pieces: string[] = [];
  let start = 0;
  while (text.length - start > PIECE_LENGTH) {
    let end = start + PIECE_LENGTH;
    // Before a single space: no tokenizer joins the end of one word with the next.
    let space = end;
    while (space > start + PIECE_LENGTH / 2 && !isWordBorder(text, space)) space--;
    if (isWordBorder(text, space)) {
      pieces.push(text.slice(start, space));
      start = dropSpace ? space + 1 : space;
    } else {
      if (isLowSurrogate(text.charCodeAt(end))) end--;
      pieces.push(text.slice(start, end));
      start = end;
    }
  }
  pieces.push(text.slice(start));
  return pieces;
}

interface Source {
  readonly name: string;
  readonly config: Readonly<Record<string, unknown>>;
}

async function jsonTokenizer(file: string, source: Source): Promise<TokenCounter> {
  const json = parseObject(await Deno.readTextFile(file), file);
  if (typeof json.model !== "object" || json.model === null) {
    throw new UserError(`Cannot use "${file}" as a tokenizer: it has no "model"`);
  }
  const { Tokenizer } = await import("@huggingface/tokenizers");
  let tokenizer: InstanceType<typeof Tokenizer>;
  try {
    tokenizer = new Tokenizer(json, source.config);
  } catch (error) {
    throw new UserError(`Cannot use the tokenizer "${file}": ${(error as Error).message}`);
  }
  const encodePiece = (text: string): number[] =>
    tokenizer.encode(text, { add_special_tokens: false }).ids;
  const special = tokenizer.encode("", { add_special_tokens: true }).ids.length -
    encodePiece("").length;
  return counterOf({
    name: source.name,
    specialTokens: special,
    encodePiece,
    decode: (ids) =>
      ids.length === 0 ? "" : tokenizer.decode([...ids], { skip_special_tokens: false }),
  });
}

async function modelTokenizer(file: string, source: Source): Promise<TokenCounter> {
  const bytes = await Deno.readFile(file);
  // Llama 3's own release has a file of this name that is a list of base64 words with ranks.
  if (/^[A-Za-z0-9+/=]+ \d+\n/.test(new TextDecoder("latin1").decode(bytes.subarray(0, 200)))) {
    throw new UserError(
      `Cannot use "${file}": it is a tiktoken vocabulary; give the model's tokenizer.json`,
    );
  }
  let model: ReturnType<typeof readSentencePiece>;
  try {
    model = readSentencePiece(bytes);
  } catch (error) {
    throw new UserError(`Cannot use "${file}": ${(error as Error).message}`);
  }
  const { config } = source;
  const isLlama = String(config.tokenizer_class ?? "").startsWith("Llama");
  const adds = (key: string, otherwise: boolean) => Number((config[key] ?? otherwise) === true);
  return counterOf({
    name: source.name,
    specialTokens: adds("add_bos_token", isLlama) + adds("add_eos_token", false),
    encodePiece: model.encode,
    decode: model.decode,
  });
}

interface CounterParts {
  readonly name: string;
  readonly specialTokens: number;
  readonly encodePiece: (text: string) => number[];
  readonly decode: (ids: readonly number[]) => string;
}

function counterOf(parts: CounterParts): TokenCounter {
  const { encodePiece } = parts;
  // A tokenizer that puts a space before every text restores the one that a piece lost.
  const dropSpace = encodePiece("b a").join() ===
    [...encodePiece("b"), ...encodePiece("a")].join();

  function encode(text: string): number[] {
    if (text.length <= PIECE_LENGTH) return encodePiece(text);
    const ids: number[] = [];
    for (const piece of splitLongText(text, dropSpace)) {
      // Not push(...): a long list of arguments overflows the stack.
      for (const id of encodePiece(piece)) ids.push(id);
    }
    return ids;
  }
  return {
    source: "tokenizer",
    name: parts.name,
    specialTokens: parts.specialTokens,
    count: (text) => encode(text).length,
    encode,
    decode: parts.decode,
  };
}

/** The tokenizer's file and the folder where its configuration would be. */
async function locate(path: string): Promise<{ folder: string; file: string }> {
  const found = await statOf(path);
  if (found === undefined) {
    throw new UserError(
      `Cannot find the tokenizer "${path}": give a local folder with tokenizer.json or tokenizer.model (nothing is downloaded)`,
    );
  }
  if (!found.isDirectory) {
    if (!/\.(json|model)$/.test(path)) {
      throw new UserError(
        `Cannot use "${path}" as a tokenizer: give a folder, a tokenizer.json or a tokenizer.model`,
      );
    }
    const slash = Math.max(path.lastIndexOf("/"), path.lastIndexOf("\\"));
    return { folder: slash < 0 ? "." : path.slice(0, slash), file: path };
  }
  for (const name of ["tokenizer.json", "tokenizer.model"]) {
    if ((await statOf(`${path}/${name}`))?.isFile) {
      return { folder: path, file: `${path}/${name}` };
    }
  }
  const old = (await statOf(`${path}/vocab.json`)) ?? (await statOf(`${path}/vocab.txt`));
  throw new UserError(
    `Cannot find tokenizer.json or tokenizer.model in "${path}"` +
      (old === undefined ? "" : ": its vocabulary is in the old format, save it as tokenizer.json"),
  );
}

async function statOf(path: string): Promise<Deno.FileInfo | undefined> {
  try {
    return await Deno.stat(path);
  } catch (error) {
    // Not a directory: a file used as a folder ("tokenizer.json/x").
    const { NotFound, NotADirectory } = Deno.errors;
    if (error instanceof NotFound || error instanceof NotADirectory) return undefined;
    throw error;
  }
}

/** `tokenizer_config.json`, which may be missing. */
async function readConfig(file: string): Promise<Readonly<Record<string, unknown>>> {
  if ((await statOf(file)) === undefined) return {};
  return parseObject(await Deno.readTextFile(file), file);
}

function parseObject(text: string, file: string): Readonly<Record<string, unknown>> {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    // Repositories checked out without large-file support hold a few lines of text instead.
    const pointer = text.startsWith("version https://git-lfs");
    throw new UserError(
      `Cannot read "${file}": ${
        pointer ? "it is a Git LFS pointer, fetch the file itself" : (error as Error).message
      }`,
    );
  }
  if (!isObject(value)) throw new UserError(`Cannot read "${file}": it holds no JSON object`);
  return value;
}

function nameOf(path: string): string {
  const parts = path.split(/[/\\]+/).filter((part) => part !== "" && part !== ".");
  const last = parts.at(-1) ?? path;
  return /^tokenizer\.(json|model)$/.test(last) ? parts.at(-2) ?? last : last;
}

function isWordBorder(text: string, at: number): boolean {
  return text[at] === " " && text[at - 1] !== " " && !/\s/.test(text[at - 1] ?? " ") &&
    !/\s/.test(text[at + 1] ?? " ");
}
