/**
 * The style sheet of the page. It is allowed in by its hash, so nothing else can style the page.
 *
 * @module
 */

/** Light, dark and print; no file, font or image is fetched. */
export const PAGE_STYLE: string = `
*{box-sizing:border-box}
html{-webkit-text-size-adjust:100%}
body{margin:0 auto;padding:32px clamp(16px,4vw,48px) 64px;max-width:1280px;background:var(--bg);color:var(--text);font:15px/1.5 system-ui,-apple-system,"Segoe UI",Roboto,sans-serif;font-variant-numeric:tabular-nums}
h1,h2,h3,p,dl,dd,figure,ul{margin:0;padding:0}
h1{font-size:28px;line-height:1.25;font-weight:650;letter-spacing:-.01em;overflow-wrap:anywhere}
h1.long{font-size:19px}
h2{font-size:19px;line-height:1.3;font-weight:650}
h3{font-size:14px;font-weight:650;margin:32px 0 10px}
section{margin-top:44px}
section>h2{margin-bottom:14px}
a{color:var(--accent);text-underline-offset:2px}
code,pre{font:12.5px/1.5 ui-monospace,SFMono-Regular,Menlo,Consolas,monospace;overflow-wrap:anywhere}
pre{margin:0 0 20px;padding:12px 14px;background:var(--raised);border:1px solid var(--line);border-radius:6px;white-space:pre-wrap}
:focus-visible{outline:2px solid var(--accent);outline-offset:2px}
.hidden{position:absolute;width:1px;height:1px;overflow:hidden;clip-path:inset(50%);white-space:nowrap}
.skip{position:absolute;left:-9999px}
.skip:focus{left:16px;top:8px;z-index:4;padding:6px 12px;background:var(--bg);border:1px solid var(--line);border-radius:6px}
main:focus{outline:0}
.part,.load,section[id]{scroll-margin-top:52px}
.contents{position:sticky;top:0;z-index:3;margin-top:20px;background-color:var(--bg);border-bottom:1px solid var(--line);overflow-x:auto;scrollbar-width:thin;font-size:13px;white-space:nowrap}
.contents ul{display:flex;list-style:none}
.contents li{display:flex}
.contents a{display:block;padding:10px 16px 10px 0;color:var(--text);text-decoration:none}
.contents a:hover{text-decoration:underline}
.contents li li a{max-width:28ch;overflow:hidden;text-overflow:ellipsis;color:var(--muted)}
.brand,.what,.note,.legend,.sum,footer{color:var(--muted);font-size:13px}
.what{display:flex;flex-wrap:wrap;margin-top:6px;overflow-wrap:anywhere}
.what>:not(:last-child)::after{content:"·";margin:0 8px}
small{font-size:.86em;font-weight:400;color:var(--muted);letter-spacing:0;white-space:nowrap}
td small{display:block;font-size:11px;line-height:1.3}
.card strong small{font-size:14px}
.cards+.note,.scroll+.note{margin-top:8px}
.badge{display:inline-block;vertical-align:middle;font-size:12px;font-weight:600;line-height:18px;padding:0 7px;border:1px solid currentColor;border-radius:9px;letter-spacing:0}
.warn{color:var(--warn)}
b.bad{color:var(--bad)}
b.good{color:var(--good)}
.verdict{margin-top:24px;padding:14px 18px;border:1px solid var(--line);border-left:3px solid;border-radius:6px}
.verdict h2{font-size:15px;margin:0}
.verdict.clear{border-left-color:var(--good);background:var(--goodbg)}
.verdict.clear h2,.passed b{color:var(--good)}
.verdict.doubt{border-left-color:var(--warn);background:var(--warnbg)}
.verdict.doubt h2,.found b{color:var(--warn)}
.sign{display:inline-block;width:1.1em;font-weight:700}
.verdict dl{display:grid;grid-template-columns:minmax(110px,max-content) 1fr;gap:10px 20px;margin-top:12px;font-size:14px}
.verdict dt{font-weight:600}
.verdict dd{min-width:0;overflow-wrap:anywhere;max-width:96ch}
.more summary{color:var(--muted);font-size:13px}
.advice{color:var(--muted)}
.advice::before{content:"→ "}
.cards{display:grid;grid-template-columns:repeat(auto-fill,minmax(min(100%,236px),1fr));gap:1px;padding:1px}
.card{padding:14px 16px;box-shadow:0 0 0 1px var(--line)}
.card dt{color:var(--muted);font-size:13px}
.card strong{display:block;font-size:24px;line-height:1.35;font-weight:600;letter-spacing:-.01em}
.card span{display:block;color:var(--muted);font-size:13px}
.scroll{overflow-x:auto;max-width:100%;scrollbar-width:thin}
.scroll,.contents{background:linear-gradient(to right,var(--bg) 50%,transparent) 0 0/40px 100%,linear-gradient(to left,var(--bg) 50%,transparent) 100% 0/40px 100%,linear-gradient(to right,color-mix(in srgb,var(--muted) 45%,transparent),transparent) 0 0/14px 100%,linear-gradient(to left,color-mix(in srgb,var(--muted) 45%,transparent),transparent) 100% 0/14px 100%;background-repeat:no-repeat;background-attachment:local,local,scroll,scroll;background-color:var(--bg)}
.tall{max-height:80vh;overflow-y:auto}
.tall thead{position:sticky;top:0;z-index:1;background:var(--bg)}
.scroll:has(.dense){width:max-content;max-width:calc(100% + max(0px,(100vw - 1280px)/2))}
table{border-collapse:separate;border-spacing:0;font-size:13px;line-height:1.4}
caption{text-align:left;font-weight:650;font-size:14px;padding-bottom:6px}
th,td{padding:5px 0 5px 14px;border-bottom:1px solid var(--line);vertical-align:baseline;text-align:right;white-space:nowrap;font-weight:400}
th:first-child,td:first-child{padding-left:0;text-align:left}
thead th{color:var(--muted);font-size:12px;vertical-align:bottom}
thead td{border:0}
thead tr:last-child td{border-bottom:1px solid var(--line)}
thead .group{border:0;padding-bottom:0;text-align:left;color:var(--text);font-weight:600}
.first,thead .group{padding-left:20px}
.na{color:var(--muted)}
.dense{font-size:12.5px}
.dense th,.dense td{padding-left:10px}
.dense .first,.dense .group{padding-left:18px}
.dense th:first-child{padding-left:0}
tbody th{position:sticky;left:0;background:var(--bg);padding-right:8px}
tbody th.long{white-space:normal;min-width:min(20ch,34vw);overflow-wrap:anywhere}
tbody tr:hover th,tbody tr:hover td{background:var(--raised)}
th.left,td.left{text-align:left;white-space:normal;min-width:8ch}
td.left{overflow-wrap:anywhere}
td.left code{overflow-wrap:break-word}
.facts td code{overflow-wrap:anywhere}
.message{max-width:80ch}
.message span{color:var(--muted)}
.legend{display:flex;flex-wrap:wrap;gap:4px 20px;margin-bottom:8px}
.legend svg{vertical-align:baseline}
.charts{display:grid;grid-template-columns:repeat(auto-fit,minmax(min(100%,310px),1fr));gap:26px 32px}
.charts.two{grid-template-columns:repeat(auto-fit,minmax(min(100%,max(310px,40%)),1fr))}
figcaption{display:flex;flex-wrap:wrap;gap:0 14px;font-size:13px;color:var(--muted);margin-bottom:4px}
figcaption strong,figcaption b{color:var(--text);font-weight:600}
figure,.facts>*{break-inside:avoid;min-width:0}
.load{margin-top:44px;border-top:1px solid var(--line);padding-top:18px}
.load:not([open]),.tools+.load:not([open]){padding:12px 0;margin-top:0}
.load:not([open])+.load[open]{margin-top:0}
summary{cursor:pointer}
.load>summary>h2{display:inline}
.state{display:inline-block;width:1em}
.load>summary+.note{margin-top:10px}
.sum{margin-left:8px}
.checks{margin-top:28px}
.checks ul{list-style:none;margin-top:8px;font-size:13px;overflow-wrap:anywhere}
.checks li{padding:2px 0}
.facts{display:grid;grid-template-columns:repeat(auto-fit,minmax(min(100%,330px),1fr));gap:32px 56px;margin-top:32px;align-items:start}
.facts table{width:100%}
.facts tbody th.long{min-width:0}
@media screen and (min-width:900px){.facts>.scroll:has(td:nth-child(4)){grid-column:span 2}}
.facts td,.facts thead th,.facts tr:has(td+td) th{white-space:normal}
.facts td{overflow-wrap:anywhere}
section>.facts{margin-top:0}
.rules{display:grid;grid-template-columns:max-content 1fr;gap:6px 20px;margin-top:24px;font-size:13px}
.rules dt{font-weight:600}
.rules dd{max-width:84ch}
footer{margin-top:56px;padding-top:14px;border-top:1px solid var(--line)}
.tip{position:fixed;z-index:2;pointer-events:none;max-width:320px;padding:6px 9px;background:var(--text);color:var(--bg);font-size:12px;line-height:1.45;border-radius:4px;white-space:pre-line}
.tip:empty{display:none}
.tools{display:flex;flex-wrap:wrap;align-items:center;gap:6px 18px;margin:28px 0 12px}
.tools+.load{margin-top:24px}
button{font:inherit;font-size:13px;color:var(--accent);background:none;border:0;padding:0;cursor:pointer;text-decoration:underline;text-underline-offset:2px}
@media (max-width:560px){body{padding-top:20px}h1{font-size:23px}.verdict dl,.rules{grid-template-columns:1fr;gap:2px}.verdict dd,.rules dd{margin-bottom:8px}.chart{margin-right:10px}}
.requests{margin-top:28px}
.requests>.scroll,.checks>.scroll{margin-top:10px}
.requests thead th:first-child,.requests tbody th{text-align:left}
.requests thead button{color:inherit;font-size:inherit}
th[aria-sort] button{color:var(--text)}
th[aria-sort=descending] button::after{content:" ↓"}
th[aria-sort=ascending] button::after{content:" ↑"}
.tools label{display:flex;align-items:center;gap:6px;font-size:13px}
.tools .note{margin:0}
input[type=search]{font:inherit;max-width:60vw;padding:2px 8px;color:var(--text);background:var(--bg);border:1px solid var(--muted);border-radius:6px}
@media print{@page{margin:12mm}body{zoom:.75;padding:0;max-width:none;font-size:13px;line-height:1.4}h1{font-size:22px}h2{font-size:17px}h3{font-size:13px;margin:14px 0 6px}section{margin-top:22px}section>h2{margin-bottom:8px}h2,h3,summary,.legend,caption,figcaption,.what{break-after:avoid}tr,.card,.verdict dd,.several .load:not(:has(.failures)),.rules dt,.distributions,.course,.charts>*{break-inside:avoid}.tip,.tools,.skip,.contents{display:none}.scrolls{max-height:none;overflow:visible}.scrolls>.chart{min-width:0}.scrolls svg+svg{position:static}.scroll{overflow:visible;max-height:none;background:none}tbody th,.tall thead{position:static}.load,.load:not([open]){margin-top:16px;border-top:1px solid var(--line);padding:10px 0 0}.load>summary{list-style:none}.load>summary::-webkit-details-marker{display:none}.load>h3+.charts,.facts{margin-top:0}table,.dense{font-size:11px}thead th{font-size:inherit}th,td{padding:2px 0 2px 8px}.dense th,.dense td{padding-left:7px}.dense .first,.dense .group{padding-left:12px}.many td small,.distributions figcaption small{display:none}.charts,.charts.two{grid-template-columns:repeat(auto-fit,minmax(200px,1fr));gap:12px 18px}.several .distributions .charts{grid-template-columns:repeat(4,1fr)}.several .course{display:grid;grid-template-columns:1fr 1fr;gap:0 24px}.course>:not(figure){grid-column:1/-1}.several .heats,.several .distributions>h3,.several .course>h3,.several .distributions text.tick[text-anchor=middle]:nth-of-type(2n),.checks{display:none}.facts{gap:14px 28px;grid-template-columns:repeat(auto-fit,minmax(270px,1fr))}.card{padding:6px 10px}.card strong{font-size:19px}.verdict{padding:8px 12px}.rules{columns:2;display:block;font-size:11px}.rules dd{margin-bottom:4px}pre{padding:6px 8px;margin:0 0 10px}footer{margin-top:20px}a{color:inherit;text-decoration:none}details.load::details-content{content-visibility:visible;height:auto}.requests,html:not([data-print]) .several .screen,.crowd .load>:not(summary){display:none}.crowd .load{margin:0;padding:3px 0}}
`;

/** What the content security policy allows: base64 of the SHA-256 of {@linkcode PAGE_STYLE}. */
export const PAGE_STYLE_SHA256 = "WfKPmerlUXxoovvyFG/O4m42FkrC/12pHBzSXShr4OU=";
