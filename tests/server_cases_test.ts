/**
 * What real servers send and the whole program makes of it: tokens, TTFT, TPOT, ITL and warnings. The
 * server keeps a plan of writes, so each case has a right value.
 *
 * @module
 */
import { assert, assertEquals, assertMatch } from "@std/assert";
import type { LoadSummary } from "../metrics/load_summary.ts";
import { inTempFolder, runCli } from "./support/run_cli.ts";
import { type RawRequest, startRawServer, type Step } from "./support/raw_server.ts";

const TTFT_MS = 100;
const ITL_MS = 20;
const TOKENS = 16;

const event = (value: unknown) =>
  `data: ${typeof value === "string" ? value : JSON.stringify(value)}\n\n`;
const delta = (part: unknown, finish: string | null = null) =>
  event({ choices: [{ index: 0, delta: part, finish_reason: finish }] });
const usage = (more: unknown = {}) =>
  event({
    choices: [],
    usage: { prompt_tokens: 9, completion_tokens: TOKENS, ...more as object },
  });
const ROLE = delta({ role: "assistant", content: "" });
const END = delta({}, "length") + usage() + event("[DONE]");

/** Writes of a body: when, and what; an HTTP chunk each. */
type Writes = readonly (readonly [atMs: number, text: string])[];

function tokens(part: (i: number) => string, count = TOKENS): Writes {
  return Array.from({ length: count }, (_, i) => [TTFT_MS + i * ITL_MS, part(i)] as const);
}

const LAST_MS = TTFT_MS + (TOKENS - 1) * ITL_MS;
const plan = (part: (i: number) => string, end = END): Writes => [
  [0, ROLE],
  ...tokens(part),
  [LAST_MS + 2, end],
];
const word = () => delta({ content: "w " });
const together = (writes: Writes): Writes => [[LAST_MS, writes.map(([, text]) => text).join("")]];

const MODES: Readonly<Record<string, Writes>> = {
  plain: plan(word),
  reasoning_details: plan((i) =>
    i < 8
      ? delta({ content: "", reasoning_details: [{ type: "reasoning.text", text: "hm" }] })
      : word()
  ),
  tool: plan((i) =>
    delta({
      tool_calls: [{
        index: 0,
        function: i === 0 ? { name: "f", arguments: "" } : { arguments: "x" },
      }],
    })
  ),
  hidden: [
    [0, ROLE],
    ...tokens(word).slice(12),
    [
      LAST_MS + 2,
      delta({}, "length") +
      usage({ completion_tokens_details: { reasoning_tokens: 12 } }) + event("[DONE]"),
    ],
  ],
  ping_text: plan(() => `event: heartbeat\ndata: ping\n\n${word()}`),
  event_error: [...tokens(word, 5), [200, "event: error\ndata: upstream worker lost\n\n"]],
  abort: [...tokens(word, 5), [200, delta({}, "abort") + event("[DONE]")]],
  buffered: together(plan(word)),
  spec4: [
    [0, ROLE],
    ...[0, 1, 2, 3].map((i) => [TTFT_MS + 4 * i * ITL_MS, delta({ content: "a b c d " })] as const),
    [LAST_MS, END],
  ],
};

/** When a request came and when each of its writes left, ms. */
type Log = number[][];

function answer({ method, index }: RawRequest, mode: string, log: Log): readonly Step[] {
  if (method === "GET") return [whole({ data: [{ id: "m" }] })];
  const steps: Step[] = [
    "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n",
  ];
  let atMs = 0;
  const stamps = [performance.now()];
  log.push(stamps);
  // The check before the load must pass for the failures of a load to be seen.
  const failing = mode === "event_error" || mode === "abort";
  for (const [at, text] of MODES[failing && index < 3 ? "plain" : mode]!) {
    if (at > atMs) steps.push(at - atMs);
    atMs = Math.max(atMs, at);
    steps.push(() => void stamps.push(performance.now()));
    steps.push(`${text.length.toString(16)}\r\n${text}\r\n`);
  }
  return [...steps, "0\r\n\r\n"];
}

function whole(value: unknown): string {
  const body = JSON.stringify(value);
  return `HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: ${body.length}\r\n\r\n${body}`;
}

interface Ended {
  readonly code: number;
  readonly text: string;
  readonly load: LoadSummary;
  /** Of the measured requests: the median from the request to write `i`, ms. */
  readonly writeMs: (i: number) => number;
}

