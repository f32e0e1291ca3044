/**
 * What every chart has: a drawing area, axes with names and units, a grid, a description for screen
 * readers, and texts at the pointer.
 *
 * Widths are percentages and heights are pixels, so that a chart fills a phone or a wall with letters
 * of the same size. Shapes are drawn 1000 units wide and stretched; strokes are not.
 *
 * @module
 */
import { visibleLine } from "./visible_text.ts";
import type { Tick } from "./chart_scale.ts";
import { type Markup, markup } from "./markup.ts";

/** Units across the stretched part of a chart. */
export const PLOT_WIDTH = 1000;

/** A text at the pointer, for one place of the chart. */
export interface Tip {
  /** From 0 to 1 along the axis of the tips. */
  readonly at: number;
  /** Lines of the text. */
  readonly lines: readonly string[];
}

/** A text for one bar among many. */
export interface SpanTip extends Tip {
  /** Left end of the bar, from 0 to 1; its `at` counts from the top. */
  readonly from: number;
  /** Right end. */
  readonly to: number;
}

/** One drawing area of a chart; several are stacked over the same horizontal axis. */
export interface Panel {
  /** Height in pixels. */
  readonly height: number;
  /** Name and unit of the vertical axis, printed above it. */
  readonly name: string;
  /** Ticks of the vertical axis, 0 = bottom, 1 = top; nothing is drawn for an empty list. */
  readonly ticks: readonly Tick[];
  /** Shapes in units of {@linkcode PLOT_WIDTH} by `height`, y downwards. */
  readonly shapes: Markup | readonly Markup[];
  /** Parts that must not be stretched, such as text: percentages from the left, pixels from the top. */
  readonly labels?: Markup | readonly Markup[];
  /** Pixels between the name and the area, for labels. Default 0. */
  readonly above?: number;
  /** No lines at the ticks of the vertical axis, where each names a row. Default false. */
  readonly plain?: boolean;
  /** Printed in the middle when there is nothing to draw. */
  readonly empty?: string | undefined;
}

/** A chart. */
export interface Frame {
  /** Unique in the page. */
  readonly id: string;
  /** Title of the chart. */
  readonly title: string;
  /** What the chart shows, with the numbers. */
  readonly description: string;
  /** From top to bottom. */
  readonly panels: readonly Panel[];
  /** Ticks of the horizontal axis. */
  readonly ticks: readonly Tick[];
  /** Name and unit of the horizontal axis. */
  readonly name: string;
  /** In a box that scrolls where it is higher than a screen, with its time axis in sight. Default false. */
  readonly scrolls?: boolean;
  /**
   * Texts along the horizontal axis, along the vertical axis of a single panel (`at` 0 = top), or for
   * bars in it.
   */
  readonly tips?:
    | { readonly axis: "x" | "y"; readonly list: readonly Tip[] }
    | { readonly axis: "xy"; readonly list: readonly SpanTip[] };
}

const NAME_HEIGHT = 20;
const PANEL_GAP = 10;
const AXIS_HEIGHT = 38;

/** The chart as one SVG. */
export function chart(frame: Frame): Markup {
  const { id, title, description, panels, ticks, name, tips, scrolls = false } = frame;
  let top = 0;
  const drawn: Markup[] = [];
  const plot = { from: Infinity, to: 0 };
  for (const panel of panels) {
    const from = top + NAME_HEIGHT + (panel.above ?? 0);
    drawn.push(drawPanel(panel, { top, from, ticks }));
    plot.from = Math.min(plot.from, from);
    plot.to = from + panel.height;
    top = plot.to + PANEL_GAP;
  }
  const axis = (y: number) => {
    const numbers = ticks.map(({ at, label }) =>
      markup`<text class="tick" x="${percent(at)}" y="${
        y + 16
      }" text-anchor="middle">${label}</text>`
    );
    return markup`${numbers}<text class="axis" x="50%" y="${
      y + 33
    }" text-anchor="middle">${name}</text>`;
  };
  const head = markup`<title id="${id}-t">${title}</title><desc id="${id}-d">${description}</desc>`;
  const tipData = tips !== undefined && tips.list.length > 0 && tipAttributes(tips, plot);
  if (scrolls) {
    return markup`<div class="scrolls" role="region" aria-label="${title}" tabindex="0">
<div class="chart">
<svg height="${plot.to + 4}" role="img" aria-labelledby="${id}-t ${id}-d"${tipData}>
${head}
${drawn}
</svg><svg height="${AXIS_HEIGHT}" aria-hidden="true">${axis(0)}</svg></div></div>
`;
  }
  return markup`<div class="chart">
<svg height="${plot.to + AXIS_HEIGHT}" role="img" aria-labelledby="${id}-t ${id}-d"${tipData}>
${head}
${drawn}${axis(plot.to)}
</svg></div>
`;
}

