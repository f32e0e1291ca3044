/**
 * A run as it goes on, over HTTP on the loopback address: a page, its updates as server-sent events,
 * `/status`, `/metrics`, and `/stop`. Served by the leading thread, which reads no stream; nothing is
 * rendered while nobody looks.
 *
 * @module
 */
import type { IncomingMessage, Server, ServerResponse } from "node:http";
import type { AddressInfo, Socket } from "node:net";
import { type Clock, patientClock } from "../backends/clock.ts";
import { nodeModule } from "../backends/node_module.ts";
import type { LiveBoard } from "./live_board.ts";
import { LiveEvents, MOST_READERS } from "./live_events.ts";
import { createToken, type Refusal, refusalOf } from "./live_guard.ts";
import { liveFrame } from "./live_page_frame.ts";
import { livePage, tokenPage } from "./live_page.ts";
import type { MetricsAnswer } from "./live_prometheus.ts";
import { type LiveOver, liveStatus, type LiveStop } from "./live_status.ts";
import { keepSecret, withoutSecrets } from "./secret.ts";
import { UserError } from "./user_error.ts";

const http = nodeModule<typeof import("node:http")>("node:http");

/** What is served, and where. */
export interface LiveServerOptions {
  /** 0 = any free one. */
  readonly port: number;
  /** What is seen. */
  readonly board: Pick<LiveBoard, "state" | "header">;
  /** Answers `/metrics`, given what the client accepts. */
  readonly metrics: (accept: string | undefined) => MetricsAnswer;
  /** Asks for what Ctrl-C asks for. */
  readonly stop: () => void;
  /** How far stopping is. */
  readonly stopping: () => LiveStop;
  /** Receives the address with the token before anything else can, since it is a secret afterwards. */
  readonly announce?: (url: string) => void;
  readonly clock?: Clock;
}

/** A run that is served. */
export interface LiveSite {
  /** `http://127.0.0.1:PORT/?token=…`. */
  readonly url: string;
  /** The run is over: tells readers, lets them take it, and stops listening. May be called again. */
  finish(over: LiveOver): Promise<void>;
}

/** Time between two updates of the page. */
const UPDATE_MS = 1000;
/** How long readers have for the last update. */
const LINGER_MS = 300;
/** Connections at a time, pages included: files that this process may open are for the load. */
const MOST_CONNECTIONS = MOST_READERS + 16;
/** A whole request must be there by then. */
const REQUEST_MS = 5000;
/** How often Node looks for requests that are not. */
const LOOK_EVERY_MS = 1000;

/** For every answer. */
const HEADERS: Readonly<Record<string, string>> = {
  "cache-control": "no-store",
  "connection": "close",
  "cross-origin-opener-policy": "same-origin",
  "cross-origin-resource-policy": "same-origin",
  "referrer-policy": "no-referrer",
  "x-content-type-options": "nosniff",
  "x-frame-options": "DENY",
};

/**
 * Begins to listen on 127.0.0.1.
 *
 * @throws {UserError} for a port that cannot be had.
 */
