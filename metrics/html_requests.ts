/**
 * Single requests of a load: the slowest as a table, and all that are kept as columns of numbers, from
 * which the page's script makes a table to search and to sort.
 *
 * @module
 */
import { OUTCOME_KINDS } from "../backends/record.ts";
import { formatCount, formatMs, plural } from "./format.ts";
import { htmlTable, left, right } from "./html_table.ts";
import type { RequestRow } from "./load_requests.ts";
import type { LoadSummary } from "./load_summary.ts";
import { type Markup, markup } from "./markup.ts";
import { visibleLine } from "./visible_text.ts";

/** Requests of all loads that a page carries: about half a megabyte. */
const MOST_ROWS = 20_000;

/** Slowest requests that the page tells without its script. */
const SLOWEST = 10;

/** Different messages of failures that a load carries. */
const MOST_MESSAGES = 60;

/** How many requests of each load a page carries: small loads have all, large ones share the rest. */
export function requestQuotas(loads: readonly Pick<LoadSummary, "counts">[]): readonly number[] {
  const order = loads.map((_, i) => i).sort((a, b) =>
    loads[a]!.counts.offered - loads[b]!.counts.offered
  );
  const quotas = loads.map(() => 0);
  let free = MOST_ROWS;
  for (const [done, i] of order.entries()) {
    quotas[i] = Math.min(loads[i]!.counts.offered, Math.floor(free / (loads.length - done)));
    free -= quotas[i]!;
  }
  return quotas;
}

/** The slowest requests of a load and the columns of many; nothing where it has none. */
export function requestSection(load: LoadSummary, most: number): Markup {
  const { total, rows } = load.requests(most);
  if (total === 0 || rows.length === 0) return markup``;
  const slowest = rows.filter(({ e2eMs }) => e2eMs !== undefined)
    .toSorted((a, b) => b.e2eMs! - a.e2eMs!).slice(0, SLOWEST);
  const table = htmlTable({
    caption: `Slowest requests of ${load.label}`,
    columns: [
      right("request"),
      right("user"),
      right("sent at"),
      right("TTFT"),
      right("TPOT"),
      right("E2E"),
      right("tokens in"),
      right("out"),
      left("outcome"),
    ],
    hideCaption: true,
    rows: slowest.map((row) => [
      formatCount(row.index),
      formatCount(row.user),
      ...[row.sentMs, row.ttftMs, row.tpotMs, row.e2eMs].map(formatMs),
      ...[row.promptTokens, row.outputTokens].map(formatCount),
      row.outcome === "ok" ? "ok" : markup`<b class="bad">${row.outcome}</b>`,
    ]),
  });
  const messages = [...new Set(rows.flatMap(({ message }) => message ?? []))]
    .slice(0, MOST_MESSAGES);
  const kept = rows.length < total &&
    `The page carries ${formatCount(rows.length)} of ${
      plural(total, "request")
    }: the slowest, failed ones, and an even sample of the others.`;
  return markup`<details class="requests screen" data-count="${rows.length}" data-kinds="${
    OUTCOME_KINDS.join(" ")
  }" data-messages="${messages.map(visibleLine).join("\n")}" data-columns="${
    packRows(rows, messages)
  }">
<summary>${plural(total, "request")}, the slowest first</summary>
${table}${
    kept && markup`<p class="note">${kept}</p>
`
  }</details>
`;
}

/**
 * Base64 of all columns, one after the other: number and sending time as differences from the row
 * before, times in µs; what is absent is 0, everything else one more than it is. There is a row at least.
 */
export function packRows(rows: readonly RequestRow[], messages: readonly string[]): string {
  const bytes: number[] = [];
  // Seven bits a byte, the lowest first; beyond 32 bits, so without shifts.
  const add = (value: number) => {
    let rest = value;
    for (; rest >= 128; rest = Math.floor(rest / 128)) bytes.push(rest % 128 + 128);
    bytes.push(rest);
  };
  const differences = (values: readonly number[]) => {
    for (const [i, value] of values.entries()) {
      const change = value - (i === 0 ? 0 : values[i - 1]!);
      add(change < 0 ? -2 * change - 1 : 2 * change);
    }
  };
  // What is the same in all rows is written once, after a 0.
  const plain = (valueOf: (row: RequestRow) => number | undefined) => {
    const values = rows.map((row) => {
      const value = valueOf(row);
      return value === undefined || !(value >= 0) ? 0 : Math.round(value) + 1;
    });
    const same = values.every((value) => value === values[0]);
    add(same ? 0 : 1);
    for (const value of same ? values.slice(0, 1) : values) add(value);
  };
  const us = (ms: number | undefined) => ms === undefined ? undefined : ms * 1000;
  // A request that was never sent stands where the one before it does.
  let sentUs = 0;
  differences(rows.map(({ index }) => index));
  differences(rows.map(({ sentMs }) => sentUs = Math.round(us(sentMs) ?? sentUs)));
  plain(({ user }) => user);
  plain(({ sentMs }) => sentMs === undefined ? undefined : 0);
  plain(({ ttftMs }) => us(ttftMs));
  plain(({ tpotMs }) => us(tpotMs));
  plain(({ e2eMs }) => us(e2eMs));
  plain(({ promptTokens }) => promptTokens);
  plain(({ outputTokens }) => outputTokens);
  plain(({ outcome }) => OUTCOME_KINDS.indexOf(outcome));
  const at = new Map(messages.map((message, i) => [message, i]));
  plain(({ message }) => message === undefined ? undefined : at.get(message));
  return new Uint8Array(bytes).toBase64();
}