/** One request for each of eight users, over a transport. */
async function bench(mode: string, argv: readonly string[] = []): Promise<Ended> {
  const log: Log = [];
  const server = await startRawServer((request) => answer(request, mode, log));
  try {
    return await inTempFolder(async (folder) => {
      const { code, out, err } = await runCli([
        ...["bench", server.url, "--protocol=openai-chat", "--concurrency=8", "--requests=8"],
        ...["--warmup=0", `--output-tokens=${TOKENS}`, `--out=${folder}/run`, ...argv],
      ]);
      const report = JSON.parse(await Deno.readTextFile(`${folder}/run/report.json`));
      const writeMs = (i: number) =>
        middle(log.slice(-8).map((stamps) => stamps[i + 1]! - stamps[0]!));
      return { code, text: out + err, load: report.loads[0], writeMs };
    });
  } finally {
    await server.close();
  }
}

function median(load: LoadSummary, name: string): number | undefined | null {
  return load.metrics.find((metric) => metric.name === name)?.distribution.median;
}

function middle(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[values.length >> 1]!;
}

/** A value as the server's own log has it; on a busy machine the plan is not what was kept. */
function near(value: number | undefined | null, logged: number, what: string): void {
  assert(
    typeof value === "number" && value > 0.6 * logged && value < 1.7 * logged,
    `${what} ${value}, and the server's log says ${logged}`,
  );
}

/** Mean time from one write to the next by the server's log, ms. */
function paceMs({ writeMs }: Ended, first: number, last: number): number {
  return (writeMs(last) - writeMs(first)) / (last - first);
}

const PLANNED = ["plain", "reasoning_details", "tool", "ping_text"] as const;
const TRANSPORTS = ["fetch", "socket"] as const;

for (const mode of PLANNED) {
  for (const transport of mode === "plain" ? ["fetch"] as const : TRANSPORTS) {
    Deno.test(`server case ${mode} over ${transport}: the plan that the server kept`, async () => {
      const ended = await bench(mode, [`--transport=${transport}`]);
      const { code, load, writeMs } = ended;
      assertEquals([code, load.counts.completed], [0, 8]);
      near(median(load, "ttft"), writeMs(1), "TTFT");
      near(median(load, "tpot"), paceMs(ended, 1, TOKENS), "TPOT");
      near(median(load, "itl"), paceMs(ended, 1, TOKENS), "ITL");
      assertEquals(load.tokens.output.total, 8 * TOKENS);
    });
  }
}

Deno.test("server case reasoning_details: the answer's TTFT stands apart", async () => {
  const { load, text, writeMs } = await bench("reasoning_details");
  near(median(load, "ttft_answer"), writeMs(9), "TTFT of the answer");
  assertEquals(load.generated.events, { answer: 64, reasoning: 64, tool: 0 });
  assertMatch(text, /with thinking 64/);
});

Deno.test("server case hidden: what was not streamed is named and stays out of TPOT", async () => {
  const ended = await bench("hidden", ["--slo=ttft:60000,tpot:10"]);
  const { load, text } = ended;
  near(median(load, "tpot"), paceMs(ended, 1, 4), "TPOT");
  assertEquals([load.generated.unseenTokens, load.generated.sentTokens], [96, 32]);
  assertEquals(load.tokens.output.total, 128);
  assertEquals(load.slo?.good, 0);
  assertMatch(text, /96 of 128 output tokens\s+were counted and not sent/);
});

for (const argv of [[], ["--slo=ttft:60000,tpot:60000"]]) {
  Deno.test(`server case buffered ${argv}: no TTFT, no TPOT, and the cause is named`, async () => {
    const { code, load, text, writeMs } = await bench("buffered", argv);
    assertEquals([code, load.counts.completed, load.generated.answers.once], [0, 8, 8]);
    assertEquals([median(load, "ttft"), median(load, "tpot")], [null, null]);
    near(median(load, "e2e"), writeMs(0), "E2E");
    assertMatch(text, /holds the answers back/);
    assertMatch(text, /X-Accel-Buffering/);
    if (argv.length > 0) assertEquals(load.slo?.good, 0);
  });
}

Deno.test("server case spec4: the tokens of the first event do not count as waiting", async () => {
  const ended = await bench("spec4");
  near(median(ended.load, "tpot"), paceMs(ended, 1, 4) / 4, "TPOT");
  near(median(ended.load, "itl"), paceMs(ended, 1, 4), "ITL");
  // The events that close these short answers share a read, and joined nothing.
  assertMatch(ended.text, /the engine puts several\s+tokens into one event/);
});

for (
  const [mode, words] of [["event_error", /upstream worker lost/], ["abort", /"abort"/]] as const
) {
  Deno.test(`server case ${mode}: a failure with the engine's words`, async () => {
    const { code, text, load } = await bench(mode);
    assertEquals([code, load.counts.failed], [1, 8]);
    assertMatch(text, words);
  });
}
