/**
 * The answers of a load as they come: each becomes a record that is kept and counted, and may show that
 * the server is gone.
 *
 * @module
 */
import { wallClockMs } from "../backends/clock.ts";
import type { RequestRecord } from "../backends/record.ts";
import type { Exchange } from "../backends/transport.ts";
import type { ServerLost } from "../metrics/run.ts";
import { lossNote, type ServerWatch } from "./load_server_watch.ts";
import type { Departure } from "./order.ts";
import type { LoadRecords } from "./run_load_records.ts";
import type { LoadProgress } from "./run_progress.ts";
import type { ReplayJob } from "./run_replay_job.ts";
import { cleanMessage } from "./secret.ts";

/** Who hears of the answers of a load. */
export interface LoadAnswersNeed {
  readonly records: LoadRecords;
  readonly progress: LoadProgress;
  readonly server: ServerWatch;
  /** What waits for the answers; absent = nothing does. */
  readonly replay: ReplayJob | undefined;
  /** Keeps a record. */
  readonly keep: (record: RequestRecord) => void;
  readonly note: ((line: string) => void) | undefined;
  /** Called once, when the server is gone. */
  readonly onLost: () => void;
}

/** Takes the answers of one load. */
export class LoadAnswers {
  readonly #need: LoadAnswersNeed;
  #lost: ServerLost | undefined;
  #lastEndMs = 0;
  /** Refusals after the loss are no part of what was measured. */
  #lastAnswerMs = 0;

  constructor(need: LoadAnswersNeed) {
    this.#need = need;
  }

  /** Absent = the server stayed. */
  get lost(): ServerLost | undefined {
    return this.#lost;
  }

  /** End of the last request, in ms from the start of the load. */
  get lastEndMs(): number {
    return this.#lastEndMs;
  }

  /** How long the load took, in ms. */
  get durationMs(): number {
    const lost = this.#lost;
    return lost === undefined ? this.#lastEndMs : Math.max(this.#lastAnswerMs, lost.atMs);
  }

  /** Takes an answer, whose exchange is emptied afterwards. */
  add(departure: Departure, exchange: Exchange, originMs: number): void {
    const { records, progress, keep, server, replay } = this.#need;
    const record = records.decode(departure, exchange, originMs);
    progress.add(record);
    this.#lastEndMs = Math.max(this.#lastEndMs, exchange.endMs - originMs);
    if (record.outcome.kind !== "connect_error") this.#lastAnswerMs = this.#lastEndMs;
    keep(record);
    const lost = server.see(record);
    if (lost !== undefined) this.#lose(lost, record);
    replay?.ended(record);
  }

  /** Takes a request that never left. */
  addDropped(departure: Departure, reason: string): void {
    const { records, progress, keep, replay } = this.#need;
    progress.addDropped();
    const record = records.unsent(departure, reason);
    keep(record);
    replay?.ended(record);
  }

  #lose(seen: ServerLost, { endMs = 0 }: RequestRecord): void {
    const lost = { ...seen, message: cleanMessage(seen.message) };
    this.#lost = lost;
    this.#need.onLost();
    this.#need.note?.(lossNote(lost, wallClockMs() - endMs + seen.atMs));
  }
}
