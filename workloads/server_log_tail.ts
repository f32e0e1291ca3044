/**
 * The end of a server's log, which shows why the server does not answer.
 *
 * @module
 */

import { visibleText } from "../metrics/visible_text.ts";

/** Enough for a Python traceback. */
const LINES = 20;
const LONGEST_LINE = 400;
const BYTES = 64 * 1024;

/** The last lines that were written after `start` (a position in bytes). */
export async function readLogTail(path: string, start: number): Promise<string[]> {
  let file: Deno.FsFile;
  try {
    file = await Deno.open(path, { read: true });
  } catch (error) {
    if (error instanceof Deno.errors.NotCapable) throw error;
    return [];
  }
  try {
    const { size } = await file.stat();
    const from = Math.max(Math.min(start, size), size - BYTES);
    await file.seek(from, Deno.SeekMode.Start);
    const bytes = new Uint8Array(size - from);
    let length = 0;
    for (let read: number | null = 0; read !== null && length < bytes.length; length += read ?? 0) {
      read = await file.read(bytes.subarray(length));
    }
    const text = new TextDecoder().decode(bytes.subarray(0, length));
    const lines = text.split("\n").map(printable).filter((line) => line !== "");
    return lines.slice(-LINES);
  } finally {
    file.close();
  }
}

/** What a terminal would show of a line: progress bars return to its start, colors are not text. */
function printable(line: string): string {
  const last = line.trimEnd().split("\r").at(-1)!;
  // deno-lint-ignore no-control-regex -- control characters are what is removed
  const shown = visibleText(last.replace(/\x1b\[[0-9;?]*[A-Za-z]/g, ""));
  return shown.length > LONGEST_LINE ? `${shown.slice(0, LONGEST_LINE)}…` : shown;
}
