/**
 * Options that would have no effect beside the others: refused where the user gave them, since a
 * result measured with them in mind would be misread.
 *
 * @module
 */
import type { Need, OptionTable, OptionValue, Values } from "./command.ts";
import { listOptions, type NamedOption, shownName } from "./option_table.ts";
import { UserError } from "./user_error.ts";

/**
 * Checks every given option against what it needs.
 *
 * @throws {UserError} for the first one that would have no effect, with the reason.
 */
export function refuseUnneeded(
  table: OptionTable,
  { given, values }: { readonly given: Values; readonly values: Values },
): void {
  const options = listOptions(table);
  for (const option of options) {
    if (given[option.key] === undefined) continue;
    const need = option.needs?.find((one) => !isMet(one, values));
    if (need === undefined) continue;
    throw new UserError(
      `Cannot use ${shownName(option)} ${condition(need, { options, values })}: ${need.because}`,
    );
  }
}

/** The values that have an effect: for records, which hold every value of their run. */
export function withoutUnneeded(table: OptionTable, values: Values): Values {
  return Object.fromEntries(
    Object.entries(values).filter(([key]) =>
      table[key]?.needs?.every((need) => isMet(need, values)) ?? true
    ),
  );
}

/** What an option needs, for the help: `only with --rate`, `not with --cases`. */
export function needText({ needs = [] }: NamedOption, table: OptionTable): readonly string[] {
  const options = listOptions(table);
  return needs.filter(({ byHeading }) => !byHeading).map(({ key, or = [], is, not }) => {
    const other = named(options, key);
    if (other.kind === "flag" && other.default === true) return `not with --no-${other.name}`;
    const others = [other, ...or.map((one) => named(options, one))].map(shownName).join(" or ");
    return `${not ? "not" : "only"} with ${others}${isText(is)}`;
  });
}

function isMet({ key, or = [], is, not, zero }: Need, values: Values): boolean {
  const value = values[key];
  const on = [key, ...or].some((one) => isOn(values[one]) || zero === true && values[one] === 0);
  return not ? !on : is === undefined ? on : is.includes(value);
}

function isOn(value: OptionValue): boolean {
  return value !== undefined && value !== false && value !== 0;
}

function condition(
  { key, is, not }: Need,
  { options, values }: { readonly options: readonly NamedOption[]; readonly values: Values },
): string {
  const other = named(options, key);
  if (not) return `with ${shownName(other)}`;
  if (values[key] === false) return `with --no-${other.name}`;
  return `without ${shownName(other)}${isText(is)}`;
}

function isText(is: Need["is"]): string {
  return is === undefined ? "" : ` ${is.join(" or ")}`;
}

function named(options: readonly NamedOption[], key: string): NamedOption {
  const found = options.find((option) => option.key === key);
  if (found === undefined) throw new TypeError(`Cannot find the option "${key}" in its table`);
  return found;
}
