/**
 * A byte stream to a server, whatever loop it is read in: what a connection asks of it, and what it
 * reports.
 *
 * @module
 */
/** What sockets read to: a read that fills it leaves something behind. */
export const READ_BYTES: number = 64 * 1024;

/** Where a connection goes, and how it is secured. */
export interface Origin {
  readonly host: string;
  readonly port: number;
  readonly secure: boolean;
  readonly caCert: string | undefined;
  readonly insecure: boolean;
  /** Protocol that TLS should agree on; default HTTP/1.1. */
  readonly alpn?: string;
  /** Name to expect in the certificate, where it is not the host's. */
  readonly serverName?: string | undefined;
}

/** What a connection needs of a socket. */
export interface Socket {
  /** Bytes that the kernel has not taken yet. */
  readonly writableLength: number;
  write(bytes: Uint8Array): void;
  /** Closes at once; no event but `onClose` follows. */
  destroy(): void;
  /**
   * How much earlier than `atMs`, the receiver's stamp, the bytes may have come that are handed over
   * without an `arrivedMs`; to be asked once for each read. Absent = unknown.
   */
  readWidthMs?(atMs: number): number;
}

/** When the bytes of a read came. */
export interface ReadStamp {
  /** When they had arrived, on the host's clock. */
  readonly arrivedMs: number;
  /**
   * How much earlier they may have come: the socket was known to be empty then. Negative = the kernel
   * stamped the last byte, which came at `arrivedMs`; what is before it came at most that much earlier.
   * NaN = unknown.
   */
  readonly widthMs: number;
}

/** Called by a socket, always after the function that opened it has returned. */
export interface SocketEvents {
  /** Connected, and the TLS handshake is over where there is one. */
  onConnected(): void;
  /**
   * The first `count` bytes of `buffer` were read; the next read overwrites them.
   *
   * @param stamp when they had arrived; without it, the receiver reads the clock. Valid during the call.
   * @returns false where nobody can have waited for these bytes: they resolved no promise.
   */
  onBytes(buffer: Uint8Array, count: number, stamp?: ReadStamp): boolean | void;
  /** The kernel had all that was written at `atMs` at the latest; may be called inside `write`. */
  onDeparted?(atMs: number): void;
  onEnd(): void;
  /** `cause` in the platform's words, with its code where there is one. */
  onError(cause: string): void;
  /** The descriptor is free. */
  onClose(): void;
}

export type OpenSocket = (origin: Origin, events: SocketEvents) => Socket;
