/**
 * Parts of the page of a comparison.
 *
 * @module
 */
import { differenceChart } from "./chart_difference.ts";
import { overlayChart } from "./chart_overlay.ts";
import { sharedHistograms } from "./compare_distribution.ts";
import { gateOutcome } from "./compare_gate.ts";
import type {
  ComparedFigure,
  ComparedLoad,
  CompareSide,
  Comparison,
  GateOutcome,
} from "./compare_result.ts";
import {
  answerBesideGate,
  changeCell,
  changeIntervalCell,
  differenceName,
  differenceText,
  doubtedSide,
  gatePlace,
  letterOf,
  loadTitle,
  sentence,
  sideLetter,
  sideText,
} from "./compare_text.ts";
import { formatPercent } from "./compare_words.ts";
import { doubtedCell } from "./html_bracket.ts";
import { htmlTable, left, right } from "./html_table.ts";
import { type HtmlValue, type Markup, markup } from "./markup.ts";
import { KEY_METRICS } from "./metrics.ts";

/** Who is compared with whom. */
export function compareHead(comparison: Comparison, sides: readonly CompareSide[]): Markup {
  const { version } = sides[0]!.runs[0]!.header;
  const [first, ...others] = comparison.sides.map(({ name }) => markup`<bdi>${name}</bdi>`);
  const list = others.flatMap((other, i) => [i > 0 && ", ", other]);
  return markup`<header>
<p class="brand">Tokometer ${version} · compare</p>
<h1>${list} against ${first}</h1>
<ul class="sides">${
    sides.map((side, i) =>
      markup`<li>${sideKey(i)}<bdi>${sideText(side)}</bdi></li>
`
    )
  }</ul></header>
`;
}

/** The letter of a side in the color of its outlines. */
function sideKey(at: number): Markup {
  return markup`<b class="key side${at}">${sideLetter(at)}</b> `;
}

const CLEAR: readonly GateOutcome[] = ["passed"];

/** The answer, the gate above it where there is one. */
export function answerBlock(comparison: Comparison): Markup {
  const outcome = gateOutcome(comparison);
  const sentences = answerBesideGate(comparison).map(sentence);
  // Of several loads none is the answer before the others.
  const [first = "", ...others] = outcome === "none" && sentences.length > 1
    ? ["Answer", ...sentences]
    : sentences;
  const tone = outcome === "missed" || outcome === "refused"
    ? "broken"
    : CLEAR.includes(outcome)
    ? "clear"
    : outcome === "none"
    ? "plain"
    : "doubt";
  const remarks = comparison.remarks.map((remark) =>
    markup`<li>${sentence(remark)}</li>
`
  );
  return markup`<section class="verdict ${tone}" aria-label="Answer">
<h2>${first}</h2>
${
    others.map((one) =>
      markup`<p>${one}</p>
`
    )
  }${remarks.length > 0 && markup`<ul class="remarks">${remarks}</ul>`}</section>
`;
}

/** What differs besides what is compared. */
export function differencesSection({ differences, sides, unmatched }: Comparison): Markup {
  const table = differences.length === 0
    ? markup`<p class="note">Nothing else: model, data, options, client and versions are the same.</p>
`
    : htmlTable({
      caption: "What differs",
      hideCaption: true,
      columns: [left("What"), ...sides.map((_, i) => left(sideLetter(i))), left("")],
      rows: differences.map((one) => [
        differenceName(one),
        ...sides.map((_, i) => markup`<span class="wide">${one.values[i] ?? ""}</span>`),
        one.fatal ? markup`<b class="bad">no verdict</b>` : "",
      ]),
    });
  const only = unmatched.length > 0 &&
    markup`<p class="note">Loads without a counterpart: ${unmatched.join("; ")}.</p>
`;
  return markup`<section>
<h2>What differs</h2>
${table}${only}</section>
`;
}

/** The limits and what came out. */
export function gateSection(comparison: Comparison): Markup {
  const { gate } = comparison;
  if (gate.length === 0) return markup``;
  const tones = { passed: "good", missed: "bad", undecided: "warn" } as const;
  return markup`<section>
<h2>Gate</h2>
${
    htmlTable({
      caption: "Limits on the change from A",
      hideCaption: true,
      columns: [
        left("Limit"),
        left("result"),
        right("change"),
        right("sampling 95 %"),
        left("load"),
        left(""),
      ],
      rows: gate.map((result) => {
        const ratio = result.measured && {
          value: result.measured.value + 1,
          interval: result.measured.interval && {
            low: result.measured.interval.low + 1,
            high: result.measured.interval.high + 1,
          },
        };
        return [
          result.text,
          markup`<b class="${tones[result.result]}">${result.result}</b>`,
          changeCell({ ratio }),
          changeIntervalCell({ ratio }),
          gatePlace(result, comparison) || result.load,
          result.reason !== undefined && markup`<span class="wide">${result.reason}</span>`,
        ];
      }),
    })
  }</section>
`;
}

