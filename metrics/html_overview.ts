/**
 * Top of the page: what was measured, what the checks found, and what its parts share.
 *
 * @module
 */
import { warnings } from "./check.ts";
import { capitalize, formatCount, plural } from "./format.ts";
import { type HtmlValue, type Markup, markup } from "./markup.ts";
import type { MetricSummary } from "./load_figures.ts";
import { fleetRunText } from "./summary_fleet_text.ts";
import { mergedText } from "./merged_clients.ts";
import { sidesText } from "./summary_repeats_text.ts";
import type { Summary } from "./summary.ts";
import { calledText } from "./summary_text.ts";
import { type SharedWarning, sharedWarnings } from "./summary_warnings.ts";

/** Longer names of models, in characters, are set smaller. */
const LONG_NAME = 60;

/** Loads that a warning names; the rest is folded. */
const LOADS_SHOWN = 6;

/** Warnings of one check that are told; where there are more, the rest is folded. */
const KINDS_SHOWN = 3;

type Loads = Summary["loads"];

/** Percentiles for the key numbers: 50, 90 and 99 where requested, else the first three. */
export function keyPercentiles({ percentiles }: Pick<Summary, "percentiles">): readonly number[] {
  const usual = percentiles.filter((p) => [50, 90, 99].includes(p));
  return usual.length > 0 ? usual : percentiles.slice(0, 3);
}

/** HTML id of a load's section. */
export function loadId(load: number): string {
  return `load-${load + 1}`;
}

/** Name of the same metric from the intended time, where there is one. */
export function intendedName(name: string): string {
  return `${name}_intended`;
}

/** Value of one percentile; absent also when not requested. */
export function percentileOf(metric: MetricSummary | undefined, p: number): number | undefined {
  return metric?.distribution.percentiles.find((one) => one.p === p)?.value;
}

/** Model, engine, date, dataset, lengths. */
export function titleBlock({ header, loads }: Summary): Markup {
  const { version, scenario, model, url, protocol, startedAt, dataset, length } = header;
  const called = calledText(header);
  const fleet = fleetRunText(header);
  const badges = [
    loads.some(({ interrupted }) => interrupted) && badge("interrupted"),
    loads.some(({ serverLost }) => serverLost !== undefined) && badge("server lost"),
    loads.some(({ fleet }) => fleet?.asAsked === false) && badge("not as asked"),
    loads.some(({ complete }) => !complete) && badge("incomplete record"),
  ];
  return markup`<header>
<p class="brand">Tokometer ${version} · ${scenario}</p>
<h1${model.length > LONG_NAME && markup` class="long"`}><bdi>${
    model === "" ? "Unnamed model" : model
  }</bdi>${badges}</h1>
<p class="what"><span><bdi>${url}</bdi></span><span>${protocol}</span>
<time datetime="${startedAt}">${readableTime(startedAt)}</time>
<span>${dataset.kind}, ${plural(dataset.prompts, "prompt")}</span>
<span>${length === "forced" ? "forced" : "capped"} lengths</span></p>
${
    called !== undefined && markup`<p class="what"><span><bdi>${called}</bdi></span></p>
`
  }${
    header.sides && markup`<p class="what"><span>${sidesText(header)}</span></p>
`
  }${
    header.merged && markup`<p class="what"><span>${mergedText(header.merged)}</span></p>
`
  }${
    fleet !== undefined && markup`<p class="what"><span><bdi>${fleet}</bdi></span></p>
`
  }</header>
`;
}

/** A remark beside a heading. */
export function badge(text: string): Markup {
  return markup` <span class="badge warn">${text}</span>`;
}

/** What the checks found: each warning once, with links to the loads it is about. */
export function verdictBlock({ loads, checks }: Summary): Markup {
  const asked = loads.reduce((sum, load) => sum + load.checks.length, checks.length);
  const found: readonly SharedWarning[] = [
    ...sharedWarnings(loads),
    ...warnings(checks).map((check) => ({ ...check, alike: true, loads: [] })),
  ];
  if (found.length === 0) {
    return markup`<section class="verdict clear" aria-label="Verdict">
<h2><span class="sign" aria-hidden="true">✓</span> All ${plural(asked, "check")} passed</h2>
</section>
`;
  }
  // Several findings of one check stand under one name.
  const groups = new Map<string, SharedWarning[]>();
  for (const warning of found) {
    groups.set(warning.name, [...(groups.get(warning.name) ?? []), warning]);
  }
  const entries = [...groups].map(([name, group]) => {
    const advice = new Set(group.flatMap(({ advice }) => advice ?? []));
    const rest = group.slice(KINDS_SHOWN);
    const hints = [...advice].map((text) => markup`<p class="advice">${capitalize(text)}</p>`);
    return markup`<dt>${checkTitle(name)}</dt>
<dd>${group.slice(0, KINDS_SHOWN).map((warning) => warningText(warning, loads))}${
      rest.length > 0 &&
      markup`<details class="more"><summary>${
        formatCount(rest.length)
      } more of this kind</summary>${rest.map((warning) => warningText(warning, loads))}</details>`
    }${hints}</dd>
`;
  });
  const summary = `${plural(found.length, "warning")} from ${plural(asked, "check")}`;
  return markup`<section class="verdict doubt" aria-label="Verdict">
<h2><span class="sign" aria-hidden="true">!</span> Read before using the numbers: ${summary}</h2>
<dl>${entries}</dl>
</section>
`;
}

/** `8 users, 16 users and 32 users: …`, each a link. */
function warningText({ message, alike, loads: of }: SharedWarning, loads: Loads): Markup {
  if (of.length === 0 || loads.length < 2) return markup`<p>${message}</p>`;
  const link = (i: number) => markup`<a href="#${loadId(i)}">${loads[i]!.label}</a>`;
  const [shown, folded] = of.length > LOADS_SHOWN + 1
    ? [of.slice(0, LOADS_SHOWN), of.slice(LOADS_SHOWN)]
    : [of, []];
  const all = of.length === loads.length && of.length > 2 && `All ${plural(of.length, "load")}`;
  const where = all
    ? alike ? all : markup`${all}, first ${link(of[0]!)}`
    : markup`${listed(shown.map(link), folded.length)}${!alike && ", first as said here"}`;
  const more = !all && folded.length > 0 &&
    markup`<details class="more"><summary>the other ${plural(folded.length, "load")}</summary>${
      listed(folded.map(link), 0)
    }</details>`;
  return markup`<p>${where}: ${message}</p>${more}`;
}

/** `a, b and c`; with more to come `a, b, c and 5 more`. */
function listed(items: readonly Markup[], more: number): readonly HtmlValue[] {
  const last = more > 0 ? items.length : items.length - 1;
  const list = items.flatMap((item, i) => [i === 0 ? "" : i === last ? " and " : ", ", item]);
  return more > 0 ? [...list, ` and ${formatCount(more)} more`] : list;
}

/** `offered_rate` as `Offered rate`. */
export function checkTitle(name: string): string {
  return capitalize(name.replaceAll("_", " "));
}

/** `2026-01-02T03:04:05.678Z` as `2026-01-02 03:04:05 UTC`. */
function readableTime(iso: string): string {
  const parts = /^(\d{4}-\d{2}-\d{2})T(\d{2}:\d{2}:\d{2})(?:\.\d+)?Z$/.exec(iso);
  return parts === null ? iso : `${parts[1]} ${parts[2]} UTC`;
}
