/**
 * Text that others wrote (servers, models, files, labels in records), made harmless for whoever reads
 * it: a terminal, a page, a spreadsheet, a program. Every writer uses these.
 *
 * @module
 */

/**
 * Control characters, marks that reverse the direction of text, invisible ones and lone surrogates
 * become �, one by one, so that nothing that was sent is hidden. Line feed and tab stay.
 */
export function visibleText(text: string): string {
  return text.toWellFormed().replace(HIDDEN, "�");
}

/** The same in one line: each run of white space becomes one space. */
export function visibleLine(text: string): string {
  return visibleText(text.replace(/\s+/g, " "));
}

/**
 * A value whose texts, at any depth, are {@linkcode visibleLine}: what nothing has to be done to is
 * returned as it is. Names of fields are ours and stay.
 */
export function visibleLines<T>(value: T): T {
  return mapTexts(value, visibleLine);
}

/** A value with every text in it changed, at any depth; the same object where no text changes. */
export function mapTexts<T>(value: T, change: (text: string) => string): T {
  if (typeof value === "string") return change(value) as T;
  if (typeof value !== "object" || value === null || ArrayBuffer.isView(value)) return value;
  if (Array.isArray(value)) {
    const changed = value.map((one) => mapTexts(one, change));
    return changed.some((one, i) => one !== value[i]) ? changed as T : value;
  }
  // Objects with methods are ours.
  if (Object.getPrototypeOf(value) !== Object.prototype) return value;
  const changed = Object.entries(value).flatMap(([name, one]) => {
    const other = mapTexts(one, change);
    return other === one ? [] : [[name, other] as const];
  });
  return changed.length === 0 ? value : { ...value, ...Object.fromEntries(changed) };
}

/** JSON in which such characters are escaped, so that it is exact and can be shown. */
export function visibleJson(value: unknown): string {
  const json = JSON.stringify(value);
  // Records are long lists of numbers: one look at them must be enough.
  return BEYOND_ASCII.test(json) ? json.replace(HIDDEN, escaped) : json;
}

function escaped(hidden: string): string {
  const units = Array.from({ length: hidden.length }, (_, i) => hidden.charCodeAt(i));
  return units.map((unit) => `\\u${unit.toString(16).padStart(4, "0")}`).join("");
}

// JSON escapes what is below a blank.
const BEYOND_ASCII = /[\u007f-\uffff]/;

/**
 * A cell of a table that a spreadsheet will open: in one line, and never a formula. What a program
 * would compute stands behind an apostrophe; numbers stay numbers, and a sign alone a sign.
 */
export function visibleCell(text: string): string {
  const line = visibleLine(text);
  return FORMULA.test(text) && !NUMBER.test(line) ? `'${line}` : line;
}

// Spreadsheets skip blanks before a formula, and know the wide forms of its signs.
const FORMULA = /^[\s"'\p{Cc}\p{Cf}]*[=+\-@\uff1d\uff0b\uff0d\uff20]\s*\S|^[\t\r]/u;
const NUMBER = /^[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/i;

// Without the flag u, which costs as much again; the last ones are surrogate pairs.
const HIDDEN =
  // deno-lint-ignore no-control-regex
  /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u061c\u180e\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb\ufffe\uffff]|\udb40[\udc00-\udc7f]/g;