/** Each load: changes as a chart, distributions over each other, figures as a table. */
export function loadsSection(comparison: Comparison, sides: readonly CompareSide[]): Markup {
  const labels = [...new Set(comparison.loads.map(({ label }) => label))];
  return markup`${
    labels.map((label, position) => {
      const loads = comparison.loads.filter((load) => load.label === label);
      const place = { comparison, id: `load-${position + 1}`, alone: loads.length === 1 };
      return markup`<section>
<h2>${loads.length > 1 ? label : loadTitle(loads[0]!)}</h2>
<div class="pair"><div>${loads.map((load, i) => changes(load, i, place))}</div>
<div>${distributions(label, sides, place)}</div></div>
${loads.map((load) => figureBlock(load, place))}</section>
`;
    })
  }`;
}

/** Where a load stands on the page. */
interface Place {
  readonly comparison: Comparison;
  readonly id: string;
  /** It has one side besides the first. */
  readonly alone: boolean;
}

function changes(load: ComparedLoad, position: number, { comparison, id }: Place): Markup {
  const letter = letterOf(comparison, load.side);
  if (comparison.refused !== undefined) return markup``;
  if (load.refused !== undefined) {
    return markup`<p><b class="bad">No verdict on ${letter}:</b> ${load.refused}.</p>
`;
  }
  return markup`<figure class="changes"><figcaption>
<strong>Change from A to ${letter}</strong>
<span>line: 95 % of chance · band: margin of ±${
    formatPercent(comparison.margin)
  }</span></figcaption>
${
    differenceChart({
      id: `${id}-${position + 1}-changes`,
      title: `Change from A to ${letter}, ${load.label}`,
      margin: comparison.margin,
      rows: load.figures,
    })
  }</figure>
`;
}

function figureBlock(load: ComparedLoad, { comparison, alone }: Place): Markup {
  const letter = letterOf(comparison, load.side);
  const heading = alone ? "Figures" : `Figures, ${letter} against A: ${loadTitle(load)}`;
  return markup`<h3>${heading}</h3>
${figureTable(load, letter, comparison)}`;
}

function figureTable(
  { figures, label, refused }: ComparedLoad,
  letter: string,
  comparison: Comparison,
): Markup {
  const judged = (comparison.refused ?? refused) === undefined;
  const table = htmlTable({
    caption: `Figures of ${label}`,
    hideCaption: true,
    columns: [
      left("Figure"),
      right("A"),
      right(letter),
      right("difference"),
      right("change"),
      right("sampling 95 %"),
      ...(judged ? [left("verdict")] : []),
    ],
    rows: figures.map((one) => [
      one.title,
      doubtedCell(doubtedSide(one.a, one)),
      doubtedCell(doubtedSide(one.b, one)),
      differenceText(one),
      changeCell(one),
      changeIntervalCell(one),
      ...(judged ? [verdictCell(one)] : []),
    ]),
  });
  return figures.length === 0
    ? markup`<p class="note">No figure was measured on both sides.</p>
`
    : table;
}

function verdictCell({ verdict, reason }: ComparedFigure): HtmlValue {
  return markup`<b class="verdict-${verdict}">${verdict}</b>${
    verdict === "undecided" && reason !== undefined && markup`<small>${reason}</small>`
  }`;
}

function distributions(
  label: string,
  sides: readonly CompareSide[],
  { comparison, id }: Place,
): Markup {
  const shared = sharedHistograms(sides, label, KEY_METRICS);
  if (shared.length === 0) return markup``;
  const key = comparison.sides.map(({ name }, i) =>
    markup`<span>${sideKey(i)}<bdi>${name}</bdi></span>`
  );
  return markup`<p class="legend">${key}</p>
<div class="shapes">${
    shared.map((one) =>
      markup`<figure><figcaption><strong>${one.title}</strong></figcaption>
${
        overlayChart({
          ...one,
          id: `${id}-${one.name}`,
          sides: comparison.sides.map((_, i) => sideLetter(i)),
        })
      }</figure>
`
    )
  }</div>
`;
}

/** What the words of the page mean. */
export function compareDefinitions({ margin }: Comparison): Markup {
  const rules: readonly (readonly [term: string, meaning: string])[] = [
    [
      "Sampling",
      "What chance leaves open: 95 of 100 such intervals hold the change that endless runs would show. With repeats it holds differences from run to run, from single runs it does not.",
    ],
    [
      "Client",
      "What the client's stamps leave open about a figure: its bracket. It is no matter of chance, more requests do not make it narrower.",
    ],
    [
      "Same",
      `The whole interval lies within the margin of ±${
        formatPercent(margin)
      }; it wins over better and worse.`,
    ],
    [
      "Better, worse",
      "The interval lies on one side of no change, also by Holm over the figures that are judged together.",
    ],
    ["Undecided", "Neither: the data cannot tell. More repeats make the interval narrower."],
  ];
  return markup`<section>
<h2>What the words mean</h2>
<dl class="rules">
${
    rules.map(([term, meaning]) =>
      markup`<dt>${term}</dt><dd>${meaning}</dd>
`
    )
  }</dl>
</section>
`;
}
