/**
 * Makes the requests of sessions just before they leave, on a thread of its own: 100,000 tokens are
 * half a megabyte of text, and nothing of it is kept.
 *
 * @module
 */
import type { GenerationRequest, Protocol, Target, WireRequest } from "../backends/protocol.ts";
import { startWorker } from "../backends/worker.ts";
import type { TokenCounter } from "./prompt.ts";
import type { PromptSpec } from "./session.ts";
import { checkPromptForm } from "./session_prompt_check.ts";
import { answerOf, type FromPromptWorker, type ToPromptWorker } from "./session_prompt_messages.ts";
import {
  type PromptForm,
  type RequestDefaults,
  requestMaker,
  type RequestParts,
  requestWithoutPrompt,
  type WrittenPrompt,
} from "./session_prompt_request.ts";
import { PROMPT_WORKER } from "./session_prompt_worker.ts";
import { chooseUnits } from "./session_prompt_units.ts";
import { UserError } from "./user_error.ts";

export type { RequestDefaults, RequestParts, WrittenPrompt } from "./session_prompt_request.ts";

export interface PromptMakerOptions {
  readonly protocol: Protocol;
  /** Where requests go, secrets included. */
  readonly targets: readonly Target[];
  /** All blocks follow from it. */
  readonly seed: number;
  /** Prompts of blocks have exact lengths by it. */
  readonly counter: TokenCounter;
  readonly defaults: RequestDefaults;
  /** Prompts of blocks are sent as token ids. */
  readonly tokenIds?: boolean | undefined;
  /** Size of the vocabulary that ids are drawn from; absent = ids of the tokenizer's words. */
  readonly vocab?: number | undefined;
  /** 0 = on the calling thread; default 1, of a protocol of the list. */
  readonly workers?: 0 | 1;
}

/** A request that is ready to leave. */
export interface MadePrompt {
  readonly wire: WireRequest;
  /** For the decoder: without its prompt, which may be long. */
  readonly request: GenerationRequest;
}

/** Makes requests. */
export interface PromptMaker {
  /**
   * Makes one; of several, what is due first is made first.
   *
   * @throws {UserError} when the protocol cannot send it.
   * @throws {DOMException} `AbortError` when the maker was closed.
   */
  make(prompt: PromptSpec | WrittenPrompt, parts: RequestParts): Promise<MadePrompt>;
  /** Gives up what is not yet made, and its thread. */
  close(): void;
}

/** Requests that the worker holds at once: one that it makes, and one so that it need not wait. */
const AT_WORK = 2;

/**
 * Starts the thread and chooses the words that prompts are made of.
 *
 * @throws {UserError} when the tokenizer has too few words of one token, or when the protocol takes
 *   no prompts of this kind.
 */
export function openPromptMaker(options: PromptMakerOptions): PromptMaker {
  const { protocol, targets, seed, defaults } = options;
  const form = promptForm(options);
  const post = options.workers === 0
    ? makeHere(requestMaker({ protocol, targets, seed, form, defaults }))
    : makeThere({ kind: "open", protocol: protocol.name, targets, seed, form, defaults });
  return new Queue(defaults, post);
}

/** How prompts of blocks are sent. @throws {UserError} */
function promptForm({ protocol, counter, tokenIds, vocab }: PromptMakerOptions): PromptForm {
  checkPromptForm({ protocol, tokenIds, vocab, hasTokenizer: counter.encode !== undefined });
  if (vocab !== undefined) return { kind: "vocabulary", size: vocab };
  const units = chooseUnits(counter);
  return tokenIds === true ? { kind: "ids", ids: units.ids! } : { kind: "text", units };
}

interface Waiting {
  readonly prompt: PromptSpec | WrittenPrompt;
  readonly parts: RequestParts;
  readonly dueMs: number;
  readonly made: PromiseWithResolvers<MadePrompt>;
}

