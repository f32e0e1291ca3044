/**
 * Splits a text into arguments as a shell does, and joins arguments to a command line.
 *
 * @module
 */
import type { EngineCommand } from "../backends/launch_engines.ts";
import { UserError } from "./user_error.ts";

/**
 * The words of a text, separated by blanks; quotes and backslashes work as in a POSIX shell. Nothing
 * is expanded.
 *
 * @throws {UserError} for a quote that is not closed.
 */
export function splitShellWords(text: string): string[] {
  const words: string[] = [];
  const part = /\s+|'([^']*)'|"((?:[^"\\]|\\[^])*)"|\\([^])|([^\s'"\\]+)/gy;
  let word: string | undefined;
  while (part.lastIndex < text.length) {
    const at = part.lastIndex;
    const match = part.exec(text);
    if (match === null) {
      throw new UserError(
        `Cannot split ${text} into arguments: the ${text[at]} at character ${at + 1} has no end`,
      );
    }
    const [, single, double, escaped, plain] = match;
    // A command that continues on the next line, as in a README.
    if (escaped === "\n") continue;
    const piece = single ?? double?.replace(/\\(["\\$`])/g, "$1") ?? escaped ?? plain;
    if (piece === undefined) {
      if (word !== undefined) words.push(word);
      word = undefined;
    } else {
      word = (word ?? "") + piece;
    }
  }
  return word === undefined ? words : [...words, word];
}

/** A command line to copy into a shell. */
export function shellLine({ command, args }: EngineCommand): string {
  return shellWords([command, ...args]);
}

/** Words as a shell takes them for the same words. */
export function shellWords(words: readonly string[]): string {
  return words.map(shellWord).join(" ");
}

/** A word as a shell takes it for the same word. */
export function shellWord(word: string): string {
  return /^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", `'\\''`)}'`;
}
