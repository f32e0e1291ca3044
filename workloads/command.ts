/**
 * A command as data: one table that parses, checks, types, documents and configures.
 *
 * @module
 */

/** How an option's value is read. `flag` takes none; `bytes` is `64MiB`, `2 GB`, or a number; lists accept `1,2`, `[1, 2]` and `1 2`. */
export type OptionKind =
  | "flag"
  | "text"
  | "integer"
  | "number"
  | "texts"
  | "integers"
  | "numbers"
  | "bytes"
  | "json";

/** Value of an option; `undefined` = neither given nor a default. */
export type OptionValue =
  | boolean
  | string
  | number
  | readonly string[]
  | readonly number[]
  | Readonly<Record<string, unknown>>
  | undefined;

/** What an option depends on. Without it the option would have no effect, so it is refused. */
export interface Need {
  /** Key of the option or argument in the same table. */
  readonly key: string;
  /** It must have one of these values; absent = it must be given and neither `false` nor 0. */
  readonly is?: readonly OptionValue[];
  /** Keys of which any does as well. */
  readonly or?: readonly string[];
  /** 0 is as good as any other value. */
  readonly zero?: true;
  /** The other way round: it must not be given. */
  readonly not?: true;
  /** End of the error message: why, and what would work. */
  readonly because: string;
  /** The help does not repeat it for each option, since their heading says it. */
  readonly byHeading?: true;
}

/**
 * What of a machine's disk an option's value names, which the agents of a fleet need, too. `data`: a file
 * of prompts or a recording, which may be a folder; `tokenizer`: its file or folder; `mix`: classes, some
 * of which are from files.
 */
export type DiskUse = "file" | "data" | "tokenizer" | "mix";

/** One option of a command, or one of its arguments. Made by `option.number({ … })` and the like. */
export interface Option<T extends OptionValue = OptionValue> {
  /** How its value is read and checked. */
  readonly kind: OptionKind;
  /** Name on the command line, where it is not the table's key in kebab case. */
  readonly name?: string;
  /** Placeholder in the help, e.g. `N`, `FILE`, `NAME`. */
  readonly value?: string;
  /** One or two sentences: what it does and when to use it. */
  readonly help: string;
  /** Value when it is not given, already parsed; absent = no value. */
  readonly default?: OptionValue;
  /** What happens without a value and a default, for the help, e.g. `what the server lists`. */
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
  /** An empty text is a value, which means "none". */
  readonly emptyIsNone?: boolean;
  /** Heading in the help. */
  readonly group?: string;
  /** Its value names something on disk that a run reads; absent = it does not, or each machine has its own. */
  readonly reads?: DiskUse;
  /** Its value must never be printed or stored. */
  readonly secret?: boolean;
  /** Left out of the short help. */
  readonly advanced?: boolean;
  /** All of these must hold where it is given. */
  readonly needs?: readonly Need[];
  /** Given by its place on the command line (`rest`: all that remain), or by its name. */
  readonly argument?: "one" | "rest";
  /** The command refuses to run without it. */
  readonly required?: boolean;
  /** Key of the option that replaces this argument: with it the next value on the command line is
   * the next argument's. */
  readonly unless?: string;
  /** Never set: carries the type of the value. */
  readonly typed?: () => T;
}

/** Options by their camel-case keys: `outputTokens` is `--output-tokens`. Arguments in order. */
export type OptionTable = Readonly<Record<string, Option>>;

/** Values of a table's options when defaults are filled in. */
export type ValuesOf<T extends OptionTable> = {
  readonly [K in keyof T]: T[K] extends Option<infer V> ? V : never;
};

/** Values that may be given for a table's options; none has to be. */
export type InputOf<T extends OptionTable> = {
  readonly [K in keyof T]?: Exclude<ValuesOf<T>[K], undefined>;
};

/** Parsed and checked values by key, of whatever table. */
export type Values = Readonly<Record<string, OptionValue>>;

/** What a command may use of the outside; given by `cli.ts`, or by a test. */
export interface Host {
  /**
   * Writes results: stdout. What others wrote is shown without secrets and control characters; a
   * text that is `styled` is already so, and its ANSI colors stay.
   */
  print(text: string, options?: { readonly styled?: boolean }): void;
  /** Writes a line of anything else: stderr. A text that is `styled` is ours, and stays as it is. */
  note(text: string, options?: { readonly styled?: boolean }): void;
  /**
   * Replaces the progress on a terminal, a line or a few; elsewhere occasional plain lines. `""` clears
   * it. What is `styled` is shown as it is, with its ANSI colors.
   */
  progress(lines: string | readonly string[], options?: { readonly styled?: boolean }): void;
  /** Terminal that progress is drawn on; absent = progress goes to a file or pipe, or nowhere. */
  readonly screen?: Screen | undefined;
  /** Results go to a screen and not into a file or pipe. */
  readonly stdoutIsTerminal: boolean;
  /** ANSI colors are welcome on stdout. */
  readonly color: boolean;
  /** Width that lines should fit into, in characters. */
  readonly columns: number;
  /** First Ctrl-C: stop sending, drain, report. */
  readonly interrupted: AbortSignal;
  /** Second Ctrl-C: stop at once, report what was measured. */
  readonly aborted: AbortSignal;
  /** Asks for what Ctrl-C asks for: the first call {@linkcode interrupted}, the next {@linkcode aborted}. */
  interrupt(): void;
  /** The command line as given, for the record's header (secrets are removed by the caller). */
  readonly commandLine: readonly string[];
}

/** A terminal. */
export interface Screen {
  /** Width that lines of progress should fit into, in characters. */
  readonly columns: number;
  /** Its height in lines. */
  readonly rows: number;
  /** ANSI colors are welcome on it. */
  readonly color: boolean;
}

/** A command in the list of all: what it is called, and how the rest of it is loaded. */
export interface CommandEntry {
  /** First word on the command line, e.g. `bench`. */
  readonly name: string;
  /** Other words that start it; `_` and `-` mean the same. */
  readonly aliases: readonly string[];
  /** One line for the list of commands. */
  readonly summary: string;
  /** Its options, its help and what it runs, with all that this needs. */
  readonly load: () => Promise<Command>;
}

/** One command: what it takes, how it explains itself, and what it does. */
export interface Command<T extends OptionTable = OptionTable> {
  /** Its name in the list of commands. */
  readonly name: string;
  /** Paragraphs of the command's own help. */
  readonly description: string;
  /** What it takes besides the options that every command has. */
  readonly options: T;
  /** Lines that run as they stand, and what each does. */
  readonly examples: Readonly<Record<string, string>>;
  /**
   * Does the work; returns the exit code. A method, so that a command with its own table fits into
   * a list of commands.
   *
   * @throws {UserError} for mistakes of the user.
   */
  run(values: ValuesOf<T>, host: Host): Promise<number>;
}

/** What parsing needs of a command. */
export type CommandTable<T extends OptionTable = OptionTable> = Pick<
  Command<T>,
  "name" | "options"
>;

/** A command whose `run` gets values typed by its table. */
export function defineCommand<const T extends OptionTable>(command: Command<T>): Command<T> {
  return command;
}
