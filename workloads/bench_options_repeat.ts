/**
 * Options that have a load measured several times.
 *
 * @module
 */
import { PROTOCOLS } from "../backends/protocols.ts";
import { USUAL_PAIRS } from "./bench_order.ts";
import { group, option } from "./option_table.ts";

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
