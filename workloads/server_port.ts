/**
 * What is spoken on a port that answers none of our requests: looked at only when one has failed.
 *
 * @module
 */
import { oneLine } from "../backends/error_message.ts";
import { nodeModule } from "../backends/node_module.ts";

const net = nodeModule<typeof import("node:net")>("node:net");
const tls = nodeModule<typeof import("node:tls")>("node:tls");

/** What a port speaks; `other`: it greets with something else. */
export type PortSpeaks =
  | { readonly kind: "http1" | "http2" | "tls" }
  | { readonly kind: "other"; readonly greeting: string };

/** Longest time for each of three looks. */
const LOOK_MS = 1500;
const GREETING_CHARS = 40;

const HTTP1 = "GET / HTTP/1.1\r\nHost: tokometer\r\nConnection: close\r\n\r\n";
/** A client's preface and its empty SETTINGS frame. */
const HTTP2 = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0";

/**
 * Connects up to three times and reads what comes first: after a request of HTTP/1, after a preface
 * of HTTP/2, and after a TLS hello. `undefined` = no connection, or nothing that is known.
 */
export async function lookAtPort(url: string): Promise<PortSpeaks | undefined> {
  const address = URL.parse(url.replace(/^grpc/i, "http"));
  if (address === null) return undefined;
  const host = address.hostname.replace(/^\[|\]$/g, "");
  const port = Number(address.port || (address.protocol === "https:" ? 443 : 80));
  const first = await firstBytes(host, port, HTTP1);
  if (first === undefined) return undefined;
  const heard = readGreeting(first);
  if (heard !== undefined && heard.kind !== "other") return heard;
  const second = readGreeting(await firstBytes(host, port, HTTP2) ?? new Uint8Array(0));
  if (second?.kind === "http2") return second;
  return await speaksTls(host, port) ? { kind: "tls" } : heard ?? second;
}

/** What the first bytes of a server say of it; `undefined` when there are none. */
export function readGreeting(bytes: Uint8Array): PortSpeaks | undefined {
  if (bytes.length === 0) return undefined;
  const text = new TextDecoder("latin1").decode(bytes);
  // A TLS alert, or a SETTINGS frame of stream 0.
  if (bytes[0] === 0x15 && bytes[1] === 3) return { kind: "tls" };
  if (text[0] === "\0" && text[3] === "\x04" && text.slice(5, 9) === "\0\0\0\0") {
    return { kind: "http2" };
  }
  if (text.startsWith("HTTP/1.")) {
    return /HTTPS port|HTTPS server|SSL-enabled|requires TLS/i.test(text)
      ? { kind: "tls" }
      : { kind: "http1" };
  }
  return { kind: "other", greeting: oneLine(text, GREETING_CHARS) };
}

/** Empty when nothing came in time; `undefined` without a connection. */
function firstBytes(host: string, port: number, hello: string): Promise<Uint8Array | undefined> {
  return new Promise((resolve) => {
    let connected = false;
    let got = new Uint8Array(0);
    const socket = net().connect({ host, port }, () => {
      connected = true;
      socket.write(hello, "latin1");
    });
    const over = () => {
      clearTimeout(timer);
      socket.destroy();
      resolve(connected ? got : undefined);
    };
    const timer = setTimeout(over, LOOK_MS);
    socket.on("data", (bytes: Uint8Array) => {
      got = Uint8Array.from(bytes.subarray(0, 1024));
      over();
    });
    socket.on("error", over);
    socket.on("close", over);
  });
}

function speaksTls(host: string, port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = tls().connect({ host, port, rejectUnauthorized: false });
    const over = (found: boolean) => {
      clearTimeout(timer);
      socket.destroy();
      resolve(found);
    };
    const timer = setTimeout(over, LOOK_MS, false);
    socket.on("secureConnect", () => over(true));
    socket.on("error", () => over(false));
    socket.on("close", () => over(false));
  });
}
