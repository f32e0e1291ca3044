/**
 * Labels beside the points of a chart: as many as have room.
 *
 * @module
 */
import { percent, round } from "./chart_frame.ts";
import { type Markup, markup } from "./markup.ts";

/** Labels are placed as if the chart were this wide; on a wider one they have more room. */
const ASSUMED_WIDTH = 300;

/** Height of a label, in pixels. */
export const LABEL_HEIGHT = 12;
const LETTER_WIDTH = 6.2;

/** How much room there is for labels. */
export interface LabelRoom {
  /** Most of them; the texts at the pointer give the rest. Default 12. */
  readonly most?: number;
  /** Width of the chart, in pixels. Default 300, which any has. */
  readonly width?: number;
  /** Lines that no label may lie on: their corners, in the order in which they are joined. */
  readonly lines?: readonly (readonly LinePoint[])[];
}

/** A corner of a line; `at` from 0 to 1, `y` in pixels from the top. */
export interface LinePoint {
  readonly at: number;
  readonly y: number;
}

/** A label and the dots that it belongs to; `at` from 0 to 1, `dots` in pixels from the top. */
export interface PointLabel {
  readonly text: string;
  readonly at: number;
  readonly dots: readonly number[];
}

/** Labels the first and the last load, then the others where there is room; nothing overlaps. */
export function placeLabels(
  labels: readonly PointLabel[],
  { most = 12, width: chartWidth = ASSUMED_WIDTH, lines = [] }: LabelRoom = {},
): readonly Markup[] {
  const taken: Box[] = labels.flatMap(({ at, dots }) =>
    dots.map((y): Box => {
      const center = at * chartWidth;
      return { left: center - DOT, right: center + DOT, top: y - DOT, bottom: y + DOT };
    })
  );
  const drawn = lines.flatMap((line) => alongLine(line, chartWidth));
  const placed: Markup[] = [];
  for (const i of outerFirst(labels.length)) {
    const { text, at, dots } = labels[i]!;
    if (placed.length === most) break;
    const center = at * chartWidth;
    const width = text.length * LETTER_WIDTH;
    const top = Math.min(...dots);
    const places = [
      { left: center - width / 2, base: top - 8, anchor: "middle", dx: 0 },
      { left: center + 7, base: top + 4, anchor: "start", dx: 7 },
      { left: center - 7 - width, base: top + 4, anchor: "end", dx: -7 },
    ] as const;
    // On a line rather than nowhere.
    for (
      const { clear, left, base, anchor, dx } of [
        ...places.map((place) => ({ ...place, clear: true })),
        ...places.map((place) => ({ ...place, clear: false })),
      ]
    ) {
      const box = { left, right: left + width, top: base - LABEL_HEIGHT + 3, bottom: base };
      const outside = left < -8 || box.right > chartWidth + 12;
      if (outside || taken.some((other) => overlap(box, other))) continue;
      if (clear && drawn.some((other) => overlap(box, other))) continue;
      taken.push(box);
      const [x, y] = [percent(at), round(base, 1)];
      placed.push(
        markup`<text class="label" x="${x}" dx="${dx}" y="${y}" text-anchor="${anchor}">${text}</text>`,
      );
      break;
    }
  }
  return placed;
}

/** Small boxes along a line, nearer to each other than a letter is high. */
function alongLine(line: readonly LinePoint[], width: number): readonly Box[] {
  return line.slice(1).flatMap((to, i) => {
    const from = line[i]!;
    const length = Math.hypot((to.at - from.at) * width, to.y - from.y);
    const steps = Math.max(1, Math.ceil(length / 6));
    return Array.from({ length: steps + 1 }, (_, step): Box => {
      const part = step / steps;
      const x = (from.at + part * (to.at - from.at)) * width;
      const y = from.y + part * (to.y - from.y);
      return { left: x - 1, right: x + 1, top: y - 1, bottom: y + 1 };
    });
  });
}

/** 0, n − 1, then the middle, the quarters …: any beginning of it is spread evenly. */
function outerFirst(count: number): ReadonlySet<number> {
  const order = new Set(count === 0 ? [] : [0, count - 1]);
  for (let step = 2 ** Math.floor(Math.log2(Math.max(1, count))); step >= 1; step /= 2) {
    for (let i = step; i < count; i += step) order.add(i);
  }
  return order;
}

/** In pixels of a chart of the assumed width. */
interface Box {
  readonly left: number;
  readonly right: number;
  readonly top: number;
  readonly bottom: number;
}

/** Half the size of a dot. */
const DOT = 3.5;

function overlap(a: Box, b: Box): boolean {
  return a.left < b.right + 2 && b.left < a.right + 2 && a.top < b.bottom && b.top < a.bottom;
}
