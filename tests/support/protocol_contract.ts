/**
 * What every protocol must do, as one suite. `backends_protocols_test.ts` runs it for all that are
 * registered, with bodies from the simulated engine; a protocol's own test file may run it with
 * more bodies and what they mean.
 *
 * @module
 */
import {
  assert,
  assertEquals,
  assertMatch,
  assertNotEquals,
  assertStringIncludes,
  assertThrows,
  fail,
} from "@std/assert";
import { decodeExchange, type DecodeOptions } from "../../backends/decode.ts";
import { type CutEvent, cutEvents, EventCutter } from "../../backends/framing.ts";
import { createRandom, type Random, uniformInteger } from "../../backends/random.ts";
import type { GenerationRequest, Protocol, Target } from "../../backends/protocol.ts";
import type { Outcome, RequestRecord, TokenSource } from "../../backends/record.ts";
import type { Exchange, ExchangeEnd } from "../../backends/transport.ts";

/** A body as a server sends it, and what it means. */
export interface CannedBody {
  readonly name: string;
  readonly body: string | Uint8Array;
  /** Default true. */
  readonly stream?: boolean;
  /** Default 200. */
  readonly status?: number;
  /** Default `complete`. */
  readonly end?: ExchangeEnd;
  /** Over the default request: 4 tokens, `cap`. */
  readonly request?: Partial<GenerationRequest>;
  readonly expected: CannedMeaning;
}

/** Expected fields; absent ones are not looked at. */
export interface CannedMeaning {
  /** Default `ok`. */
  readonly outcome?: Outcome["kind"];
  /** Part of the outcome's message. */
  readonly message?: string;
  readonly text?: string;
  /** Final count. */
  readonly tokens?: number;
  readonly source?: TokenSource;
  /** Cumulative tokens after each event that brought some, when each event is one read. */
  readonly ticks?: readonly number[];
  readonly tickSource?: TokenSource;
  readonly events?: number;
  readonly finishReason?: string;
  readonly promptTokens?: number;
  readonly cachedTokens?: number;
  readonly reasoningTokens?: number;
}

/** Titles of the checks, for {@linkcode Skip.tests}. */
export type ContractTest =
  | "describes itself"
  | "reads canned bodies"
  | "reads the same however the bytes are split"
  | "never throws at a broken-off body"
  | "reads the same the quick way"
  | "throws at data that is not its own"
  | "reads any error body in one line"
  | "asks for the length"
  | "forces the length only when asked"
  | "says whether it streams"
  | "sends every sampling parameter"
  | "merges extraBody last"
  | "sends the key only where there is one"
  | "sends the user's headers"
  | "accepts every form of its address"
  | "takes token ids or says that it cannot";

/** Checks that a protocol cannot pass, and why. */
export interface Skip {
  readonly reason: string;
  readonly tests: readonly ContractTest[];
}

/** Input of {@linkcode protocolContract}. */
export interface ContractOptions {
  readonly protocol: Protocol;
  /** What the bodies are, in the names of the tests. */
  readonly label?: string;
  readonly bodies: readonly CannedBody[];
  readonly skips?: readonly Skip[];
  /**
   * Sampling parameters that the engine's wire format has no field for, each with the reason: they
   * must be refused. `any` = each may be sent or refused, but not ignored.
   */
  readonly withoutSampling?: Partial<Record<keyof GenerationRequest["sampling"], string>> | "any";
  /** Header that carries the key, and its value for the key `k-1`. */
  readonly keyHeader?: readonly [string, string];
  /** Fields of the default request, e.g. prepared token ids. */
  readonly request?: Partial<GenerationRequest>;
}

/** What no protocol can do, by what carries it. */
const CARRIER_SKIPS: Readonly<Record<Protocol["carrier"], readonly Skip[]>> = {
  http: [],
  grpc: [
    { reason: "the server always streams", tests: ["says whether it streams"] },
    { reason: "a message has fixed fields", tests: ["merges extraBody last"] },
  ],
  inprocess: [{
    reason: "there is no server: a folder has no URL forms, keys or headers",
    tests: [
      "accepts every form of its address",
      "sends the key only where there is one",
      "sends the user's headers",
    ],
  }],
};

