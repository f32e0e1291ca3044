/**
 * A frontier as a page for people that opens from a file, without a network.
 *
 * @module
 */
import type { Frontier } from "./frontier.ts";
import {
  countText,
  FRONTIER_NOTES,
  frontierFigure,
  frontierTable,
  leftOutNotes,
  notesOf,
  scaleText,
} from "./html_frontier.ts";
import { FRONTIER_STYLE, FRONTIER_STYLE_SHA256 } from "./html_frontier_style.ts";
import { htmlPage } from "./html_page.ts";
import { type Markup, markup } from "./markup.ts";
import type { FrontierReport } from "./report_frontier.ts";

/** The page. */
export const frontierHtml: FrontierReport = {
  name: "html",
  extension: "html",
  saved: true,
  render: (frontier, { version }) =>
    htmlPage({
      title: `Frontier: ${frontier.sides.map(({ name }) => name).join(", ")}`,
      version,
      header: titleOf(frontier, version),
      sections: [
        markup`<section>
<h2>Throughput against the speed of one user</h2>
${frontierFigure(frontier)}</section>
`,
        markup`<section>
<h2>Points</h2>
${frontierTable(frontier)}${notesOf([...FRONTIER_NOTES, ...leftOutNotes(frontier)])}</section>
`,
      ],
      schema: frontier.schema,
      styles: [{ text: FRONTIER_STYLE, sha256: FRONTIER_STYLE_SHA256 }],
    }).toString(),
};

function titleOf(frontier: Frontier, version: string): Markup {
  const { sides } = frontier;
  const names = sides.map(({ name }, i) => markup`${i > 0 && ", "}<bdi>${name}</bdi>`);
  const scales = sides.flatMap((side) => {
    const text = scaleText(side);
    if (text === undefined) return [];
    return markup`<li>${sides.length > 1 && markup`<bdi>${side.name}</bdi>: `}${text}</li>
`;
  });
  return markup`<header>
<p class="brand">Tokometer ${version} · frontier</p>
<h1>${names}</h1>
<p class="what"><span>${countText(frontier)}</span></p>
${
    scales.length > 0 && markup`<ul class="sides">${scales}</ul>
`
  }</header>
`;
}
