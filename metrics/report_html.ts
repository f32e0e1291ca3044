/**
 * A page for people that opens from a file, without a network and with or without JavaScript.
 *
 * @module
 */
import { type Markup, markup, ownMarkup } from "./markup.ts";
import { loadSections } from "./html_load.ts";
import { keyNumbers, loadCurve, titleBlock, verdictBlock } from "./html_overview.ts";
import { PAGE_SCRIPT, PAGE_SCRIPT_SHA256 } from "./html_script.ts";
import { definitionSection, setupSection } from "./html_setup.ts";
import { PAGE_STYLE, PAGE_STYLE_SHA256 } from "./html_style.ts";
import { plural } from "./format.ts";
import type { Report } from "./report.ts";
import type { Summary } from "./summary.ts";

/** Only our style sheet and script, by their hashes; nothing is fetched or sent. */
const POLICY = [
  "default-src 'none'",
  `style-src 'sha256-${PAGE_STYLE_SHA256}'`,
  `script-src 'sha256-${PAGE_SCRIPT_SHA256}'`,
  "base-uri 'none'",
  "form-action 'none'",
].join("; ");

/** The page as a report: charts, tables and definitions in a single file. */
export const reportHtml: Report = {
  name: "html",
  description: "A page with charts, tables and definitions in one file that needs no network",
  extension: "html",
  render: (summary) => page(summary).toString(),
};

function page(summary: Summary): Markup {
  const { header, loads, schema } = summary;
  const subject = header.model === "" ? header.url : header.model;
  const extent = loads.length === 1 ? loads[0]!.label : plural(loads.length, "load");
  const sections = [
    verdictBlock,
    keyNumbers,
    loadCurve,
    loadSections,
    setupSection,
    definitionSection,
  ];
  return markup`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="${ownMarkup(POLICY)}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="referrer" content="no-referrer">
<meta name="generator" content="Tokometer ${header.version}">
<title>${subject}, ${extent} · Tokometer</title>
<style>${ownMarkup(PAGE_STYLE)}</style>
</head>
<body>
${titleBlock(summary)}<main>
${sections.map((section) => section(summary))}</main>
<footer>Tokometer ${header.version}, ${schema}</footer>
<script>${ownMarkup(PAGE_SCRIPT)}</script>
</body>
</html>
`;
}
