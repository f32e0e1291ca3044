/**
 * Reads the options that belong to one dataset alone (`DatasetOptions.extra`).
 *
 * @module
 */
import type { OptionTable, OptionValue, ValuesOf } from "./command.ts";
import { convertJson } from "./option_parse.ts";
import { listOptions } from "./option_table.ts";

/** The values of a dataset's options, checked. @throws {UserError} for a wrong value. */
export function readExtra<T extends OptionTable>(
  table: T,
  extra: Readonly<Record<string, unknown>>,
): ValuesOf<T> {
  const checked: Record<string, OptionValue> = {};
  for (const option of listOptions(table)) {
    const value = extra[option.key];
    if (value !== undefined) checked[option.key] = convertJson(option, value);
  }
  return checked as ValuesOf<T>;
}
