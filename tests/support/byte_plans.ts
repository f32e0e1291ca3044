/**
 * Answers as servers, proxies and accidents make them, each as the bytes of a body and when they are
 * written: the corpus on which all transports must agree. Seeded; the same in every run.
 *
 * @module
 */
import { joinBytes } from "../../backends/join_bytes.ts";
import type { GenerationRequest, Protocol } from "../../backends/protocol.ts";
import { findProtocol, PROTOCOLS } from "../../backends/protocols.ts";
import { createRandom, type Random, uniformInteger } from "../../backends/random.ts";
import { findSimProtocol } from "../../backends/sim_protocols.ts";
import { preparedRequest, simulatedParts } from "./simulated_bodies.ts";

/** How the end of a body is known. */
export type Coding = "chunked" | "length" | "close";

/** An answer, byte by byte. */
export interface BytePlan {
  readonly name: string;
  readonly protocol: Protocol;
  /** What the answer is read as an answer to. */
  readonly request: Partial<GenerationRequest>;
  /** HTTP's, or gRPC's. */
  readonly status: number;
  readonly contentType: string;
  readonly coding: Coding;
  /** What is written at once, a pause after each; the parts of one are chunks of their own. */
  readonly writes: readonly (readonly Uint8Array[])[];
  /** The body comes to its end, or breaks off behind the last write. */
  readonly end: "complete" | "cut" | "reset";
}

/** A body in its natural parts, mostly events. */
interface Answer
  extends Pick<BytePlan, "name" | "protocol" | "request" | "status" | "contentType"> {
  readonly parts: readonly Uint8Array[];
}

/** A plan has no more of them, so that it is over soon. */
const MOST_WRITES = 5;

const encoder = new TextEncoder();

/** Every answer in every shape. */
export async function bytePlans(seed: number, carrier: "http" | "grpc"): Promise<BytePlan[]> {
  const random = createRandom(seed, "byte-plans");
  const answers = [
    ...await simulatedAnswers(carrier),
    ...(carrier === "http" ? madeAnswers() : []),
  ];
  return answers.flatMap((answer) => shapesOf(answer, random));
}

/** What each protocol's simulated side says. */
async function simulatedAnswers(carrier: "http" | "grpc"): Promise<Answer[]> {
  const answers: Answer[] = [];
  for (const protocol of PROTOCOLS) {
    const sim = findSimProtocol(protocol.name);
    if (protocol.carrier !== carrier || sim === undefined) continue;
    const request = await preparedRequest(protocol, sim);
    for (const stream of carrier === "grpc" ? [true] : [true, false]) {
      answers.push({
        name: `${protocol.name}, ${stream ? "a stream" : "whole"}`,
        protocol,
        request: { ...request, stream },
        status: carrier === "grpc" ? 0 : 200,
        contentType: stream ? "text/event-stream" : "application/json",
        parts: simulatedParts(protocol, sim, { ...request, stream }),
      });
    }
  }
  return answers;
}

/** Events of a chat, without their framing. */
const delta = (fields: object, rest: object = {}): string =>
  JSON.stringify({ choices: [{ index: 0, delta: fields, ...rest }] });
const PLAIN = [
  delta({ role: "assistant", content: "" }),
  ...["Grüße", " aus", " 東京", " 🙂"].map((content) => delta({ content })),
  delta({}, { finish_reason: "length" }),
];
const USAGE = '{"choices":[],"usage":{"prompt_tokens":9,"completion_tokens":4}}';
const DONE = "[DONE]";
const sse = (data: string): string => `data: ${data}\n\n`;

/** What a stream of chat completions can look like. */
const CHATS: Readonly<Record<string, readonly string[]>> = {
  "usage at the end": [...PLAIN, USAGE, DONE].map(sse),
  "CRLF": [...PLAIN, USAGE, DONE].map((data) => `data: ${data}\r\n\r\n`),
  "CR": [...PLAIN, DONE].map((data) => `data: ${data}\r\r`),
  "no blank, and names": [...PLAIN, DONE].map((data) => `event: message\nid: 7\ndata:${data}\n\n`),
  "comments between": [...PLAIN, DONE].map((data) => `: ping\n\n${sse(data)}`),
  "data in two lines": PLAIN.map((data) =>
    `data: ${data.slice(0, 12)}\ndata: ${data.slice(12)}\n\n`
  ),
  "a byte order mark": ["\uFEFF", ...[...PLAIN, DONE].map(sse)],
  "no end mark": PLAIN.map(sse),
  "no last blank line": [...PLAIN.map(sse), "data: [DONE]"],
  "more behind the end mark": [...[...PLAIN, DONE].map(sse), sse(PLAIN[1]!), "rest"],
  "usage on each": PLAIN.map((data, i) =>
    sse(data.replace(/}$/, `,"usage":{"prompt_tokens":9,"completion_tokens":${Math.min(i, 4)}}}`))
  ),
  "reasoning": [
    delta({ reasoning_content: "hm" }),
    delta({ reasoning: " well" }),
    ...PLAIN.slice(1),
    DONE,
  ].map(sse),
  "tool calls": [
    delta({ tool_calls: [{ index: 0, id: "a", function: { name: "f", arguments: "" } }] }),
    delta({ tool_calls: [{ index: 0, function: { arguments: '{"x":' } }] }),
    delta({ tool_calls: [{ index: 0, function: { arguments: "1}" } }] }),
    delta({}, { finish_reason: "tool_calls" }),
    DONE,
  ].map(sse),
  "a refusal": [delta({ refusal: "no" }), delta({ refusal: " way" }), DONE].map(sse),
  "empty texts": [delta({ content: "" }), delta({ content: null }), delta({}), DONE].map(sse),
  "an error in between": [...PLAIN.slice(0, 3), '{"error":{"message":"out of memory"}}'].map(sse),
  "an error event": [sse(PLAIN[1]!), 'event: error\ndata: {"message":"gone"}\n\n'],
  "an event that cannot be read": [PLAIN[1]!, "{not json", PLAIN[2]!, DONE].map(sse),
  "not UTF-8": [sse(PLAIN[1]!), 'data: {"choices":[{"delta":{"content":"\u00ff'],
  "a failing finish reason": [PLAIN[1]!, delta({}, { finish_reason: "error" }), DONE].map(sse),
  "large events": PLAIN.map((data) => sse(data.replace("{", `{"pad":"${"x".repeat(6000)}",`))),
  "comments alone": [": one\n\n", ": two\n\n"],
  "another protocol": ["a\n", "b\n", "c\n"],
  "JSON in place of a stream": [
    '{"choices":[{"message":{"content":"hi"},',
    '"finish_reason":"stop"}]}',
  ],
};

