/**
 * Looks at source text without being fooled by comments and strings: `"*\/*"` is no comment, and
 * `Date.now()` in a sentence is no call.
 *
 * @module
 */

/** What may stand before a `/` that begins a regular expression, rather than divides. */
const BEFORE_REGEXP = /(^|[(,=:[!&|?{};+\-*%~^<>\n]|\b(return|typeof|case|in|of|do|else))\s*$/;

const TOKEN =
  /(\/\/[^\n]*|\/\*[^]*?\*\/)|("(?:[^"\\\n]|\\[^])*"|'(?:[^'\\\n]|\\[^])*')|(\/(?:[^/\\\n[]|\\.|\[(?:[^\]\\\n]|\\.)*\])+\/[a-z]*)/y;

/** The source with comments and the insides of literals blanked; length and line breaks stay. */
export function scanCode(source: string): string {
  const code = source.split("");
  const blank = (from: number, to: number) => {
    for (let at = from; at < to; at++) if (code[at] !== "\n") code[at] = " ";
  };
  // Depth of braces inside each open `${`; a template's own text is outside of any.
  const templates: number[] = [];
  const template = (from: number): number => {
    let at = from;
    while (at < source.length && source[at] !== "`" && !source.startsWith("${", at)) {
      at += source[at] === "\\" ? 2 : 1;
    }
    blank(from, at);
    if (source[at] !== "$") return at + 1;
    templates.push(0);
    return at + 2;
  };
  for (let at = 0; at < source.length;) {
    TOKEN.lastIndex = at;
    const match = TOKEN.exec(source);
    const [, comment, text, pattern] = match ?? [];
    if (comment !== undefined) {
      blank(at, TOKEN.lastIndex);
      at = TOKEN.lastIndex;
    } else if (text !== undefined) {
      blank(at + 1, TOKEN.lastIndex - 1);
      at = TOKEN.lastIndex;
    } else if (
      pattern !== undefined && BEFORE_REGEXP.test(code.slice(Math.max(0, at - 40), at).join(""))
    ) {
      blank(at + 1, TOKEN.lastIndex - 1);
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
  return code.join("");
}
