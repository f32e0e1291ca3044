/**
 * Keeps the gRPC library from crashing Deno when a server goes away.
 *
 * On GOAWAY the library closes its HTTP/2 session from within the `goaway` event. Deno 2.9 emits that
 * event in the middle of reading the frame and frees the session at once when no stream is open;
 * reading then goes on in freed memory: a segmentation fault, or nghttp2's assertion
 * `stream->closed_next == NULL`. One server that stops while a client is idle is enough.
 *
 * So sessions are closed a turn later. This changes `connect` of `node:http2` for the process; only
 * the gRPC library uses it here.
 *
 * @module
 */
import http2 from "node:http2";

const connect = http2.connect;

/** As `http2.connect`, but the session's `close()` waits for the next turn of the loop. */
function connectWithLateClose(...args: Parameters<typeof connect>): http2.ClientHttp2Session {
  const session = connect(...args);
  const close = session.close;
  session.close = (callback?: () => void): void => {
    setImmediate(() => close.call(session, callback));
  };
  return session;
}

Object.assign(http2, { connect: connectWithLateClose });