/** Answers that are no success, by status. */
const REFUSALS: readonly (readonly [status: number, type: string, body: string])[] = [
  [400, "application/json", '{"error":{"message":"max_tokens is too large","code":400}}'],
  [401, "text/plain", "who are you?"],
  [404, "application/json", '{"detail":"Not Found"}'],
  [429, "application/json", '{"message":"slow down"}'],
  [500, "text/plain", ""],
  [502, "text/html", "<html><head><title>502 Bad Gateway</title></head><body>nginx</body></html>"],
  [503, "text/event-stream", 'data: {"error":"full"}\n\n'],
];

function madeAnswers(): Answer[] {
  const protocol = findProtocol("openai-chat");
  const request = { stream: true } as const;
  const streams = Object.entries(CHATS).map(([name, parts]): Answer => ({
    name: `a chat, ${name}`,
    protocol,
    request,
    status: 200,
    contentType: "text/event-stream",
    parts: parts.map((part) => encoder.encode(part)),
  }));
  const refusals = REFUSALS.map(([status, contentType, body]): Answer => ({
    name: `a refusal, ${status}`,
    protocol,
    request,
    status,
    contentType,
    parts: body === "" ? [] : [encoder.encode(body)],
  }));
  return [...streams, ...refusals];
}

/** The same bytes, cut and written in different ways, and some of them not to their end. */
function shapesOf({ parts, ...answer }: Answer, random: Random): BytePlan[] {
  const all = joinBytes(parts);
  const codings: readonly Coding[] = ["chunked", "length", "close"];
  const coding = codings[below(random, codings.length)]!;
  const shape = (name: string, fields: Pick<BytePlan, "writes" | "end" | "coding">): BytePlan => ({
    ...answer,
    ...fields,
    name: `${answer.name}: ${name}, ${fields.coding}`,
  });
  const complete = { coding, end: "complete" } as const;
  const broken = all.slice(0, below(random, all.length + 1));
  const end = random.next() < 0.5 ? "cut" : "reset";
  return [
    shape("an event a write", { ...complete, writes: groups(parts, 1), coding: "chunked" }),
    shape("bundles of chunks", { ...complete, writes: groups(parts, 3), coding: "chunked" }),
    shape("joined events", { ...complete, writes: groups(parts, 2).map((of) => [joinBytes(of)]) }),
    shape("cut anywhere", { ...complete, writes: groups(cuts(all, 4, random), 1) }),
    shape("chunks cut anywhere", { ...complete, writes: groups(cuts(all, 12, random), 4) }),
    shape(`a ${end}`, { coding, end, writes: groups(cuts(broken, 3, random), 1) }),
  ];
}

/** So many parts a write, more where there would be too many writes; empty ones are left out. */
function groups(parts: readonly Uint8Array[], size: number): Uint8Array[][] {
  const some = parts.filter((part) => part.length > 0);
  const step = Math.max(size, Math.ceil(some.length / MOST_WRITES));
  const found: Uint8Array[][] = [];
  for (let at = 0; at < some.length; at += step) found.push(some.slice(at, at + step));
  return found;
}

/** Pieces that end anywhere, also inside of characters. */
function cuts(bytes: Uint8Array, pieces: number, random: Random): Uint8Array[] {
  const ends = Array.from({ length: pieces - 1 }, () => below(random, bytes.length + 1));
  const sorted = [0, ...ends, bytes.length].sort((a, b) => a - b);
  return sorted.slice(1).map((end, i) => bytes.slice(sorted[i], end));
}

/** A whole number from 0 to before `count`. */
function below(random: Random, count: number): number {
  return uniformInteger(random, { low: 0, high: count - 1 });
}
