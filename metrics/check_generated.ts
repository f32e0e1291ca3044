/**
 * Checks of what the streams carried: whether they were streams at all, and whether the server's counts
 * agree with them.
 *
 * @module
 */
import type { TokenSource } from "../backends/record.ts";
import type { Finding } from "./check.ts";
import { formatCount, plural } from "./format.ts";
import type { LoadSummary } from "./load_summary.ts";
import type { RunHeader } from "./run.ts";

type GeneratedFacts = Pick<LoadSummary, "generated">;

/** Above this share of the answers, the run as a whole was not streamed. */
const MOST = 0.5;

/** Whether most answers have no proof of streaming. */
export function isHeldBack({ generated: { answers } }: GeneratedFacts): boolean {
  const { streamed, once, whole, held } = answers;
  return once + whole + held > MOST * (streamed + once + whole + held);
}

/** Proof of streaming. */
export function checkStreaming(load: GeneratedFacts, header: RunHeader): Finding | undefined {
  const { streamed, once, whole, held } = load.generated.answers;
  const others = once + whole + held;
  const all = streamed + others;
  if (all === 0) return undefined;
  if (!header.stream) return "Answers were asked for whole: TTFT and TPOT are not defined";
  if (others === 0) return "Every answer was streamed";
  const ways = [
    ...(once > 0 ? [`${formatCount(once)} at once, all tokens in one read`] : []),
    ...(whole > 0 ? [`${formatCount(whole)} as one JSON body`] : []),
    ...(held > 0 ? [`${formatCount(held)} in pieces that a full buffer cut`] : []),
  ].join(", ");
  const found = `of ${plural(all, "answer")} ${ways}: TTFT and TPOT of these are not defined`;
  if (!isHeldBack(load)) return [`Not every answer was streamed, ${found}`, advice(load, header)];
  return [
    whole > once + held
      ? `The server does not stream, ${found}`
      : `Something between the model and this client holds the answers back, ${found}`,
    advice(load, header),
  ];
}

/** What holds streams back on their way. */
export const LOOK_FOR_BUFFERING =
  "look at what stands between engine and client: a proxy that buffers (nginx: proxy_buffering off, or the header X-Accel-Buffering: no; haproxy: option http-no-delay), a gateway that collects answers, Nagle's algorithm in the server (TCP_NODELAY)";

function advice({ generated: { answers } }: GeneratedFacts, { proxied }: RunHeader): string {
  if (answers.whole > answers.once + answers.held) {
    return 'find out why the server ignores "stream": true; with --no-stream it is not asked to';
  }
  return [
    ...(proxied ? ["send past the proxy of the environment (NO_PROXY=HOST)"] : []),
    LOOK_FOR_BUFFERING,
    ...(answers.held === 0
      ? ["or ask for longer answers, if an engine sends several tokens at a time"]
      : []),
  ].join("; ");
}

const SOURCES: Readonly<Partial<Record<TokenSource, string>>> = {
  counter: "its running count",
  usage: "its usage",
  tokenizer: "the tokenizer given",
};

/** Counts that the streams contradict. */
export function checkRejectedCounts(
  { generated: { rejected } }: GeneratedFacts,
): Finding | undefined {
  if (rejected === undefined) return undefined;
  const { requests, index, count, believed } = rejected;
  const who = SOURCES[count.source] ?? count.source;
  return [
    `The stream contradicts a count in ${plural(requests, "answer")}: of request ${
      formatCount(index)
    } ${who} said ${plural(count.tokens, "token")}, and ${
      formatCount(believed.tokens)
    } by ${believed.source} were believed`,
    count.source === "tokenizer"
      ? "give the tokenizer of the served model, or leave --tokenizer out"
      : "compare token rates only with runs whose counts have the same source",
  ];
}
