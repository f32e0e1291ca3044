/**
 * Options that have a load measured several times.
 *
 * @module
 */
import { group, option } from "./option_table.ts";

/** How often each load is measured. */
export const REPEAT_OPTIONS = group("Repeats", {
  repeat: option.integer({
    value: "K",
    min: 1,
    defaultText: "1",
    help: "Measure each load K times: the same prompts at the same instants, with marks and a " +
      "warm-up of its own each time. The order rotates: the second round begins with the second " +
      "load. Reports add the spread from run to run.",
  }),
});
