/**
 * What the server's own side looks like beyond what every page does.
 *
 * @module
 */
import type { OwnText } from "./html_page.ts";

/** Room between its parts. */
export const SERVER_STYLE: OwnText = {
  text: `
.server>*+*{margin-top:18px}
.server>.note+.note{margin-top:4px}
.server figure>.legend{margin:6px 0 4px}
.server .roomy tbody th{overflow-wrap:break-word}
@media print{.server td small{font-size:8px}}
`,
  sha256: "0t+1ZIDR8sgGMN/UNJt8Ke7cGHwVgcA/T718s3AGeK4=",
};
