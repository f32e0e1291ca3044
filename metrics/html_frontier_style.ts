/**
 * What the page of a frontier looks like beyond what every page does.
 *
 * @module
 */
import { SIDE_COLORS, SIDE_DASHES } from "./chart_side_colors.ts";

/** Colors of the sides, and the dashes of their lines. */
export const FRONTIER_STYLE: string = `
${SIDE_COLORS.map((_, side) => `.side${side}{--side:var(--hue${side})}`).join("")}
${SIDE_DASHES.map((dashes, side) => `.steps.side${side}{stroke-dasharray:${dashes}}`).join("")}
.sides{list-style:none;margin-top:8px;font-size:13px;color:var(--muted);overflow-wrap:anywhere}
`;

/** What the content security policy allows: base64 of the SHA-256 of {@linkcode FRONTIER_STYLE}. */
export const FRONTIER_STYLE_SHA256 = "29BNRRXLqmKSJqkd0o0EEfhWd2ryEWWJKa/TLPhOnNQ=";
