/**
 * Command lines of a Markdown page: those in blocks marked `sh`.
 *
 * @module
 */
import { shellCommands } from "./shell_words.ts";

/** A line that begins with `tokometer`. */
export interface PageCommand {
  /** The line, joined where a backslash continued it. */
  readonly line: string;
  /** Its words, as a shell splits them, after `tokometer`. */
  readonly words: readonly string[];
  /** In a block marked `sh run`: a test runs it as it stands, on a smaller load. */
  readonly runs: boolean;
}

/** Every line of the page that begins with `tokometer`. */
export function pageCommands(page: string): PageCommand[] {
  const found: PageCommand[] = [];
  for (const [, runs, block] of page.matchAll(/^```sh( run)?\n([^]*?)^```$/gm)) {
    for (const line of block!.replaceAll("\\\n", " ").split("\n")) {
      if (!line.startsWith("tokometer ")) continue;
      const [, ...words] = shellCommands(line.replace(/\s+#.*$/, ""))[0]!;
      found.push({ line, words, runs: runs !== undefined });
    }
  }
  return found;
}
