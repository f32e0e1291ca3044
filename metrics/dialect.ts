/**
 * What a dialect is: the definitions by which another tool makes its figures, as data, so that each can
 * be switched alone, and the file in which it keeps them.
 *
 * @module
 */
import type { RequestRecord } from "../backends/record.ts";
import type { LoadEnd, LoadPlan, RunHeader } from "./run.ts";
import type { Slo } from "./summary_slo.ts";

/** Every definition by which tools differ; ours are {@linkcode OUR_DEFINITIONS}. */
export interface Definitions {
  /** Which requests have values. */
  readonly requests:
    | "completed"
    | "answered"
    | "answered without error"
    | "good status"
    | "good status without error";
  /** Who counts the tokens of an answer. */
  readonly tokens: "best" | "server" | "server or requested" | "chunks" | "requested";
  /** Who counts the tokens of a prompt. */
  readonly prompt: "server" | "client";
  /** When a request begins. */
  readonly start: "handed over" | "connected";
  /** Which event ends the time to first token. */
  readonly first: "token" | "event" | "answer" | "answer or tool";
  /** Whether an answer has a first token that nothing shows. */
  readonly proof: "streamed" | "any" | "any time above 0" | "several reads" | "several tokens";
  /** What the gaps are between, and what is done with several tokens in one. */
  readonly gaps: "reads" | "chunks" | "tokens" | "spread";
  /** When the time per token begins. */
  readonly decodeFrom: "first" | "sent";
  /** When it ends. */
  readonly decodeEnd: "last token" | "end of stream";
  /** By how many tokens it is divided. */
  readonly divisor: "after the first read" | "all but one" | "all";
  /** How often the time per token of a request counts. */
  readonly weight: "once" | "once a token";
  /** When a request ends. */
  readonly end: "last token" | "end of stream";
  /** The time that rates are divided by. */
  readonly duration:
    | "load"
    | "until all ended"
    | "first sent until all ended"
    | "first sent to last end"
    | "first sent to last token";
  /** How a percentile is read off. */
  readonly percentiles:
    | "enough values"
    | "any number of values"
    | "nearest rank"
    | "cumulated share";
}

/** Our own definitions. */
export const OUR_DEFINITIONS: Definitions = {
  requests: "completed",
  tokens: "best",
  prompt: "server",
  start: "handed over",
  first: "token",
  proof: "streamed",
  gaps: "reads",
  decodeFrom: "first",
  decodeEnd: "last token",
  divisor: "after the first read",
  weight: "once",
  end: "last token",
  duration: "load",
  percentiles: "enough values",
};

/** What a definition is about, and what each of its choices means. */
export interface Cause<Choice extends string = string> {
  /** For a heading, e.g. `first counted event`. */
  readonly title: string;
  /** Each choice in words. */
  readonly choices: Readonly<Record<Choice, string>>;
}

/** Every definition in words, in the order in which they are switched. */
export const CAUSES: { readonly [Name in keyof Definitions]: Cause<Definitions[Name]> } = {
  requests: {
    title: "excluded requests",
    choices: {
      completed: "complete answers of the length that was forced",
      answered: "every answer with a token under a good status, also one of a wrong length",
      "answered without error":
        "every answer with a token and no error, also one of a wrong length",
      "good status": "every answer under a good status, also an empty one, whose TTFT is 0",
      "good status without error":
        "every answer under a good status without an error in it, also an empty one, whose TTFT is 0",
    },
  },
  tokens: {
    title: "token source",
    choices: {
      best: "the best count: counter, ids, usage that the stream does not deny, tokenizer, events",
      server: "the server's usage as it stands",
      "server or requested": "the server's usage, without one the length that was asked for",
      chunks: "chunks that carry something generated",
      requested: "the length that was asked for",
    },
  },
  prompt: {
    title: "prompt tokens",
    choices: {
      server: "the server's count, with the chat template",
      client: "the client's count of the prompt alone",
    },
  },
  start: {
    title: "begin of request",
    choices: {
      "handed over": "when it is handed to the transport, a new connection included",
      connected: "when its head is written, a new connection left out",
    },
  },
  first: {
    title: "first counted event",
    choices: {
      token: "first event with a token, thinking included",
      event: "first event of any kind, role and empty ones included",
      answer: "first event with a token of the answer, thinking left out",
      "answer or tool":
        "first event with a token of the answer or of a tool call, thinking left out",
    },
  },
  proof: {
    title: "answers that came at once",
    choices: {
      streamed: "have no first token",
      any: "have a first token when they came",
      "any time above 0": "have a first token when they came, and a time per token above 0",
      "several reads": "have a first token when they came, and no time per token",
      "several tokens": "have a first token when they came; those of one token have none",
    },
  },
  gaps: {
    title: "gaps",
    choices: {
      reads: "between reads with tokens",
      chunks: "between chunks, those of one read 0 apart",
      tokens: "between tokens, those of one chunk or read 0 apart",
      spread: "between chunks, divided by the tokens of the later one and repeated as often",
    },
  },
  decodeFrom: {
    title: "begin of the time per token",
    choices: { first: "first token", sent: "sending" },
  },
  decodeEnd: {
    title: "end of the time per token",
    choices: { "last token": "last token", "end of stream": "end of the stream" },
  },
  divisor: {
    title: "tokens of the time per token",
    choices: {
      "after the first read": "tokens that came after the first read",
      "all but one": "all tokens but one",
      all: "all tokens",
    },
  },
  weight: {
    title: "weight of a request",
    choices: {
      once: "each request counts once",
      "once a token": "each request counts as often as it has tokens in its time per token",
    },
  },
  end: {
    title: "end of request",
    choices: { "last token": "last token", "end of stream": "end of the stream" },
  },
  duration: {
    title: "denominator",
    choices: {
      load: "start of the load to the end of the last counted request",
      "until all ended": "start of the load until every request had ended, failed ones included",
      "first sent until all ended":
        "first request sent until every request had ended, failed ones included",
      "first sent to last end":
        "first request sent to the end of the last one, of those that count",
      "first sent to last token": "first request sent to the last token, of those that count",
    },
  },
  percentiles: {
    title: "percentile rule",
    choices: {
      "enough values": "linear between ranks, n/a with fewer than 100 ÷ (100 − N) values",
      "any number of values": "linear between ranks, with any number of values",
      "cumulated share": "the least value up to which the share of the values lies",
      "nearest rank": "a value that was measured, with any number of values",
    },
  },
};

