/**
 * The thread that reads metrics endpoints. Waiting for them, and reading what they say, must happen on no
 * thread that reads answers.
 *
 * @module
 */
import { type Clock, epochOriginMs, patientClock } from "../backends/clock.ts";
import { messageOf } from "../backends/error_message.ts";
import type { Transport } from "../backends/transport.ts";
import { inWorker, workerScope } from "../backends/worker.ts";
import type { ServerScrapes } from "../metrics/run_server.ts";
import { askEndpoint, type Endpoint, openForScrapes, type ScrapeTransport } from "./scrape_ask.ts";
import { withinBudget } from "./scrape_budget.ts";
import { keepScrapes, type ScrapeKeeper } from "./scrape_keeper.ts";
import { newestOf, type NewestServer } from "./scrape_newest.ts";

/** This file, for `startWorker`. */
export const SCRAPE_WORKER: string = "workloads/scrape_worker.ts";

/** To the thread. */
export type ToScrapeThread =
  | {
    readonly kind: "open";
    readonly endpoints: readonly Endpoint[];
    /** From one question to the next. */
    readonly periodMs: number;
    /** Time for an answer. */
    readonly timeoutMs: number;
    readonly transport: ScrapeTransport;
    /** Somebody looks at the newest values. */
    readonly tellsNewest: boolean;
  }
  /** A load is about to begin: ask now, and then again and again. */
  | { readonly kind: "begin" }
  /** It has ended: ask once more, and tell; what has not come after `waitMs` is missing. */
  | { readonly kind: "finish"; readonly startEpochMs: number; readonly waitMs: number }
  | { readonly kind: "close" };

/** From the thread. */
export type FromScrapeThread =
  | { readonly kind: "opened" }
  /** Every endpoint has answered, or failed, once. */
  | { readonly kind: "begun" }
  | { readonly kind: "newest"; readonly server: NewestServer }
  | { readonly kind: "finished"; readonly scrapes: readonly ServerScrapes[] }
  | { readonly kind: "closed" }
  /** It cannot read, or no longer can. */
  | { readonly kind: "absent"; readonly reason: string };

/** What the thread works with; tests have their own. */
export interface ScrapeTools {
  readonly clock: Clock;
  readonly open: (options: ScrapeTransport, clock: Clock) => Promise<Transport>;
}

/** One endpoint during one load. */
interface Reading {
  readonly keeper: ScrapeKeeper;
  /** Resolves when its first question was answered, or failed. */
  readonly first: Promise<void>;
  /** Asks once more, by `untilMs` at the latest, which is in `waitMs`, and stops. */
  finish(untilMs: number, waitMs: number): Promise<void>;
  /** Stops at once. */
  stop(): void;
}

/** Makes what takes the messages to the thread. */
export function createScrapeThread(
  reply: (message: FromScrapeThread) => void,
  { clock, open }: ScrapeTools = { clock: patientClock, open: openForScrapes },
): (message: ToScrapeThread) => Promise<void> {
  const originMs = epochOriginMs();
  let transport: Transport | undefined;
  let settings: ToScrapeThread & { kind: "open" } | undefined;
  let readings: readonly Reading[] = [];

  let toldMs = -Infinity;
  const tellNewest = () => {
    const { tellsNewest, periodMs } = settings!;
    // Of a hundred endpoints each answer is no news.
    if (!tellsNewest || clock.now() - toldMs < periodMs / 2) return;
    toldMs = clock.now();
    reply({ kind: "newest", server: newestOf(readings.map(({ keeper }) => keeper.latest())) });
  };

  const begin = async () => {
    for (const one of readings) one.stop();
    const { endpoints, periodMs, timeoutMs } = settings!;
    readings = endpoints.map((endpoint) =>
      readAgain(endpoint, { ...{ clock, transport: transport!, periodMs, timeoutMs }, tellNewest })
    );
    await Promise.all(readings.map(({ first }) => first));
  };

  return async (message) => {
    try {
      switch (message.kind) {
        case "open":
          settings = message;
          transport = await open(message.transport, clock);
          return reply({ kind: "opened" });
        case "begin":
          await begin();
          return reply({ kind: "begun" });
        case "finish": {
          const untilMs = clock.now() + message.waitMs;
          await Promise.all(readings.map((one) => one.finish(untilMs, message.waitMs)));
          const startMs = message.startEpochMs - originMs;
          const scrapes = withinBudget(readings.map(({ keeper }) => keeper.scrapes(startMs)));
          readings = [];
          return reply({ kind: "finished", scrapes });
        }
        case "close":
          for (const one of readings) one.stop();
          await transport?.close();
          return reply({ kind: "closed" });
      }
    } catch (error) {
      reply({ kind: "absent", reason: messageOf(error) });
    }
  };
}

/** Asks one endpoint at once and then again and again; never while a question is open. */
function readAgain(
  endpoint: Endpoint,
  { clock, transport, periodMs, timeoutMs, tellNewest }: {
    readonly clock: Clock;
    readonly transport: Transport;
    readonly periodMs: number;
    readonly timeoutMs: number;
    readonly tellNewest: () => void;
  },
): Reading {
  const keeper = keepScrapes(endpoint.shown);
  /** Wakes it up, to ask no more. */
  const resting = new AbortController();
  /** Drops the open question. */
  const asking = new AbortController();
  const ask = async (limitMs: number, outside: boolean) => {
    const answer = await askEndpoint(transport, endpoint, {
      ...{ timeoutMs: limitMs, signal: asking.signal },
    });
    // Nobody waits for it any more.
    if (asking.signal.aborted) return;
    if ("failure" in answer) keeper.fail(answer.failure, answer.tookMs);
    else keeper.add(answer.atMs, answer.text, answer.tookMs, outside);
  };
  const askUsually = async (outside = false) => {
    await ask(timeoutMs, outside);
    if (!asking.signal.aborted) tellNewest();
  };
  const first = askUsually(true);
  const all = (async () => {
    let dueMs = clock.now() + periodMs;
    await first;
    for (;;) {
      // A beat that was missed is not made up for.
      while (dueMs < clock.now()) dueMs += periodMs;
      await clock.sleepUntil(dueMs, resting.signal);
      if (resting.signal.aborted) return;
      await askUsually();
    }
  })();
  return {
    keeper,
    first,
    async finish(untilMs, waitMs) {
      resting.abort();
      const over = new AbortController();
      const late = clock.sleepUntil(untilMs, over.signal).then(() => !over.signal.aborted);
      // A question is still open.
      const isLate = await Promise.race([all.then(() => false), late]);
      over.abort();
      const leftMs = untilMs - clock.now();
      if (!isLate && leftMs >= 1) return await ask(leftMs, true);
      asking.abort();
      await all;
      keeper.fail(`an answer was still missing ${waitMs / 1000} s after the load`);
    },
    stop() {
      resting.abort();
      asking.abort();
    },
  };
}

if (inWorker(SCRAPE_WORKER)) {
  const scope = workerScope<ToScrapeThread, FromScrapeThread>();
  const handle = createScrapeThread((message) => scope.postMessage(message));
  scope.onmessage = (event) => void handle(event.data);
}
