/**
 * What every page is: one file that opens without a network, with or without JavaScript.
 *
 * @module
 */
import { CHART_STYLE, CHART_STYLE_SHA256 } from "./chart_style.ts";
import { PAGE_SCRIPT, PAGE_SCRIPT_SHA256 } from "./html_script.ts";
import { PAGE_STYLE, PAGE_STYLE_SHA256 } from "./html_style.ts";
import { type HtmlValue, type Markup, markup, ownMarkup } from "./markup.ts";

/** A style sheet or a script of ours, which is allowed in by its hash. */
export interface OwnText {
  readonly text: string;
  /** Base64 of the SHA-256 of the text; a test says what it must be. */
  readonly sha256: string;
}

/** Only our style sheets and scripts, by their hashes; nothing is fetched or sent. */
const policyOf = (styles: readonly OwnText[], scripts: readonly OwnText[]): string => {
  const hashes = (list: readonly OwnText[]) =>
    list.map(({ sha256 }) => `'sha256-${sha256}'`).join(" ");
  return [
    "default-src 'none'",
    `style-src ${hashes(styles)}`,
    `script-src ${hashes(scripts)}`,
    "base-uri 'none'",
    "form-action 'none'",
  ].join("; ");
};

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
  /** Style sheets beside those of all pages. */
  readonly styles?: readonly OwnText[];
  /** Scripts beside that of all pages; each a function that is called, so that names do not meet. */
  readonly scripts?: readonly OwnText[];
  /** Where a reader can go, between header and sections. */
  readonly contents?: Markup;
}

/** The whole page. */
export function htmlPage(parts: PageParts): Markup {
  const { title, version, header, sections, schema, contents } = parts;
  const styles = [
    { text: CHART_STYLE, sha256: CHART_STYLE_SHA256 },
    { text: PAGE_STYLE, sha256: PAGE_STYLE_SHA256 },
    ...parts.styles ?? [],
  ];
  const scripts = [
    { text: PAGE_SCRIPT, sha256: PAGE_SCRIPT_SHA256 },
    ...parts.scripts ?? [],
  ];
  const policy = ownMarkup(policyOf(styles, scripts));
  return markup`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="${policy}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="referrer" content="no-referrer">
<meta name="generator" content="Tokometer ${version}">
<title>${title} · Tokometer</title>
${
    styles.map(({ text }) =>
      markup`<style>${ownMarkup(text)}</style>
`
    )
  }</head>
<body>
<a class="skip" href="#main">Skip to the results</a>
${header}${contents}<main id="main" tabindex="-1">
${sections}</main>
<footer>Tokometer ${version}, ${schema}</footer>
${
    scripts.map(({ text }) =>
      markup`<script>${ownMarkup(text)}</script>
`
    )
  }</body>
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
