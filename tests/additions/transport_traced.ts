/**
 * The transport `traced`: `socket`, with a trace context in each request, so that the server's own
 * traces can be laid beside the record.
 *
 * @module
 */
import { wallClockMs } from "../../backends/clock.ts";
import type { Transport, TransportKind } from "../../backends/transport.ts";
import { socketTransport } from "../../backends/transport_socket.ts";

/** The transport `traced`. */
export const tracedTransport: TransportKind = {
  name: "traced",
  open: (options) => traced(socketTransport.open(options)),
};

function traced(inner: Transport): Transport {
  const trace = Math.floor(wallClockMs()).toString(16).padStart(32, "0");
  let span = 0;
  return {
    send(request, options) {
      const traceparent = `00-${trace}-${(++span).toString(16).padStart(16, "0")}-01`;
      return inner.send({ ...request, headers: { ...request.headers, traceparent } }, options);
    },
    rehearsal: () => traced(inner.rehearsal!()),
    close: () => inner.close(),
  };
}