/** A request of 4 tokens; override what the test is about. */
export function cannedRequest(overrides: Partial<GenerationRequest> = {}): GenerationRequest {
  return {
    model: "m-1",
    messages: [{ role: "user", content: "Hello there" }],
    outputTokens: 4,
    length: "cap",
    stream: true,
    sampling: {},
    requestId: 7n,
    ...overrides,
  };
}

/** Options of a decode that counts time from 1000 ms. */
export function cannedOptions(overrides: Partial<DecodeOptions> = {}): DecodeOptions {
  return {
    load: 0,
    phase: "measure",
    index: 3,
    user: 2,
    promptId: "p-1",
    intendedMs: 1000,
    originMs: 1000,
    keepText: true,
    ...overrides,
  };
}

/**
 * An exchange whose body comes in reads that end at `readEnds` (default: one read), at 1010, 1020,
 * … ms; sent at 1001 ms, head at 1005 ms, end 5 ms after the last read.
 */
export function cannedExchange(
  body: string | Uint8Array,
  overrides: Partial<Exchange> & { readonly cuts?: readonly number[] } = {},
): Exchange {
  const { cuts, ...fields } = overrides;
  const bytes = new Uint8Array(typeof body === "string" ? new TextEncoder().encode(body) : body);
  const ends = cuts ?? (bytes.length === 0 ? [] : [bytes.length]);
  return {
    sentMs: 1001,
    firstByteMs: 1005,
    endMs: 1005 + 10 * ends.length,
    status: 200,
    contentType: "text/event-stream",
    body: bytes,
    readMs: Float64Array.from(ends, (_, read) => 1010 + 10 * read),
    readEnds: Uint32Array.from(ends),
    readWidthMs: Float32Array.from(ends, () => NaN),
    connection: "new",
    end: { kind: "complete" },
    ...fields,
  };
}

/** Registers the suite. */
export function protocolContract(options: ContractOptions): void {
  const { protocol, label } = options;
  const skips = [...CARRIER_SKIPS[protocol.carrier], ...options.skips ?? []];
  const check = (title: ContractTest, fn: () => void) => {
    const reason = skips.find(({ tests }) => tests.includes(title))?.reason;
    const name = `${protocol.name} ${title}${label === undefined ? "" : ` (${label})`}`;
    if (reason === undefined) Deno.test(name, fn);
    else Deno.test.ignore(`${name} (skipped: ${reason})`, fn);
  };
  check("describes itself", () => describesItself(protocol));
  check("reads canned bodies", () => {
    for (const canned of options.bodies) checkMeaning(options, canned);
  });
  check("reads the same however the bytes are split", () => {
    for (const canned of options.bodies) checkSplits(options, canned);
  });
  check("never throws at a broken-off body", () => {
    for (const canned of options.bodies) checkBrokenOff(options, canned);
  });
  if (protocol.quick !== undefined) {
    check("reads the same the quick way", () => {
      for (const canned of options.bodies) checkQuick(options, canned);
    });
  }
  check("throws at data that is not its own", () => {
    const wrong = protocol.carrier === "grpc"
      ? [Uint8Array.of(0x0a, 0xff), Uint8Array.of(0xff)]
      : ["{", '{"a":', "<html>", "[1]", "3", "null"];
    for (const data of wrong) throwsAt(protocol, data);
  });
  check("reads any error body in one line", () => readsErrors(protocol));
  registerRequestChecks(options, check);
}

function describesItself(protocol: Protocol): void {
  assert(/^[a-z0-9][a-z0-9.-]*$/.test(protocol.name), protocol.name);
  assert(protocol.title !== "" && protocol.description.length > 20, "a title and a description");
  assert(protocol.path.startsWith("/"), protocol.path);
  assert(protocol.lengthTolerance >= 0, "a tolerance of 0 or more");
}

/** Bytes that mean something to JSON or to the framing. */
const TELLING_BYTES = new TextEncoder().encode('{}[]:," \\\n\t\r-0a1.eu\u00e9\u0000data: ntf');
const DAMAGES = 150;

