/**
 * Keeps sessions of `node:http2` from crashing Deno when the peer sends GOAWAY.
 *
 * On GOAWAY `node:http2` ends its session, by `close` or `destroy`, inside the callback that reports
 * the frame. Deno 2.9 frees the session at once when no stream is open, and then reads freed memory:
 * a segmentation fault, or nghttp2's assertion `stream->closed_next == NULL`. One peer that hangs up
 * on an idle connection is enough. Reported as https://github.com/denoland/deno/issues/36788; this
 * file may go when that is fixed.
 *
 * @module
 */
import type { Http2Session } from "node:http2";

/** Postpones `close` of this session, and `destroy` on GOAWAY, by one turn of the event loop. */
export function closeLate(session: Http2Session): void {
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
