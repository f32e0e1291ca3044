/**
 * Options that have a load measured several times.
 *
 * @module
 */
import { PROTOCOLS } from "../backends/protocols.ts";
import { USUAL_PAIRS } from "./bench_order.ts";
import type { Need, ValuesOf } from "./command.ts";
import { group, option, withNeeds } from "./option_table.ts";

/** How often each load is measured. */
export const REPEAT_OPTIONS = group("Repeats and sides", {
  repeat: option.integer({
    value: "K",
    min: 1,
    defaultText: `1; ${USUAL_PAIRS} with --against`,
    help: "Measure each load K times: the same prompts at the same instants, with marks and a " +
      "warm-up of its own each time. The order rotates: the second round begins with the second " +
      "load. Reports add the spread from run to run.",
  }),
  against: option.text({
    value: "URL",
    help:
      "Measure this server by turns with the first one, load by load: of two repeats in a row " +
      "one has the order a b, the other b a, so that drift adds as much to one as to the other. " +
      "The run ends with a comparison.",
  }),
  againstBody: option.json({
    value: "JSON",
    help: "The second side's --extra-body, in place of the first one's; without --against on the " +
      "same server.",
  }),
  againstModel: option.text({
    value: "NAME",
    defaultText: "as --model",
    help: "The second side's model.",
    advanced: true,
  }),
  againstProtocol: option.text({
    value: "NAME",
    choices: PROTOCOLS.map(({ name }) => name),
    defaultText: "as --protocol",
    help: "The second side's protocol.",
    advanced: true,
  }),
});

const NEEDS_SIDES: Need = {
  key: "against",
  or: ["againstBody", "againstModel", "againstProtocol", "againstLaunchArgs", "againstLaunch"],
  because: "there is nothing to compare with, add --against URL",
  byHeading: true,
};

/** What the comparison of two sides decides; only for commands that end with it. */
export const GATE_OPTIONS = group(
  "Repeats and sides",
  withNeeds({
    gate: option.text({
      value: "LIMIT[,…]",
      help:
        "Limits on the change from the first side to the second, as of tokometer compare, e.g. " +
        '"ttft:p99<+5%,throughput>-3%": the exit code is 5 where one is missed, 4 where it is ' +
        "undecided.",
    }),
    margin: option.text({
      value: "SHARE",
      defaultText: "3%",
      help:
        "A change that does not matter: where the whole interval lies within it, the verdict is " +
        "same.",
    }),
    undecided: option.choice({
      value: "HOW",
      default: "fail",
      choices: ["fail", "pass"],
      help: "What the exit code says of a gate that is undecided: 4, or pass: 0.",
    }),
  }, NEEDS_SIDES),
);

/** Values of {@linkcode GATE_OPTIONS}. */
export type GateValues = ValuesOf<typeof GATE_OPTIONS>;
