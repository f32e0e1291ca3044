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
import { TAILS } from "./summary_contender_text.ts";

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
  return markup`<section class="answer ${standing}" aria-labelledby="answer-text">
<h2 class="hidden">Answer</h2>
${
    cards.length > 0 && markup`<dl class="large">
${cards}</dl>
`
  }<p class="lead" id="answer-text">${sentence}</p>
${
    soundness !== "" &&
    markup`<p class="stands"><b class="${tone}" aria-hidden="true">${sign}</b> ${soundness}</p>
`
  }</section>
`;
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
    cards.push(numberCard(
      capacity === undefined ? loadTitle(named, summary) : "Largest load that kept it",
      markup`<a href="#${loadId(named.position)}">${named.label}</a>`,
      [`of ${plural(summary.repeats?.length ?? loads.length, "load")}`],
    ));
  }
  cards.push(numberCard(
    basis.field === "qps" ? "Requests/s" : "Output tokens/s",
    figureCell(rateOf(named, basis), "1"),
    [of],
  ));
  cards.push(...["ttft", "itl"].flatMap((name) => tailCard(named, name) ?? []));
  if (cards.length < 4) cards.push(...[tailCard(named, "e2e") ?? []].flat());
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
    const [p, ttft] = tailOf(light, "ttft") ?? [];
    cards.push(numberCard(
      "Nearly as much at",
      markup`<a href="#${loadId(light.position)}">${light.label}</a>`,
      [
        `${formatShare(share)} of it${
          ttft === undefined
            ? ""
            : `, TTFT ${formatPercentile(p!)} ${formatWider(ttft.value, {}, "ms").value}`
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
  const doubt = { sampling: interval };
  const { value, sampling } = formatWider(estimate, doubt, "1");
  return [
    numberCard("Capacity", axisText(Number(value.replaceAll(",", "")), axis), [
      ...(sampling === undefined ? [] : [`95 %: ${sampling}`]),
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

/** The percentile that a limit is about, else the farthest that there is. */
function tailOf(
  one: Contender,
  name: string,
): readonly [p: number, figure: ContenderFigure] | undefined {
  const limited = one.loads[0]!.limits.flatMap(({ name: full }) => {
    const [metric, statistic = ""] = full.split(":");
    return metric === name && /^p[\d.]+$/.test(statistic) ? [Number(statistic.slice(1))] : [];
  });
  for (const p of [...limited, ...TAILS]) {
    const found = figureOf(one, `${name}:p${p}`);
    if (found !== undefined) return [p, found];
  }
  return undefined;
}

function tailCard(one: Contender, name: string): Markup | undefined {
  const [p, figure] = tailOf(one, name) ?? [];
  if (figure === undefined) return undefined;
  const metric = metricOf(one.loads[0]!, name);
  const { median } = metric?.distribution ?? {};
  return numberCard(
    `${metric?.title ?? name} ${formatPercentile(p!)}`,
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
