/**
 * A server that reads a large request in many pieces, with pauses: the client's kernel takes no more
 * meanwhile.
 *
 * @module
 */
import net from "node:net";

/** A running server; it serves one request. */
export interface SlowReader {
  readonly url: string;
  /** The body, once it has answered. */
  readonly received: Promise<Uint8Array>;
  close(): Promise<void>;
}

/** Answers when all of a request with a body of so many bytes has come. */
export async function startSlowReader(bodyBytes: number): Promise<SlowReader> {
  const received = Promise.withResolvers<Uint8Array>();
  const server = net.createServer((socket) => {
    const chunks: Uint8Array[] = [];
    let bytes = 0;
    let atPause = 0;
    socket.on("error", () => {});
    socket.on("data", (chunk: Uint8Array) => {
      chunks.push(new Uint8Array(chunk));
      bytes += chunk.length;
      if (bytes - atPause > bodyBytes / 8) {
        atPause = bytes;
        socket.pause();
        setTimeout(() => socket.resume(), 10);
      }
      if (bytes <= bodyBytes) return;
      const head = new TextDecoder("latin1").decode(chunks[0]!).indexOf("\r\n\r\n") + 4;
      if (bytes < head + bodyBytes) return;
      socket.write("HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok");
      const all = new Uint8Array(bytes);
      let at = 0;
      for (const chunk of chunks) {
        all.set(chunk, at);
        at += chunk.length;
      }
      received.resolve(all.subarray(head));
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as net.AddressInfo;
  return {
    url: `http://127.0.0.1:${port}`,
    received: received.promise,
    close: () => new Promise((resolve) => server.close(() => resolve())),
  };
}
