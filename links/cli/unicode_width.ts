/**
 * Columns that a text takes on a terminal, over `npm:string-width`.
 *
 * @module
 */
import stringWidth from "npm:string-width@9.0.0";

/** Columns of a text without control sequences: 2 for wide characters, 0 for combining ones. */
export function unicodeWidth(str: string): number {
  return stringWidth(str);
}
