/**
 * A search on an agent: the leader decides the loads, and whether one of them is cut short.
 *
 * @module
 */
import { createOverloadWatch, type OverloadWatch } from "../metrics/capacity_overload.ts";
import type { LeaderLine } from "./fleet_agent_line.ts";
import type { FindAnswer, NextAnswer } from "./fleet_messages.ts";
import { findAnswerShape, nextAnswerShape } from "./fleet_shape_lead.ts";
import type { LoadFinder } from "./run_finder.ts";
import { EXIT, UserError } from "./user_error.ts";

/** A finder that asks. */
export interface AskingFinder extends LoadFinder {
  /** Why this agent alone would end the load; absent = it would not. */
  readonly cut: string | undefined;
}

/** Makes it. */
export function createAskingFinder(
  { line, agent, stopping }: {
    readonly line: LeaderLine;
    readonly agent: number;
    readonly stopping: AbortSignal;
  },
): AskingFinder {
  let watch: OverloadWatch | undefined;
  let load = -1;
  let cut: string | undefined;
  return {
    get cut() {
      return cut;
    },
    async begin(answerMs) {
      const answer = await line.ask<FindAnswer>("find", { agent, answerMs }, {
        shape: findAnswerShape,
        enough: ({ kind }) => kind !== "wait",
        signal: stopping,
      });
      if (answer?.kind === "find") return answer.find;
      throw new UserError("Interrupted before anything was measured", EXIT.interrupted);
    },
    open() {},
    async next() {
      const answer = await line.ask<NextAnswer>("next", { agent, after: load }, {
        shape: nextAnswerShape,
        enough: ({ kind }) => kind !== "wait",
        signal: stopping,
      });
      return answer?.kind === "load" ? answer.decided : undefined;
    },
    plan(plan) {
      load++;
      cut = undefined;
      watch = createOverloadWatch({ steady: plan.kind === "open" && plan.arrival !== "trace" });
    },
    see: (record) => watch?.see(record),
    whyStop(live) {
      cut ??= watch?.look(live);
      const told = line.beat?.cut;
      return told?.load === load ? told.reason : undefined;
    },
    end() {},
  };
}
