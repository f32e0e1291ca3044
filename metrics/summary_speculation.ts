/**
 * How well a server guesses ahead: by its own counters, else by its answers, and what ticks show of it.
 *
 * @module
 */
import type { RequestRecord } from "../backends/record.ts";
import type { ServerSummary, Speculation } from "./load_server.ts";
import type { Mergeable } from "./load_state.ts";
import type { StreamShape } from "./load_summary.ts";
import { knownTicks } from "./record_ticks.ts";
import type { ServerScrapes } from "./run_server.ts";
import { knownSeries } from "./server_known.ts";
import { sentTokens } from "./record_streaming.ts";
import { mergeAll, sums } from "./state_read.ts";

/** Adds up completed records. */
export interface SpeculationFold extends Mergeable {
  /** Adds a completed record. */
  add(record: RequestRecord): void;
  /** What shows it; absent when nothing does. */
  result(
    options: {
      /** What the server's metrics said. */
      readonly server: ServerSummary | undefined;
      /** The same as it was read: positions are labels. */
      readonly scrapes: readonly ServerScrapes[] | undefined;
    },
  ): Speculation | undefined;
  /** Ticks that several tokens share. */
  ticks(): JoinedTicks;
}

/** Ticks of a load by what they hold. */
export type JoinedTicks = Pick<StreamShape, "joinedTicks" | "uncountedTicks">;

/** So many tokens an event are no exception, such as characters that span tokens. */
const SEVERAL = 1.25;

/** Positions beyond this are none of a draft. */
const MOST_POSITIONS = 64;

/** Has no record yet. */
export function speculationFold(): SpeculationFold {
  const told = { output: 0, draft: 0, accepted: 0 };
  const all = { ticks: 0, tokens: 0, events: 0 };
  const known = { ticks: 0, joined: 0, uncounted: 0 };
  const ticks = (): JoinedTicks => ({
    joinedTicks: known.ticks === 0 ? undefined : known.joined / known.ticks,
    uncountedTicks: known.uncounted,
  });
  return {
    ...mergeAll({ told: sums(told), all: sums(all), known: sums(known) }),
    add(record) {
      const { draftTokens, acceptedTokens } = record.serverTimings ?? {};
      if (draftTokens !== undefined && acceptedTokens !== undefined) {
        told.output += record.outputTokens?.tokens ?? 0;
        told.draft += draftTokens;
        told.accepted += acceptedTokens;
      }
      const { tickMs, tickTokens, outputTokens } = record;
      if (tickMs.length === 0 || record.wholeBody) return;
      if (isStated(outputTokens?.source)) {
        all.ticks += tickMs.length;
        all.tokens += sentTokens(record) ?? 0;
        all.events += record.events;
      }
      if (!knownTicks(record)) {
        known.uncounted++;
        return;
      }
      let before = 0;
      for (let i = 0; i < tickTokens.length; i++) {
        const tokens = tickTokens[i]! - before;
        if (tokens <= 0) continue;
        before = tickTokens[i]!;
        known.ticks++;
        if (tokens > 1) known.joined++;
      }
    },
    ticks,
    result({ server, scrapes }) {
      const shown = {
        tokensPerTick: all.ticks === 0 ? undefined : all.tokens / all.ticks,
        joinedTicks: ticks().joinedTicks,
      };
      return byCounters(server, scrapes, shown) ?? byAnswers(told, shown) ?? byTicks(all, shown);
    },
  };
}

/** Counted by the server, in its stream or at its end. */
function isStated(source: string | undefined): boolean {
  return source === "usage" || source === "counter" || source === "ids";
}

type Shown = Pick<Speculation, "tokensPerTick" | "joinedTicks">;

function byCounters(
  server: ServerSummary | undefined,
  scrapes: readonly ServerScrapes[] | undefined,
  shown: Shown,
): Speculation | undefined {
  const figure = (role: string) => server?.figures.find((one) => one.role === role);
  const drafts = figure("drafts")?.difference;
  const accepted = figure("accepted_tokens")?.difference;
  const draft = figure("draft_tokens")?.difference;
  const acceptance = accepted !== undefined && draft !== undefined && draft > 0
    ? accepted / draft
    : undefined;
  if (drafts !== undefined && drafts > 0 && accepted !== undefined) {
    return {
      basis: "counters",
      acceptedLength: accepted / drafts + 1,
      acceptance,
      byPosition: positions(scrapes).map((tokens) => tokens / drafts),
      ...shown,
    };
  }
  // SGLang tells the length itself: 1 is an engine that does not guess.
  const length = figure("accepted_length")?.mean;
  if (length === undefined || length <= 1) return undefined;
  return { basis: "counters", acceptedLength: length, acceptance, byPosition: [], ...shown };
}

/** Accepted tokens by their position in a draft, over all endpoints. */
function positions(scrapes: readonly ServerScrapes[] | undefined): readonly number[] {
  const found: number[] = [];
  for (const { meaning, name, series } of knownSeries(scrapes ?? [])) {
    if (meaning.role !== "accepted_at_position" || name.position === undefined) continue;
    const position = Number(series.labels[name.position]);
    if (!Number.isInteger(position) || position < 0 || position >= MOST_POSITIONS) continue;
    found[position] = (found[position] ?? 0) + (series.difference ?? 0);
  }
  // Some count from 1 on.
  if (found.length > 0 && found[0] === undefined) found.shift();
  // A draft may be up to so long and never was.
  while (found.length > 0 && !(found[found.length - 1]! > 0)) found.pop();
  return Array.from(found, (tokens) => tokens ?? 0);
}

/** Of a step, the model itself gives one token and accepts the others. */
function byAnswers(
  told: { readonly output: number; readonly draft: number; readonly accepted: number },
  shown: Shown,
): Speculation | undefined {
  const { output, draft, accepted } = told;
  if (draft === 0 || output <= accepted) return undefined;
  return {
    basis: "requests",
    acceptedLength: output / (output - accepted),
    acceptance: accepted / draft,
    byPosition: [],
    ...shown,
  };
}

/** An engine that puts several tokens into one event either guesses or waits for them. */
function byTicks(
  { tokens, events }: { readonly tokens: number; readonly events: number },
  shown: Shown,
): Speculation | undefined {
  const { tokensPerTick } = shown;
  if (tokensPerTick === undefined || events === 0 || tokens / events < SEVERAL) return undefined;
  return {
    basis: "ticks",
    acceptedLength: tokensPerTick,
    acceptance: undefined,
    byPosition: [],
    ...shown,
  };
}
