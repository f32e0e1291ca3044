/**
 * Help pages, rendered from the same tables that parse: nothing can be in one and not the other.
 *
 * @module
 */
import { unicodeWidth } from "@std/cli/unicode-width";
import type { Command, CommandEntry, Option, OptionTable } from "./command.ts";
import { needText } from "./option_needs.ts";
import { COMMON_OPTIONS, showSize } from "./option_parse.ts";
import { SECRET_SOURCES } from "./option_secret.ts";
import { dashed, listOptions, type NamedOption } from "./option_table.ts";
import { EXIT } from "./user_error.ts";

/** How a page is laid out. */
export interface HelpOptions {
  /** Columns to fit, at least 40; lines that are to be copied are broken as a shell takes them. */
  readonly columns?: number;
  /** Bold headings by ANSI sequences (default: no). */
  readonly color?: boolean;
  /** Options marked `advanced` as well (default: yes). */
  readonly advanced?: boolean;
  /** Other names of the command (default: none). */
  readonly aliases?: readonly string[];
  /** What `tokometer` stands for, if it is not a program on the PATH: `deno run -A cli.ts`. */
  readonly program?: string;
}

/** What each exit code means. */
export const EXIT_CODES: readonly { readonly code: number; readonly meaning: string }[] = [
  { code: EXIT.ok, meaning: "done, and no more failed requests than --max-failures allows" },
  {
    code: EXIT.failures,
    meaning: "more failed requests than --max-failures allows, or the server was lost",
  },
  { code: EXIT.usage, meaning: "wrong options, values or files: nothing was measured" },
  { code: EXIT.unreachable, meaning: "the server does not answer, or is not the one expected" },
  { code: EXIT.undecided, meaning: "a --gate is undecided: an interval reaches over its limit" },
  { code: EXIT.missed, meaning: "a limit of --require or --gate was missed, or was not measured" },
  {
    code: EXIT.invalid,
    meaning: "not the run that was asked for: a --scenario rule broken, an agent lost",
  },
  { code: EXIT.internal, meaning: "a bug in Tokometer; please report it" },
  {
    code: EXIT.interrupted,
    meaning: "stopped by a signal or a closed terminal; what was measured is reported",
  },
];

/**
 * The page of one command.
 *
 * @example
 * ```ts
 * import { type Command, renderHelp } from "@tokometer/tokometer/workloads";
 *
 * const nap: Command = {
 *   name: "nap",
 *   description: "Sleeps a while.",
 *   options: { minutes: { kind: "number", value: "N", default: 20, help: "How long." } },
 *   examples: { "tokometer nap --minutes 5": "a short one" },
 *   run: () => Promise.resolve(0),
 * };
 * renderHelp(nap).includes("--minutes N  How long. [default: 20]"); // true
 * ```
 */
export function renderHelp(command: Command, options: HelpOptions = {}): string {
  const { advanced = true, aliases = [] } = options;
  const page = new Page(options);
  const own = listOptions(command.options);
  const places = own.filter(({ argument }) => argument !== undefined);
  const usage = places.map(({ name, required, argument, unless }) => {
    const shown = `<${name}>${argument === "rest" ? "..." : ""}`;
    return required && unless === undefined ? shown : `[${shown}]`;
  });
  page.usage(["tokometer", command.name, ...usage, "[options]"].join(" "));
  if (aliases.length > 0) page.prose(`Also known as ${aliases.join(", ")}`);
  page.blank();
  page.prose(command.description);

  if (places.length > 0) {
    page.heading("Arguments");
    page.table(places.map(({ name, help, unless }) => [
      `<${name}>`,
      unless === undefined ? help : `${help}; left out with ${dashed(unless)}`,
    ]));
  }
  const all = [...own, ...listOptions(COMMON_OPTIONS)]
    .filter(({ argument }) => argument === undefined);
  const shown = all.filter((option) => advanced || !option.advanced);
  const column = page.columnBeside(shown.map(optionHead));
  for (const [group, members] of Map.groupBy(shown, ({ group }) => group ?? "Options")) {
    page.heading(group);
    page.table(
      members.map((option) => [optionHead(option), optionText(option, command.options)]),
      column,
    );
  }
  const examples = Object.entries(command.examples);
  if (examples.length > 0) {
    page.heading("Examples");
    for (const [index, [line, does]] of examples.entries()) {
      if (index > 0) page.blank();
      page.prose(does, 2);
      page.command(line, 4);
    }
  }
  if (shown.length < all.length) {
    page.blank();
    page.prose(
      `${all.length - shown.length} more for special cases: tokometer help ${command.name}`,
    );
  }
  return page.text;
}

