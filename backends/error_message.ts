/**
 * Error messages in one line: those of servers, and those of exceptions.
 *
 * @module
 */

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
 * or text, `message`, or FastAPI's `detail` as text or list. Other bodies are returned as they are;
 * an empty body gives `""`.
 */
export function readErrorBody(body: string): string {
  let parsed: unknown;
  try {
    parsed = JSON.parse(body);
  } catch {
    return oneLine(body);
  }
  return oneLine(errorMessage(parsed) ?? body);
}

/** The message of a parsed error; `undefined` when none is in a known place. */
export function errorMessage(parsed: unknown): string | undefined {
  if (typeof parsed === "string") return parsed === "" ? undefined : parsed;
  if (Array.isArray(parsed)) {
    const parts = parsed.map(errorMessage).filter((part) => part !== undefined);
    return parts.length === 0 ? undefined : parts.join("; ");
  }
  if (typeof parsed !== "object" || parsed === null) return undefined;
  const { error, message, detail, msg, loc } = parsed as Record<string, unknown>;
  // FastAPI names the place of each error: {"loc": ["body", "prompt"], "msg": "Field required"}.
  if (typeof msg === "string") return Array.isArray(loc) ? `${loc.join(".")}: ${msg}` : msg;
  return errorMessage(error) ?? errorMessage(message) ?? errorMessage(detail) ??
    (error ? JSON.stringify(error) : undefined);
}
