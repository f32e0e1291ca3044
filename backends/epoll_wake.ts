/**
 * Interrupts a thread that waits in {@linkcode EpollLoop}, from another one.
 *
 * @module
 */
import {
  EFD_FLAGS,
  errno,
  errorName,
  growDescriptorTable,
  openWakeLibc,
  type WakeLibc,
} from "./epoll_libc.ts";
import { connectionFailure } from "./exchange.ts";

/** A descriptor that is readable when the loop is to wake. */
export class LoopWaker {
  /** For the loop's thread. */
  readonly fd: number;
  readonly #libc: WakeLibc;

  /**
   * @throws {TypeError} where there is no Linux, or no descriptor left.
   * @throws {Deno.errors.NotCapable} without `--allow-ffi`.
   */
  constructor() {
    this.#libc = openWakeLibc();
    this.fd = this.#libc.symbols.eventfd(0, EFD_FLAGS);
    if (this.fd < 0) {
      const cause = connectionFailure(errorName(errno(this.#libc)));
      this.#libc.close();
      throw new TypeError(`Cannot start a thread around epoll: ${cause}`);
    }
    growDescriptorTable(this.#libc, this.fd);
  }

  wake(): void {
    this.#libc.symbols.write(this.fd, BigUint64Array.of(1n), 8n);
  }

  /** Once the loop is over. */
  close(): void {
    this.#libc.symbols.close(this.fd);
    this.#libc.close();
  }
}
