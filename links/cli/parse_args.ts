/**
 * `parseArgs` over `node:util`, for command lines in the one form that `workloads/option_parse.ts`
 * hands over: `--name=value`, positionals, `--`.
 *
 * @module
 */
import { parseArgs as nodeParseArgs } from "node:util";

/** The part of the real options that we use. */
export interface ParseOptions {
  /** Options whose values stay strings; `_` keeps positionals strings. */
  string?: readonly string[];
  /** Options that may be repeated; each is a list, empty when not given. */
  collect?: readonly string[];
  /** Keep what follows `--` apart, under that name. */
  "--"?: boolean;
}

/** Options by name, positionals under `_`. */
export type Args = { [name: string]: unknown; _: (string | number)[] };

/** Reads a command line. */
export function parseArgs(args: readonly string[], options: ParseOptions = {}): Args {
  const { string = [], collect = [] } = options;
  const end = args.indexOf("--");
  const { values, positionals } = nodeParseArgs({
    args: end < 0 ? [...args] : args.slice(0, end),
    options: Object.fromEntries(
      string.filter((name) => name !== "_").map((name) => [
        name,
        { type: "string" as const, multiple: collect.includes(name) },
      ]),
    ),
    strict: false,
    allowPositionals: true,
  });
  const tail = end < 0 ? [] : args.slice(end + 1);
  const parsed: Args = { _: options["--"] ? positionals : [...positionals, ...tail] };
  if (options["--"]) parsed["--"] = tail;
  for (const name of collect) parsed[name] = [];
  return Object.assign(parsed, values);
}
