/**
 * How the table of a run is laid out: its width, its colors, and texts that hang below a label.
 *
 * @module
 */
import { type Check, warnings } from "./check.ts";
import { wrapText } from "./report_text_table.ts";

/** What a line is painted in. */
export type Style = "bold" | "dim" | "red" | "yellow";

/** Where lines go. */
export interface Page {
  readonly paint: (style: Style, text: string) => string;
  readonly width: number;
  /** For tables of loads, which may be wider than lines of text. Default `width`. */
  readonly tableWidth?: number;
  /** Whether the server's own side is shown in full. Default false. */
  readonly details?: boolean;
  /** Whether metrics of the server whose meaning is not known are shown. Default false. */
  readonly allServerMetrics?: boolean;
}

const SGR: Readonly<Record<Style, string>> = { bold: "1", dim: "2", red: "31", yellow: "33" };

const LABEL_WIDTH = 13;

/** The text in a style, for a terminal with colors. */
export function paint(style: Style, text: string): string {
  return `\x1b[${SGR[style]}m${text}\x1b[0m`;
}

/** Each warning with what to do about it. */
export function warningLines(checks: readonly Check[], { paint, width }: Page): readonly string[] {
  return warnings(checks).flatMap(({ message, advice }) => [
    ...hanging("Warning:", message, width).map((line) => paint("yellow", line)),
    ...(advice === undefined ? [] : hanging("  Advice:", advice, width)),
  ]);
}

/** A text beside its label; nothing without a text. */
export function labelled(
  label: string,
  text: string | undefined,
  { width }: Page,
): readonly string[] {
  return text === undefined ? [] : hanging(label.padEnd(LABEL_WIDTH - 1), text, width);
}

/** A label and its text; further lines are indented below the text. */
export function hanging(label: string, text: string, width: number): readonly string[] {
  const indent = " ".repeat(label.length + 1);
  return wrapText(text, Math.max(20, width - indent.length))
    .map((line, i) => (i === 0 ? `${label} ` : indent) + line);
}
