/**
 * Attacks over HTTP/1.1.
 *
 * @module
 */
import { LOAD_TOKENS, repeated, type Wire } from "./hostile_wire.ts";

/** An attack: what the server sends in answer to a request, or does to its connection. */
export interface HttpAttack {
  readonly name: string;
  /** Answers one request; the connection is closed when it returns. */
  readonly answer: (wire: Wire) => Promise<void>;
  /** Also the list of models and the check request are answered so. */
  readonly always?: true;
  /** The same, and requests are not read at all. */
  readonly deaf?: true;
}

const OK = "HTTP/1.1 200 OK\r\n";
const STREAM = `${OK}content-type: text/event-stream\r\n\r\n`;
const CHUNKED = `${OK}content-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n`;
const EVENT = 'data: {"choices":[{"index":0,"text":"a","finish_reason":null}]}\n\n';

/** An endless body of this. */
const endless = (text: string, head: string = STREAM) => async (wire: Wire): Promise<void> => {
  await wire.write(head);
  await wire.flood(text);
};

/** A body of so many bytes of this, and then silence until the deadline. */
const filled = (text: string, mib: number) => async (wire: Wire): Promise<void> => {
  await wire.write(STREAM);
  const piece = repeated(text);
  for (let sent = 0; sent < mib * 2 ** 20; sent += piece.length) await wire.write(piece);
  await wire.hold();
};

/** A whole answer of so many bytes of this. */
const complete = (text: string, mib: number) => async (wire: Wire): Promise<void> => {
  await wire.write(`${OK}connection: close\r\ncontent-type: text/event-stream\r\n\r\n`);
  const piece = repeated(text);
  for (let sent = 0; sent < mib * 2 ** 20; sent += piece.length) await wire.write(piece);
};

const slowly = (text: string, forEver: string) => async (wire: Wire): Promise<void> => {
  for (const byte of text) {
    await wire.write(byte);
    await wire.sleep(200);
  }
  for (;;) {
    await wire.write(forEver);
    await wire.sleep(200);
  }
};

/** All of them. */
export const HTTP_ATTACKS: readonly HttpAttack[] = [
  { name: "events without end", answer: endless(EVENT) },
  { name: "unreadable events without end", answer: endless("data: x\n\n") },
  { name: "one line without end", answer: endless("data: x".repeat(1000)) },
  { name: "lone CRs without end", answer: endless("data: x\r\r") },
  { name: "comments without end", answer: endless(":\n\n") },
  { name: "chunks of one byte without end", answer: endless("1\r\nx\r\n", CHUNKED) },
  {
    name: "a terabyte announced",
    answer: endless("x", `${OK}content-length: 1099511627776\r\n\r\n`),
  },
  { name: "an error page without end", answer: endless("<p>no", "HTTP/1.1 500 No\r\n\r\n") },
  { name: "45 MiB of unreadable events, then silence", answer: filled("data: x\n\n", 45) },
  { name: "45 MiB of events, then silence", answer: filled(EVENT, 45) },
  { name: "45 MiB of lone CRs, then silence", answer: filled("data: {}\r\r", 45) },
  { name: "45 MiB of empty lists, then silence", answer: filled("[],", 45) },
  { name: "45 MiB of events in each answer", answer: complete(EVENT, 45) },
  { name: "45 MiB of comments in each answer", answer: complete(":\n\n", 45) },
  { name: "a head without end", answer: endless("x: y\r\n", OK) },
  { name: "a header without end", answer: endless("x", `${OK}x: `) },
  { name: "interim responses without end", answer: endless("HTTP/1.1 102 P\r\n\r\n", "") },
  { name: "empty lines without end", answer: endless("\r\n", "") },
  { name: "a chunk size of zeros without end", answer: endless("0", CHUNKED) },
  { name: "a chunk extension without end", answer: endless("x", `${CHUNKED}1;`) },
  { name: "trailers without end", answer: endless("x: y\r\n", `${CHUNKED}0\r\n`) },
  { name: "a head of one byte in 0.2 s", answer: slowly(STREAM.slice(0, 30), "x") },
  { name: "a body of one byte in 0.2 s", answer: slowly(STREAM, ":\n\n") },
  { name: "no answer", answer: (wire) => wire.hold() },
  { name: "the request is never read", deaf: true, answer: (wire) => wire.hold() },
  {
    name: "half closed without an answer",
    answer: async (wire) => {
      await wire.closeHalf();
      await wire.hold();
    },
  },
  {
    name: "an answer before the request",
    deaf: true,
    answer: async (wire) => {
      await wire.write(`${OK}content-length: 2\r\n\r\nhi`);
      await wire.hold();
    },
  },
  {
    name: "gzip without end",
    answer: endless("\x1f\x8b", `${OK}content-encoding: gzip\r\n\r\n`),
  },
  {
    name: "a redirect to itself",
    answer: async (wire) => {
      await wire.write(
        "HTTP/1.1 307 Here\r\nlocation: /v1/completions\r\ncontent-length: 0\r\n\r\n",
      );
    },
  },
  {
    name: "models without end",
    always: true,
    answer: endless('{"id":"m"},', `${OK}\r\n{"data":[`),
  },
  { name: "models of one byte in 0.2 s", always: true, answer: slowly(`${OK}\r\n`, " ") },
];

/** Serves one connection of an attack; `onAttack` is called when the first request has come. */
export async function serveHttp(
  { answer, always, deaf }: HttpAttack,
  wire: Wire,
  onAttack: () => void,
): Promise<void> {
  if (deaf === true) {
    onAttack();
    return await answer(wire);
  }
  let received = "";
  for (;;) {
    const bytes = await wire.read();
    if (bytes === undefined) return;
    received += new TextDecoder("latin1").decode(bytes);
    const headEnd = received.indexOf("\r\n\r\n") + 4;
    if (headEnd < 4) continue;
    const length = Number(/\r\ncontent-length: *(\d+)/i.exec(received)?.[1] ?? 0);
    const isLoad = received.includes(`"max_tokens":${LOAD_TOKENS}`);
    if (received.length < headEnd + length) continue;
    if (always === true || isLoad) {
      onAttack();
      return await answer(wire);
    }
    await wire.write(`${OK}connection: close\r\ncontent-type: text/event-stream\r\n\r\n`);
    await wire.write(EVENT.repeat(63) + EVENT.replace("null", '"length"') + "data: [DONE]\n\n");
    return;
  }
}
