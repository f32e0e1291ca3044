/**
 * A connection of the simulated server on the epoll loop: bytes are made first, then stamped, then
 * sent, with nothing between the stamp and the system's call.
 *
 * @module
 */
import {
  askForStamps,
  EAGAIN,
  EINTR,
  EPOLLERR,
  EPOLLHUP,
  EPOLLIN,
  EPOLLOUT,
  errno,
  sendSome,
} from "./epoll_libc.ts";
import type { EpollLoop, Watcher } from "./epoll_loop.ts";
import type { SimLine, SimLineEvents } from "./sim_loop.ts";

const SHUT_WR = 1;
const SOL_SOCKET = 1;
const SO_LINGER = 13;

/** Where text becomes bytes; what may be longer gets bytes of its own. */
const SCRATCH_BYTES = 64 * 1024;
/** A UTF-16 unit takes at most three bytes. */
const SCRATCH_UNITS = Math.floor(SCRATCH_BYTES / 3);
/** One for all lines: what is in it is sent, or copied, before anything else is written. */
const scratch = new Uint8Array(SCRATCH_BYTES);
const encoder = new TextEncoder();

/** How a line is opened. */
export interface EpollLineOptions {
  readonly fd: number;
  readonly clientPort: number;
  /** Its descriptor is free again. */
  readonly onClosed: () => void;
}

/** An accepted connection of the loop. */
export class EpollSimLine implements SimLine, Watcher {
  readonly clientPort: number;
  readonly #loop: EpollLoop;
  readonly #fd: number;
  readonly #onClosed: () => void;
  #events: SimLineEvents | undefined;
  #unsent: Uint8Array[] = [];
  #unsentBytes = 0;
  /** When there was nothing to read. What came before it was accepted counts as well. */
  #emptyMs = -Infinity;
  #ending = false;
  #destroyed = false;

  constructor(loop: EpollLoop, { fd, clientPort, onClosed }: EpollLineOptions) {
    this.#loop = loop;
    this.#fd = fd;
    this.clientPort = clientPort;
    this.#onClosed = onClosed;
  }

  /** Begins to read. */
  open(events: SimLineEvents): void {
    this.#events = events;
    askForStamps(this.#loop.libc, this.#fd);
    this.#loop.watch(this, this.#fd, EPOLLIN);
  }

  get destroyed(): boolean {
    return this.#destroyed;
  }

  get writableLength(): number {
    return this.#unsentBytes;
  }

  write(data: string | Uint8Array): number {
    if (typeof data !== "string") return this.#write(data, data.length, false);
    if (data.length > SCRATCH_UNITS) {
      const bytes = encoder.encode(data);
      return this.#write(bytes, bytes.length, false);
    }
    return this.#write(scratch, encoder.encodeInto(data, scratch).written, true);
  }

  send(bytes: Uint8Array<ArrayBuffer>, length: number): number {
    return this.#write(bytes, length, true);
  }

  end(): void {
    if (this.#destroyed || this.#ending) return;
    this.#ending = true;
    if (this.#unsent.length === 0) this.#loop.libc.symbols.shutdown(this.#fd, SHUT_WR);
  }

  reset(): void {
    if (this.#destroyed) return;
    // On, for no time at all: closing throws away what is unsent and tells the client so.
    this.#loop.libc.symbols.setsockopt(this.#fd, SOL_SOCKET, SO_LINGER, Int32Array.of(1, 0), 8);
    this.destroy();
  }

  destroy(): void {
    if (this.#destroyed) return;
    this.#destroyed = true;
    this.#loop.closeLater(this);
  }

  /** See {@linkcode Watcher}. */
  ready(flags: number): void {
    if (this.#destroyed) return;
    if ((flags & EPOLLOUT) !== 0) this.#flush();
    if ((flags & (EPOLLIN | EPOLLERR | EPOLLHUP)) === 0) return;
    const { buffer, libc, reader } = this.#loop;
    const count = reader.receive(this.#fd, this.#emptyMs);
    if (count > 0) {
      if (count < buffer.length) this.#emptyMs = reader.arrivedMs;
      // After its own end the server does not answer any more.
      if (!this.#ending) this.#events!.onBytes(buffer.slice(0, count), reader.arrivedMs);
      return;
    }
    if (count < 0) {
      const error = errno(libc);
      if (error === EAGAIN || error === EINTR) return;
    }
    this.destroy();
  }

  /** See {@linkcode Watcher}. */
  closeNow(): void {
    this.#loop.close(this.#fd);
    this.#onClosed();
    this.#events!.onClose();
  }

  /** `borrowed`: the bytes will be overwritten, what the kernel does not take is copied. */
  #write(bytes: Uint8Array, length: number, borrowed: boolean): number {
    const atMs = this.#loop.now();
    if (this.#destroyed || this.#ending || length === 0) return atMs;
    const behind = this.#unsent.length > 0;
    const sent = behind ? 0 : sendSome(this.#loop.libc, this.#fd, bytes, length);
    if (sent < length) {
      this.#unsent.push(borrowed ? bytes.slice(sent, length) : bytes.subarray(sent, length));
      this.#unsentBytes += length - sent;
      if (!behind) this.#loop.rewatch(this.#fd, EPOLLIN | EPOLLOUT);
    }
    return atMs;
  }

  #flush(): void {
    while (this.#unsent.length > 0) {
      const first = this.#unsent[0]!;
      const sent = sendSome(this.#loop.libc, this.#fd, first, first.length);
      this.#unsentBytes -= sent;
      if (sent < first.length) {
        this.#unsent[0] = first.subarray(sent);
        return;
      }
      this.#unsent.shift();
    }
    this.#loop.rewatch(this.#fd, EPOLLIN);
    if (this.#ending) this.#loop.libc.symbols.shutdown(this.#fd, SHUT_WR);
  }
}
