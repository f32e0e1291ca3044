/**
 * What is open about a figure, in a chart: a broad band for what the client leaves open, a thin line
 * with two ends for what chance does.
 *
 * @module
 */
import { percent, round } from "./chart_frame.ts";
import type { Doubt } from "./format.ts";
import { type Markup, markup } from "./markup.ts";

/** Half the length of the bars at the ends of a line, in pixels. */
const END = 4;

/** Up and down through a place from 0 to 1; `yOf` gives pixels from the top. */
export function uprightWhiskers(
  at: number,
  { client, sampling }: Doubt,
  { kind, yOf }: { readonly kind: string; readonly yOf: (value: number) => number },
): Markup {
  const x = percent(at);
  const band = client &&
    markup`<line class="whisker ${kind}" x1="${x}" x2="${x}" y1="${yOf(client.high)}" y2="${
      yOf(client.low)
    }"/>`;
  if (sampling === undefined) return markup`${band}`;
  const [top, bottom] = [yOf(sampling.high), yOf(sampling.low)];
  return markup`${band}<svg x="${x}"><path class="chance ${kind}" d="M-${END} ${top}H${END}M0 ${top}V${bottom}M-${END} ${bottom}H${END}"/></svg>`;
}

/** From left to right at a height in pixels; `xOf` gives places from 0 to 1. */
export function levelWhiskers(
  y: number,
  { client, sampling }: Doubt,
  { kind, xOf }: { readonly kind: string; readonly xOf: (value: number) => number },
): Markup {
  const line = (name: string, from: number, to: number) =>
    markup`<line class="${name} ${kind}" x1="${percent(from)}" x2="${
      percent(to)
    }" y1="${y}" y2="${y}"/>`;
  const band = client && line("whisker", xOf(client.low), xOf(client.high));
  if (sampling === undefined) return markup`${band}`;
  const [from, to] = [xOf(sampling.low), xOf(sampling.high)];
  const ends = [from, to].map((at) => {
    const x = percent(at);
    return markup`<line class="chance ${kind}" x1="${x}" x2="${x}" y1="${round(y - END, 1)}" y2="${
      round(y + END, 1)
    }"/>`;
  });
  return markup`${band}${line("chance", from, to)}${ends}`;
}

/** Both signs and their names, for a legend; only of what the chart has. */
export function whiskerLegend(doubts: readonly Doubt[]): Markup {
  const swatch = (shape: string, name: string) =>
    markup`<span><svg width="30" height="10" aria-hidden="true">${
      shape === "whisker"
        ? markup`<path class="whisker" d="M0 5H30"/>`
        : markup`<path class="chance" d="M1 1V9M1 5H29M29 1V9"/>`
    }</svg> ${name}</span>`;
  return markup`${
    doubts.some(({ client }) => client !== undefined) && swatch("whisker", "open for the client")
  }${
    doubts.some(({ sampling }) => sampling !== undefined) && swatch("chance", "open by sampling")
  }`;
}
