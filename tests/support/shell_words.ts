/**
 * Splits an example line as a shell would, so far as examples go: quotes, backslashes, `|`, `&&`,
 * `;`, `&` and redirections end a command.
 *
 * @module
 */

/** The simple commands of a line, each as its words. */
export function shellCommands(line: string): string[][] {
  const commands: string[][] = [[]];
  const token = /\s+|(&&|\|\||[|;&<>])|((?:[^\s'"\\|;&<>]|\\.|'[^']*'|"(?:[^"\\]|\\.)*")+)/gy;
  while (token.lastIndex < line.length) {
    const at = token.lastIndex;
    const match = token.exec(line);
    if (match === null) throw new SyntaxError(`Cannot split at ${at}: ${line}`);
    if (match[1] !== undefined) commands.push([]);
    if (match[2] !== undefined) commands.at(-1)!.push(unquote(match[2]));
  }
  return commands.filter((words) => words.length > 0);
}

function unquote(word: string): string {
  return word.replace(
    /'([^']*)'|"((?:[^"\\]|\\.)*)"|\\(.)/g,
    (_, single?: string, double?: string, escaped?: string) =>
      single ?? double?.replace(/\\(["\\$`])/g, "$1") ?? escaped!,
  );
}
