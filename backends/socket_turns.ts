/**
 * What the reads of this thread's event loop leave open. A socket says nothing of when its bytes
 * came; but the loop asks the kernel for all sockets at once, serves those that hold something, and
 * asks again. So a read cannot have come before the time when the kernel was asked last and found the
 * socket empty:
 *
 * - Microtasks run when all sockets that were ready are read. One of them marks the end of a turn.
 * - The kernel is asked again after that end. What the turn after the next one reads was not there yet.
 * - The platform ends a turn early that has done much (tokio's budget: 128 operations), and what was
 *   ready waits for a later one. What follows such a turn had come no later than what was in it.
 * - Where the loop slept in between, whatever is read next has woken it, or came later. The time it
 *   spent awake since (running, or waiting for a core) is known exactly on Linux; the rest of the time
 *   it slept, and before the end of its sleep nothing had come.
 *
 * The last rule needs `/proc`, which only `--allow-all` opens; without it, reads far apart are as wide
 * as the gap before them. What it cannot see: a thread that waits for helpers of the garbage collector
 * seems to sleep. So a gap must be long to count, it begins after the last write, and where a crowd of
 * sockets is ready after a short sleep, from which the first of them should have woken the loop, it was
 * none.
 *
 * @module
 */
import { cpuUsage } from "./cpu_usage.ts";
import { systemClock } from "./clock.ts";

/** Shorter gaps between turns are taken as work: asking how they were spent costs 2 µs. */
const SLEEP_MS = 0.4;
/** The part of a gap that must have been sleep. */
const SLEPT_MS = 0.2;
/** From a packet's arrival to the thread's being runnable, which no account of it holds. */
const WAKE_MS = 0.1;
/** Servers note a token just before they send it, and clocks are compared to some microseconds. */
const MARGIN_MS = 0.03;
/** After a turn longer than this, its work is told from what follows. */
const LONG_TURN_MS = 0.3;

/** A loop that slept finds few sockets ready, unless an engine serves a whole batch at once. */
const CROWD = 4;
/** A crowd after a longer sleep is such a batch: collections of garbage take less. */
const SHORT_SLEEP_MS = 20;

/** A turn with so many reads and writes may have been ended early: each takes a few operations. */
const LARGE_TURN = 32;
/** Turns that what was left over may take. */
const TURNS_LATER = 2;

const settled: Promise<void> = Promise.resolve();

/** A turn is on. */
let reading = false;
/** First stamp of the turn. */
let startedMs = -Infinity;
/** When the last turn ended. */
let endedMs = -Infinity;
/** What this turn's reads bring had not come before. */
let emptyMs = -Infinity;
/** The kernel was asked for this turn's reads no earlier. */
let askedMs = -Infinity;
/** What `emptyMs` would be if the sleep before this turn was none; absent = it need not be asked. */
let awakeEmptyMs: number | undefined;
/** Reads and writes since the turn began. */
let operations = 0;
/** Turns to come in which something of a large one may be left over. */
let leftOver = 0;
/** Sockets that may be read. */
let users = 0;
let schedule: Schedule | undefined;

/**
 * How much earlier than `atMs`, the stamp of the read that is being handed over on the system's clock,
 * its bytes may have come, ms. Must be called once for every read of a socket of this thread.
 */
export function readWidthMs(atMs: number): number {
  if (!reading) begin(atMs);
  if (++operations > CROWD && awakeEmptyMs !== undefined) {
    emptyMs = askedMs = awakeEmptyMs;
    awakeEmptyMs = undefined;
  }
  return atMs - emptyMs + MARGIN_MS;
}

/** To be called after every write to a socket of this thread: it was awake at `atMs`. */
export function noteWrite(atMs: number): void {
  operations++;
  if (!reading) endedMs = atMs;
}

/** To be called when a socket is opened, and {@linkcode releaseTurns} when it is closed. */
export function retainTurns(): void {
  if (users++ > 0) return;
  schedule = openSchedule();
  // Nothing comes to a socket that did not exist.
  endedMs = askedMs = emptyMs = systemClock.now();
}

export function releaseTurns(): void {
  if (--users > 0) return;
  schedule?.close();
  schedule = undefined;
}

function begin(atMs: number): void {
  reading = true;
  void settled.then(end);
  startedMs = atMs;
  if (operations >= LARGE_TURN) leftOver = TURNS_LATER;
  operations = 0;
  if (leftOver > 0) leftOver--;
  else emptyMs = askedMs;
  askedMs = endedMs;
  awakeEmptyMs = undefined;
  const gapMs = atMs - endedMs;
  if (gapMs < SLEEP_MS || schedule === undefined) return;
  const awakeMs = schedule.awakeMs();
  if (gapMs - awakeMs < SLEPT_MS) return;
  if (gapMs < SHORT_SLEEP_MS) awakeEmptyMs = emptyMs;
  leftOver = 0;
  emptyMs = askedMs = Math.max(askedMs, atMs - awakeMs - WAKE_MS);
}

function end(): void {
  reading = false;
  endedMs = systemClock.now();
  if (endedMs - startedMs > LONG_TURN_MS) schedule?.awakeMs();
}

/** How this thread spent its time: the kernel's account of it. */
class Schedule {
  readonly #file: Deno.FsFile;
  readonly #text = new Uint8Array(80);
  #spentMs = 0;

  constructor(file: Deno.FsFile) {
    this.#file = file;
    this.awakeMs();
  }

  /** Time that the thread ran, or could have run, since the last call. */
  awakeMs(): number {
    // The account is of the last tick, 4 ms ago at most, unless someone asks for the usage.
    cpuUsage();
    this.#file.seekSync(0, Deno.SeekMode.Start);
    this.#file.readSync(this.#text);
    const spentMs = sumOfTwo(this.#text) / 1e6;
    const awakeMs = spentMs - this.#spentMs;
    this.#spentMs = spentMs;
    return awakeMs;
  }

  close(): void {
    this.#file.close();
  }
}

const SPACE = 32;
const ZERO = 48;

/** Sum of two decimal numbers, each with a space behind it. */
function sumOfTwo(text: Uint8Array): number {
  let sum = 0;
  let at = 0;
  for (let number = 0; number < 2; number++, at++) {
    let value = 0;
    for (; text[at]! > SPACE; at++) value = value * 10 + text[at]! - ZERO;
    sum += value;
  }
  return sum;
}

function openSchedule(): Schedule | undefined {
  if (Deno.build.os !== "linux") return undefined;
  const path = "/proc/thread-self/schedstat";
  try {
    if (Deno.permissions.querySync({ name: "read", path }).state !== "granted") return undefined;
    return new Schedule(Deno.openSync(path));
  } catch {
    return undefined;
  }
}
