/**
 * A page for people that opens from a file, without a network and with or without JavaScript.
 *
 * @module
 */
import { type Markup, markup } from "./markup.ts";
import { answerBlock } from "./html_answer.ts";
import { ANSWER_STYLE, ANSWER_STYLE_SHA256 } from "./html_answer_style.ts";
import { searchBlock } from "./html_capacity.ts";
import { cdfSection } from "./html_cdf.ts";
import { contentsNav, LOADS_ID, placedParts } from "./html_contents.ts";
import { frontierSection } from "./html_frontier.ts";
import { loadSections } from "./html_load.ts";
import { keyNumbers } from "./html_key_numbers.ts";
import { loadCurve } from "./html_curve.ts";
import { titleBlock, verdictBlock } from "./html_overview.ts";
import { htmlPage } from "./html_page.ts";
import { repeatsSection } from "./html_repeats.ts";
import { REQUESTS_SCRIPT, REQUESTS_SCRIPT_SHA256 } from "./html_requests_script.ts";
import { definitionSection, setupSection } from "./html_setup.ts";
import { timeSplitSection } from "./html_server.ts";
import { SERVER_STYLE } from "./html_server_style.ts";
import { plural } from "./format.ts";
import type { Report } from "./report.ts";
import type { Summary } from "./summary.ts";

/** The page as a report: charts, tables and definitions in a single file. */
export const reportHtml: Report = {
  name: "html",
  description: "A page with charts, tables and definitions in one file that needs no network",
  extension: "html",
  render: (summary) => page(summary).toString(),
};

/** From top to bottom: id, name in the contents, what it holds; nothing where it has nothing. */
const PARTS: readonly (readonly [
  id: string,
  title: string,
  part: (summary: Summary) => Markup | undefined,
])[] = [
  ["answer", "Answer", answerBlock],
  ["search", "Search", searchBlock],
  ["warnings", "Checks", verdictBlock],
  ["numbers", "Key numbers", keyNumbers],
  ["curve", "Latency", loadCurve],
  ["time", "Where the time goes", timeSplitSection],
  ["frontier", "Frontier", frontierSection],
  ["distributions", "Distributions", cdfSection],
  ["repeats", "Repeats", repeatsSection],
  [LOADS_ID, "Loads", loadSections],
  ["setup", "Configuration", setupSection],
  ["definitions", "Definitions", definitionSection],
];

function page(summary: Summary): Markup {
  const { header, loads, schema } = summary;
  const subject = header.model === "" ? header.url : header.model;
  const extent = loads.length === 1 ? loads[0]!.label : plural(loads.length, "load");
  const parts = PARTS.map(([id, title, part]) => ({
    id,
    title,
    content: part(summary) ?? markup``,
  }));
  return htmlPage({
    title: `${subject}, ${extent}`,
    version: header.version,
    header: titleBlock(summary),
    contents: contentsNav(parts, loads),
    sections: placedParts(parts),
    styles: [{ text: ANSWER_STYLE, sha256: ANSWER_STYLE_SHA256 }, SERVER_STYLE],
    schema,
    scripts: [{ text: REQUESTS_SCRIPT, sha256: REQUESTS_SCRIPT_SHA256 }],
  });
}
