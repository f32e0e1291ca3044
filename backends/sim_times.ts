/**
 * When the simulated engine did what for one request, by its own schedule: what engines report of
 * themselves, but exact.
 *
 * @module
 */

/** Times of one request, in ms of the engine's clock; NaN until it has come so far. */
export interface SimTimes {
  /** It was queued: its request had been read. */
  queuedMs: number;
  /** The first step that works on it begins. */
  scheduledMs: number;
  /** The step with its first token ends, as planned. */
  firstTokenMs: number;
  /** The step with its latest token ends, as planned. */
  lastTokenMs: number;
  /** Steps that checked guessed tokens. */
  drafts: number;
  /** Tokens guessed in them. */
  draftTokens: number;
  /** Of these, tokens that were right. */
  acceptedTokens: number;
}

/** Times of a request that was not queued yet. */
export function noTimes(): SimTimes {
  return {
    ...{ queuedMs: NaN, scheduledMs: NaN, firstTokenMs: NaN, lastTokenMs: NaN },
    ...{ drafts: 0, draftTokens: 0, acceptedTokens: 0 },
  };
}

/** The parts of a request's time so far, in ms. */
export interface SimParts {
  /** Queued → the engine takes it up. */
  readonly queueMs: number;
  /** Taken up → first token. */
  readonly prefillMs: number;
  /** First → latest token. */
  readonly decodeMs: number;
}

/** The parts of a request that has its first token. */
export function partsOf(
  { queuedMs, scheduledMs, firstTokenMs, lastTokenMs }: SimTimes,
): SimParts {
  return {
    queueMs: scheduledMs - queuedMs,
    prefillMs: firstTokenMs - scheduledMs,
    decodeMs: lastTokenMs - firstTokenMs,
  };
}
