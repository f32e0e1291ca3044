/**
 * Keeps sessions of `node:http2` from crashing Deno when the peer sends GOAWAY.
 *
 * `node:http2` then ends its session, by `close` or `destroy`, from within the callback that reports
 * the frame. Deno 2.9 frees the session at once when no stream is open, and goes on reading freed
 * memory: a segmentation fault, or nghttp2's assertion `stream->closed_next == NULL`. One peer that
 * closes an idle connection is enough.
 *
 * @module
 */
import type { Http2Session } from "node:http2";

/** Delays `close` of a session to the next event-loop turn, and `destroy` too right after a GOAWAY. */
export function endLate(session: Http2Session): void {
  const { close, destroy } = session;
  let goesAway = false;
  session.on("goaway", () => {
    goesAway = true;
    setImmediate(() => goesAway = false);
  });
  session.close = (...args): void => {
    setImmediate(() => close.apply(session, args));
  };
  session.destroy = (...args): void => {
    if (goesAway) setImmediate(() => destroy.apply(session, args));
    else destroy.apply(session, args);
  };
}