/** The body as it is, and damaged in many ways, means the same with and without the quick way. */
function checkQuick({ protocol, request }: ContractOptions, canned: CannedBody): void {
  const { quick: _, ...slow } = protocol;
  const bytes = typeof canned.body === "string"
    ? new TextEncoder().encode(canned.body)
    : canned.body;
  const wanted = cannedRequest({ ...request, stream: canned.stream ?? true, ...canned.request });
  const random = createRandom(bytes.length, "quick");
  for (let round = 0; round <= DAMAGES; round++) {
    const body = round === 0 ? bytes : damage(bytes, random);
    const cuts: number[] = [];
    for (let at = 0; at < body.length;) cuts.push(at = Math.min(body.length, at + 40));
    const exchange = () => cannedExchange(body, { cuts, end: canned.end ?? { kind: "complete" } });
    assertEquals(
      decodeExchange(exchange(), protocol, wanted, cannedOptions()),
      decodeExchange(exchange(), slow, wanted, cannedOptions()),
      `${canned.name}: ${new TextDecoder().decode(body)}`,
    );
  }
}

/** A whole number from 0 to before `count`. */
function below(random: Random, count: number): number {
  return uniformInteger(random, { low: 0, high: count - 1 });
}

/** One to three bytes replaced, left out or put in. */
function damage(bytes: Uint8Array, random: Random): Uint8Array {
  const result = [...bytes];
  for (let count = 1 + below(random, 3); count > 0; count--) {
    const at = below(random, result.length + 1);
    const byte = TELLING_BYTES[below(random, TELLING_BYTES.length)]!;
    const way = below(random, 3);
    if (way === 0) result.splice(at, 1);
    else result.splice(at, way === 1 ? 1 : 0, byte);
  }
  return Uint8Array.from(result);
}

function throwsAt(protocol: Protocol, data: string | Uint8Array): void {
  try {
    protocol.readEvent(data, cannedRequest());
  } catch {
    return;
  }
  fail(`${protocol.name} read ${JSON.stringify(data)} without complaint`);
}

function readsErrors(protocol: Protocol): void {
  const bodies = [
    ["", ""],
    ['{"error":{"message":"no such\\nmodel"}}', "no such model"],
    ['{"error":"no such model"}', "no such model"],
    ['{"message":"no such model"}', "no such model"],
    ['{"detail":"no such model"}', "no such model"],
    ["<html>\n<h1>Bad gateway</h1>", "Bad gateway"],
    ["null", ""],
    ["[]", ""],
  ] as const;
  for (const [body, part] of bodies) {
    const message = protocol.readError(body);
    assertStringIncludes(message, part);
    assert(!/[\r\n]/.test(message), `one line: ${JSON.stringify(message)}`);
  }
}

function decodeCanned(
  { protocol, request }: ContractOptions,
  canned: CannedBody,
  cuts?: readonly number[],
): RequestRecord {
  const exchange = cannedExchange(canned.body, {
    status: canned.status ?? 200,
    end: canned.end ?? { kind: "complete" },
    ...(cuts !== undefined && { cuts }),
  });
  return decodeExchange(exchange, protocol, requestOf({ request, canned }), cannedOptions());
}

function requestOf(
  { request, canned }: {
    readonly request: Partial<GenerationRequest> | undefined;
    readonly canned: CannedBody;
  },
): GenerationRequest {
  return cannedRequest({ ...request, stream: canned.stream ?? true, ...canned.request });
}

function bytesOf(canned: CannedBody): Uint8Array {
  return typeof canned.body === "string" ? new TextEncoder().encode(canned.body) : canned.body;
}

function cutAll(protocol: Protocol, canned: CannedBody): CutEvent[] {
  const events: CutEvent[] = [];
  cutEvents(
    protocol.framing(canned.stream ?? true),
    bytesOf(canned),
    (data, endOffset, terminated) => events.push({ data, endOffset, terminated }),
  );
  return events;
}

