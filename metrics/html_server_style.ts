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
`,
  sha256: "br+ZSL4CHzS5gC2aKP+sWwoXjEmsFrwD8RQwzeCnwy8=",
};