export async function startLiveServer(options: LiveServerOptions): Promise<LiveSite> {
  const { board, clock = patientClock, announce } = options;
  const token = createToken();
  const page = await livePage();
  let over: LiveOver | undefined;
  const seen = () => ({ state: board.state(), header: board.header, stopping: options.stopping() });
  // What others wrote is in it, and it leaves this process.
  const frameOf = (name: string) => {
    try {
      const frame = JSON.stringify(liveFrame({ ...seen(), over }));
      return `event: ${name}\ndata: ${withoutSecrets(frame)}\n\n`;
    } catch {
      // What cannot be drawn must not end the run. A comment: readers see that there is no news.
      return ":\n\n";
    }
  };
  const events = new LiveEvents({
    clock,
    everyMs: UPDATE_MS,
    render: () => frameOf("frame"),
  });
  const answer = (request: IncomingMessage, response: ServerResponse) => {
    // Not `URL`: a path such as `//` is none.
    const [path = "", query = ""] = (request.url ?? "").split("?", 2);
    const queryToken = new URLSearchParams(query).get("token") ?? undefined;
    const { method = "", headers } = request;
    const refusal = refusalOf({ method, path, queryToken, headers }, token);
    if (refusal !== undefined) return refuse(response, refusal, path === "/" ? page : undefined);
    switch (path) {
      case "/":
        return reply(response, 200, {
          ...{ type: "text/html; charset=utf-8", body: page.html },
          headers: { "content-security-policy": page.policy },
        });
      case "/status":
        return replyJson(response, 200, withoutSecrets(liveStatus({ ...seen(), over })));
      case "/metrics": {
        const { contentType, body } = options.metrics(headers.accept);
        return reply(response, 200, { type: contentType, body: withoutSecrets(body) });
      }
      case "/stop":
        options.stop();
        return replyJson(response, 202, JSON.stringify({ stopping: options.stopping() }));
    }
    response.writeHead(200, { ...HEADERS, "content-type": "text/event-stream; charset=utf-8" });
    const remove = events.add({
      write: (text, done) => response.write(text, done),
      end: (text, done) => response.end(text, done),
      destroy: () => response.destroy(),
    });
    if (remove === undefined) return void response.end("event: full\ndata: {}\n\n");
    response.on("close", remove);
  };
  const server = http().createServer({
    ...{ headersTimeout: REQUEST_MS, requestTimeout: REQUEST_MS },
    ...{ connectionsCheckingInterval: LOOK_EVERY_MS, maxHeaderSize: 16_384 },
  }, answer);
  server.maxConnections = MOST_CONNECTIONS;
  // What is no HTTP gets no answer.
  server.on("clientError", (_error: Error, socket: Socket) => void socket.destroy());
  await listen(server, options.port);
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/?token=${token}`;
  announce?.(url);
  keepSecret(token);
  let closing: Promise<void> | undefined;
  return {
    url,
    finish(end: LiveOver): Promise<void> {
      over ??= end;
      return closing ??= close(server, events.end(frameOf("over"), LINGER_MS));
    },
  };
}

async function close(server: Server, ended: Promise<void>): Promise<void> {
  const closed = new Promise<void>((resolve) => server.close(() => resolve()));
  await ended;
  server.closeAllConnections();
  await closed;
}

async function listen(server: Server, port: number): Promise<void> {
  const place = `127.0.0.1:${port}`;
  // Node would throw it where nobody can catch it.
  const { state } = await Deno.permissions.request({ name: "net", host: place });
  if (state !== "granted") {
    throw new UserError(
      `Cannot serve the live page at ${place} without permission: ` +
        `add --allow-net=${place} to deno run, or -A for everything`,
    );
  }
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  server.once("error", reject);
  server.listen(port, "127.0.0.1", resolve);
  try {
    await promise;
  } catch (error) {
    const { code = "", message } = error as Error & { readonly code?: string };
    throw new UserError(
      `Cannot serve the live page at ${place}: ${LISTEN_ERRORS[code] ?? message}`,
    );
  }
  server.off("error", reject);
  // A connection that cannot be taken is nothing to end a run for.
  server.on("error", () => {});
}

/** What to do about a port that cannot be had, by Node's code. */
const LISTEN_ERRORS: Readonly<Record<string, string>> = {
  EADDRINUSE: "another program listens there, choose another port, or 0 for any free one",
  EACCES: "this user may not listen there, choose a port from 1024 on, or 0 for any free one",
};

interface Reply {
  readonly type: string;
  readonly body: string;
  readonly headers?: Readonly<Record<string, string>>;
}

function reply(response: ServerResponse, status: number, { type, body, headers }: Reply): void {
  response.writeHead(status, { ...HEADERS, "content-type": type, ...headers });
  response.end(body);
}

function replyJson(response: ServerResponse, status: number, body: string): void {
  reply(response, status, { type: "application/json; charset=utf-8", body: `${body}\n` });
}

/** @param page the page, for a browser that was sent there without its token. */
function refuse(
  response: ServerResponse,
  { status, message, allow }: Refusal,
  page: { readonly policy: string } | undefined,
): void {
  const headers = {
    ...(allow === undefined ? {} : { allow }),
    ...(status === 401 ? { "www-authenticate": "Bearer" } : {}),
  };
  if (status === 401 && page !== undefined) {
    return reply(response, status, {
      ...{ type: "text/html; charset=utf-8", body: tokenPage(message) },
      headers: { ...headers, "content-security-policy": page.policy },
    });
  }
  reply(response, status, { type: "text/plain; charset=utf-8", body: `${message}\n`, headers });
}
