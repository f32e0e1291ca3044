/**
 * A link to a server that can be cut: closed, as when a machine restarts, or silent, as when a cable is
 * pulled.
 *
 * @module
 */

/** A link to a server on this machine. */
export interface TcpProxy {
  readonly port: number;
  /** Closes all connections and refuses new ones. */
  close(): void;
  /** Passes nothing on; what is sent waits, as it does in a kernel. */
  silence(): void;
  /** Passes on again. */
  heal(): void;
  /** Ends it. */
  end(): Promise<void>;
}

/** Opens one to a port of this machine. */
export function openProxy(target: number): TcpProxy {
  let state: "open" | "closed" | "silent" = "open";
  let waiting = Promise.withResolvers<void>();
  const connections = new Set<Deno.Conn>();
  let listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const { port } = listener.addr as Deno.NetAddr;
  const running = new Set<Promise<void>>();

  function track(work: Promise<void>): void {
    running.add(work);
    void work.finally(() => running.delete(work));
  }

  function shut(connection: Deno.Conn): void {
    if (!connections.delete(connection)) return;
    try {
      connection.close();
    } catch {
      // It was closed by its other side.
    }
  }

  async function pass(from: Deno.Conn, to: Deno.Conn): Promise<void> {
    const buffer = new Uint8Array(65_536);
    try {
      for (let count = await from.read(buffer); count !== null; count = await from.read(buffer)) {
        while (state === "silent") await waiting.promise;
        for (let at = 0; at < count;) at += await to.write(buffer.subarray(at, count));
      }
    } catch {
      // The other side is gone.
    }
    shut(from);
    shut(to);
  }

  async function serve(client: Deno.Conn): Promise<void> {
    connections.add(client);
    while (state === "silent") await waiting.promise;
    const server = await Deno.connect({ hostname: "127.0.0.1", port: target }).catch(() => {});
    if (server === undefined) return shut(client);
    connections.add(server);
    await Promise.all([pass(client, server), pass(server, client)]);
  }

  async function listen(): Promise<void> {
    try {
      for await (const client of listener) track(serve(client));
    } catch {
      // It was closed.
    }
  }
  track(listen());

  function leave(): void {
    waiting.resolve();
    waiting = Promise.withResolvers();
  }

  const proxy: TcpProxy = {
    port,
    close() {
      if (state !== "closed") listener.close();
      state = "closed";
      leave();
      for (const connection of connections) shut(connection);
    },
    silence() {
      state = "silent";
    },
    heal() {
      if (state === "closed") {
        listener = Deno.listen({ hostname: "127.0.0.1", port });
        track(listen());
      }
      state = "open";
      leave();
    },
    async end() {
      proxy.close();
      await Promise.all(running);
    },
  };
  return proxy;
}
