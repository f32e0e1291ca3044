/**
 * Counts the rows of a file that cannot be used, with the reasons and where they stand.
 *
 * @module
 */
import { defined } from "../backends/defined.ts";
import { plural } from "../metrics/format.ts";
import type { DatasetFile } from "./dataset_file.ts";
import type { Items } from "./dataset_items.ts";
import type { Dataset } from "./prompt.ts";
import { UserError } from "./user_error.ts";

/** Reasons that are told apart: some name what stands in the row. */
const NAMED_REASONS = 8;
/** Places that are named for each reason. */
const NAMED_PLACES = 3;
/** Names of fields that are listed. */
const NAMED_FIELDS = 12;

/** Rows that were read so far, and what was wrong with some. */
export class RowTally {
  /** Rows, bad ones included. */
  read = 0;
  bad = 0;
  readonly #reasons = new Map<string, { count: number; places: number[] }>();
  readonly #keys = new Set<string>();
  readonly #unused = new Set<string>();
  readonly #path: string;
  readonly #unit: Items["unit"];

  constructor(path: string, unit: Items["unit"]) {
    this.#path = path;
    this.#unit = unit;
  }

  /** A row that cannot be used; `problem` completes "it …". */
  addBad(number: number, problem: string): void {
    this.bad++;
    const isNew = !this.#reasons.has(visible(problem)) && this.#reasons.size >= NAMED_REASONS;
    const name = isNew ? "cannot be used for other reasons" : visible(problem);
    const reason = this.#reasons.get(name) ?? { count: 0, places: [] };
    if (reason.places.length < NAMED_PLACES) reason.places.push(number);
    reason.count++;
    this.#reasons.set(name, reason);
  }

  /** Fields of a row without a prompt. */
  addKeys(row: unknown): void {
    if (typeof row !== "object" || row === null) return;
    for (const key of Object.keys(row)) {
      if (this.#keys.size < NAMED_FIELDS) this.#keys.add(key);
    }
  }

  /** Fields of a row that are not sent. */
  addUnused(names: readonly string[]): void {
    for (const name of names) if (this.#unused.size < NAMED_FIELDS) this.#unused.add(name);
  }

  /** Reason and places → how many; empty when all rows are good. */
  reasons(): Record<string, number> {
    return Object.fromEntries(
      [...this.#reasons].map(([problem, { count, places }]) => [
        `${problem} (${this.#placesText(places, count)})`,
        count,
      ]),
    );
  }

  /** What was left out, in a sentence without a period; absent when nothing was. */
  badText(): string | undefined {
    if (this.bad === 0) return undefined;
    const reasons = Object.entries(this.reasons()).map(([reason, count]) =>
      this.#reasons.size === 1 ? `it ${reason}` : `${count}: it ${reason}`
    );
    return `${this.bad} of ${plural(this.read, this.#unit)} left out: ${reasons.join("; ")}`;
  }

  /** Which fields are not sent, in a sentence without a period; absent when all are. */
  unusedText(): string | undefined {
    if (this.#unused.size === 0) return undefined;
    return `fields of the file that are not sent: ${[...this.#unused].map(quoted).join(", ")}`;
  }

  /** What a dataset says of the file and of the rows that were left out. */
  factsOf(
    file: Pick<DatasetFile, "path" | "sha256" | "remark">,
    remarks: readonly (string | undefined)[] = [],
  ): Pick<Dataset, "source" | "sha256" | "read" | "skipped" | "remarks" | "bad"> {
    return {
      source: file.path,
      sha256: file.sha256(),
      read: this.read,
      skipped: this.reasons(),
      remarks: [file.remark, ...remarks].filter((text) => text !== undefined),
      ...defined({ bad: this.badText() }),
    };
  }

  /**
   * Refuses the file when no row, or less than half of them, can be used.
   *
   * @param cure what to do where no field is a prompt.
   * @throws {UserError} naming the reasons and, where no field is a prompt, the fields found.
   */
  check(cure: string = "; name the one that holds the prompt with --prompt-key NAME"): void {
    if (this.read === 0) {
      throw new UserError(`Cannot take a prompt from "${this.#path}": it is empty`);
    }
    if (2 * this.bad <= this.read && this.bad < this.read) return;
    const names = [...this.#keys].map(quoted).join(", ");
    const keys = names === "" ? "" : `; the fields found are ${names}`;
    throw new UserError(
      `Cannot take prompts from "${this.#path}": ${this.badText()}` +
        (keys === "" ? "" : keys + cure),
    );
  }

  #placesText(places: readonly number[], count: number): string {
    const unit = this.#unit + (count === 1 ? "" : "s");
    return `${unit} ${places.join(", ")}${count > places.length ? " …" : ""}`;
  }
}

/** A field's name, which may hold anything, on one line. */
function quoted(name: string): string {
  return visible(JSON.stringify(name.slice(0, 60)));
}

/** Without characters that hide or turn around what stands beside them. */
function visible(text: string): string {
  return text.replace(
    /[\u007f-\u009f\u200b-\u200f\u2028-\u202e\u2066-\u2069\ufeff]/g,
    "?",
  );
}