/** Makes one request after the other; `close` ends the thread. */
interface Bench {
  make(waiting: Waiting, done: (answer: FromPromptWorker) => void): void;
  close(): void;
}

/** What waits for its turn, by the time when it is due. */
class Queue implements PromptMaker {
  readonly #defaults: RequestDefaults;
  readonly #bench: Bench;
  readonly #waiting: Waiting[] = [];
  readonly #atWork = new Set<Waiting>();
  /** Of the latest call: what has no instant yet is in line with what was asked for before it. */
  #lastDueMs = -Infinity;
  #closed = false;

  constructor(defaults: RequestDefaults, bench: Bench) {
    this.#defaults = defaults;
    this.#bench = bench;
  }

  make(prompt: PromptSpec | WrittenPrompt, parts: RequestParts): Promise<MadePrompt> {
    const made = Promise.withResolvers<MadePrompt>();
    if (this.#closed) {
      made.reject(closedError());
      return made.promise;
    }
    const { dueMs = this.#lastDueMs } = parts;
    this.#lastDueMs = dueMs;
    const waiting = { prompt, parts, dueMs, made };
    let at = this.#waiting.length;
    while (at > 0 && this.#waiting[at - 1]!.dueMs > waiting.dueMs) at--;
    this.#waiting.splice(at, 0, waiting);
    this.#take();
    return made.promise;
  }

  close(): void {
    this.#closed = true;
    this.#bench.close();
    for (const { made } of [...this.#atWork, ...this.#waiting]) made.reject(closedError());
    this.#atWork.clear();
    this.#waiting.length = 0;
  }

  #take(): void {
    while (this.#atWork.size < AT_WORK) {
      const next = this.#waiting.shift();
      if (next === undefined) return;
      this.#atWork.add(next);
      this.#bench.make(next, (answer) => {
        this.#atWork.delete(next);
        if (answer.kind === "made") {
          const request = requestWithoutPrompt(this.#defaults, next.parts);
          next.made.resolve({ wire: answer.wire, request });
        } else {
          next.made.reject(
            answer.kind === "refused" ? new UserError(answer.message) : new Error(answer.message),
          );
        }
        this.#take();
      });
    }
  }
}

function closedError(): DOMException {
  return new DOMException("The prompts are not needed any more", "AbortError");
}

/** On this thread, in a turn of its own. */
function makeHere(make: ReturnType<typeof requestMaker>): Bench {
  let closed = false;
  return {
    make({ prompt, parts }, done) {
      queueMicrotask(() => {
        if (!closed) done(answerOf(() => make(prompt, parts)));
      });
    },
    close() {
      closed = true;
    },
  };
}

/** On a thread of its own, which answers in order. */
function makeThere(open: ToPromptWorker): Bench {
  const asked: ((answer: FromPromptWorker) => void)[] = [];
  let failure: string | undefined;
  const worker = startWorker<FromPromptWorker>(PROMPT_WORKER, {
    message: (answer) => asked.shift()?.(answer),
    failure(message) {
      failure = message;
      for (const done of asked.splice(0)) done({ kind: "failed", message });
    },
  });
  const post = (message: ToPromptWorker) => worker.postMessage(message);
  post(open);
  return {
    make({ prompt, parts }, done) {
      if (failure !== undefined) {
        const message = failure;
        return queueMicrotask(() => done({ kind: "failed", message }));
      }
      asked.push(done);
      post({ kind: "make", prompt: withOwnMemory(prompt), parts });
    },
    close: () => worker.terminate(),
  };
}

/** A view takes all memory that it looks at to the other thread. */
function withOwnMemory(prompt: PromptSpec | WrittenPrompt): PromptSpec | WrittenPrompt {
  if ("messages" in prompt) return prompt;
  const { blocks } = prompt;
  return blocks.byteLength === blocks.buffer.byteLength
    ? prompt
    : { ...prompt, blocks: blocks.slice() };
}
