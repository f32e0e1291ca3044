/**
 * A connection of the simulated server on the epoll loop. Bytes are encoded, then stamped, then
 * sent, with nothing between the stamp and the system call.
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
import type { SimSocket, SimSocketEvents } from "./sim_loop.ts";

const SHUT_WR = 1;
const SOL_SOCKET = 1;
const SO_LINGER = 13;

/** Buffer for encoding text; longer texts get their own. */
const SCRATCH_BYTES = 64 * 1024;
/** A UTF-16 unit takes at most three bytes. */
const SCRATCH_UNITS = Math.floor(SCRATCH_BYTES / 3);
/** Shared by all connections: its content is sent or copied before the next write. */
const scratch = new Uint8Array(SCRATCH_BYTES);
const encoder = new TextEncoder();

/** What a connection is created with. */
export interface EpollSocketOptions {
  readonly fd: number;
  readonly clientPort: number;
  /** Called when its descriptor is free again. */
  readonly onClosed: () => void;
}

/** An accepted connection of the loop. */
export class EpollSimSocket implements SimSocket, Watcher {
  readonly clientPort: number;
  readonly #loop: EpollLoop;
  readonly #fd: number;
  readonly #onClosed: () => void;
  #events: SimSocketEvents | undefined;
  #unsent: Uint8Array[] = [];
  #unsentBytes = 0;
  /** Last instant with nothing left to read; −∞, as bytes may arrive before it is accepted. */
  #emptyMs = -Infinity;
  #ending = false;
  #destroyed = false;

  constructor(loop: EpollLoop, { fd, clientPort, onClosed }: EpollSocketOptions) {
    this.#loop = loop;
    this.#fd = fd;
    this.clientPort = clientPort;
    this.#onClosed = onClosed;
  }

  /** Begins to read. */
  open(events: SimSocketEvents): void {
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
    // Lingering for 0 s: closing discards unsent bytes and resets the connection.
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
      // After it has ended its own side the server answers no more.
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

  /** `borrowed`: the caller will overwrite the bytes, so what the kernel does not take is copied. */
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
