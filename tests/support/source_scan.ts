/**
 * Looks at source text without being fooled by comments and strings: `"*\/*"` is no comment, and
 * `Date.now()` in a sentence is no call.
 *
 * @module
 */

/** Source with the same length and line breaks, parts of it blanked out. */
export interface Scanned {
  /** Without comments. */
  readonly uncommented: string;
  /** Without comments and without what strings, templates and regular expressions say. */
  readonly code: string;
}

/** What may stand before a `/` that begins a regular expression, rather than divides. */
const BEFORE_REGEXP = /(^|[(,=:[!&|?{};+\-*%~^<>\n]|\b(return|typeof|case|in|of|do|else))\s*$/;

const TOKEN =
  /(\/\/[^\n]*|\/\*[^]*?\*\/)|("(?:[^"\\\n]|\\[^])*"|'(?:[^'\\\n]|\\[^])*')|(\/(?:[^/\\\n[]|\\.|\[(?:[^\]\\\n]|\\.)*\])+\/[a-z]*)/y;

/** Blanks comments, and the insides of literals. */
export function scanSource(source: string): Scanned {
  const uncommented = [...source.split("")];
  const code = [...uncommented];
  const blank = (letters: string[], from: number, to: number) => {
    for (let at = from; at < to; at++) if (letters[at] !== "\n") letters[at] = " ";
  };
  // Depth of braces inside each open `${`; a template's own text is outside of any.
  const templates: number[] = [];
  const template = (from: number): number => {
    let at = from;
    while (at < source.length && source[at] !== "`" && !source.startsWith("${", at)) {
      at += source[at] === "\\" ? 2 : 1;
    }
    blank(code, from, at);
    if (source[at] !== "$") return at + 1;
    templates.push(0);
    return at + 2;
  };
  for (let at = 0; at < source.length;) {
    TOKEN.lastIndex = at;
    const match = TOKEN.exec(source);
    const [, comment, text, pattern] = match ?? [];
    if (comment !== undefined) {
      blank(uncommented, at, TOKEN.lastIndex);
      blank(code, at, TOKEN.lastIndex);
      at = TOKEN.lastIndex;
    } else if (text !== undefined) {
      blank(code, at + 1, TOKEN.lastIndex - 1);
      at = TOKEN.lastIndex;
    } else if (
      pattern !== undefined && BEFORE_REGEXP.test(code.slice(Math.max(0, at - 40), at).join(""))
    ) {
      blank(code, at + 1, TOKEN.lastIndex - 1);
      at = TOKEN.lastIndex;
    } else if (source[at] === "`") {
      at = template(at + 1);
    } else if (source[at] === "}" && templates.at(-1) === 0) {
      templates.pop();
      at = template(at + 1);
    } else {
      if (templates.length > 0 && source[at] === "{") templates[templates.length - 1]!++;
      if (templates.length > 0 && source[at] === "}") templates[templates.length - 1]!--;
      at++;
    }
  }
  return { uncommented: uncommented.join(""), code: code.join("") };
}

/** One import of a file. */
export interface Import {
  readonly specifier: string;
  /** `type`: gone when the program runs; `lazy`: loaded when it is called for. */
  readonly kind: "static" | "type" | "lazy";
}

/** All imports and re-exports with a literal specifier. */
export function importsOf(source: string): Import[] {
  const { uncommented, code } = scanSource(source);
  const found: Import[] = [];
  // The statement is looked for where strings are blank, its specifier then read from the text.
  const statement = /\b(import|export)\b(\s+type\b)?([^;"'`()]*?)\bfrom\s*"|\bimport\s*"/g;
  for (const match of code.matchAll(statement)) {
    const begin = match.index + match[0].length;
    const end = code.indexOf('"', begin);
    const [, , type, names = ""] = match;
    const inner = /\{([^}]*)\}/.exec(names)?.[1];
    // `import { type A, type B }` is a type import, too; a default or namespace import is not.
    const onlyTypes = type !== undefined ||
      (inner !== undefined && /^\s*\{/.test(names) &&
        inner.split(",").map((name) => name.trim()).filter(Boolean).every((name) =>
          name.startsWith("type ")
        ));
    found.push({ specifier: uncommented.slice(begin, end), kind: onlyTypes ? "type" : "static" });
  }
  for (const match of code.matchAll(/(\btypeof\s+)?\bimport\s*\(\s*"/g)) {
    const begin = match.index + match[0].length;
    const kind = match[1] === undefined ? "lazy" : "type";
    found.push({ specifier: uncommented.slice(begin, code.indexOf('"', begin)), kind });
  }
  return found;
}
