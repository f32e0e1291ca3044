/**
 * Answers with everything in which tools differ, byte by byte with the time of each read: decoded by us here,
 * and fed to the tools' own parsing and formulas by `tests/peer/dialect_golden.py`.
 *
 * @module
 */
import { decodeExchange } from "../../backends/decode.ts";
import { findProtocol } from "../../backends/protocols.ts";
import { createRandom } from "../../backends/random.ts";
import type { RequestRecord } from "../../backends/record.ts";

/** One request as the wire showed it; times in ms from the start of the load. */
export interface ScenarioRequest {
  readonly sentMs: number;
  readonly status: number;
  /** Text of each read, and when it came. */
  readonly reads: readonly (readonly [ms: number, text: string])[];
  /** The body came to its end, or broke. */
  readonly end: "complete" | "cut";
  readonly endMs: number;
  /** Tokens that were asked for, exactly. */
  readonly outputTokens: number;
  /** Tokens of the prompt as the client counts them. */
  readonly promptTokens: number;
}

/** The protocols that the scenario is written in. */
export type ScenarioProtocol = "openai-chat" | "openai-completions";

const WORDS = ["alpha", "beta", "gamma", "delta"];

/** The scenario in a protocol; `usage`: with a usage chunk at the end, as those ask for it who can read it. */
export function dialectScenario(
  protocol: ScenarioProtocol,
  { usage = true }: { readonly usage?: boolean } = {},
): readonly ScenarioRequest[] {
  const chat = protocol === "openai-chat";
  const random = createRandom(7, "dialects");
  const gap = () => Math.round((5 + 20 * random.next() ** 3) * 1000) / 1000;
  const object = chat ? "chat.completion.chunk" : "text_completion";
  const data = (value: object) => `data: ${JSON.stringify({ id: "x", object, ...value })}\n\n`;
  const delta = (fields: object, finish: string | null = null) =>
    data({ choices: [{ index: 0, delta: fields, finish_reason: finish }] });
  const token = (n: number, finish: string | null = null) => {
    const text = ` ${WORDS[n % 4]}`;
    return chat
      ? delta({ content: text }, finish)
      : data({ choices: [{ index: 0, text, finish_reason: finish }] });
  };
  const role = delta({ role: "assistant", content: "" });
  const closing = (tokens: number) =>
    (usage
      ? data({
        choices: [],
        usage: { prompt_tokens: 21, completion_tokens: tokens, total_tokens: 21 + tokens },
      })
      : "") + "data: [DONE]\n\n";

  const requests: ScenarioRequest[] = [];
  /** An answer of reads with so many chunks each; its tokens are chunks × `perChunk`. */
  const answer = (
    sentMs: number,
    chunksPerRead: readonly number[],
    { perChunk = 1, roleMs, tailMs = 0, asked, breaks = false, thinking = 0, inside = "" }: {
      readonly perChunk?: number;
      readonly roleMs?: number;
      readonly tailMs?: number;
      readonly asked?: number;
      readonly breaks?: boolean;
      readonly thinking?: number;
      readonly inside?: string;
    } = {},
  ) => {
    const reads: [number, string][] = [];
    if (chat && roleMs !== undefined) reads.push([sentMs + roleMs, role]);
    let at = sentMs + 40 + gap();
    const chunks = chunksPerRead.reduce((sum, n) => sum + n, 0);
    let n = 0;
    for (const count of chunksPerRead) {
      let text = "";
      for (let i = 0; i < count; i++, n++) {
        const last = n === chunks - 1 ? "length" : null;
        text += chat && n < thinking ? delta({ reasoning: " hmm" }) : token(n, last);
      }
      reads.push([at, text]);
      at = Math.round((at + gap()) * 1000) / 1000;
    }
    const [lastMs] = reads.at(-1)!;
    if (inside !== "") reads.push([lastMs + 1, inside]);
    const tokens = chunks * perChunk;
    if (!breaks) {
      if (tailMs === 0) reads[reads.length - 1]![1] += closing(tokens);
      else reads.push([lastMs + tailMs, closing(tokens)]);
    }
    const endMs = reads.at(-1)![0] + (breaks ? 3 : 0);
    requests.push({
      ...{ sentMs, status: 200, reads, end: breaks ? "cut" : "complete", endMs },
      outputTokens: asked ?? tokens,
      promptTokens: 17,
    });
  };
  const ones = (count: number) => Array.from({ length: count }, () => 1);

  answer(0, ones(10), { roleMs: 20, tailMs: 2 });
  answer(3, [1, 1, 2, 1, 3, 2], { roleMs: 25 });
  answer(5, ones(6), { perChunk: 2, tailMs: 12 });
  answer(400.5, ones(9), { thinking: 4, roleMs: 15 });
  answer(410, ones(4), { asked: 10, tailMs: 1 });
  requests.push({
    ...{
      sentMs: 420,
      status: 503,
      reads: [[430, '{"error":{"message":"busy"}}']],
      end: "complete",
    },
    ...{ endMs: 430, outputTokens: 10, promptTokens: 17 },
  });
  answer(500, [8]);
  answer(520, [1], { tailMs: 4 });
  answer(600, ones(5), { asked: 9, breaks: true });
  for (let n = 0; n < 22; n++) {
    answer(700 + 61.25 * n, n % 3 === 0 ? [1, 2, 1, 1, 2, 1] : ones(5 + n % 7), {
      ...{ roleMs: 10 + n / 4, tailMs: n % 2 },
    });
  }
  return requests;
}

/** The scenario as our records. */
export function scenarioRecords(
  protocol: ScenarioProtocol,
  requests: readonly ScenarioRequest[],
): readonly RequestRecord[] {
  return requests.map((request, index) => {
    const { sentMs, status, reads, end, endMs, outputTokens, promptTokens } = request;
    const parts = reads.map(([, text]) => new TextEncoder().encode(text));
    let length = 0;
    const record = decodeExchange(
      {
        ...{ sentMs, status, endMs, firstByteMs: reads[0]![0], connection: "reused" },
        contentType: status === 200 ? "text/event-stream" : "application/json",
        readMs: Float64Array.from(reads, ([ms]) => ms),
        readEnds: Uint32Array.from(parts, (part) => length += part.length),
        body: new Uint8Array(parts.flatMap((part) => [...part])),
        end: end === "complete" ? { kind: end } : { kind: end, message: "broke off" },
      },
      findProtocol(protocol),
      {
        ...{ model: "m", messages: [], outputTokens, length: "forced", stream: true },
        ...{ sampling: {}, requestId: 1n },
      },
      {
        ...{ load: 0, phase: "measure", index, user: 0, promptId: `p${index}` },
        ...{ intendedMs: sentMs, originMs: 0 },
        promptTokens: { tokens: promptTokens, source: "tokenizer" },
      },
    );
    return { ...record, contentTokens: promptTokens };
  });
}
