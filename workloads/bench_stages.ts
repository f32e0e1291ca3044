/**
 * How a rate that changes over time is written on the command line.
 *
 * @module
 */
import type { RateStagePlan } from "../metrics/run.ts";
import { areaOf } from "./load_stages.ts";
import { parseDuration } from "./option_duration.ts";
import { UserError } from "./user_error.ts";

/** How stages are written, for the help. */
export const RATE_STAGES_FORM = "R@TIME, R..R@TIME (a straight line), exp:R..R@TIME";

/** Largest number of stages: reports have a line for each. */
const MOST_STAGES = 1000;

const STAGE = /^(exp:)?(\d+(?:\.\d+)?)(?:\.\.(\d+(?:\.\d+)?))?@(.+)$/;

/**
 * Reads `2@30s,2..16@60s,exp:16..2@30s`.
 *
 * @throws {UserError} with the stage that makes no sense.
 */
export function parseRateStages(text: string): readonly RateStagePlan[] {
  const stages = text.split(",").map((part) => parseStage(part.trim()));
  const all = `Cannot use --rate-stages ${text}: `;
  if (stages.length > MOST_STAGES) {
    throw new UserError(`${all}it has ${stages.length} stages, ${MOST_STAGES} is the most`);
  }
  if (areaOf(stages) === 0) {
    throw new UserError(`${all}no request is ever due, give a rate above 0`);
  }
  return stages;
}

function parseStage(text: string): RateStagePlan {
  const problem = (why: string) => new UserError(`Cannot use the stage ${text}: ${why}`);
  const [, exp, from, to = from, time] = STAGE.exec(text) ?? [];
  if (from === undefined || to === undefined || time === undefined) {
    throw problem(`give ${RATE_STAGES_FORM}, with rates in requests per second`);
  }
  const stage = { fromPerSec: Number(from), toPerSec: Number(to) };
  const durationMs = parseDuration(time, `the stage ${text}, length`);
  if (durationMs === 0) throw problem("it has no length");
  if (exp === undefined) return { ...stage, durationMs };
  if (stage.fromPerSec === 0 || stage.toPerSec === 0) {
    throw problem("an exponential never reaches 0, give rates above 0 or leave out exp:");
  }
  return { ...stage, exponential: true, durationMs };
}
