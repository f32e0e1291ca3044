/**
 * What a format of recordings is: how its files are told from others, and how they are read.
 *
 * @module
 */
import type { Trace } from "./trace.ts";

/** A format of recordings, as listed in the registry. */
export interface TraceFormat {
  /** Name on the command line, e.g. `mooncake`. */
  readonly name: string;
  /** For the help: what its files hold and who writes them. */
  readonly description: string;
  /** Whether a file that begins with these rows is one of its own; those of CSV hold texts. */
  readonly recognizes: (rows: readonly unknown[]) => boolean;
  /**
   * Reads a file, or a folder where the format has such.
   *
   * @throws {UserError} when there is none, or a row does not fit: the message names line and field.
   */
  readonly read: (path: string, options: ReadOptions) => Promise<Trace>;
}

/** How a recording is read. */
export interface ReadOptions {
  /** Gives up. */
  readonly signal?: AbortSignal;
  /** Says how far it is: bytes done and in all. */
  readonly onProgress?: (done: number, total: number) => void;
}
