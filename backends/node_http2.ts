/**
 * Keeps sessions of `node:http2` from crashing Deno when the other side says goodbye.
 *
 * On GOAWAY `node:http2` ends its session, by `close` or `destroy`, from within the callback that
 * reports the frame. Deno 2.9 frees the session at once when no stream is open, and then goes on
 * reading in freed memory: a segmentation fault, or nghttp2's assertion
 * `stream->closed_next == NULL`. One peer that hangs up while nothing goes on is enough.
 *
 * @module
 */
import type { Http2Session } from "node:http2";

/** From now on `close` of this session acts a turn of the loop later; `destroy` on GOAWAY too. */
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
