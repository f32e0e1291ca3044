/**
 * The whole summary, for programs.
 *
 * @module
 */
import { visibleJson } from "./visible_text.ts";
import type { Report } from "./report.ts";

/**
 * JSON as `reportSchema` describes it. A number that does not exist is `null`, never 0 and never
 * absent.
 */
export const reportJson: Report = {
  name: "json",
  description: "Everything that was computed, for programs (a JSON Schema describes it)",
  extension: "json",
  render: (summary) => `${jsonText(summary)}\n`,
};

/** A value as JSON that a person can read as well: what was `undefined` in a list is `null`. */
export function jsonText(value: unknown): string {
  return layOut(value, "");
}

/** Lists of numbers and small objects stay on one line: a chart's series is one line, not 120. */
function layOut(value: unknown, indent: string): string {
  if (typeof value !== "object" || value === null) return visibleJson(value ?? null);
  const isArray = Array.isArray(value);
  const entries = Object.entries(value).filter(([, member]) => typeof member !== "function");
  const flat = entries.every(([, member]) => typeof member !== "object" || member === null);
  const inner = flat ? "" : `${indent}  `;
  const members = entries.map(([name, member]) =>
    (isArray ? "" : `${visibleJson(name)}: `) + layOut(member, inner)
  );
  const [open, close] = isArray ? ["[", "]"] : ["{", "}"];
  if (members.length === 0) return open + close;
  if (flat) return isArray ? `[${members.join(", ")}]` : `{ ${members.join(", ")} }`;
  return `${open}\n${inner}${members.join(`,\n${inner}`)}\n${indent}${close}`;
}
