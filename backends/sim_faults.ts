/**
 * Faults that can be injected: what a server can do wrong, one entry each. Whether a fault affects
 * a request depends only on the seed and the request's serial number.
 *
 * @module
 */
import { createRandom } from "./random.ts";

/** A kind of failure. */
export interface SimFault {
  /** Name on the command line. */
  readonly name: string;
  readonly help: string;
  /** What the number after the probability means, and its default. */
  readonly parameter?: { readonly meaning: string; readonly default: number };
  /** The call that it affects; absent = requests to generate. */
  readonly call?: "reset";
}

const AFTER = {
  meaning: "after how many tokens; 0 = half of the requested ones",
  default: 0,
};

/** Every fault that can be injected. */
export const SIM_FAULTS: readonly SimFault[] = [
  { name: "http-429", help: "Answers 429 with `retry-after: 1` instead of a stream" },
  { name: "http-500", help: "Answers 500 instead of a stream" },
  { name: "http-503", help: "Answers 503, like a server that is still loading its model" },
  { name: "json-error", help: "Answers 200 with a JSON error object in place of the stream" },
  { name: "refuse", help: "Resets the connection before any byte of an answer" },
  { name: "not-http", help: "Answers bytes that are not HTTP, then closes" },
  { name: "hang", help: "Accepts the request and never answers" },
  {
    name: "slow-headers",
    help: "Sends the response head in three pieces",
    parameter: { meaning: "milliseconds from the first to the last piece", default: 200 },
  },
  {
    name: "stall",
    help: "Goes silent in the middle of the stream and keeps the connection open",
    parameter: { meaning: "milliseconds of silence; 0 = for ever", default: 0 },
  },
  {
    name: "cut",
    help: "Closes the connection in the middle of the stream",
    parameter: AFTER,
  },
  {
    name: "reset",
    help: "Resets the connection in the middle of the stream",
    parameter: AFTER,
  },
  {
    name: "truncate",
    help: "Ends the body in the middle: valid HTTP, but no end mark",
    parameter: AFTER,
  },
  {
    name: "malformed-chunk",
    help: "Breaks the chunked coding in the middle of the stream",
    parameter: AFTER,
  },
  {
    name: "malformed-event",
    help: "Sends an event that is not JSON in the middle of the stream, then goes on",
    parameter: AFTER,
  },
  {
    name: "error-event",
    help: "Reports an error inside the stream, under status 200",
    parameter: AFTER,
  },
  { name: "missing-done", help: "Ends the stream without `[DONE]` or any other end flag" },
  {
    name: "close-after-stream",
    help: "Closes the connection after each stream in spite of keep-alive",
  },
  {
    name: "comment-pings",
    help: "Sends SSE comment lines from the start of the answer",
    parameter: { meaning: "milliseconds between them", default: 20 },
  },
  {
    name: "hold-utf8",
    help: "Holds back text until characters are complete, so that events join tokens",
  },
  { name: "empty", help: "Generates nothing and reports success" },
  { name: "early-stop", help: "Stops at half of the length, forced or not" },
  {
    name: "one-more",
    help: "Generates one token more than requested, like some LMDeploy versions",
  },
  { name: "endless", help: "Never stops generating" },
  {
    name: "slow",
    help: "Generates more slowly",
    parameter: { meaning: "factor", default: 10 },
  },
  {
    name: "reset-fails",
    help:
      "Refuses to empty the prefix cache: vLLM says so in the body under status 200, SGLang by 400",
    call: "reset",
  },
];

/** A fault to inject: `NAME[:probability][:parameter]`. */
export interface FaultSetting {
  readonly fault: SimFault;
  /** Share of the requests that it affects. */
  readonly probability: number;
  readonly parameter: number;
}

/** The faults of one request by name, with their parameter (0 without one). */
export type FaultPlan = ReadonlyMap<string, number>;

/**
 * Reads `cut`, `http-500:0.1` or `stall:1:300`.
 *
 * @throws {SyntaxError} when the name is unknown or a number is missing.
 * @throws {RangeError} when the probability is outside 0…1 or the parameter negative.
 */
export function parseFault(text: string): FaultSetting {
  const [name, probabilityText = "1", parameterText, ...rest] = text.trim().split(":");
  const fault = SIM_FAULTS.find((known) => known.name === name);
  if (fault === undefined) {
    const known = SIM_FAULTS.map((each) => each.name).join(", ");
    throw new SyntaxError(`Cannot inject the fault ${JSON.stringify(name)}: known are ${known}`);
  }
  const probability = Number(probabilityText);
  const parameter = Number(parameterText ?? fault.parameter?.default ?? 0);
  if (rest.length > 0 || [probabilityText, parameterText ?? "0"].some((each) => each === "")) {
    throw new SyntaxError(`Cannot read the fault "${text}": give NAME[:probability][:parameter]`);
  }
  if (!(probability >= 0 && probability <= 1)) {
    throw new RangeError(`Cannot inject the fault "${text}": the probability must be in 0…1`);
  }
  if (!(parameter >= 0) || (parameterText !== undefined && fault.parameter === undefined)) {
    const takes = fault.parameter === undefined ? "takes none" : "must be a number of at least 0";
    throw new RangeError(`Cannot inject the fault "${text}": its parameter ${takes}`);
  }
  return { fault, probability, parameter };
}

/** Draws the faults of the request `serial`, or of the call of another kind with that number. */
export function pickFaults(
  settings: readonly FaultSetting[],
  options: { readonly seed: number; readonly serial: number; readonly call?: SimFault["call"] },
): FaultPlan {
  const plan = new Map<string, number>();
  if (settings.length === 0) return plan;
  const random = createRandom(options.seed, `sim-fault:${options.serial}`);
  for (const { fault, probability, parameter } of settings) {
    // One draw per entry, so that changing one probability leaves the other faults as they were.
    if (random.next() < probability && fault.call === options.call) {
      plan.set(fault.name, parameter);
    }
  }
  return plan;
}
