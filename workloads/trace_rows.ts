/**
 * Recordings whose requests know nothing of each other: each is a session of its own. They may be
 * millions, so a session is made of the table's columns when it is looked at.
 *
 * @module
 */
import { defined } from "../backends/defined.ts";
import type { BlockPrompt, Chain, MessagesPrompt, TraceSession, Turn } from "./trace.ts";
import { NO_BLOCKS } from "./trace_block_ids.ts";

/** The one chain of a session without helpers. */
export const MAIN_CHAIN: Chain = { name: "main", depth: 0, systemTokens: 0 };

/** One request. */
export interface TraceRow {
  /** On any axis: that of the file. */
  readonly atMs: number;
  readonly endMs?: number | undefined;
  readonly outputTokens?: number | undefined;
  readonly model?: string | undefined;
  readonly prompt: BlockPrompt | MessagesPrompt;
}

const CHAINS: readonly Chain[] = [MAIN_CHAIN];
const NO_MODELS: readonly string[] = [];

/** Rows by column, in the order of the file. */
export class RowTable {
  readonly scope: string;
  readonly #atMs: number[] = [];
  readonly #endMs: number[] = [];
  readonly #outputTokens: number[] = [];
  /** A length alone is a number. */
  readonly #prompts: (number | BlockPrompt | MessagesPrompt)[] = [];
  readonly #models: (readonly string[])[] = [];
  readonly #modelLists = new Map<string, readonly string[]>();

  /** @param scope of the block ids. */
  constructor(scope: string) {
    this.scope = scope;
  }

  /** How many there are. */
  get length(): number {
    return this.#atMs.length;
  }

  add({ atMs, endMs = NaN, outputTokens = -1, model, prompt }: TraceRow): void {
    const isLength = prompt.kind === "blocks" && prompt.blocks.length === 0 &&
      prompt.extra === undefined;
    this.#atMs.push(atMs);
    this.#endMs.push(endMs);
    this.#outputTokens.push(outputTokens);
    this.#prompts.push(isLength ? prompt.inputTokens : prompt);
    this.#models.push(model === undefined ? NO_MODELS : this.#modelList(model));
  }

  /** A row again. */
  at(row: number): TraceRow & { readonly models: readonly string[] } {
    const endMs = this.#endMs[row]!;
    const outputTokens = this.#outputTokens[row]!;
    const prompt = this.#prompts[row]!;
    const models = this.#models[row]!;
    return {
      atMs: this.#atMs[row]!,
      models,
      prompt: typeof prompt === "number"
        ? { kind: "blocks", inputTokens: prompt, blocks: NO_BLOCKS }
        : prompt,
      ...defined({
        endMs: Number.isNaN(endMs) ? undefined : endMs,
        outputTokens: outputTokens < 0 ? undefined : outputTokens,
        model: models[0],
      }),
    };
  }

  /** Sessions by their instants, from the first one on; equal instants stay in the file's order. */
  sessions(): readonly TraceSession[] {
    const atMs = this.#atMs;
    const order = Uint32Array.from(atMs, (_, i) => i);
    if (!isAscending(atMs)) order.sort((a, b) => atMs[a]! - atMs[b]! || a - b);
    const from = order.length === 0 ? 0 : atMs[order[0]!]!;
    return Array.from(order, (row, i) => new RowSession(this, { row, from, number: i + 1 }));
  }

  #modelList(model: string): readonly string[] {
    let list = this.#modelLists.get(model);
    if (list === undefined) this.#modelLists.set(model, list = [model]);
    return list;
  }
}

function isAscending(values: readonly number[]): boolean {
  for (let i = 1; i < values.length; i++) if (values[i]! < values[i - 1]!) return false;
  return true;
}

/** A row as a session of one turn. */
class RowSession implements TraceSession {
  readonly #table: RowTable;
  readonly #row: number;
  readonly #from: number;
  readonly #number: number;

  constructor(table: RowTable, at: { row: number; from: number; number: number }) {
    this.#table = table;
    this.#row = at.row;
    this.#from = at.from;
    this.#number = at.number;
  }

  get id(): string {
    return String(this.#number);
  }

  get scope(): string {
    return this.#table.scope;
  }

  get chains(): readonly Chain[] {
    return CHAINS;
  }

  get models(): readonly string[] {
    return this.#table.at(this.#row).models;
  }

  get turns(): readonly Turn[] {
    const { atMs, endMs, outputTokens, model, prompt } = this.#table.at(this.#row);
    return [{
      atMs: roundMs(atMs - this.#from),
      waitsFor: [],
      delayMs: 0,
      chain: 0,
      number: 1,
      prompt,
      ...defined({
        endMs: endMs === undefined ? undefined : roundMs(endMs - this.#from),
        outputTokens,
        model: model === undefined ? undefined : 0,
      }),
    }];
  }
}

/** Without what binary fractions leave behind: to the nanosecond. */
export function roundMs(ms: number): number {
  return Math.round(ms * 1e6) / 1e6;
}
