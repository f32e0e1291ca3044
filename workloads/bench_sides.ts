/**
 * The other side of a run that compares two by turns: what differs there, and what is the same.
 *
 * @module
 */
import { defined } from "../backends/defined.ts";
import type { MeasureValues } from "./bench_options.ts";
import { USUAL_PAIRS } from "./bench_order.ts";
import { UserError } from "./user_error.ts";

/** Options that make a second side. */
const SIDE_OPTIONS = ["against", "againstBody", "againstModel", "againstProtocol"] as const;

type SideValues = Pick<MeasureValues, typeof SIDE_OPTIONS[number] | "repeat">;

/** Whether two sides are compared by turns. */
export function hasSides(values: SideValues): boolean {
  return SIDE_OPTIONS.some((key) => values[key] !== undefined);
}

/** How often each load is measured on each side. */
export function repeatsOf(values: SideValues): number {
  return values.repeat ?? (hasSides(values) ? USUAL_PAIRS : 1);
}

/** The values of the second side, and its servers. */
export function otherSide(
  values: MeasureValues,
  servers: readonly string[],
): { readonly values: MeasureValues; readonly servers: readonly string[] } {
  const { against, againstBody, againstModel, againstProtocol, protocol, endpoint, ...same } =
    values;
  if (againstModel !== undefined && values.models !== undefined) {
    throw new UserError(
      "Cannot use --against-model with --models: these are asked for on both sides, leave one of " +
        "them out",
    );
  }
  const otherCall = againstProtocol !== undefined && againstProtocol !== protocol;
  return {
    values: {
      ...same,
      protocol: againstProtocol ?? protocol,
      // A path is one of its protocol.
      endpoint: otherCall ? undefined : endpoint,
      model: againstModel ?? values.model,
      extraBody: againstBody ?? values.extraBody,
      ...{ against: undefined, againstBody: undefined },
      ...{ againstModel: undefined, againstProtocol: undefined },
    },
    servers: against === undefined ? servers : [against],
  };
}

/** What differs on the second side besides the server, for people; absent = nothing. */
export function differsText(
  { againstBody, againstModel, againstProtocol, protocol, model }: MeasureValues,
  more?: string,
): string | undefined {
  const values = Object.entries(defined({
    protocol: againstProtocol === protocol ? undefined : againstProtocol,
    model: againstModel === model ? undefined : againstModel,
    "extra-body": againstBody === undefined ? undefined : JSON.stringify(againstBody),
  })).map(([name, value]) => `--${name} ${value}`);
  const parts = more === undefined ? values : [more, ...values];
  return parts.length === 0 ? undefined : parts.join(" ");
}
