/**
 * A chart of the page as an SVG document that needs nothing else: its title, its legend, and colors as such,
 * since many programs that show SVG know no variables and no dark mode.
 *
 * @module
 */
import { COLORS } from "./chart_colors.ts";
import { CHART_STYLE } from "./chart_style.ts";
import { round } from "./chart_frame.ts";
import { type Markup, markup, ownMarkup } from "./markup.ts";

/** What a file is made from; markup is that of the page. */
export interface PlotParts {
  /** Entries of the legend: a small drawing and a text. */
  readonly legend: readonly string[];
  /** What was measured, for the line below the title. */
  readonly subtitle: readonly string[];
  /** Height of the drawing in pixels. */
  readonly height: number;
  /** The drawing, its title and its description in front. */
  readonly drawn: string;
  /** The axis below it, where it stands apart. */
  readonly axis: { readonly height: number; readonly drawn: string } | undefined;
  /** Version of Tokometer. */
  readonly version: string;
}

const WIDTH = 960;
const MARGIN = { left: 72, right: 34, top: 26, bottom: 24 };
const LEGEND_ROW = 20;

/** Width of a letter of a legend, on the safe side. */
const LETTER = 7;

/** The document. */
export function plotFile(
  { legend, subtitle, height, drawn, axis, version }: PlotParts,
): string {
  const [, id = "plot", title = "", rest = ""] =
    /^<title id="([^"]*)-t">([^]*?)<\/title>([^]*)$/.exec(drawn) ?? [undefined, "plot", "", drawn];
  const [, description = "", shapes = rest] = /^<desc[^>]*>([^]*?)<\/desc>([^]*)$/.exec(rest) ?? [];
  const rows = legendRows(legend);
  const top = MARGIN.top + 22 + rows.length * LEGEND_ROW + 6;
  const whole = round(top + height + (axis?.height ?? 0) + MARGIN.bottom, 1);
  const width = WIDTH - MARGIN.left - MARGIN.right;
  const own = ownMarkup;
  return markup`<svg xmlns="http://www.w3.org/2000/svg" width="${WIDTH}" height="${whole}" viewBox="0 0 ${WIDTH} ${whole}" role="img" aria-labelledby="${
    own(id)
  }-t ${own(id)}-d">
<title id="${own(id)}-t">${own(title)}</title>
<desc id="${own(id)}-d">${own(description)}</desc>
<style>${own(PLOT_STYLE)}</style>
<rect width="${WIDTH}" height="${whole}" fill="${COLORS.bg![0]}"/>
<g class="chart">
<text class="title" x="${MARGIN.left - 48}" y="${MARGIN.top}">${own(title)}</text>
<text x="${MARGIN.left - 48}" y="${MARGIN.top + 18}">${subtitle.join(" · ")}</text>
${
    rows.map((row, i) =>
      markup`<g transform="translate(${MARGIN.left - 48} ${
        MARGIN.top + 38 + i * LEGEND_ROW
      })">${row}</g>
`
    )
  }<svg x="${MARGIN.left}" y="${top}" width="${width}" height="${height}">${own(shapes)}</svg>
${
    axis &&
    markup`<svg x="${MARGIN.left}" y="${
      round(top + height, 1)
    }" width="${width}" height="${axis.height}">${own(axis.drawn)}</svg>
`
  }<text x="${WIDTH - MARGIN.right}" y="${whole - 8}" text-anchor="end">Tokometer ${version}</text>
</g>
</svg>
`.toString();
}

/** Entries one beside the other, as many as a row has room for. */
function legendRows(entries: readonly string[]): readonly Markup[] {
  const rows: Markup[][] = [];
  let left = WIDTH;
  for (const entry of entries) {
    const [, swatchWidth = "0", swatch = ""] =
      /<svg width="([\d.]+)"[^>]*>([^]*?)<\/svg>/.exec(entry) ?? [];
    const text = entry.replace(/<svg[^]*?<\/svg>/g, "").replace(/<[^>]*>/g, "").trim();
    const offset = swatch === "" ? 0 : Number(swatchWidth) + 6;
    // An escaped character is one letter.
    const width = offset + text.replace(/&#\d+;/g, "x").length * LETTER + 16;
    if (left + width > WIDTH - MARGIN.right) {
      rows.push([]);
      left = 0;
    }
    rows.at(-1)!.push(
      markup`<g class="legend" transform="translate(${left} 0)"><g transform="translate(0 -9)">${
        ownMarkup(swatch)
      }</g><text class="label" x="${offset}">${ownMarkup(text)}</text></g>`,
    );
    left += width;
  }
  return rows.map((row) => markup`${row}`);
}

const PLOT_STYLE = `
text{font-family:system-ui,-apple-system,"Segoe UI",Roboto,sans-serif;font-variant-numeric:tabular-nums}
svg{overflow:visible}
${lightRules(CHART_STYLE)}
.chart text.title{font-size:15px;font-weight:600;fill:${COLORS.text![0]}}
`;

/** Rules without those for dark ground and paper, with the colors in place of their names. */
export function lightRules(style: string): string {
  return style
    .replace(/@media[^{]*\{(?:[^{}]*\{[^{}]*\})*[^{}]*\}/g, "")
    .replace(/:root\{[^}]*\}/g, "")
    .replace(/var\(--side,var\(--(\w+)\)\)/g, "var(--$1)")
    .replace(/var\(--(\w+)\)/g, (whole, name) => COLORS[name]?.[0] ?? whole)
    .replace(/display:block;|\.scrolls[^{}]*\{[^{}]*\}/g, "")
    .replace(/\n+/g, "\n").trim();
}
