/**
 * A command as data: one table that parses, checks, documents and configures.
 *
 * @module
 */

/** How an option's value is read. `flag` takes none; lists accept `1,2`, `[1, 2]` and `1 2`. */
export type OptionKind =
  | "flag"
  | "text"
  | "integer"
  | "number"
  | "texts"
  | "integers"
  | "numbers"
  | "json";

/** Value of a parsed option. */
export type OptionValue =
  | boolean
  | string
  | number
  | readonly string[]
  | readonly number[]
  | Readonly<Record<string, unknown>>
  | undefined;

/** One option of a command. */
export interface Option {
  /** Kebab case, without dashes; `_` is accepted for `-` on the command line. */
  readonly name: string;
  /** How its value is read and checked. */
  readonly kind: OptionKind;
  /** Placeholder in the help, e.g. `N`, `FILE`, `NAME`. */
  readonly value?: string;
  /** One or two sentences: what it does and when to use it. */
  readonly help: string;
  /** Value when it is not given, already parsed; absent = no value. */
  readonly default?: OptionValue;
  /** How the default reads in the help when it is computed, e.g. `what the server lists`. */
  readonly defaultText?: string;
  /** The only values accepted; absent = any of its kind. */
  readonly choices?: readonly string[];
  /** Smallest number accepted. */
  readonly min?: number;
  /** Largest number accepted. */
  readonly max?: number;
  /** Other names (also single letters) that mean the same. */
  readonly aliases?: readonly string[];
  /** May be given several times (`texts`: the values are collected). */
  readonly repeat?: boolean;
  /** Heading in the help. */
  readonly group?: string;
  /** Its value must never be printed or stored. */
  readonly secret?: boolean;
  /** Left out of the short help. */
  readonly advanced?: boolean;
}

/** An argument that is told by its place on the command line. */
export interface Positional {
  /** Key of its value, and placeholder in the help. */
  readonly name: string;
  /** One sentence: what to put there. */
  readonly help: string;
  /** The command refuses to run without it. */
  readonly required: boolean;
  /** Takes all that remain. */
  readonly rest?: boolean;
  /** Option that stands in its place: with it, the next argument is the next positional's. */
  readonly unless?: string;
}

/** Parsed and checked values by option or positional name; absent = not given and no default. */
export type Values = Readonly<Record<string, OptionValue>>;

/** What a command may use of the outside; given by `cli.ts`, or by a test. */
export interface Host {
  /** Results: stdout. */
  print(text: string): void;
  /** Everything else: stderr, a line. */
  note(text: string): void;
  /** Replaces the progress line on a terminal; plain lines, seldom, elsewhere. `""` clears it. */
  progress(line: string): void;
  /** Results go to a screen and not into a file or pipe. */
  readonly stdoutIsTerminal: boolean;
  /** ANSI colors are welcome on stdout. */
  readonly color: boolean;
  /** Width that lines should fit into, in characters. */
  readonly columns: number;
  /** First Ctrl-C: stop sending, drain, report. */
  readonly interrupted: AbortSignal;
  /** Second Ctrl-C: stop at once, report what there is. */
  readonly aborted: AbortSignal;
  /** The command line as given, for the record's header (secrets are removed by the caller). */
  readonly commandLine: readonly string[];
}

/** One command: what it takes, how it explains itself, and what it does. */
export interface Command {
  /** First word on the command line, e.g. `bench`. */
  readonly name: string;
  /** Other words that start it; `_` and `-` mean the same. */
  readonly aliases?: readonly string[];
  /** One line for the list of commands. */
  readonly summary: string;
  /** Paragraphs of the command's own help. */
  readonly description: string;
  /** Arguments without a name, in their order. */
  readonly positionals: readonly Positional[];
  /** What it takes besides the options that every command has. */
  readonly options: readonly Option[];
  /** Lines that run as they stand. */
  readonly examples: readonly { readonly line: string; readonly does: string }[];
  /** Returns the exit code. @throws {UserError} for mistakes of the user. */
  readonly run: (values: Values, host: Host) => Promise<number>;
}
