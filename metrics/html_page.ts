/**
 * What every page is: one file that opens without a network, with or without JavaScript.
 *
 * @module
 */
import { CHART_STYLE, CHART_STYLE_SHA256 } from "./chart_style.ts";
import { PAGE_SCRIPT, PAGE_SCRIPT_SHA256 } from "./html_script.ts";
import { PAGE_STYLE, PAGE_STYLE_SHA256 } from "./html_style.ts";
import { type HtmlValue, type Markup, markup, ownMarkup } from "./markup.ts";

/** Only our style sheet and script, by their hashes; nothing is fetched or sent. */
const policyOf = (styles: readonly string[]): string =>
  [
    "default-src 'none'",
    `style-src ${styles.map((sha256) => `'sha256-${sha256}'`).join(" ")}`,
    `script-src 'sha256-${PAGE_SCRIPT_SHA256}'`,
    "base-uri 'none'",
    "form-action 'none'",
  ].join("; ");

/** The parts of a page. */
export interface PageParts {
  /** For the browser's tab. */
  readonly title: string;
  /** Version of Tokometer. */
  readonly version: string;
  readonly header: Markup;
  readonly sections: readonly Markup[];
  /** Name and number of the form of its data. */
  readonly schema: string;
  /** A style sheet beside that of all pages. */
  readonly style?: { readonly text: string; readonly sha256: string };
}

/** The whole page. */
export function htmlPage(
  { title, version, header, sections, schema, style }: PageParts,
): Markup {
  const hashes = [
    CHART_STYLE_SHA256,
    PAGE_STYLE_SHA256,
    ...(style === undefined ? [] : [style.sha256]),
  ];
  return markup`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="${ownMarkup(policyOf(hashes))}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="referrer" content="no-referrer">
<meta name="generator" content="Tokometer ${version}">
<title>${title} · Tokometer</title>
<style>${ownMarkup(CHART_STYLE)}</style>
<style>${ownMarkup(PAGE_STYLE)}</style>${
    style && markup`
<style>${ownMarkup(style.text)}</style>`
  }
</head>
<body>
${header}<main>
${sections}</main>
<footer>Tokometer ${version}, ${schema}</footer>
<script>${ownMarkup(PAGE_SCRIPT)}</script>
</body>
</html>
`;
}

/** A number in large letters, with what it is above and notes below. */
export function numberCard(
  title: string,
  value: HtmlValue,
  notes: readonly HtmlValue[] = [],
): Markup {
  const lines = notes.map((note) => markup`<span>${note}</span>`);
  return markup`<div class="card"><dt>${title}</dt><dd><strong>${value}</strong>${lines}</dd></div>
`;
}