function checkMeaning(options: ContractOptions, canned: CannedBody): void {
  const { expected } = canned;
  const ends = cutAll(options.protocol, canned).map((event) => event.endOffset);
  const length = bytesOf(canned).length;
  if (length > 0 && ends.at(-1) !== length) ends.push(length);
  const record = decodeCanned(options, canned, ends);
  const { outcome } = record;
  const message = "message" in outcome ? outcome.message : "";
  assertEquals(outcome.kind, expected.outcome ?? "ok", `${canned.name}: ${message}`);
  if (expected.message !== undefined) assertStringIncludes(message, expected.message, canned.name);
  const pairs: [string, unknown, unknown][] = [
    ["text", record.text, expected.text],
    ["tokens", record.outputTokens?.tokens, expected.tokens],
    ["source", record.outputTokens?.source, expected.source],
    ["ticks", Array.from(record.tickTokens), expected.ticks],
    ["tickSource", record.tickSource, expected.tickSource],
    ["events", record.events, expected.events],
    ["finishReason", record.finishReason, expected.finishReason],
    ["promptTokens", record.promptTokens?.tokens, expected.promptTokens],
    ["cachedTokens", record.cachedTokens, expected.cachedTokens],
    ["reasoningTokens", record.reasoningTokens, expected.reasoningTokens],
  ];
  for (const [field, actual, wanted] of pairs) {
    if (wanted !== undefined) assertEquals(actual, wanted, `${canned.name}: ${field}`);
  }
}

/** What may not depend on how bytes were split. */
function meaning(record: RequestRecord): unknown {
  const { outcome, text, outputTokens, promptTokens, finishReason, events, tickSource } = record;
  const last = record.tickTokens.at(-1);
  return { outcome, text, outputTokens, promptTokens, finishReason, events, tickSource, last };
}

function checkSplits(options: ContractOptions, canned: CannedBody): void {
  const { protocol } = options;
  const bytes = bytesOf(canned);
  const framing = protocol.framing(canned.stream ?? true);
  const whole = meaning(decodeCanned(options, canned));
  const events = cutAll(protocol, canned);
  for (let split = 0; split <= bytes.length; split++) {
    const cutter = new EventCutter(framing);
    const fed = [...cutter.feed(bytes.subarray(0, split))];
    for (const event of fed) assert(event.endOffset <= split, `${canned.name}: early at ${split}`);
    fed.push(...cutter.feed(bytes.subarray(split)), ...cutter.end());
    assertEquals(fed, events, `${canned.name}: cut at ${split}`);
    const cuts = split === 0 || split === bytes.length ? [bytes.length] : [split, bytes.length];
    assertEquals(meaning(decodeCanned(options, canned, cuts)), whole, `${canned.name}: ${split}`);
  }
  const each = Array.from(bytes, (_, index) => index + 1);
  assertEquals(meaning(decodeCanned(options, canned, each)), whole, `${canned.name}: bytewise`);
}

function checkBrokenOff(options: ContractOptions, canned: CannedBody): void {
  const bytes = bytesOf(canned);
  for (let length = 0; length < bytes.length; length++) {
    const broken: CannedBody = {
      ...canned,
      body: bytes.subarray(0, length),
      end: { kind: "cut", message: "connection reset" },
    };
    const { outcome, tickMs } = decodeCanned(options, broken);
    const kinds: Outcome["kind"][] = [
      "truncated",
      // Said by the bytes that did come; `ok` and `wrong_length` need an explicit end mark.
      "engine_error",
      "http_error",
      "ok",
      "wrong_length",
      // A body that was broken before it broke off.
      ...(canned.expected.outcome === "protocol_error" ? ["protocol_error" as const] : []),
    ];
    assert(kinds.includes(outcome.kind), `${canned.name}, ${length} bytes: ${outcome.kind}`);
    if (length === 0 && (canned.status ?? 200) === 200) assertEquals(outcome.kind, "truncated");
    assert(tickMs.length <= 1, "one read, at most one tick");
  }
}

