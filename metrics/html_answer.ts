/**
 * The answer at the top of the page: a few large figures of the load that it names, one sentence, and
 * whether it stands.
 *
 * @module
 */
import { axisText } from "./capacity_summary.ts";
import {
  formatCount,
  formatNumber,
  formatPercentile,
  formatShare,
  formatWider,
  plural,
} from "./format.ts";
import { doubtedCell } from "./html_bracket.ts";
import { loadId } from "./html_overview.ts";
import { numberCard } from "./html_page.ts";
import { type HtmlValue, type Markup, markup } from "./markup.ts";
import type { Unit } from "./metric.ts";
import { metricOf } from "./load_figures.ts";
import type { Answer } from "./summary_answer.ts";
import type { Summary } from "./summary.ts";
import {
  type Contender,
  type ContenderFigure,
  contendersOf,
  figureOf,
  keepsAll,
  rateBasis,
  rateOf,
} from "./summary_contenders.ts";
import { type Tail, tailOf, tailsOf } from "./summary_contender_text.ts";

/** A sign for each standing, so that color is not all that tells. */
const SIGNS: Readonly<Record<Answer["standing"], readonly [sign: string, tone: string]>> = {
  sound: ["✓", "good"],
  doubtful: ["!", "warn"],
  none: ["✗", "bad"],
};

/** Sentence, figures and standing. */
export function answerBlock(summary: Summary): Markup {
  const { sentence, soundness, standing } = summary.answer;
  const [sign, tone] = SIGNS[standing];
  const cards = figureCards(summary);
  return markup`<section class="answer ${standing}" aria-labelledby="answer-title">
<h2 class="hidden" id="answer-title">Answer</h2>
${
    cards.length > 0 && markup`<dl class="large">
${cards}</dl>
`
  }<p class="lead">${unbroken(sentence)}</p>
${
    soundness !== "" &&
    markup`<p class="stands"><b class="${tone}" aria-hidden="true">${sign}</b> ${soundness}</p>
`
  }</section>
`;
}

/** A number stays with its unit, and a sign with its number. */
function unbroken(sentence: string): string {
  return sentence.replace(/(\d|[<>≤≥]) (?=\S)/g, "$1\u00a0");
}

function figureCards(summary: Summary): readonly Markup[] {
  const { answer: { load, knee }, capacity, loads } = summary;
  const contenders = contendersOf(summary);
  const named = contenders.find(({ position }) => position === load);
  const cards = [...capacityCards(capacity)];
  if (named === undefined) return cards;
  const basis = rateBasis(contenders);
  const [own] = named.loads;
  const of = named.repeated === undefined
    ? basis.window === "steady" ? "steady window" : "whole run"
    : `mean of ${plural(named.repeated.loads.length, "run")}`;
  if (loads.length > 1) {
    const searched = capacity !== undefined && named.loads[0]!.plan.probe === capacity.kept;
    cards.push(numberCard(
      capacity === undefined ? loadTitle(named, summary) : "Largest load that kept it",
      markup`<a href="#${loadId(named.position)}">${
        searched ? axisText(capacity.kept!, capacity.axis) : named.label
      }</a>`,
      [
        capacity === undefined
          ? `of ${plural(summary.repeats?.length ?? loads.length, "load")}`
          : `of ${plural(capacity.probes.length, "probe")}`,
      ],
    ));
  }
  cards.push(numberCard(
    basis.field === "qps" ? "Requests/s" : "Output tokens/s",
    figureCell(rateOf(named, basis), "1"),
    [of],
  ));
  const tails = tailsOf(named);
  const whole = tails.some(({ name }) => name === "e2e") || cards.length > 1
    ? undefined
    : tailOf(named, "e2e");
  cards.push(
    ...[...tails, ...(whole === undefined ? [] : [whole])].map((tail) => tailCard(named, tail)),
  );
  const speed = figureOf(named, "interactivity:p90");
  if (speed !== undefined && named.repeated === undefined) {
    cards.push(numberCard("One user, tokens/s", figureCell(speed, "1"), [
      "at p90: one in ten is slower",
    ]));
  }
  const goodput = figureOf(named, "goodput");
  if (goodput !== undefined) {
    cards.push(numberCard("Goodput, req/s", figureCell(goodput, "1"), [
      `${formatShare(figureOf(named, "attainment")?.value)} within every limit`,
    ]));
  }
  const { sessions, counts } = own!;
  if (sessions?.perHour !== undefined) {
    cards.push(numberCard("Sessions/h", formatNumber(sessions.perHour), [
      `${formatCount(sessions.ends.done)} done`,
    ]));
  }
  const lost = counts.failed + counts.dropped;
  if (lost > 0) {
    cards.push(numberCard(
      "Failed or not sent",
      markup`<b class="bad">${formatShare(lost / counts.offered)}</b>`,
      [`${formatCount(lost)} of ${plural(counts.offered, "request")}`],
    ));
  }
  const light = contenders.find(({ position }) => position === knee);
  if (light !== undefined) {
    const share = (rateOf(light, basis)?.value ?? 0) / (rateOf(named, basis)?.value ?? 1);
    const ttft = tailOf(light, "ttft");
    cards.push(numberCard(
      "Nearly as much at",
      markup`<a href="#${loadId(light.position)}">${light.label}</a>`,
      [
        `${formatShare(share)} of it${
          ttft === undefined
            ? ""
            : `, TTFT ${formatPercentile(ttft.p)} ${formatWider(ttft.figure.value, {}, "ms").value}`
        }`,
      ],
    ));
  }
  return cards;
}

/** What a search was about. */
function capacityCards(capacity: Summary["capacity"]): readonly Markup[] {
  if (capacity?.estimate === undefined) return [];
  const { axis, estimate, interval, serviceLevel } = capacity;
  return [
    numberCard("Capacity", axisText(estimate, axis), [
      ...(interval === undefined
        ? []
        : [`95 %: ${formatNumber(interval.low)}–${formatNumber(interval.high)}`]),
      `within ${serviceLevel}`,
    ]),
  ];
}

function loadTitle(named: Contender, { answer, loads }: Summary): string {
  const limited = loads.some(({ limits }) => limits.length > 0);
  if (answer.sentence.startsWith("Most goodput")) return "Most goodput";
  if (limited) return keepsAll(named) ? "Best within the limits" : "Nearest to the limits";
  return "Highest throughput";
}

function tailCard(one: Contender, { name, p, figure }: Tail): Markup {
  const metric = metricOf(one.loads[0]!, name);
  const { median } = metric?.distribution ?? {};
  return numberCard(
    `${metric?.title ?? name} ${formatPercentile(p)}`,
    figureCell(figure, "ms"),
    median === undefined || one.repeated !== undefined || p === 50
      ? []
      : [`median ${formatWider(median, {}, "ms").value}`],
  );
}

function figureCell(figure: ContenderFigure | undefined, unit: Unit): HtmlValue {
  return doubtedCell(
    formatWider(figure?.value, { client: figure?.bracket, sampling: figure?.interval }, unit),
  );
}