/** `12.34%`; at most two digits, because a screen has no more. */
export function percent(at: number): string {
  return `${round(at * 100, 2)}%`;
}

/** Horizontal place in {@linkcode PLOT_WIDTH} units, at most one digit. */
export function across(at: number): number {
  return round(at * PLOT_WIDTH, 1);
}

/** Vertical place in pixels from the top, at most one digit. */
export function down(at: number, height: number): number {
  return round((1 - at) * height, 1);
}

/** Rounded for a drawing: files stay small, and no number is printed as `1e-7`. */
export function round(value: number, digits: number): number {
  return Number(value.toFixed(digits)) + 0;
}

/** A path, from numbers and letters that we computed. */
export function path(kind: string, d: string): Markup {
  return d === "" ? markup`` : markup`<path class="${kind}" d="${d}"/>`;
}

function drawPanel(
  panel: Panel,
  { top, from, ticks }: {
    readonly top: number;
    readonly from: number;
    readonly ticks: readonly Tick[];
  },
): Markup {
  const { height, name, shapes, labels, plain = false, empty } = panel;
  const bottom = from + height;
  const grid = panel.ticks.map(({ at, label }) => {
    const y = round(from + (1 - at) * height, 1);
    return markup`${
      !plain && markup`<line class="grid" x2="100%" y1="${y}" y2="${y}"/>
`
    }<text class="tick" x="-8" y="${y + 4}" text-anchor="end">${label}</text>`;
  });
  const notches = ticks.map(({ at }) => {
    const x = percent(at);
    return markup`<line class="notch" x1="${x}" x2="${x}" y1="${bottom}" y2="${bottom + 4}"/>`;
  });
  const middle = from + height / 2 + 4;
  return markup`<text class="axis" x="-48" y="${top + 12}">${name}</text>
${grid}${notches}<line class="base" x2="100%" y1="${bottom}" y2="${bottom}"/>
<svg y="${from}" width="100%" height="${height}" viewBox="0 0 ${PLOT_WIDTH} ${height}" preserveAspectRatio="none">${shapes}</svg>
<svg y="${from}" width="100%" height="${height}">${labels}</svg>
${empty && markup`<text class="empty" x="50%" y="${middle}" text-anchor="middle">${empty}</text>`}`;
}

/**
 * Data for the page's script: places in thousandths (of bars also both ends), one text per line, its
 * lines separated by tabs.
 */
function tipAttributes(
  tips: NonNullable<Frame["tips"]>,
  { from, to }: { readonly from: number; readonly to: number },
): Markup {
  const { axis } = tips;
  const thousandths = (part: number) => round(part * 1000, 1);
  const places = tips.axis === "xy"
    ? tips.list.map((tip) => [tip.at, tip.from, tip.to].map(thousandths).join(" ")).join(" ")
    : tips.list.map(({ at }) => thousandths(at)).join(" ");
  const list: readonly Tip[] = tips.list;
  const texts = list.map(({ lines }) => lines.map(visibleLine).join("\t")).join("\n");
  return markup` data-axis="${axis}" data-from="${from}" data-to="${to}" data-at="${places}" data-tips="${texts}"`;
}
