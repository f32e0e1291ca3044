/**
 * Shares as options take them.
 *
 * @module
 */
import { UserError } from "./user_error.ts";

/**
 * `3%` or `0.03` as 0.03.
 *
 * @throws {UserError} for what is no share from 0 to below 1.
 */
export function parseShare(text: string, option: string): number {
  const [, number, percent] = /^\s*\+?(\d+\.?\d*|\.\d+)\s*(%?)\s*$/.exec(text) ?? [];
  const value = Number(number);
  const refused = (why: string) => new UserError(`Cannot use ${option} ${text}: ${why}`);
  if (number === undefined) throw refused("it is no share, write it as 3% or 0.03");
  // 0.7 × 0.01 is not 0.007 in binary.
  const share = percent === "" ? value : Number((value / 100).toPrecision(12));
  if (percent === "" && value >= 1) {
    throw refused(`it is a share from 0 to below 1, write ${number}% or ${value / 100}`);
  }
  if (share >= 1) throw refused("it is less than 100 %");
  return share;
}
