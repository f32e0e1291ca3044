/**
 * The chart of a frontier as a file of its own, for slides and papers. Colors stand in it as such, on
 * light ground: many programs that show SVG know neither variables nor dark mode.
 *
 * @module
 */
import { frontierChart, ROLE_NAMES } from "./chart_frontier.ts";
import { colorOf, SIDE_COLORS, SIDE_DASHES } from "./chart_side_colors.ts";
import type { Frontier, FrontierRole } from "./frontier.ts";
import { type Markup, markup, ownMarkup } from "./markup.ts";
import type { FrontierReport } from "./report_frontier.ts";

/** The drawing. */
export const frontierSvg: FrontierReport = {
  name: "svg",
  extension: "svg",
  saved: true,
  render: (frontier, { version }) => svgFile(frontier, version).toString(),
};

const WIDTH = 960;
const MARGIN = { left: 66, right: 28, top: 20, bottom: 26 };
const ROW = 20;

const STYLE = `svg{overflow:visible}
text{font:11px system-ui,-apple-system,"Segoe UI",Roboto,sans-serif;fill:#5c636e}
.label,.name{fill:#1b1e23}.name{font-size:13px}
.grid,.notch,.base{stroke:#dfe2e6;stroke-width:1}.base,.notch{stroke:#5c636e}
path{fill:none;vector-effect:non-scaling-stroke}
.steps{stroke-width:1.8}.point{stroke-width:1.6}
.point.plain{stroke:#5c636e;fill:#5c636e}
.whisker{stroke-width:5;stroke-opacity:.35}.chance{stroke-width:1.1}
${
  SIDE_COLORS.map(([light], side) =>
    `.side${side}{stroke:${light};fill:${light}}.steps.side${side}{stroke-dasharray:${
      SIDE_DASHES[side]
    }}`
  ).join("\n")
}
path.steps,path.chance{fill:none}
.point.dominated{fill-opacity:.3;stroke-opacity:.6}.point.hollow{fill:#fff;fill-opacity:1}.point.client-bound{stroke-dasharray:2 1.5}`;

function svgFile(frontier: Frontier, version: string): Markup {
  // The chart of the page, taken out of the page.
  const [, height, inside] =
    /^<div class="chart">\n<svg height="(\d+)"[^>]*>([^]*)<\/svg><\/div>\n$/
      .exec(frontierChart(frontier).toString())!;
  const legend = legendRows(frontier);
  const top = MARGIN.top + legend.length * ROW + 8;
  const whole = top + Number(height) + MARGIN.bottom;
  const width = WIDTH - MARGIN.left - MARGIN.right;
  return markup`<svg xmlns="http://www.w3.org/2000/svg" width="${WIDTH}" height="${whole}" viewBox="0 0 ${WIDTH} ${whole}">
<style>${ownMarkup(STYLE)}</style>
<rect width="${WIDTH}" height="${whole}" fill="#fff"/>
${
    legend.map((row, i) =>
      markup`<g transform="translate(20 ${MARGIN.top + i * ROW})">${row}</g>
`
    )
  }<svg x="${MARGIN.left}" y="${top}" width="${width}" height="${height!}">${
    ownMarkup(inside!)
  }</svg>
<text x="${WIDTH - MARGIN.right}" y="${whole - 8}" text-anchor="end">Tokometer ${version}</text>
</svg>
`;
}

/** A row for each server, and one for the kinds of points. */
function legendRows({ points, sides }: Frontier): readonly Markup[] {
  const entry = (x: number, shape: Markup, text: string) =>
    markup`<g transform="translate(${x} 0)">${shape}<text class="name" x="38" y="4">${text}</text></g>`;
  const roles = (["frontier", "dominated", "client-bound"] satisfies FrontierRole[]).filter((
    role,
  ) => points.some((point) => point.role === role));
  const chance = points.some(({ throughput, interactivity }) =>
    (throughput.interval ?? interactivity.interval) !== undefined
  );
  const signs = [
    ...roles.map((role) => ({
      shape: markup`<circle class="point plain ${role}${
        role === "client-bound" && " hollow"
      }" cx="15" cy="0" r="4"/>`,
      text: ROLE_NAMES[role],
    })),
    ...(points.some(({ doubts, role }) => doubts.length > 0 && role !== "client-bound")
      ? [{
        shape: markup`<circle class="point plain hollow" cx="15" cy="0" r="4"/>`,
        text: "not certain",
      }]
      : []),
    ...(chance
      ? [{
        shape: markup`<path class="chance" stroke="#5c636e" d="M1 -4V4M1 0H29M29 -4V4"/>`,
        text: "open by sampling",
      }]
      : []),
    ...(points.some(({ failed }) => failed)
      ? [{ shape: markup`<text class="name" x="11" y="4">×</text>`, text: "failed requests" }]
      : []),
  ];
  return [
    ...sides.map(({ name }, side) =>
      entry(
        0,
        markup`<path class="steps side${colorOf(side)}" d="M0 0H30"/><circle class="point side${
          colorOf(side)
        }" cx="15" cy="0" r="4"/>`,
        name,
      )
    ),
    markup`${signs.map(({ shape, text }, i) => entry(i * 180, shape, text))}`,
  ];
}