/** What a newcomer may try: each stands in the help of its command as well. */
export const FIRST_EXAMPLES: readonly string[] = [
  "tokometer bench http://127.0.0.1:8000 --concurrency 1,8,64",
  "tokometer report results/records.jsonl --percentiles 50,90,99,99.9",
  "tokometer probe http://127.0.0.1:8000 --output-tokens 8",
];

/** The page of all commands. */
export function renderOverview(
  commands: readonly CommandEntry[],
  options: HelpOptions = {},
): string {
  const page = new Page(options);
  page.usage("tokometer <command> [options]");
  page.blank();
  page.prose("Benchmarks LLM inference servers, and measures its own error on this machine.");
  page.heading("Commands");
  page.table(commands.map(({ name, summary }) => [name, summary]));
  page.heading("Examples");
  for (const line of FIRST_EXAMPLES) page.command(line, 2, { bold: false });
  page.heading("Help");
  page.table([
    ["tokometer <command> --help", "The most used options of a command."],
    ["tokometer help <command>", "All of them."],
    ["tokometer --version", "Versions of Tokometer, Deno and V8."],
  ]);
  page.heading("Exit codes");
  page.table(EXIT_CODES.map(({ code, meaning }) => [String(code), meaning]));
  return page.text;
}

/** `-n, --num-prompts N`; flags that are on by default show how to turn them off. */
export function optionHead(option: NamedOption): string {
  const { name, kind, value, repeat, default: initial } = option;
  const aliases = option.aliases ?? [];
  const letters = aliases.filter((alias) => alias.length === 1).map(dashed);
  const names = aliases.filter((alias) => alias.length > 1).map(dashed);
  const negated = kind === "flag" && (initial === true || name === "color");
  const head = [...letters, negated ? `--[no-]${name}` : dashed(name), ...names].join(", ");
  if (kind === "flag") return head;
  const placeholder = value ?? PLACEHOLDER[kind];
  const several = repeat || kind === "texts" || kind === "integers" || kind === "numbers";
  // Some placeholders show the repetition themselves: `N[,N…]`.
  return `${head} ${placeholder}${several && !/…|\.\.\./.test(placeholder) ? "..." : ""}`;
}

const PLACEHOLDER: Readonly<Record<Option["kind"], string>> = {
  flag: "",
  text: "TEXT",
  texts: "TEXT",
  integer: "N",
  integers: "N[,N…]",
  number: "X",
  numbers: "X[,X…]",
  bytes: "SIZE",
  json: "JSON",
};

/** What an option does, what it needs in its table, the values it takes and its default. */
export function optionText(option: NamedOption, table: OptionTable): string {
  const { help, choices, repeat } = option;
  const notes: string[] = [];
  if (choices !== undefined) notes.push(`[values: ${choices.join(", ")}]`);
  for (const need of needText(option, table)) notes.push(`[${need}]`);
  if (repeat) notes.push("[may be repeated]");
  if (option.secret && option.kind === "text") notes.push(`[${SECRET_SOURCES}]`);
  const initial = defaultText(option);
  if (initial !== undefined) notes.push(`[default: ${initial}]`);
  return [help, ...notes].join(" ");
}

/** How the default reads, or `undefined` when there is none. */
export function defaultText(option: Option): string | undefined {
  const { default: value } = option;
  if (value === undefined) return option.defaultText;
  if (option.secret) return undefined;
  // "[default: false]" at each flag would be noise.
  if (option.kind === "flag") return value === true ? "on" : undefined;
  // A long list can be broken between its values.
  if (Array.isArray(value)) return value.join(value.length > 5 ? ", " : ",") || "none";
  if (option.kind === "bytes") return showSize(value as number);
  if (typeof value === "object") return JSON.stringify(value);
  return value === Infinity ? "inf" : String(value);
}

