/**
 * Builds a session turn by turn, and the delays from what was recorded.
 *
 * @module
 */
import { defined } from "../backends/defined.ts";
import type { BlockPrompt, Chain, MessagesPrompt, TraceSession, Turn } from "./trace.ts";
import { MAIN_CHAIN, roundMs } from "./trace_rows.ts";

/** A turn, before it has its number and its delay. */
export interface TurnDraft {
  /** Recorded start, ms. */
  readonly atMs: number;
  readonly endMs?: number | undefined;
  /** Position of its chain. */
  readonly chain: number;
  /** Positions of turns that were added before. */
  readonly waitsFor: readonly number[];
  /** What the record says of the time between; otherwise it follows from starts and ends. */
  readonly delayMs?: number | undefined;
  /** Recorded ends that it waited for, besides those of turns. */
  readonly otherEndsMs?: readonly number[] | undefined;
  /** What the record says where no end is known, and nothing else than the turn before lies between. */
  readonly thinkMs?: number | undefined;
  readonly outputTokens?: number | undefined;
  readonly model?: string | undefined;
  readonly prompt: BlockPrompt | MessagesPrompt;
}

/** A session that grows. */
export class SessionDraft {
  readonly #id: string;
  readonly #scope: string;
  readonly #startMs: number;
  readonly #chains: Chain[] = [];
  readonly #lengths: number[] = [];
  readonly #turns: Turn[] = [];
  readonly #models: string[] = [];

  /** @param startMs recorded start of its first request. */
  constructor(id: string, options: { readonly scope: string; readonly startMs: number }) {
    this.#id = id;
    this.#scope = options.scope;
    this.#startMs = options.startMs;
  }

  /** The turns so far. */
  get turns(): readonly Turn[] {
    return this.#turns;
  }

  /** The chains so far. */
  get chains(): readonly Chain[] {
    return this.#chains;
  }

  /** Adds a chain; the first is the main one. @returns its position. */
  addChain(chain: Chain = MAIN_CHAIN): number {
    this.#lengths.push(0);
    return this.#chains.push(chain) - 1;
  }

  /** Adds a turn. @returns its position. */
  addTurn(draft: TurnDraft): number {
    const { atMs, endMs, chain, waitsFor, outputTokens, prompt } = draft;
    const number = ++this.#lengths[chain]!;
    const delayMs = draft.delayMs ?? this.#delayMs(draft);
    const model = draft.model === undefined ? undefined : this.#modelAt(draft.model);
    return this.#turns.push({
      atMs,
      waitsFor,
      delayMs,
      chain,
      number,
      prompt,
      ...defined({ endMs, outputTokens, model }),
    }) - 1;
  }

  /** The session as it is. */
  session(): TraceSession {
    return {
      id: this.#id,
      scope: this.#scope,
      chains: this.#chains,
      turns: this.#turns,
      models: this.#models,
    };
  }

  /**
   * From the latest recorded end of all that it waits for: what lies before it is the recorded
   * server's time. Where no end is known the starts are all that is left.
   */
  #delayMs({ atMs, waitsFor, otherEndsMs = [], thinkMs }: TurnDraft): number {
    if (waitsFor.length === 0) return Math.max(0, atMs - this.#startMs);
    const waited = waitsFor.map((position) => this.#turns[position]!);
    const ends = waited.flatMap(({ endMs }) => endMs ?? []).concat(otherEndsMs);
    if (ends.length > 0) return roundMs(Math.max(0, atMs - largest(ends)));
    if (thinkMs !== undefined && waited.length === 1) return thinkMs;
    return roundMs(Math.max(0, atMs - largest(waited.map((turn) => turn.atMs))));
  }

  #modelAt(name: string): number {
    const known = this.#models.indexOf(name);
    return known >= 0 ? known : this.#models.push(name) - 1;
  }
}

/** A turn may wait for more than a call has room for. */
function largest(values: readonly number[]): number {
  return values.reduce((most, value) => Math.max(most, value), -Infinity);
}
