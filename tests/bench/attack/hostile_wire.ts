/**
 * A server of attacks: it answers the check request of `bench` as a good server does, and every other
 * request with an attack. It listens on plain TCP, so that it can send what no library would.
 *
 * @module
 */

/** The check request asks for at most 64 tokens; the load asks for this many. */
export const LOAD_TOKENS = 100;

/** One connection, seen from the attacker. */
export class Wire {
  readonly #conn: Deno.TcpConn;
  readonly #over: AbortSignal;
  /** Several streams of a connection may write. */
  #writing: Promise<void> = Promise.resolve();

  constructor(conn: Deno.TcpConn, over: AbortSignal) {
    this.#conn = conn;
    this.#over = over;
  }

  /** Waits until the client has taken it. @throws when the client has left. */
  write(data: string | Uint8Array): Promise<void> {
    return this.#writing = this.#writing.then(() => this.#writeAll(data));
  }

  async #writeAll(data: string | Uint8Array): Promise<void> {
    let bytes = typeof data === "string" ? new TextEncoder().encode(data) : data;
    while (bytes.length > 0) bytes = bytes.subarray(await this.#conn.write(bytes));
  }

  /** The same again and again, in large pieces. */
  async flood(data: string | Uint8Array): Promise<never> {
    const bytes = repeated(data);
    for (;;) await this.write(bytes);
  }

  /** Reads some bytes; `undefined` at the end. */
  async read(): Promise<Uint8Array | undefined> {
    const buffer = new Uint8Array(65_536);
    const count = await this.#conn.read(buffer);
    return count === null ? undefined : buffer.subarray(0, count);
  }

  /** Ends our half of the connection. */
  async closeHalf(): Promise<void> {
    await this.#conn.closeWrite();
  }

  /** Rests, at most until the client or the bench has left. */
  sleep(ms: number): Promise<void> {
    return new Promise((resolve, reject) => {
      const leave = () => {
        clearTimeout(timer);
        reject(new Error("over"));
      };
      const timer = setTimeout(() => {
        this.#over.removeEventListener("abort", leave);
        resolve();
      }, ms);
      this.#over.addEventListener("abort", leave, { once: true });
    });
  }

  /** For ever. */
  async hold(): Promise<never> {
    for (;;) await this.sleep(2 ** 30);
  }

  close(): void {
    try {
      this.#conn.close();
    } catch {
      // The client was faster.
    }
  }
}

/** At least 64 KiB of it. */
export function repeated(data: string | Uint8Array): Uint8Array<ArrayBuffer> {
  const one = typeof data === "string" ? new TextEncoder().encode(data) : data;
  const count = Math.ceil(65_536 / one.length);
  const all = new Uint8Array(one.length * count);
  for (let i = 0; i < count; i++) all.set(one, i * one.length);
  return all;
}

/** A listening attacker. */
export interface Attacker {
  readonly port: number;
  close(): void;
}

/** Serves each connection with `serve` until it throws or returns. */
export function attack(serve: (wire: Wire) => Promise<void>): Attacker {
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const over = new AbortController();
  const wires = new Set<Wire>();
  (async () => {
    for await (const conn of listener) {
      const wire = new Wire(conn, over.signal);
      wires.add(wire);
      serve(wire).catch(() => {}).finally(() => {
        wires.delete(wire);
        wire.close();
      });
    }
  })().catch(() => {});
  return {
    port: listener.addr.port,
    close() {
      over.abort();
      listener.close();
      for (const wire of wires) wire.close();
    },
  };
}
