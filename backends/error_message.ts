/**
 * Error messages in one line: those of servers, and those of exceptions.
 *
 * @module
 */
import { nodeModule } from "./node_module.ts";

/** Longest message kept in a record. */
const MESSAGE_CHARS = 300;

/** Turns each run of white space and control characters into one space; long texts end in `…`. */
export function oneLine(text: string, maxChars: number = MESSAGE_CHARS): string {
  // Enough to fill the line: an HTML error page may have megabytes.
  const head = text.slice(0, maxChars * 8);
  // deno-lint-ignore no-control-regex
  const line = head.replace(/[\s\u0000-\u001f\u007f]+/g, " ").trim();
  return line.length <= maxChars ? line : `${line.slice(0, maxChars - 1)}…`;
}

/** What was thrown, in words. */
export function messageOf(thrown: unknown): string {
  return thrown instanceof Error ? thrown.message : String(thrown);
}

/**
 * The message of an error body in any of the shapes that inference servers use: `error` as object
 * or text, `message`, or FastAPI's `detail` as text or list. Of a web page it is the title. Other
 * bodies are returned as they are; an empty body gives `""`.
 */
export function readErrorBody(body: string): string {
  let parsed: unknown;
  try {
    parsed = JSON.parse(body);
  } catch {
    return describePage(body) ?? oneLine(body);
  }
  return oneLine(errorMessage(parsed) ?? body);
}

/**
 * The text of a body that says why a server refused; a compressed one is expanded, as far as a message
 * needs it. What cannot be expanded is returned as it is.
 *
 * @param coding value of `content-encoding`.
 */
export function bodyText(body: Uint8Array, coding: string | undefined): string {
  const expand = EXPANDERS[coding?.trim().toLowerCase() ?? ""];
  if (expand === undefined) return new TextDecoder().decode(body);
  try {
    const expanded = zlib()[expand]!(body, { maxOutputLength: MOST_EXPANDED });
    return new TextDecoder().decode(expanded);
  } catch {
    return `${body.length} bytes of ${coding} that cannot be read`;
  }
}

/** A small body may expand to gigabytes. */
const MOST_EXPANDED = 1024 * 1024;
/** Functions of `node:zlib` by coding. */
const EXPANDERS: Readonly<Record<string, string>> = {
  ...{ gzip: "gunzipSync", "x-gzip": "gunzipSync", deflate: "inflateSync" },
  br: "brotliDecompressSync",
};

type Expand = (body: Uint8Array, limit: { readonly maxOutputLength: number }) => Uint8Array;

const zlib = nodeModule<Readonly<Record<string, Expand>>>("node:zlib");

/** `HTML page "502 Bad Gateway"` for a web page, by its title or heading; else `undefined`. */
export function describePage(body: string): string | undefined {
  const head = body.slice(0, PAGE_HEAD_CHARS);
  if (!PAGE.test(head)) return undefined;
  const [, title] = /<title[^>]*>\s*([^<]*[^<\s])/i.exec(head) ??
    /<h1[^>]*>\s*([^<]*[^<\s])/i.exec(head) ?? [];
  if (title === undefined) return "HTML page without a title";
  const plain = title.replace(/&(#?\w+);/g, (entity, name: string) => ENTITIES[name] ?? entity);
  return `HTML page "${oneLine(plain, PAGE_TITLE_CHARS)}"`;
}

/** A title stands near the beginning. */
const PAGE_HEAD_CHARS = 16_384;
const PAGE_TITLE_CHARS = 120;
const PAGE = /^\s*(<\?xml[^>]*>\s*)?(<!--[^>]*-->\s*)?<(!doctype html|html|head|body|h1|title)\b/i;
const ENTITIES: Readonly<Record<string, string>> = {
  ...{ amp: "&", lt: "<", gt: ">", quot: '"', "#39": "'", nbsp: " ", mdash: "—", ndash: "–" },
};

/** The message of a parsed error; `undefined` when none is in a known place. */
export function errorMessage(parsed: unknown): string | undefined {
  if (typeof parsed === "string") return parsed === "" ? undefined : parsed;
  if (Array.isArray(parsed)) {
    const parts = parsed.map(errorMessage).filter((part) => part !== undefined);
    return parts.length === 0 ? undefined : parts.join("; ");
  }
  if (typeof parsed !== "object" || parsed === null) return undefined;
  const { error, message, detail, msg, loc, metadata } = parsed as Record<string, unknown>;
  // FastAPI names the place of each error: {"loc": ["body", "prompt"], "msg": "Field required"}.
  if (typeof msg === "string") return Array.isArray(loc) ? `${loc.join(".")}: ${msg}` : msg;
  // OpenRouter wraps the words of the provider: {"message": "Provider returned error", "metadata": …}.
  const { raw } = (metadata ?? {}) as { readonly raw?: unknown };
  if (typeof message === "string" && typeof raw === "string" && raw !== "") {
    return `${message}: ${readErrorBody(raw)}`;
  }
  return errorMessage(error) ?? errorMessage(message) ?? errorMessage(detail) ??
    (error ? JSON.stringify(error) : undefined);
}
