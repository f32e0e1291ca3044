/**
 * Writes small recordings and reads them.
 *
 * @module
 */
import { assertRejects } from "@std/assert";
import type { Trace, TraceSession } from "../../workloads/trace.ts";
import { readTrace } from "../../workloads/traces.ts";
import { UserError } from "../../workloads/user_error.ts";
import { inTempFolder } from "./run_cli.ts";

/** Reads a file with this text: lists become JSON lines. */
export function readWritten(
  content: string | readonly unknown[],
  { format, name = "trace.jsonl" }: { readonly format?: string; readonly name?: string } = {},
): Promise<Trace> {
  const text = typeof content === "string"
    ? content
    : content.map((row) => `${JSON.stringify(row)}\n`).join("");
  return inTempFolder(async (folder) => {
    await Deno.writeTextFile(`${folder}/${name}`, text);
    return await readTrace(`${folder}/${name}`, format === undefined ? {} : { format });
  });
}

/** The file is refused with these words. */
export async function assertRefused(
  content: string | readonly unknown[],
  words: string,
  format: string,
): Promise<void> {
  await assertRejects(() => readWritten(content, { format }), UserError, words);
}

/** What matters of each turn, on a line: chain, number, start, delay, what it waits for. */
export function turnLines({ turns, chains }: TraceSession): readonly string[] {
  return turns.map(({ chain, number, atMs, delayMs, waitsFor }) =>
    `${chains[chain]!.name}${chain} ${number} at ${atMs} after ${
      waitsFor.join(",") || "-"
    } +${delayMs}`
  );
}
