/**
 * Which of the fields that were sent a server does not take, and which option leaves it out. Pure.
 *
 * @module
 */
import { isObject } from "../backends/json_event.ts";
import type { RefusalFacts, SentFacts } from "./server_refusal_facts.ts";

/** How servers say that they do not take something; what it is stands near. */
const NOT_TAKEN = new RegExp(
  [
    "unrecogni[sz]ed",
    "unknown",
    "unsupported",
    "not (be )?(yet )?(support|allow|permit|recogni|expect|accept|underst|implement|valid|known)",
    "(n't|not) (support|allow|permit|recogni|accept)",
    "unexpected",
    "extra_forbidden",
    "extra (inputs|fields|keys|prop|param)",
    "extraneous",
    "forbidden",
    "additional propert",
    "cannot find field",
    "no such (field|param|arg|prop)",
    "invalid (param|arg|field|key|prop)",
  ].join("|"),
  "i",
);

/** What comes after it are the names that would do. */
const SUGGESTION =
  /\b(did you mean|expected one of|expected (fields|param)|must be one of|(supported|allowed|available|valid|accepted) (fields|param|keys|arg|prop)|use ['"`])/i;

/** Names that every request has: their mention says nothing. */
const COMMON = new Set(["model", "messages", "prompt", "inputs", "input", "text_input", "text"]);

/** The path of the field that the server does not take; `undefined` when it says something else. */
export function refusedParameter(
  { said, body, sent }: Pick<RefusalFacts, "said" | "body" | "sent">,
): string | undefined {
  const candidates = sent.fields.filter((path) => !COMMON.has(lastName(path)));
  const structured = structuredParameter(body);
  if (structured !== undefined && NOT_TAKEN.test(`${structured.code} ${said}`)) {
    const found = candidates.find((path) => path === structured.name) ??
      candidates.find((path) => lastName(path) === lastName(structured.name));
    if (found !== undefined) return found;
  }
  const words = said.split(SUGGESTION)[0]!;
  const at = NOT_TAKEN.exec(words)?.index;
  if (at === undefined) return undefined;
  const named = candidates.flatMap((path) => {
    const from = nameIndex(words, lastName(path));
    return from < 0 ? [] : [{ path, distance: Math.abs(from - at) }];
  });
  return named.toSorted((a, b) => a.distance - b.distance)[0]?.path;
}

/** OpenAI's `error.param` and `error.code`. */
function structuredParameter(
  body: string | undefined,
): { readonly name: string; readonly code: string } | undefined {
  let parsed: unknown;
  try {
    parsed = JSON.parse(body ?? "");
  } catch {
    return undefined;
  }
  const error = isObject(parsed) && isObject(parsed.error) ? parsed.error : parsed;
  if (!isObject(error) || typeof error.param !== "string" || error.param === "") return undefined;
  return { name: error.param, code: `${error.code ?? ""} ${error.type ?? ""}` };
}

/** Where a text names a field; a name that is an ordinary word must be marked as one. */
function nameIndex(text: string, name: string): number {
  const plain = name.includes("_") || /[a-z][A-Z]/.test(name);
  const pattern = plain
    ? `(?<!\\w)${name}(?!\\w)`
    : `(?<=['"\`[])${name}(?=['"\`\\]])|(?<=\\b(supplied|arguments?|param(eter)?s?|fields?|body|property)[.: /#]+)${name}\\b|^${name}(?=:)`;
  return text.search(new RegExp(pattern));
}

/** Options that send a field. */
const OPTIONS: Readonly<Record<string, string>> = {
  max_completion_tokens: "--max-completion-tokens",
  temperature: "--temperature",
  top_p: "--top-p",
  topp: "--top-p",
  top_k: "--top-k",
  topk: "--top-k",
  seed: "--sampling-seed",
  random_seed: "--sampling-seed",
  stop: "--stop",
  stop_words: "--stop",
};

/** How to send the same without that field. */
export function withoutParameter(path: string, { forced, own }: SentFacts): string {
  const name = lastName(path);
  const patch = path.split(".").reduceRight<unknown>((value, key) => ({ [key]: value }), null);
  const removed = `--extra-body '${JSON.stringify(patch)}'`;
  if (own.includes(path)) return "take it out of --extra-body";
  if (forced.includes(path)) return "use --length cap, which does not send it";
  const option = OPTIONS[name];
  if (option !== undefined) return `leave out ${option}, or add ${removed}`;
  if (name === "max_tokens") return `try --max-completion-tokens, or leave it out by ${removed}`;
  if (name === "stream") return "use --no-stream";
  return `leave it out by ${removed}`;
}

function lastName(path: string): string {
  return path.split(".").at(-1)!;
}
