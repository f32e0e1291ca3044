/**
 * Top of the page: what was measured, what the checks found, and what its parts share.
 *
 * @module
 */
import { type Check, warnings } from "./check.ts";
import { capitalize, plural } from "./format.ts";
import { type Markup, markup } from "./markup.ts";
import type { MetricSummary } from "./load_figures.ts";
import { mergedText } from "./merged_clients.ts";
import { sidesText } from "./summary_repeats_text.ts";
import type { Summary } from "./summary.ts";
import { calledText } from "./summary_text.ts";

/** Warnings of one kind that are shown; the rest is folded. */
const WARNINGS_SHOWN = 3;

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
  const badges = [
    loads.some(({ interrupted }) => interrupted) && badge("interrupted"),
    loads.some(({ serverLost }) => serverLost !== undefined) && badge("server lost"),
    loads.some(({ complete }) => !complete) && badge("incomplete record"),
  ];
  return markup`<header>
<p class="brand">Tokometer ${version} · ${scenario}</p>
<h1><bdi>${model === "" ? "Unnamed model" : model}</bdi>${badges}</h1>
<p class="what"><span>${url}</span><span>${protocol}</span>
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
  }</header>
`;
}

/** A remark beside a heading. */
export function badge(text: string): Markup {
  return markup` <span class="badge warn">${text}</span>`;
}

/** What the checks found, grouped by question. */
export function verdictBlock({ loads, checks }: Summary): Markup {
  const groups = new Map<string, { readonly load: number | undefined; readonly check: Check }[]>();
  const collect = (list: readonly Check[], load: number | undefined) => {
    for (const check of warnings(list)) {
      groups.set(check.name, [...(groups.get(check.name) ?? []), { load, check }]);
    }
  };
  for (const [load, { checks }] of loads.entries()) collect(checks, load);
  collect(checks, undefined);
  const asked = loads.reduce((sum, load) => sum + load.checks.length, checks.length);
  const found = [...groups.values()].reduce((sum, group) => sum + group.length, 0);
  if (found === 0) {
    return markup`<section class="verdict clear" aria-label="Verdict">
<h2><span class="sign" aria-hidden="true">✓</span> All ${plural(asked, "check")} passed</h2>
</section>
`;
  }
  const line = ({ load, check: { message } }: { load: number | undefined; check: Check }) =>
    load === undefined || loads.length < 2
      ? markup`<p>${message}</p>`
      : markup`<p><a href="#${loadId(load)}">${loads[load]!.label}</a>: ${message}</p>`;
  const entries = [...groups].map(([name, group]) => {
    const lines = group.map(line);
    const [shown, folded] = [lines.slice(0, WARNINGS_SHOWN), lines.slice(WARNINGS_SHOWN)];
    const more = folded.length > 0 &&
      markup`<details><summary>and ${
        plural(folded.length, "more load")
      }</summary>${folded}</details>`;
    const advice = new Set(group.flatMap(({ check }) => check.advice ?? []));
    const hints = [...advice].map((text) => markup`<p class="advice">${capitalize(text)}</p>`);
    return markup`<dt>${checkTitle(name)}</dt>
<dd>${shown}${more}${hints}</dd>
`;
  });
  const summary = `${plural(found, "warning")} from ${plural(asked, "check")}`;
  return markup`<section class="verdict doubt" aria-label="Verdict">
<h2><span class="sign" aria-hidden="true">!</span> Read before using the numbers: ${summary}</h2>
<dl>${entries}</dl>
</section>
`;
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
