/**
 * Runs a simulated server's code until the JIT has compiled it. A calibration sends about ten
 * thousand tokens, about as many as compiling takes: without a warm-up the engine would be slow in
 * the first half of the measurement.
 *
 * @module
 */
import type { Clock } from "./clock.ts";
import type { SimOptions } from "./sim_options.ts";
import { startSimServer } from "./sim_server.ts";
import type { EpollSimLoop } from "./sim_loop_epoll.ts";

/** Streams at the same time, and tokens of each of their answers. */
const STREAMS = 64;
const OUTPUT_TOKENS = 32;
/**
 * Number of servers started one after another, and how long each runs: code that was optimized for a
 * single server is compiled again for the second.
 */
const SERVERS = 2;
const WARM_UP_MS = 700;
/** As fast as possible, in steps that serve all streams. */
const STEP_MS = 1;

/** Sends a load through servers like this one, on the same loop, then stops them. */
export async function warmUpSimServer(
  given: Partial<SimOptions>,
  loop: EpollSimLoop,
  { durationMs = WARM_UP_MS }: { readonly durationMs?: number } = {},
): Promise<void> {
  for (let server = 0; server < SERVERS; server++) await runServer(given, loop, durationMs);
}

async function runServer(
  given: Partial<SimOptions>,
  loop: EpollSimLoop,
  durationMs: number,
): Promise<void> {
  const { ttft, itl, apiKey: _, maxModelLen: __, ...rest } = given;
  const paced = ttft !== undefined || itl !== undefined;
  const server = await startSimServer({
    ...rest,
    ...(paced ? { ttft: `${STEP_MS}`, itl: `${STEP_MS}` } : { stepMs: STEP_MS }),
    host: HOME.host,
    port: 0,
    anyModel: true,
    faults: [],
    loop,
  });
  const untilMs = loop.clock.now() + durationMs;
  const streams = Array.from({ length: STREAMS }, () => ask(loop, server.port, untilMs));
  await Promise.all(streams);
  await server.stop();
}

const REQUEST = requestBytes({
  model: "simulated",
  prompt: "How late are you?",
  max_tokens: OUTPUT_TOKENS,
  min_tokens: OUTPUT_TOKENS,
  stream: true,
  stream_options: { include_usage: true },
  ignore_eos: true,
});

function requestBytes(body: unknown): Uint8Array {
  const text = JSON.stringify(body);
  return new TextEncoder().encode(
    "POST /v1/completions HTTP/1.1\r\nhost: 127.0.0.1\r\nx-request-id: 0\r\ncontent-type: application/json\r\n" +
      `content-length: ${text.length}\r\n\r\n${text}`,
  );
}

const HOME = { host: "127.0.0.1", secure: false, caCert: undefined, insecure: false };

const LF = 10;
const CR = 13;
const ZERO = 48;

/** Sends one request after another on one connection. */
function ask(
  { openSocket, clock }: { readonly openSocket: EpollSimLoop["openSocket"]; readonly clock: Clock },
  port: number,
  untilMs: number,
): Promise<void> {
  return new Promise((resolve) => {
    const socket = openSocket({ ...HOME, port }, {
      onConnected: () => socket.write(REQUEST),
      onBytes(bytes, count) {
        // The chunk that ends the body: 0, CR LF, CR LF.
        const over = count >= 5 && bytes[count - 1] === LF && bytes[count - 2] === CR &&
          bytes[count - 3] === LF && bytes[count - 4] === CR && bytes[count - 5] === ZERO;
        if (!over) return;
        if (clock.now() < untilMs) socket.write(REQUEST);
        else socket.destroy();
      },
      onEnd: () => socket.destroy(),
      onError: () => socket.destroy(),
      onClose: resolve,
    });
  });
}
