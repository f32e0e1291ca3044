/**
 * Tables of options: constructors that carry the type of the value, and the names by which a table
 * is known outside.
 *
 * @module
 */
import { type Defined, defined } from "../backends/defined.ts";
import type { Need, Option, OptionKind, OptionTable, OptionValue } from "./command.ts";

/** An option besides its kind. */
type Spec<T> = Omit<Option, "kind" | "default" | "typed" | "argument" | "unless"> & {
  readonly choices?: readonly T[] | readonly string[];
};

/** Makes options of one kind. Choices become the type; without a default it has `undefined`. */
interface Maker<T extends OptionValue> {
  <const V extends T = T>(spec: Spec<V> & { readonly default: NoInfer<V> }): Option<V>;
  <const V extends T = T>(spec: Spec<V> & { readonly default?: never }): Option<V | undefined>;
}

/** The same for lists of texts. */
interface ListMaker {
  <const V extends string = string>(
    spec: Spec<V> & { readonly default: readonly NoInfer<V>[] },
  ): Option<readonly V[]>;
  <const V extends string = string>(
    spec: Spec<V> & { readonly default?: never },
  ): Option<readonly V[] | undefined>;
}

/** An argument: given by its place on the command line. */
type ArgumentSpec = Pick<Option, "help" | "value">;

const make = (kind: OptionKind, usual: Partial<Option> = {}) => (spec: object): Option => ({
  ...usual,
  ...spec as Omit<Option, "kind">,
  kind,
});

/** Constructors of options. `option.number({ ...other, default: 3 })` changes another option. */
export const option = {
  flag: make("flag") as Maker<boolean>,
  text: make("text") as Maker<string>,
  /** A length in tokens, or a distribution of lengths. */
  length: make("text") as Maker<string | number>,
  integer: make("integer") as Maker<number>,
  number: make("number") as Maker<number>,
  texts: make("texts") as ListMaker,
  integers: make("integers") as Maker<readonly number[]>,
  numbers: make("numbers") as Maker<readonly number[]>,
  /** A size, e.g. `64MiB`; the value is in bytes. */
  bytes: make("bytes", { value: "SIZE" }) as Maker<number>,
  json: make("json") as Maker<Readonly<Record<string, unknown>>>,
  seconds: make("number", { value: "SECONDS", min: 0 }) as Maker<number>,
  file: make("text", { value: "FILE" }) as Maker<string>,
  choice: make("text", { value: "NAME" }) as Maker<string>,

  /** A required argument. */
  argument: <const C extends string = string>(
    spec: ArgumentSpec & { readonly choices?: readonly C[] },
  ): Option<C> => ({ kind: "text", argument: "one", required: true, ...spec }),
  /** An argument that may be left out, or is replaced by the option `unless`. */
  optionalArgument: (
    spec: ArgumentSpec & { readonly unless?: string },
  ): Option<string | undefined> => (
    { kind: "text", argument: "one", required: spec.unless !== undefined, ...spec }
  ),
  /** The same that may be repeated: the first by its place or its name, the others by its name. */
  optionalArguments: (
    spec: ArgumentSpec & { readonly unless?: string },
  ): Option<readonly string[] | undefined> => (
    { kind: "texts", argument: "one", repeat: true, required: spec.unless !== undefined, ...spec }
  ),
  /** All arguments that remain, at least one. */
  rest: (spec: ArgumentSpec): Option<readonly string[]> => (
    { kind: "texts", argument: "rest", required: true, ...spec }
  ),
  /** All arguments that remain, or none. */
  optionalRest: (spec: ArgumentSpec): Option<readonly string[] | undefined> => (
    { kind: "texts", argument: "rest", ...spec }
  ),
} as const;

/** An option with its key and its name on the command line. */
export interface NamedOption extends Option {
  readonly key: string;
  readonly name: string;
}

/** Options of a table with their names, arguments included. */
export function listOptions(table: OptionTable): readonly NamedOption[] {
  return Object.entries(table).map(([key, option]) => ({
    ...option,
    key,
    name: option.name ?? kebabCase(key),
  }));
}

/** Arguments of a table, in the order in which they stand on the command line. */
export function listArguments(table: OptionTable): readonly NamedOption[] {
  return listOptions(table).filter(({ argument }) => argument !== undefined);
}

/** The same options under a heading of the help. */
export function group<T extends OptionTable>(heading: string, table: T): T {
  return mapTable(table, (option) => ({ ...option, group: heading }));
}

/** The same options, each of which now also needs something. */
export function withNeeds<T extends OptionTable>(table: T, ...needs: readonly Need[]): T {
  return mapTable(table, (option) => ({ ...option, needs: [...needs, ...option.needs ?? []] }));
}

function mapTable<T extends OptionTable>(table: T, change: (option: Option) => Option): T {
  return Object.fromEntries(
    Object.entries(table).map(([key, option]) => [key, change(option)]),
  ) as OptionTable as T;
}

/** Those of `values` whose keys are in `keys`, without `undefined`. */
export function pick<T extends object, K extends keyof T>(
  values: T,
  keys: readonly K[],
): Defined<Pick<T, K>> {
  return defined(
    Object.fromEntries(keys.map((key) => [key, values[key]])) as Pick<T, K>,
  );
}

/** Options by every name that they go by; of equal names the first option has it. */
export function indexOptions(
  options: readonly NamedOption[],
): ReadonlyMap<string, NamedOption> {
  const byName = new Map<string, NamedOption>();
  for (const option of options) {
    for (const name of [option.name, ...option.aliases ?? []].map(plainName)) {
      if (!byName.has(name)) byName.set(name, option);
    }
  }
  return byName;
}

/** `-` and `_` are interchangeable. */
export function plainName(name: string): string {
  return name.replaceAll("_", "-");
}

/** `outputTokens` → `output-tokens`. */
export function kebabCase(key: string): string {
  return key.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
}

/** `--name`, or `-n` for a letter. */
export function dashed(name: string): string {
  return name.length === 1 ? `-${name}` : `--${name}`;
}

/** How an option is written in messages: `--name`, of an argument `<name>`. */
export function shownName({ argument, name }: NamedOption): string {
  return argument === undefined ? dashed(name) : `<${name}>`;
}
