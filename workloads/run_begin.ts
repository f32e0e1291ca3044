/**
 * From a plan to threads that are ready to send: the server is checked, and everything that needs no
 * answer of it is made while it is waited for. The check leaves as early as it can; nothing of this
 * runs while a load does.
 *
 * @module
 */
import { patientClock } from "../backends/clock.ts";
import type { RequestRecord } from "../backends/record.ts";
import type { Transport } from "../backends/transport.ts";
import type { Environment } from "../metrics/run.ts";
import type { BenchPlan } from "./bench_plan.ts";
import { readEnvironment } from "./environment.ts";
import { hasInstants } from "./load.ts";
import type { Pool } from "./load_messages.ts";
import { type LoadThreads, openThreads, type ThreadsOptions } from "./load_threads.ts";
import { shareWires } from "./load_wires.ts";
import { askForTransport, overCheckingTransport } from "./run_auto_transport.ts";
import { checkAll, refuseInterrupted } from "./run_check_server.ts";
import type { MeasureHooks, PrepareHooks } from "./run_hooks.ts";
import {
  beginPreparing,
  meanTokens,
  type Preparation,
  type Prepared,
  withLengthField,
} from "./run_prepare.ts";
import { transportOptions } from "./server_target.ts";

/** What is known when the server is checked. */
export interface Begun {
  /** With its transport decided. */
  readonly plan: BenchPlan;
  readonly prepared: Prepared;
  /** Record of the check request. */
  readonly checked: RequestRecord;
  readonly environment: Environment;
  /** Threads that are ready to send. @throws {Error} when a transport cannot be opened as asked. */
  readonly open: () => Promise<LoadThreads>;
  /** Closes the threads. */
  readonly close: () => Promise<void>;
}

/** What beginning reports and obeys. */
export type BeginHooks = PrepareHooks & Pick<MeasureHooks, "stopSignal" | "onDataset">;

/** Connecting to a server nearby, and sending to it. */
const LEAVING_MS = 3;
/** So long a server's refusal waits for prompts that may be refused, too. */
const REFUSAL_WAITS_MS = 1000;

/**
 * Checks the server and makes everything ready meanwhile.
 *
 * What fails first is told; prompts that cannot be used before a server that cannot.
 *
 * @param seen resolves when what has to see the first request was opened.
 * @throws {UserError} when the prompts or the server cannot be used, or when interrupted.
 */
export async function beginRun(
  asked: BenchPlan,
  hooks: BeginHooks,
  seen: Promise<unknown>,
): Promise<Begun> {
  const environment = await readEnvironment();
  const question = await askForTransport(asked, environment, hooks.note);
  const threads = new EarlyThreads();
  try {
    const { checked, prepared } = await overCheckingTransport(asked, async (transport) => {
      const preparation = await beginPreparing(asked, hooks, transport);
      await seen;
      refuseInterrupted(hooks.stopSignal);
      const { early } = question;
      return await checkMeanwhile(asked, preparation, {
        ...hooks,
        transport,
        threads,
        early: early === undefined ? undefined : { ...asked, transport: early },
      });
    });
    const plan = question.settle(checked, meanTokens(prepared));
    return {
      ...{ plan, prepared, checked, environment },
      open: () => threads.finish(plan, prepared),
      close: () => threads.close(),
    };
  } catch (error) {
    await threads.close();
    throw error;
  }
}

/** The check, and all else that can be done while it is under way. */
async function checkMeanwhile(
  plan: BenchPlan,
  preparation: Preparation,
  { transport, threads, early, ...hooks }: BeginHooks & {
    readonly transport: Transport;
    readonly threads: EarlyThreads;
    /** The plan with its transport, where that is known. */
    readonly early: BenchPlan | undefined;
  },
): Promise<{ readonly checked: RequestRecord; readonly prepared: Prepared }> {
  const over = new AbortController();
  const checking = checkAll(plan, preparation, transport, {
    ...hooks,
    stopSignal: AbortSignal.any([hooks.stopSignal, over.signal]),
  });
  const finishing = (async () => {
    // An idle thread sends the request, a busy one does not.
    await patientClock.sleepUntil(patientClock.now() + LEAVING_MS);
    const [prepared] = await Promise.all([
      preparation.finish(over.signal, hooks.onDataset),
      early && threads.begin(early, preparation),
    ]);
    await threads.take(prepared);
    return prepared;
  })();
  finishing.catch(() => over.abort());
  try {
    const { checked, lengthField } = await checking;
    return { checked, prepared: withLengthField(await finishing, lengthField) };
  } catch (error) {
    if (!hooks.stopSignal.aborted) {
      const untilMs = patientClock.now() + REFUSAL_WAITS_MS;
      await Promise.race([finishing, patientClock.sleepUntil(untilMs, over.signal)]);
    }
    throw error;
  } finally {
    over.abort();
    await Promise.allSettled([checking, finishing]);
  }
}

/** Threads that can be opened before all prompts are there. */
class EarlyThreads {
  #transport: string | undefined;
  #opening: Promise<LoadThreads> | undefined;
  #taken: Prepared | undefined;

  /**
   * Opens them with the first request, which they rehearse with. Not where the check would have to wait:
   * where this thread sends, and where a model would be loaded a second time.
   */
  async begin(plan: BenchPlan, { protocol, target, first }: Preparation): Promise<void> {
    if (plan.workers === 0 || protocol.carrier === "inprocess") return;
    this.#transport = plan.transport;
    const wires = shareWires([protocol.buildRequest(first, target)]);
    this.#opening = openThreads({ ...setupOf(plan, { protocol, target }), wires });
    await this.#opening;
  }

  /** Gives them the prompts, if they are open. */
  async take(prepared: Prepared): Promise<void> {
    if (this.#opening === undefined || this.#taken === prepared) return;
    this.#taken = prepared;
    await (await this.#opening).take(poolOf(prepared));
  }

  /** Opens those that are not, or not as it was decided then, and gives them the prompts. */
  async finish(plan: BenchPlan, prepared: Prepared): Promise<LoadThreads> {
    if (this.#opening === undefined || this.#transport !== plan.transport) {
      await this.close();
      this.#opening = openThreads({ ...setupOf(plan, prepared), ...poolOf(prepared) });
      this.#taken = prepared;
    }
    await this.take(prepared);
    return await this.#opening;
  }

  async close(): Promise<void> {
    const threads = await this.#opening?.catch(() => undefined);
    this.#opening = undefined;
    await threads?.close();
  }
}

function poolOf({ protocol, wires, requests }: Prepared): Pool {
  return { wires, ...(protocol.usesRequestId === true ? { requests } : {}) };
}

function setupOf(
  plan: BenchPlan,
  { protocol, target }: Pick<Prepared, "protocol" | "target">,
): Omit<ThreadsOptions, "wires"> {
  return {
    workers: plan.workers,
    transport: plan.transport,
    transportOptions: transportOptions(plan),
    protocol: protocol.name,
    target,
    scheduled: plan.loads.some(hasInstants),
    streams: Math.max(0, ...plan.loads.map((load) => load.kind === "closed" ? load.users : 0)),
  };
}
