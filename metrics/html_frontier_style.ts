/**
 * What the page of a frontier looks like beyond what every page does.
 *
 * @module
 */
import { SIDE_COLORS, SIDE_DASHES } from "./chart_side_colors.ts";

function rules(of: 0 | 1): string {
  return SIDE_COLORS.map((colors, side) => `.side${side}{--side:${colors[of]}}`).join("");
}

/** Colors of the sides, and the dashes of their lines. */
export const FRONTIER_STYLE: string = `
${rules(0)}
@media (prefers-color-scheme:dark){${rules(1)}}
@media print{${rules(0)}}
${SIDE_DASHES.map((dashes, side) => `.steps.side${side}{stroke-dasharray:${dashes}}`).join("")}
.sides{list-style:none;margin-top:8px;font-size:13px;color:var(--muted);overflow-wrap:anywhere}
`;

/** What the content security policy allows: base64 of the SHA-256 of {@linkcode FRONTIER_STYLE}. */
export const FRONTIER_STYLE_SHA256 = "+mF//8Fm/zJiWKbb1f5wH3QympbCPXcaPTYBn4vrYMg=";