function registerRequestChecks(
  options: ContractOptions,
  check: (title: ContractTest, fn: () => void) => void,
): void {
  const { protocol } = options;
  const build = (
    overrides: Partial<GenerationRequest> = {},
    target: Partial<Target> = {},
  ) =>
    protocol.buildRequest(
      cannedRequest({ ...options.request, ...overrides }),
      { baseUrl: defaultBase(protocol), headers: {}, ...target },
    );
  const bodyOf = (overrides: Partial<GenerationRequest> = {}) => shown(build(overrides).body);

  check("asks for the length", () => {
    assertNotEquals(bodyOf({ outputTokens: 4321 }), bodyOf({ outputTokens: 4322 }));
    if (protocol.carrier === "http") {
      assertStringIncludes(bodyOf({ outputTokens: 4321 }), "4321");
      assertStringIncludes(bodyOf({ outputTokens: 4321, length: "forced" }), "4321");
    }
  });
  check("forces the length only when asked", () => {
    const forced = bodyOf({ length: "forced" });
    const cap = bodyOf({ length: "cap" });
    if (protocol.forcesLength) assertNotEquals(forced, cap);
    else assertEquals(forced, cap, "an engine that cannot force is asked the same");
    assert(!/"(ignore_eos|min_tokens|min_new_tokens|min_length)":(true|[1-9])/.test(cap), cap);
  });
  check("says whether it streams", () => {
    const streamed = build({ stream: true });
    const whole = build({ stream: false });
    assertNotEquals(
      [streamed.url, shown(streamed.body)],
      [whole.url, shown(whole.body)],
    );
  });
  check("sends every sampling parameter", () => {
    const values = { temperature: 0.25, topP: 0.75, topK: 17, seed: 4711, stop: ["<end>"] };
    const { withoutSampling = {} } = options;
    for (const name of Object.keys(values) as (keyof typeof values)[]) {
      const sampling = { [name]: values[name] };
      let body: string;
      try {
        body = bodyOf({ sampling });
      } catch (error) {
        assert(error instanceof TypeError, `${name}: ${error}`);
        assertMatch(error.message, /^Cannot send /);
        assert(withoutSampling === "any" || name in withoutSampling, `${name} is refused`);
        continue;
      }
      assertNotEquals(body, bodyOf(), `${name} changes nothing (T24)`);
      assert(withoutSampling === "any" || !(name in withoutSampling), `${name} is not refused`);
    }
  });
  check("merges extraBody last", () => {
    const plain = JSON.parse(bodyOf()) as Record<string, unknown>;
    const [field] = Object.keys(plain);
    assert(field !== undefined, "the body has a field");
    const merged = JSON.parse(
      bodyOf({ extraBody: { [field]: "mine", extra_one: { deep: [1, null] } } }),
    );
    assertEquals(merged, { ...plain, [field]: "mine", extra_one: { deep: [1, null] } });
    const removed = JSON.parse(bodyOf({ extraBody: { [field]: null } }));
    assert(!(field in removed), `null removes ${field}`);
  });
  check("sends the key only where there is one", () => {
    const [header, value] = options.keyHeader ?? ["authorization", "Bearer k-1"];
    for (const apiKey of [undefined, ""]) {
      const { headers } = build({}, apiKey === undefined ? {} : { apiKey });
      assertEquals(headers[header], undefined, "no key, no header (T38)");
      assert(!/bearer|none|undefined|null/i.test(JSON.stringify(headers)), "no empty key");
    }
    const keyed = build({}, { apiKey: "k-1" });
    assertEquals(keyed.headers[header], value);
    assert(!keyed.url.includes("k-1") && !shown(keyed.body).includes("k-1"), "only in a header");
  });
  check("sends the user's headers", () => {
    const { headers } = build({}, { headers: { "X-Team": "blue" } });
    assertEquals(headers["x-team"], "blue");
    assert(Object.keys(headers).every((name) => name === name.toLowerCase()), "lower case");
  });
  check("accepts every form of its address", () => {
    const { url } = build();
    const bases = protocol.carrier === "grpc"
      ? ["grpc://127.0.0.1:9000"]
      : ["http://127.0.0.1:9000", "http://127.0.0.1:9000/", "127.0.0.1:9000", url];
    for (const baseUrl of bases) assertEquals(build({}, { baseUrl }).url, url, baseUrl);
    if (protocol.carrier === "http") {
      assertEquals(
        build({}, { endpoint: "/my/path" }).url,
        "http://127.0.0.1:9000/my/path",
      );
    }
  });
  check("takes token ids or says that it cannot", () => {
    const withIds = () => bodyOf({ promptTokenIds: [101, 102, 103] });
    if (protocol.takesTokenIds) assertNotEquals(withIds(), bodyOf());
    else {
      const { message } = assertThrows(withIds, TypeError, "token ids");
      assert(!/[.\n]$/.test(message), "no final period");
    }
  });
}

function defaultBase(protocol: Protocol): string {
  return protocol.carrier === "grpc" ? "grpc://127.0.0.1:9000" : "http://127.0.0.1:9000";
}

/** A body as text: UTF-8 for HTTP; any bytes stay distinguishable. */
function shown(body: Uint8Array | undefined): string {
  const bytes = body ?? new Uint8Array(0);
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch {
    return bytes.toHex();
  }
}
