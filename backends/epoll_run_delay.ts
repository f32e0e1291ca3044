/**
 * How long this thread has waited for a core: what passed between an event that woke it and its next
 * step is that at most, and the wake-up itself.
 *
 * @module
 */
import type { Libc } from "./epoll_libc.ts";

const PATH: Uint8Array<ArrayBuffer> = new TextEncoder().encode("/proc/thread-self/schedstat\0");
const O_RDONLY_CLOEXEC = 0x80000;
/** Three numbers of at most 20 digits. */
const TEXT_BYTES = 64n;
const SPACE = 32;
const ZERO = 48;

/** Must be made by the thread that it is about. */
export class RunDelay {
  readonly #libc: Libc;
  readonly #text = new Uint8Array(new ArrayBuffer(Number(TEXT_BYTES)));
  #fd: number;
  #totalMs = 0;

  constructor(libc: Libc) {
    this.#libc = libc;
    this.#fd = libc.symbols.open(PATH, O_RDONLY_CLOEXEC);
    // A kernel that does not count gives zeros.
    if (this.sinceLast() === undefined || this.#text[0] === ZERO) this.close();
  }

  /** Milliseconds since the last call; `undefined` where the system does not tell. */
  sinceLast(): number | undefined {
    if (this.#fd < 0) return undefined;
    const count = this.#libc.symbols.pread(this.#fd, this.#text, TEXT_BYTES, 0n);
    if (count <= 0) return undefined;
    const text = this.#text;
    let at = 0;
    while (at < count && text[at] !== SPACE) at++;
    let ns = 0;
    for (at++; at < count && text[at] !== SPACE; at++) ns = ns * 10 + text[at]! - ZERO;
    const lastMs = this.#totalMs;
    this.#totalMs = ns / 1e6;
    return this.#totalMs - lastMs;
  }

  close(): void {
    if (this.#fd >= 0) this.#libc.symbols.close(this.#fd);
    this.#fd = -1;
  }
}