/**
 * What a figure is made of: one value per request, `itl` one per gap. `total` is prompt and output, `decode`
 * the time from first to last token, `ttst` the first gap; the rest are tokens/s of a request: of its
 * decoding, of all of it, and of its prompt.
 */
export type Quantity =
  | "ttft"
  | "ttst"
  | "tpot"
  | "itl"
  | "e2e"
  | "decode"
  | "output"
  | "prompt"
  | "total"
  | "requests"
  | "decode rate"
  | "output rate"
  | "prompt rate";

/** What is done with the values: a percentile by its number, `rate` = their sum ÷ the duration in s. */
export type Statistic = number | "mean" | "std" | "min" | "max" | "sum" | "count" | "rate";

/** A figure that our definitions make as well: switched one by one, they lead from ours to theirs. */
export interface DialectFigure {
  /** As the tool's file names it, e.g. `mean_ttft_ms`. */
  readonly name: string;
  /** As the tool prints it, e.g. `Mean TTFT (ms)`. */
  readonly title: string;
  /** Unit of the printed value. */
  readonly unit: string;
  /** Factor from ms, tokens or requests to that unit; default 1. */
  readonly scale?: number;
  /** What it is made of. */
  readonly quantity: Quantity;
  /** What is done with it. */
  readonly statistic: Statistic;
  /** Where this figure differs from the tool's other definitions. */
  readonly differs?: Partial<Definitions>;
}

/** A figure that ours has no counterpart to: theirs is computed, and said how. */
export interface DialectOwnFigure {
  /** As the tool's file names it. */
  readonly name: string;
  /** As the tool prints it. */
  readonly title: string;
  /** Unit of the printed value. */
  readonly unit: string;
  /** How the tool makes it, in a clause. */
  readonly how: string;
  /** The value; absent where there is none. */
  readonly of: (load: DialectLoad) => number | undefined;
}

/** One load of a run, as a dialect reads it. */
export interface DialectLoad {
  /** What was run. */
  readonly header: RunHeader;
  /** The load as planned. */
  readonly plan: LoadPlan;
  /** How it ended. */
  readonly end: LoadEnd;
  /** Its measured requests, in the order of their numbers. */
  readonly records: readonly RequestRecord[];
  /** Percentiles that are asked for. */
  readonly percentiles: readonly number[];
  /** Limits that a good request meets; absent = none. */
  readonly slo?: Slo | undefined;
}

/** A file that the tool would have written. */
export interface DialectFile {
  /** Its name, without folders. */
  readonly name: string;
  /** Its text. */
  readonly text: string;
}

/** Another tool's numbers. */
export interface Dialect {
  /** Name on the command line, e.g. `vllm`. */
  readonly name: string;
  /** What it is, e.g. `vllm bench serve`. */
  readonly title: string;
  /** Version whose source was read. */
  readonly version: string;
  /** Its definitions for what a run spoke. */
  readonly definitions: (header: RunHeader) => Definitions;
  /** Its figures, in the order in which it prints them. */
  readonly figures: (load: DialectLoad) => readonly (DialectFigure | DialectOwnFigure)[];
  /** What of its numbers our records do not hold, each in a sentence without a period. */
  readonly missing: readonly string[];
  /** The files that it would have written; the first is printed by `--format json`. */
  readonly files: (load: DialectLoad) => readonly DialectFile[];
}
