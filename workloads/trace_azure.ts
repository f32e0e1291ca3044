/**
 * Azure's traces of LLM inference: CSV with an instant and two lengths a request, and nothing that
 * requests share.
 *
 * @module
 */
import { isObject } from "../backends/json_event.ts";
import type { Trace } from "./trace.ts";
import { NO_BLOCKS } from "./trace_block_ids.ts";
import { LeftOut, misfit, openTrace, refuseNothing } from "./trace_file.ts";
import type { ReadOptions, TraceFormat } from "./trace_format.ts";
import { RowTable } from "./trace_rows.ts";
import { tableRows } from "./trace_table.ts";

const COLUMNS = ["TIMESTAMP", "ContextTokens", "GeneratedTokens"];

export const azure: TraceFormat = {
  name: "azure",
  description: "Azure's LLM inference traces (CSV): instant, input and output tokens",
  recognizes: ([row]) => isObject(row) && COLUMNS.every((name) => name in row),
  read,
};

async function read(path: string, options: ReadOptions): Promise<Trace> {
  using file = await openTrace(path);
  const table = new RowTable("azure");
  const left = new LeftOut();
  let first: Instant | undefined;
  for await (const row of tableRows(file, COLUMNS, options)) {
    const instant = instantOf(row.text("TIMESTAMP"));
    if (instant === undefined) {
      const given = JSON.stringify(row.text("TIMESTAMP"));
      throw misfit(
        path,
        row.line,
        `TIMESTAMP is ${given}, not an instant like 2023-11-16 18:17:03.9799600`,
      );
    }
    first ??= instant;
    const inputTokens = row.tokens("ContextTokens");
    const outputTokens = row.tokens("GeneratedTokens");
    if (left.isEmpty(inputTokens, outputTokens)) continue;
    table.add({
      atMs: betweenMs(first, instant),
      outputTokens,
      prompt: { kind: "blocks", inputTokens, blocks: NO_BLOCKS },
    });
  }
  const sessions = table.sessions();
  refuseNothing(path, sessions.length, left);
  return {
    format: azure.name,
    source: path,
    sha256: file.sha256(),
    blockTokens: 0,
    sessions,
    hasSessions: false,
    hasInstants: true,
    history: "recorded",
    skipped: left.counts(),
    remarks: [],
  };
}

/** A wall clock's instant, in two whole numbers: one would lose the last digits. */
interface Instant {
  readonly seconds: number;
  readonly nanoseconds: number;
}

const INSTANT =
  /^(\d{4})-(\d\d)-(\d\d)[ T](\d\d):(\d\d):(\d\d)(?:\.(\d{1,9}))?\s?(?:Z|UTC|([+-])(\d\d):?(\d\d))?$/;

/** `2023-11-16 18:17:03.9799600`, with or without an offset from UTC; nothing for other texts. */
export function instantOf(text: string): Instant | undefined {
  const found = INSTANT.exec(text);
  if (found === null) return undefined;
  const [year, month, day, hour, minute, second] = found.slice(1, 7).map(Number);
  const time = Date.UTC(year!, month! - 1, day!, hour!, minute!, second!);
  const isDate = new Date(time).toISOString().startsWith(
    `${found[1]}-${found[2]}-${found[3]}T${found[4]}:${found[5]}:${found[6]}`,
  );
  if (!isDate) return undefined;
  const offset = (found[8] === "-" ? -60 : 60) *
    (60 * Number(found[9] ?? 0) + Number(found[10] ?? 0));
  return {
    seconds: time / 1000 - offset,
    nanoseconds: Number((found[7] ?? "").padEnd(9, "0")),
  };
}

function betweenMs(from: Instant, to: Instant): number {
  return ((to.seconds - from.seconds) * 1e9 + (to.nanoseconds - from.nanoseconds)) / 1e6;
}
