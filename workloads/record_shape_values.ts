/**
 * What the numbers and texts of a record file have to be.
 *
 * @module
 */
import { countTo, numberFrom, type Shape, textTo } from "./json_shape.ts";

/** Some 115 days: sums and squares of such times are exact enough, and no axis has a gap. */
export const MOST_MS = 1e10;
/** Reads and events of one request. */
export const MOST_TICKS: number = 1 << 24;
/** Tokens of one request, and of one tick: what 32 bits hold. */
export const MOST_32: number = 2 ** 32 - 1;
/** Of a list. */
export const MOST_ENTRIES = 1e5;
/** Names, commands, messages. */
const MOST_CHARS = 1e5;

/** An instant, from the start of a load. */
export const ms: Shape = numberFrom(-MOST_MS, MOST_MS);
/** A time that has passed. */
export const durationMs: Shape = numberFrom(0, MOST_MS);
/** How many. */
export const count: Shape = countTo(1e12);
/** A figure of 0 or more. */
export const amount: Shape = numberFrom(0, 1e15);
/** A share, or another ratio. */
export const share: Shape = numberFrom(-1e6, 1e6);
/** A name, a command, a message. */
export const text: Shape = textTo(MOST_CHARS);
