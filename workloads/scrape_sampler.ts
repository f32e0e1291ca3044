/**
 * Reads the server's metrics endpoints during a run, from a thread of its own.
 *
 * @module
 */
import { mayReadWorker, type StartedWorker, startWorker } from "../backends/worker.ts";
import type { ServerScrapes } from "../metrics/run_server.ts";
import type { Endpoint, ScrapeTransport } from "./scrape_ask.ts";
import type { NewestServer } from "./scrape_newest.ts";
import { type FromScrapeThread, SCRAPE_WORKER, type ToScrapeThread } from "./scrape_worker.ts";
import { withoutSecretsIn } from "./secret.ts";

/** The opened thread. */
export interface Scraper {
  /** How the endpoints are shown. */
  readonly shown: readonly string[];
  /** Asks before a load, and goes on; does not wait for a slow endpoint. */
  begin(): Promise<void>;
  /** The load has ended: asks once more. @param startEpochMs its start, in ms since the epoch. */
  finish(startEpochMs: number): Promise<readonly ServerScrapes[] | undefined>;
  /** Why it no longer reads; `undefined` = it does. */
  failure(): string | undefined;
  /** Ends the thread. */
  close(): Promise<void>;
}

export interface ScraperOptions {
  readonly transport: ScrapeTransport;
  /** Called with what the endpoints said last, about once a period during a load. */
  readonly onNewest?: ((server: NewestServer) => void) | undefined;
  /** Default 1 s. */
  readonly periodMs?: number;
}

const PERIOD_MS = 1000;
/** Prometheus waits as long. */
const TIMEOUT_MS = 10_000;
/** A load waits no longer for the answers before it. */
const BEGIN_MS = 1000;
/** The run waits no longer for those after a load. */
const FINISH_MS = 2000;
/** The thread itself is late by less. */
const HANGS_AFTER_MS = 3000;

/**
 * Opens the thread.
 *
 * @returns the scraper, or why there is none.
 */
export async function openScraper(
  endpoints: readonly Endpoint[],
  { transport, onNewest, periodMs = PERIOD_MS }: ScraperOptions,
): Promise<Scraper | string> {
  const waiting = new Map<FromScrapeThread["kind"], (message: FromScrapeThread) => void>();
  let absent: string | undefined;
  const receive = (message: FromScrapeThread): void => {
    if (message.kind === "newest") return onNewest?.(message.server);
    if (message.kind !== "absent") return waiting.get(message.kind)?.(message);
    absent = message.reason;
    for (const resolve of waiting.values()) resolve(message);
  };
  if (!mayReadWorker(SCRAPE_WORKER)) return "its thread needs --allow-read";
  let worker: StartedWorker;
  try {
    worker = startWorker<FromScrapeThread>(SCRAPE_WORKER, {
      message: receive,
      failure: (reason) => receive({ kind: "absent", reason }),
    });
  } catch (error) {
    return (error as Error).message;
  }
  /** `undefined` = no answer in time. */
  const ask = async (message: ToScrapeThread, kind: FromScrapeThread["kind"], limitMs: number) => {
    const answer = Promise.withResolvers<FromScrapeThread | undefined>();
    const timer = setTimeout(() => answer.resolve(undefined), limitMs);
    waiting.set(kind, answer.resolve);
    worker.postMessage(message);
    try {
      return await answer.promise;
    } finally {
      clearTimeout(timer);
      waiting.delete(kind);
    }
  };
  const close = async () => {
    if (absent === undefined) await ask({ kind: "close" }, "closed", HANGS_AFTER_MS);
    worker.terminate();
  };

  const opened = await ask(
    {
      ...{ kind: "open", endpoints, periodMs, timeoutMs: TIMEOUT_MS, transport },
      tellsNewest: onNewest !== undefined,
    },
    "opened",
    TIMEOUT_MS,
  );
  if (opened?.kind !== "opened") {
    await close();
    return opened?.kind === "absent" ? opened.reason : "its thread does not answer";
  }
  return {
    shown: endpoints.map(({ shown }) => shown),
    async begin() {
      if (absent === undefined) await ask({ kind: "begin" }, "begun", BEGIN_MS);
    },
    async finish(startEpochMs) {
      if (absent !== undefined) return undefined;
      const message = { kind: "finish", startEpochMs, waitMs: FINISH_MS } as const;
      const answer = await ask(message, "finished", FINISH_MS + HANGS_AFTER_MS);
      if (answer === undefined) absent = "its thread does not answer any more";
      return answer?.kind === "finished" ? withoutSecretsIn(answer.scrapes) : undefined;
    },
    failure: () => absent,
    close,
  };
}
