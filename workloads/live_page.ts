/**
 * The live page without what changes: that is put in by its script.
 *
 * @module
 */
import { CHART_STYLE } from "../metrics/chart_style.ts";
import { PAGE_STYLE } from "../metrics/html_style.ts";
import { type Markup, markup, ownMarkup } from "../metrics/markup.ts";
import { LIVE_SCRIPT } from "./live_page_script.ts";
import { LIVE_STYLE } from "./live_page_style.ts";
import { VERSION } from "./version.ts";

const STYLE = CHART_STYLE + PAGE_STYLE + LIVE_STYLE;

/** A page, and what it may do. */
export interface LivePage {
  readonly html: string;
  /** For the header `Content-Security-Policy`. */
  readonly policy: string;
}

/** The page; its style and its script are allowed in by their hashes. */
export async function livePage(): Promise<LivePage> {
  return {
    policy: [
      "default-src 'none'",
      `style-src '${await hashOf(STYLE)}'`,
      `script-src '${await hashOf(LIVE_SCRIPT)}'`,
      "connect-src 'self'",
      "img-src data:",
      "base-uri 'none'",
      "form-action 'none'",
      "frame-ancestors 'none'",
    ].join("; "),
    html: pageOf(markup`<header class="top">
<div id="head"><p class="brand">Tokometer ${VERSION}</p><h1>A run</h1></div>
<div class="stop" role="group" aria-label="Stop the run">
<button type="button" id="stop">Stop</button>
<button type="button" id="sure" class="danger" hidden>Yes, stop sending</button>
<button type="button" id="go-on" hidden>No, go on</button>
<span id="stop-note" role="status"></span></div>
</header>
<main class="live">
<p id="said" class="hidden" role="status" aria-live="polite"></p>
<p id="lost" role="alert" hidden></p>
<noscript><p>This page needs JavaScript; <a href="/status">/status</a> does not.</p></noscript>
<div id="over"></div>
<div id="bars" class="bars"></div>
<dl id="figures" class="cards"></dl>
<div id="verdict"></div>
<div id="fleet"></div>
<div id="charts"></div>
<div id="ended"></div>
</main>
`),
  };
}

/** What a browser gets that comes without the token. */
export function tokenPage(message: string): string {
  return pageOf(markup`<header><p class="brand">Tokometer ${VERSION}</p>
<h1>This page needs a token</h1></header>
<main><p>${message}.</p></main>
`);
}

function pageOf(body: Markup): string {
  return markup`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<link rel="icon" href="data:,">
<title>A run · Tokometer</title>
<style>${ownMarkup(STYLE)}</style>
</head>
<body>
${body}<script>${ownMarkup(LIVE_SCRIPT)}</script>
</body>
</html>
`.toString();
}

async function hashOf(text: string): Promise<string> {
  const bytes = await crypto.subtle.digest("SHA-256", new TextEncoder().encode(text));
  return `sha256-${btoa(String.fromCharCode(...new Uint8Array(bytes)))}`;
}
