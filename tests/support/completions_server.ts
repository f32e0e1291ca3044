/**
 * A completions server that keeps the bodies it was sent and delivers the tokens asked for.
 *
 * @module
 */

/** A running server. */
export interface CompletionsServer {
  readonly url: string;
  /** Bodies of the generation calls, in the order of their arrival. */
  readonly bodies: Record<string, unknown>[];
  /** Their headers, in the same order. */
  readonly heads: Headers[];
  stop(): Promise<void>;
}

/** What it does besides answering. */
export interface CompletionsServerOptions {
  /** Every so many-th request is refused with 503. */
  readonly failEvery?: number;
  /** Names that it serves, listed in this order; default any, of which it lists `m`. */
  readonly models?: readonly string[];
  /** Shorter answers are refused with 400. */
  readonly leastTokens?: number;
  /** Called when a request has come; its answer waits for what this returns. */
  readonly hold?: (body: Record<string, unknown>) => Promise<void> | undefined;
}

/** Starts it on a free port. */
export function startCompletionsServer(
  options: CompletionsServerOptions = {},
): CompletionsServer {
  const bodies: Record<string, unknown>[] = [];
  const heads: Headers[] = [];
  const { models } = options;
  const server = Deno.serve(
    { port: 0, hostname: "127.0.0.1", onListen: () => {} },
    async (request) => {
      if (new URL(request.url).pathname === "/v1/models") {
        return Response.json({ data: (models ?? ["m"]).map((id) => ({ id })) });
      }
      if (request.method !== "POST") return new Response(null, { status: 404 });
      const body = await request.json();
      bodies.push(body);
      heads.push(request.headers);
      if (models?.includes(body.model) === false) {
        const message = `The model \`${body.model}\` does not exist`;
        return Response.json({ error: { message } }, { status: 404 });
      }
      if (bodies.length % (options.failEvery ?? Infinity) === 0) {
        return Response.json({ error: "full" }, { status: 503 });
      }
      const tokens = body.max_tokens ?? body.max_completion_tokens;
      if (tokens < (options.leastTokens ?? 0)) {
        return Response.json({ error: { message: "too few tokens" } }, { status: 400 });
      }
      await options.hold?.(body);
      const usage = {
        prompt_tokens: Array.isArray(body.prompt) ? body.prompt.length : 7,
        completion_tokens: tokens,
      };
      if (body.stream !== true) {
        return Response.json({ choices: [{ text: "x", finish_reason: "length" }], usage });
      }
      const events = Array.from(
        { length: tokens },
        () => ({ choices: [{ text: "x" }] }) as Record<string, unknown>,
      );
      events.push({ choices: [{ text: "", finish_reason: "length" }] }, { choices: [], usage });
      const lines = [...events.map((event) => JSON.stringify(event)), "[DONE]"];
      return new Response(streamed(lines.map((line) => `data: ${line}\n\n`)), {
        headers: { "content-type": "text/event-stream" },
      });
    },
  );
  return {
    url: `http://127.0.0.1:${server.addr.port}`,
    bodies,
    heads,
    stop: () => server.shutdown(),
  };
}

/** How long the first event precedes the others: an answer at once would prove no stream. */
const FIRST_MS = 5;

function streamed([first = "", ...rest]: readonly string[]): ReadableStream<Uint8Array> {
  return new ReadableStream<string>({
    async start(controller) {
      controller.enqueue(first);
      await new Promise((resolve) => setTimeout(resolve, FIRST_MS));
      controller.enqueue(rest.join(""));
      controller.close();
    },
  }).pipeThrough(new TextEncoderStream());
}
