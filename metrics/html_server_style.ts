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
.server>.legend{margin:8px 0 0}
.server>.legend+figure{margin-top:6px}
.server .roomy tbody th{overflow-wrap:break-word}
@media print{.server td small{font-size:8px}}
`,
  sha256: "SBnky9uNmcOft23KynF9moSkf7X3lTgdT94gJ/kmDOA=",
};
