/**
 * Recordings whose requests know nothing of each other: each is a session of its own. They may be
 * millions, so a session is made of the table's columns when it is looked at.
 *
 * @module
 */
import { defined } from "../backends/defined.ts";
import type { BlockIds, BlockPrompt, Chain, MessagesPrompt, TraceSession, Turn } from "./trace.ts";
import { NO_BLOCKS } from "./trace_block_ids.ts";

/** The one chain of a session without helpers. */
export const MAIN_CHAIN: Chain = { name: "main", depth: 0, systemTokens: 0 };

/** One request. */
export interface TraceRow {
  /** On any axis: that of the file. */
  readonly atMs: number;
  readonly endMs?: number;
  readonly inputTokens: number;
  readonly outputTokens?: number;
  readonly blocks?: BlockIds;
  readonly model?: string;
  /** Instead of lengths. */
  readonly messages?: MessagesPrompt;
}

const CHAINS: readonly Chain[] = [MAIN_CHAIN];
const NO_MODELS: readonly string[] = [];

/** Rows by column, in the order of the file. */
export class RowTable {
  readonly scope: string;
  readonly atMs: number[] = [];
  readonly endMs: number[] = [];
  readonly inputTokens: number[] = [];
  readonly outputTokens: number[] = [];
  readonly blocks: (BlockIds | undefined)[] = [];
  readonly messages: (MessagesPrompt | undefined)[] = [];
  readonly models: (readonly string[])[] = [];
  readonly #modelLists = new Map<string, readonly string[]>();

  /** @param scope of the block ids. */
  constructor(scope: string) {
    this.scope = scope;
  }

  add(row: TraceRow): void {
    this.atMs.push(row.atMs);
    this.endMs.push(row.endMs ?? NaN);
    this.inputTokens.push(row.inputTokens);
    this.outputTokens.push(row.outputTokens ?? -1);
    if (row.blocks !== undefined) this.blocks[this.atMs.length - 1] = row.blocks;
    if (row.messages !== undefined) this.messages[this.atMs.length - 1] = row.messages;
    this.models.push(row.model === undefined ? NO_MODELS : this.#modelList(row.model));
  }

  /** Sessions by their instants, from the first one on; equal instants stay in the file's order. */
  sessions(): readonly TraceSession[] {
    const order = Uint32Array.from(this.atMs, (_, i) => i);
    if (!isAscending(this.atMs)) order.sort((a, b) => this.atMs[a]! - this.atMs[b]! || a - b);
    const from = order.length === 0 ? 0 : this.atMs[order[0]!]!;
    return Array.from(order, (row, i) => new RowSession(this, { row, from, number: i + 1 }));
  }

  /** Its rows again, in the order of the file. */
  *rows(): Generator<TraceRow> {
    for (let i = 0; i < this.atMs.length; i++) {
      const endMs = this.endMs[i]!;
      const outputTokens = this.outputTokens[i]!;
      yield {
        atMs: this.atMs[i]!,
        inputTokens: this.inputTokens[i]!,
        ...defined({
          endMs: Number.isNaN(endMs) ? undefined : endMs,
          outputTokens: outputTokens < 0 ? undefined : outputTokens,
          blocks: this.blocks[i],
          messages: this.messages[i],
          model: this.models[i]![0],
        }),
      };
    }
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
    return this.#table.models[this.#row]!;
  }

  get turns(): readonly Turn[] {
    const table = this.#table;
    const row = this.#row;
    const atMs = table.atMs[row]! - this.#from;
    const endMs = table.endMs[row]! - this.#from;
    const outputTokens = table.outputTokens[row]!;
    const prompt: BlockPrompt | MessagesPrompt = table.messages[row] ?? {
      kind: "blocks",
      inputTokens: table.inputTokens[row]!,
      blocks: table.blocks[row] ?? NO_BLOCKS,
    };
    return [{
      atMs,
      ...(Number.isNaN(endMs) ? {} : { endMs }),
      waitsFor: [],
      delayMs: 0,
      chain: 0,
      number: 1,
      ...(outputTokens < 0 ? {} : { outputTokens }),
      ...(this.models.length === 0 ? {} : { model: 0 }),
      prompt,
    }];
  }
}
