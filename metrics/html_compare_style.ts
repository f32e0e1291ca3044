/**
 * What the page of a comparison looks like beyond what every page does.
 *
 * @module
 */

/** Colors of the sides, and the rows of changes. */
export const COMPARE_STYLE: string = `
.sides{list-style:none;margin-top:8px;font-size:13px;color:var(--muted);overflow-wrap:anywhere}
.sides li{padding:1px 0 1px 26px;text-indent:-26px}
.key{display:inline-block;width:18px;margin-right:4px;border-radius:4px;background:var(--side);color:var(--bg);font-size:12px;line-height:18px;text-align:center;text-indent:0}
.side0{--side:var(--muted)}
.side1{--side:var(--accent)}
.side2{--side:var(--good)}
.side3{--side:var(--warn)}
.side4,.side5,.side6,.side7{--side:var(--bad)}
.verdict.plain{border-left-color:var(--accent)}
.verdict.broken{border-left-color:var(--bad)}
.verdict.broken h2{color:var(--bad)}
.verdict p{margin-top:6px}
.remarks{margin-top:10px;padding-left:18px;font-size:13px;color:var(--muted)}
.verdict-better{color:var(--good)}
.verdict-worse{color:var(--bad)}
.verdict-undecided{color:var(--muted)}
.verdict-same{color:var(--accent)}
.chart text.verdict-better{fill:var(--good)}
.chart text.verdict-worse{fill:var(--bad)}
.chart text.verdict-undecided{fill:var(--muted)}
.chart text.verdict-same{fill:var(--accent)}
.chart text.cut{font-size:15px;fill:var(--text)}
.pair{display:grid;grid-template-columns:repeat(auto-fit,minmax(min(100%,430px),1fr));gap:24px 44px;align-items:start}
.pair>:empty{display:none}
.shapes{display:grid;grid-template-columns:repeat(auto-fit,minmax(min(100%,430px),1fr));gap:16px 44px}
td b{white-space:nowrap}
.wide{display:block;min-width:20ch}
.changes .chart{margin:0 14px}
.changes+.changes{margin-top:24px}
.margin{fill:var(--shade)}
.none{stroke:var(--text);stroke-width:1}
.row{stroke:var(--line);stroke-width:1;shape-rendering:crispEdges}
.span{stroke-width:5;stroke-opacity:.45}
.span.better,circle.better{stroke:var(--good);fill:var(--good)}
.span.worse,circle.worse{stroke:var(--bad);fill:var(--bad)}
.span.undecided,circle.undecided{stroke:var(--muted);fill:var(--muted)}
.span.same,circle.same{stroke:var(--accent);fill:var(--accent)}
path.area{fill:var(--side);fill-opacity:.13;stroke:none}
path.outline{stroke:var(--side);stroke-width:1.6}
`;

/** What the content security policy allows: base64 of the SHA-256 of {@linkcode COMPARE_STYLE}. */
export const COMPARE_STYLE_SHA256 = "sdy9t9sU5QT3XXSRFyaD2vDr+C7CJx0upcC+fhn/Zcg=";
