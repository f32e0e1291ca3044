/**
 * What the loads of a recording share: the prompt maker, marks, and what is to be said of the prompts.
 *
 * @module
 */
import { defined } from "../backends/defined.ts";
import { plural } from "../metrics/format.ts";
import type { RunReplay } from "../metrics/run_replay.ts";
import { marksOf } from "./dataset_salt.ts";
import type { Begun } from "./run_begin.ts";
import { checkRequestOf } from "./run_check_request.ts";
import { createReplayJob, type ReplayJob, type ReplayPart } from "./run_replay_job.ts";
import { outlineOf } from "./session_outline.ts";
import type { ReplayPlan } from "./session_plan.ts";
import { openPromptMaker } from "./session_prompts.ts";
import { templateRemark, templateTokens } from "./session_template.ts";
import { PerfectCache } from "./trace_sharing.ts";

/** What all loads of a replay share. */
export interface Replay {
  /** For the header. */
  readonly outline: RunReplay;
  /** What else is to be said of its prompts, each in a sentence without a period. */
  readonly remarks: readonly string[];
  begin(part: ReplayPart): ReplayJob;
  close(): void;
}

/** Gets ready what makes the prompts. @throws {UserError} where they cannot be made. */
export function openReplay(
  { plan, prepared, checked }: Pick<Begun, "plan" | "prepared" | "checked">,
): Replay {
  const { protocol, targets, counter, requests: [first] } = prepared;
  const { length, lengthField, stream, sampling, extraBody } = first!;
  const { tokenIds, vocab } = plan.datasetExtra as { tokenIds?: boolean; vocab?: number };
  const maker = openPromptMaker({
    ...{ protocol, targets, seed: plan.seed, counter },
    defaults: { length, stream, sampling, ...defined({ lengthField, extraBody }) },
    ...defined({ tokenIds, vocab }),
  });
  const replay = plan.replay!;
  const marks = marksOf(plan.salt, counter);
  const run = { plan, replay, prepared, maker, marks, cache: new PerfectCache() };
  const [message, ...others] = checkRequestOf(first!).messages;
  const template = others.length > 0 || typeof message?.content !== "string"
    ? undefined
    : templateTokens(checked, counter.count(message.content), counter);
  const remark = templateRemark(template);
  return {
    outline: outlineOf(replay),
    remarks: [
      ...(remark === undefined ? [] : [remark]),
      ...(plan.saltScope === "none" || !hasWritten(replay) ? [] : [
        `Prompts that are written out have a mark of their ${plan.saltScope}, of ` +
        `${plural(marks.tokens, "token")} more (--salt-scope none leaves it out)`,
      ]),
    ],
    begin: (part) => createReplayJob(run, part),
    close: () => maker.close(),
  };
}

/** Whether some prompts are written out. */
function hasWritten({ trace: { sessions } }: ReplayPlan): boolean {
  return sessions.some(({ turns }) => turns.some(({ prompt }) => prompt.kind === "messages"));
}
