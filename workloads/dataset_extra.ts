/**
 * Reads the options that belong to one dataset alone (`DatasetOptions.extra`).
 *
 * @module
 */
import { UserError } from "./user_error.ts";

/** Options by their camel-case names; absent ones are `undefined`. */
export type Extra = Readonly<Record<string, unknown>>;

/** `min-prompt-tokens` → `minPromptTokens`: the key of an option in `extra`. */
export function extraKey(option: string): string {
  return option.replace(/-([a-z])/g, (_, letter: string) => letter.toUpperCase());
}

/** A whole number of at least `min`. @throws {UserError} for anything else that is given. */
export function integerExtra(
  extra: Extra,
  option: string,
  min: number,
): number | undefined {
  const value = extra[extraKey(option)];
  if (value === undefined) return undefined;
  if (typeof value === "number" && Number.isSafeInteger(value) && value >= min) return value;
  throw new UserError(`Cannot use --${option} ${value}: give a whole number of at least ${min}`);
}

/** A text. @throws {UserError} for anything else that is given. */
export function textExtra(extra: Extra, option: string): string | undefined {
  const value = extra[extraKey(option)];
  if (value === undefined || typeof value === "string") return value;
  throw new UserError(`Cannot use --${option} ${value}: give a text`);
}

/** True or false. @throws {UserError} for anything else that is given. */
export function flagExtra(extra: Extra, option: string): boolean | undefined {
  const value = extra[extraKey(option)];
  if (value === undefined || typeof value === "boolean") return value;
  throw new UserError(`Cannot use --${option} ${value}: give true or false`);
}

/** One of the choices. @throws {UserError} for anything else that is given. */
export function choiceExtra<T extends string>(
  extra: Extra,
  option: string,
  choices: readonly T[],
): T | undefined {
  const value = extra[extraKey(option)];
  if (value === undefined) return undefined;
  const choice = choices.find((name) => name === value);
  if (choice !== undefined) return choice;
  throw new UserError(`Cannot use --${option} ${value}: known are ${choices.join(", ")}`);
}
