/**
 * A TCP client that sends the given bytes and shows every byte and ending of the answer.
 *
 * @module
 */

/** What came back. */
export interface RawAnswer {
  readonly text: string;
  /** How it ended: the server closed, reset, or `until` was satisfied first. */
  readonly end: "closed" | "reset" | "open";
}

/** Sends pieces, each after a turn of the loop, and reads until the end or until `until` holds. */
export async function talk(
  port: number,
  pieces: readonly string[],
  until: (text: string) => boolean = () => false,
): Promise<RawAnswer> {
  using connection = await Deno.connect({ hostname: "127.0.0.1", port });
  for (const piece of pieces) {
    await connection.write(new TextEncoder().encode(piece));
    await new Promise((resolve) => setTimeout(resolve, 0));
  }
  const decoder = new TextDecoder();
  const buffer = new Uint8Array(65_536);
  let text = "";
  try {
    while (!until(text)) {
      const count = await connection.read(buffer);
      if (count === null) return { text, end: "closed" };
      text += decoder.decode(buffer.subarray(0, count), { stream: true });
    }
    return { text, end: "open" };
  } catch (error) {
    if (error instanceof Deno.errors.ConnectionReset) return { text, end: "reset" };
    throw error;
  }
}

/** A POST with a JSON body. */
export function post(path: string, body: unknown, headers: readonly string[] = []): string {
  const text = typeof body === "string" ? body : JSON.stringify(body);
  const length = new TextEncoder().encode(text).length;
  return [`POST ${path} HTTP/1.1`, "host: test", `content-length: ${length}`, ...headers, "", text]
    .join("\r\n");
}
