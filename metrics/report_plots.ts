/**
 * Every chart of the page as a file of its own, for slides and papers. Charts are taken out of the page, so
 * that a chart that is added there is a file by itself; this list gives the files their names.
 *
 * @module
 */
import type { LoadSummary } from "./load_summary.ts";
import { plotFile } from "./report_plot_file.ts";
import { reportHtml } from "./report_html.ts";
import type { Summary } from "./summary.ts";

/** A chart as a file. */
export interface Plot {
  /** `ttft-cdf.svg`, `64-users-ttft-heat-map.svg`. */
  readonly name: string;
  /** A whole SVG document. */
  readonly svg: string;
}

/** Names of files by the ids of charts, one line a chart; `*` stands for a name. Others keep their ids. */
export const PLOT_NAMES: Readonly<Record<string, string>> = {
  "curve-*": "throughput-*",
  "frontier": "frontier",
  "cdf-*": "*-cdf",
  "capacity": "capacity",
  "time-split": "time-split",
  "repeats-*": "repeats-*",
  "timeline": "timeline",
  "lanes": "lanes",
  "series": "over-time",
  "slices": "latencies-over-time",
  "heat-*": "*-heat-map",
  "gpu": "gpus",
  "server": "server",
  "stage-rate": "stages",
  "ttft": "ttft-distribution",
  "tpot": "tpot-distribution",
  "itl": "itl-distribution",
  "e2e": "e2e-distribution",
};

/** What a chart on the page looks like; in a box that scrolls, its axis is a drawing of its own. */
const CHART =
  /<div class="chart">\n<svg height="([\d.]+)" role="img" aria-labelledby="([^" ]+)-t [^"]*"[^>]*>\n?([^]*?)<\/svg><\/div>/g;
const AXIS = /<\/svg><svg height="([\d.]+)" aria-hidden="true">/;

/** All charts of a run, in the order of the page. */
export function plotsOf(summary: Summary): readonly Plot[] {
  const page = reportHtml.render(summary);
  const { header, loads } = summary;
  const subject = header.model === "" ? header.url : header.model;
  const names = new Set<string>();
  return [...page.matchAll(CHART)].map(({ index, 1: height, 2: id, 3: inside }): Plot => {
    const [, position, own = id!] = /^load-(\d+)-(.*)$/.exec(id!) ?? [];
    const load = position === undefined ? undefined : loads[Number(position) - 1];
    const [drawn = "", axisHeight, axis = ""] = inside!.split(AXIS);
    return {
      name: freeName(`${loadWord(load)}${nameOf(own)}`, names),
      svg: plotFile({
        legend: legendBefore(page.slice(0, index)),
        subtitle: [subject, ...(load === undefined ? [] : [load.label]), header.startedAt],
        height: Number(height),
        drawn,
        axis: axisHeight === undefined ? undefined : { height: Number(axisHeight), drawn: axis },
        version: header.version,
      }),
    };
  });
}

/** The name by the list. */
function nameOf(id: string): string {
  for (const [known, name] of Object.entries(PLOT_NAMES)) {
    const [start = "", rest] = known.split("*");
    if (rest === undefined ? id === known : id.startsWith(start) && id.length > start.length) {
      return name.replace("*", id.slice(start.length));
    }
  }
  return id;
}

/** `64 users` as `64-users-`: what every file system takes. */
function loadWord(load: LoadSummary | undefined): string {
  if (load === undefined) return "";
  const word = load.label.toLowerCase().replace(/[^a-z0-9.]+/g, "-").replace(/^[-.]+|[-.]+$/g, "");
  return `${word.slice(0, 60) || "load"}-`;
}

/** Loads may have the same name. */
function freeName(wanted: string, taken: Set<string>): string {
  let name = `${wanted}.svg`;
  for (let n = 2; taken.has(name); n++) name = `${wanted}-${n}.svg`;
  taken.add(name);
  return name;
}

/** Entries of the last legend above a chart, under the same heading. */
function legendBefore(above: string): readonly string[] {
  const heading = Math.max(above.lastIndexOf("<h2"), above.lastIndexOf("<h3"));
  const section = above.slice(Math.max(0, heading));
  const legends = [...section.matchAll(/<p class="legend">([^]*?)<\/p>/g)];
  const last = legends.at(-1)?.[1];
  if (last !== undefined) {
    return [...last.matchAll(/<span>([^]*?)<\/span>/g)].map(([, one]) => one!);
  }
  // Where loads can be hidden, what hides them is the legend.
  return [...section.matchAll(/<label><input type="checkbox"[^>]*\/> ([^]*?)<\/label>/g)]
    .map(([, one]) => one!);
}