/** Breaks prose into lines of at most `columns`; blank lines part paragraphs. */
export function wrap(text: string, columns: number): string[] {
  return text.trim().split(/\n\s*\n/).flatMap((paragraph, i) => [
    ...i === 0 ? [] : [""],
    ...fill(words(paragraph), columns),
  ]);
}

/**
 * Breaks a command before options and arguments, with the backslash by which a shell goes on; what
 * is too long by itself stays whole.
 */
export function breakCommand(command: string, columns: number): string[] {
  // What stands behind "--" is a command of its own.
  const [start = "", ...options] = command.split(/ (?=--?[a-z])| (?=-- )/);
  return fill([...start.split(" "), ...options], columns, { end: " \\", indent: "  " });
}

/** Puts as many parts on each line as fit. */
function fill(parts: readonly string[], columns: number, { end = "", indent = "" } = {}): string[] {
  const lines: string[] = [];
  let line = "";
  for (const part of parts) {
    if (line !== "" && unicodeWidth(line) + 1 + unicodeWidth(part + end) > columns) {
      lines.push(line + end);
      line = indent + part;
    } else {
      line = line === "" ? part : `${line} ${part}`;
    }
  }
  return [...lines, line];
}

/** Words of a paragraph; a short `[note: with values]` is kept in one piece. */
function words(paragraph: string): string[] {
  return paragraph.trim().match(/\[default: [^\]\s]{1,20}\]|\S+/g) ?? [];
}

const WIDEST_HEAD = 28;

class Page {
  readonly #columns: number;
  readonly #color: boolean;
  readonly #program: string;
  #text = "";

  constructor({ columns = 80, color = false, program = "tokometer" }: HelpOptions) {
    this.#program = program;
    // Beyond 100 columns prose is hard to read.
    this.#columns = Math.min(Math.max(columns, 40), 100);
    this.#color = color;
  }

  get text(): string {
    return this.#text;
  }

  bold(text: string): string {
    return this.#color ? `\x1b[1m${text}\x1b[22m` : text;
  }

  line(text: string): void {
    this.#text += `${text}\n`;
  }

  blank(): void {
    this.line("");
  }

  heading(text: string): void {
    this.blank();
    this.line(this.bold(`${text}:`));
  }

  prose(text: string, indent = 0): void {
    for (const line of wrap(text, this.#columns - indent)) {
      this.line(line === "" ? "" : " ".repeat(indent) + line);
    }
  }

  usage(text: string): void {
    const head = "Usage: ";
    const [first = "", ...rest] = wrap(text, this.#columns - head.length);
    this.line(`${this.bold(head.trimEnd())} ${first}`);
    for (const line of rest) this.line(" ".repeat(head.length) + line);
    if (this.#program !== "tokometer") this.prose(`Here tokometer stands for: ${this.#program}`);
  }

  /** A line for a shell. */
  command(line: string, indent: number, { bold = true } = {}): void {
    for (const part of breakCommand(line, this.#columns - indent)) {
      this.line(" ".repeat(indent) + (bold ? this.bold(part) : part));
    }
  }

  /** Where the right side of a table begins, given its left side. */
  columnBeside(heads: readonly string[]): number {
    if (this.#columns < 72) return 6;
    return 4 + Math.max(0, ...heads.map(unicodeWidth).filter((width) => width <= WIDEST_HEAD));
  }

  /** Two columns; a left side that is too wide gets a line of its own. */
  table(
    rows: readonly (readonly [string, string])[],
    column: number = this.columnBeside(rows.map(([left]) => left)),
  ): void {
    for (const [left, right] of rows) {
      const lines = wrap(right, this.#columns - column);
      const gap = column - 2 - unicodeWidth(left);
      const first = gap >= 2 ? " ".repeat(gap) + lines.shift()! : "";
      this.line(`  ${this.bold(left)}${first}`);
      for (const line of lines) this.line((" ".repeat(column) + line).trimEnd());
    }
  }
}
