/**
 * HTML and SVG text, and the only way to make it: everything else is escaped on the way in.
 *
 * @module
 */
import { visibleText } from "./visible_text.ts";
import { NOT_AVAILABLE } from "./format.ts";

/** Trusted markup; only {@linkcode markup} and {@linkcode ownMarkup} make it. */
export class Markup {
  // A private field, so that no object read from a file can pass for markup.
  readonly #text: string;

  /** @param text markup without anything that a server, a user or a file could have chosen. */
  constructor(text: string) {
    this.#text = text;
  }

  /** The markup. */
  toString(): string {
    return this.#text;
  }
}

/** What may stand in a template: `undefined` and `false` print nothing, lists print all members. */
export type HtmlValue =
  | Markup
  | string
  | number
  | undefined
  | false
  | readonly HtmlValue[];

/** Template whose values are escaped, for text and for attributes in double quotes. */
export function markup(parts: TemplateStringsArray, ...values: readonly HtmlValue[]): Markup {
  let text = parts[0]!;
  for (let i = 0; i < values.length; i++) text += markupOf(values[i]) + parts[i + 1]!;
  return new Markup(text);
}

/** Takes a constant of ours unescaped: the style sheet, the script, a path of numbers. */
export function ownMarkup(text: string): Markup {
  return new Markup(text);
}

/** Escapes what has a meaning in HTML, and makes control characters visible. */
export function escapeHtml(text: string): string {
  return visibleText(text).replace(/[&<>"'`]/g, (character) => `&#${character.charCodeAt(0)};`);
}

function markupOf(value: HtmlValue): string {
  if (value instanceof Markup) return value.toString();
  if (Array.isArray(value)) return value.map(markupOf).join("");
  switch (typeof value) {
    case "string":
      return escapeHtml(value);
    case "number":
      return Number.isFinite(value) ? String(value) : NOT_AVAILABLE;
    default:
      return "";
  }
}
