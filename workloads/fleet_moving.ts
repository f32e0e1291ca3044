/**
 * Moving files over a connection that may be cut: hashed, bounded, tried again.
 *
 * @module
 */
import { patientClock } from "../backends/clock.ts";
import { messageOf } from "../backends/error_message.ts";
import { nodeModule } from "../backends/node_module.ts";

const hashing = nodeModule<typeof import("node:crypto")>("node:crypto");

/** How files are moved. */
export interface MovingFiles {
  /** Gives up, e.g. Ctrl-C. */
  readonly signal: AbortSignal;
  /** Told how far it is, in a clause such as `storing chat.jsonl, 40 of 120 MB`. */
  readonly onProgress?: ((text: string) => void) | undefined;
}

/** Nothing came for so long: the server is gone, or stands. */
const SILENT_MS = 30_000;
/** Without success for so long it is given up: longer than a server takes to be started again. */
const PATIENCE_MS = 180_000;
/** Before the second try; then twice as long each time, to a most. */
const RETRY_MS = 100;
const MOST_RETRY_MS = 3000;

/** SHA-256 in hex, of bytes as they come. */
export class Hash {
  readonly #hash = hashing().createHash("sha256");
  /** Bytes so far. */
  bytes = 0;

  add(chunk: Uint8Array): void {
    this.#hash.update(chunk);
    this.bytes += chunk.byteLength;
  }

  /** Of all so far. */
  hex(): string {
    return this.#hash.copy().digest("hex");
  }
}

/** The hash of a text. */
export function hashOf(text: string): string {
  const hash = new Hash();
  hash.add(new TextEncoder().encode(text));
  return hash.hex();
}

/** The hash of a file. Errors are Deno's. @throws {Error} when `signal` is aborted. */
export async function hashFile(
  path: string,
  signal: AbortSignal,
): Promise<{ readonly sha256: string; readonly bytes: number }> {
  const hash = new Hash();
  for await (const chunk of (await Deno.open(path)).readable) {
    signal.throwIfAborted();
    hash.add(chunk);
  }
  return { sha256: hash.hex(), bytes: hash.bytes };
}

/** Content that is looked at while it passes. */
export function watched(
  content: ReadableStream<Uint8Array>,
  look: (chunk: Uint8Array) => void,
): ReadableStream<Uint8Array> {
  return content.pipeThrough(
    new TransformStream<Uint8Array, Uint8Array>({
      transform(chunk, controller) {
        look(chunk);
        controller.enqueue(chunk);
      },
    }),
  );
}

/** Reads what comes to its end. @throws {Error} when nothing comes for long, or `signal` is aborted. */
export async function readAll(
  content: ReadableStream<Uint8Array>,
  take: (chunk: Uint8Array) => void | Promise<void>,
  signal: AbortSignal,
): Promise<void> {
  const reader = content.getReader();
  await unlessSilent(signal, async (heard) => {
    try {
      while (true) {
        const { done, value } = await reader.read();
        heard();
        if (done) return;
        await take(value);
      }
    } catch (error) {
      await reader.cancel(error).catch(() => {});
      throw error;
    }
  });
}

/**
 * Does what has to be heard of again and again.
 *
 * @throws {Error} when nothing was heard for long, or `signal` is aborted; the work is then left alone.
 */
export async function unlessSilent<T>(
  signal: AbortSignal,
  work: (heard: () => void) => Promise<T>,
): Promise<T> {
  signal.throwIfAborted();
  const over = new AbortController();
  const either = AbortSignal.any([signal, over.signal]);
  let dueMs = patientClock.now() + SILENT_MS;
  const watch = async (): Promise<never> => {
    while (!either.aborted && patientClock.now() < dueMs) {
      await patientClock.sleepUntil(dueMs, either);
    }
    signal.throwIfAborted();
    throw new Error(`nothing came for ${SILENT_MS / 1000} s`);
  };
  try {
    return await Promise.race([
      work(() => dueMs = patientClock.now() + SILENT_MS),
      watch(),
    ]);
  } finally {
    over.abort();
  }
}

/** What can be done no more, however often it is tried. */
export class Hopeless extends Error {}

/**
 * Does what may fail while the server cannot be reached, until it succeeds.
 *
 * @throws {Hopeless} as the work did; {Error} of the last try, when it is given up.
 */
export async function persistently<T>(
  work: () => Promise<T>,
  signal: AbortSignal,
  patienceMs: number = PATIENCE_MS,
): Promise<T> {
  const untilMs = patientClock.now() + patienceMs;
  for (let waitMs = RETRY_MS;; waitMs = Math.min(2 * waitMs, MOST_RETRY_MS)) {
    signal.throwIfAborted();
    try {
      return await work();
    } catch (error) {
      const over = signal.aborted || patientClock.now() >= untilMs;
      if (over || error instanceof Hopeless || isOfDisk(error)) throw error;
    }
    await patientClock.sleepUntil(patientClock.now() + waitMs, signal);
  }
}

/** Trying again does not make a disk larger. */
export function isOfDisk(error: unknown): boolean {
  return error instanceof Error && "code" in error && typeof error.code === "string" &&
    /^(ENOSPC|EDQUOT|EROFS|EACCES|EIO|ENOENT)$/.test(error.code);
}

/** Why something was given up, in a clause. */
export function whyFailed(error: unknown, signal: AbortSignal): string {
  return signal.aborted ? "it was stopped" : messageOf(error);
}
