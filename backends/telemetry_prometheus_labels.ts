/**
 * Reads one sample of Prometheus's text format: name, labels, value.
 *
 * @module
 */

/** One line, its value not read yet; a timestamp and an exemplar are none of it. */
export interface PrometheusSample {
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly value: string;
}

/** Labels of a series. */
export const MOST_LABELS = 100;
/** Characters of a name. */
const MOST_NAME = 500;
/** Characters of a label's value. */
const MOST_VALUE = 10_000;

const NAME = /[a-zA-Z_:][a-zA-Z0-9_:]*/y;
const LABEL = /[a-zA-Z_][a-zA-Z0-9_]*/y;
const SPACE = /[ \t]*/y;
/** `value [timestamp] [# {labels} value [timestamp]]` */
const REST = /^([^\s#]+)(?:[ \t]+[+-]?[\d.]+(?:e[+-]?\d+)?)?[ \t]*(?:#[ \t]*\{.*)?$/i;

/** The sample of a line without spaces around it; a text says what is wrong. */
export function readLabels(line: string): PrometheusSample | string {
  const at = new Place(line);
  let name = at.match(NAME);
  at.match(SPACE);
  const labels: Record<string, string> = Object.create(null);
  if (at.take("{")) {
    at.match(SPACE);
    for (let count = 0; !at.take("}"); count++) {
      if (count > MOST_LABELS) return `it has more than ${MOST_LABELS} labels`;
      const quoted = at.quoted();
      const label = quoted ?? at.match(LABEL);
      if (label === undefined) return "its labels cannot be read";
      at.match(SPACE);
      if (at.take("=")) {
        at.match(SPACE);
        const value = at.quoted();
        if (value === undefined) return "a label's value is not in quotes";
        if (value.length > MOST_VALUE) return "a label's value is too long";
        if (label in labels) return "a label is there twice";
        labels[label] = value;
      } else {
        // A name in quotes stands in the braces.
        if (quoted === undefined || name !== undefined || count > 0) {
          return "its labels cannot be read";
        }
        name = quoted;
      }
      at.match(SPACE);
      if (!at.take(",") && !at.ahead("}")) return "its labels cannot be read";
      at.match(SPACE);
    }
  }
  if (name === undefined || name === "") return "it has no name";
  if (name.length > MOST_NAME) return "its name is too long";
  const value = REST.exec(at.rest().trim())?.[1];
  // Own objects with no prototype cannot be sent as they are to another thread.
  return value === undefined ? "its value cannot be read" : { name, labels: { ...labels }, value };
}

/** A place in a line. */
class Place {
  readonly #line: string;
  #at = 0;

  constructor(line: string) {
    this.#line = line;
  }

  match(pattern: RegExp): string | undefined {
    pattern.lastIndex = this.#at;
    const found = pattern.exec(this.#line)?.[0];
    this.#at += found?.length ?? 0;
    return found;
  }

  ahead(text: string): boolean {
    return this.#line.startsWith(text, this.#at);
  }

  take(text: string): boolean {
    if (!this.ahead(text)) return false;
    this.#at += text.length;
    return true;
  }

  /** A text in quotes with its escapes read; `undefined` = there is none, or it does not end. */
  quoted(): string | undefined {
    if (!this.ahead('"')) return undefined;
    const from = this.#at + 1;
    let end = this.#line.indexOf('"', from);
    while (end >= 0 && isEscaped(this.#line, from, end)) end = this.#line.indexOf('"', end + 1);
    if (end < 0) return undefined;
    this.#at = end + 1;
    const text = this.#line.slice(from, end);
    // Other escapes stay as they are, as Prometheus's own libraries have them.
    return text.includes("\\")
      ? text.replace(/\\([\\"n])/g, (_, char) => char === "n" ? "\n" : char)
      : text;
  }

  rest(): string {
    return this.#line.slice(this.#at);
  }
}

/** Whether an odd number of backslashes stands before a place. */
function isEscaped(line: string, from: number, at: number): boolean {
  let first = at;
  while (first > from && line[first - 1] === "\\") first--;
  return (at - first) % 2 === 1;
}

/** The same text for the same labels, whatever their order. */
export function labelsKey(labels: Readonly<Record<string, string>>): string {
  const names = Object.keys(labels);
  if (names.length > 1) names.sort();
  let key = "";
  // No name holds a line end; a value that does cannot be taken for another one's name and value.
  for (const name of names) key += `${name}\n${labels[name]!.length}\n${labels[name]}`;
  return key;
}
