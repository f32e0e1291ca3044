/**
 * What charts look like, on every page and as files of their own. It is allowed in by its hash.
 *
 * @module
 */
import { COLOR_RULES } from "./chart_colors.ts";

/** Of the loads, whose curves run beside each other for long: no gap is wider than a stroke needs. */
const HUE_DASHES: readonly string[] = [
  "none",
  "8 3",
  "3 2",
  "10 3 2 3",
  "16 3",
  "6 2 1.5 2 1.5 2",
  "12 2 5 2",
  "2 1.5",
];

/** Loads differ in their dashes, too, for those who do not see the colors. */
const HUE_RULES = `${
  HUE_DASHES.map((dashes, hue) =>
    `.cdf.hue${hue}{stroke:var(--hue${hue});stroke-dasharray:${dashes}}`
  ).join("")
}`;

/** Rules of everything that is drawn; pages add theirs behind it. */
export const CHART_STYLE: string = `
${COLOR_RULES}
.chart{position:relative;margin:0 14px 0 48px}
.chart svg{display:block;overflow:visible}
.chart>svg{width:100%;touch-action:pan-y}
.chart text{font-size:11px;fill:var(--muted)}
.chart text.label{fill:var(--text);paint-order:stroke;stroke:var(--bg);stroke-width:2.5px;stroke-linejoin:round}
.chart text.empty{font-size:13px}
.chart text.failed,.chart text.context,.chart text.cancelled,.chart text.cancelledAsPlanned,.chart text.dropped{font-size:13px;font-weight:700}
.chart text.failed,.chart text.context,b.failed,b.context{color:var(--bad);fill:var(--bad)}
.chart text.context{font-size:10px}
.scrolls{max-height:min(70vh,640px);overflow:auto}
.scrolls>.chart{min-width:600px}
.scrolls svg+svg{position:sticky;bottom:0;background:var(--bg);box-shadow:-48px 0 var(--bg),14px 0 var(--bg)}
.grid,.notch,.base,.mark,.cursor{stroke:var(--line);stroke-width:1;shape-rendering:crispEdges}
.base,.notch{stroke:var(--muted)}
.mark{stroke:var(--text);stroke-dasharray:2 2}
.cursor{stroke:var(--text)}
.bar{fill:var(--accent)}
path{vector-effect:non-scaling-stroke;fill:none}
path.bar{fill:var(--accent)}
.whisker{stroke:var(--accent);stroke-width:5;stroke-opacity:.35}
.whisker.mark{stroke:var(--text);stroke-width:4;stroke-dasharray:none}
.chance{stroke:var(--accent);stroke-width:1.2}
.chance.mark{stroke:var(--text);stroke-dasharray:none}
.line{stroke:var(--accent);stroke-width:1.5}
.line.area{fill:var(--accent);fill-opacity:.1;stroke:none}
.band{fill:var(--shade)}
.line.limit{stroke:var(--text);stroke-dasharray:4 3}
.probe.keeps{fill:var(--good);stroke:var(--good)}
.probe.breaks{fill:var(--bad);stroke:var(--bad)}
.probe.undecided{fill:var(--bg);stroke:var(--warn);stroke-width:2}
.probe.client-bound{fill:var(--bg);stroke:var(--muted);stroke-width:2}
path.failed{stroke:var(--bad)}
.failed.area{fill:var(--bad);fill-opacity:.25;stroke:none}
.steady{fill:var(--shade)}
.steady.found{fill:var(--good);fill-opacity:.14}
.stall{fill:var(--bad);fill-opacity:.2}
.waiting{stroke:var(--muted)}
.prefill{stroke:var(--soft)}
.decode{stroke:var(--accent)}
g>path.failed,.legend path.failed{stroke-dasharray:4 2}
path.session,path.spawn{stroke:var(--muted)}
path.delay{stroke:var(--muted);stroke-opacity:.55}
path.late{stroke:var(--warn)}
path.lane{fill:var(--raised)}
path.nested{stroke-opacity:.75}
.legend path.late,.legend path.session{stroke-opacity:1}
path.cancelled{stroke:var(--muted);stroke-dasharray:1 2}
.curve{stroke:var(--accent);stroke-width:1.5}
.curve.rank1{stroke:var(--text);stroke-dasharray:4 3}
.whisker.rank1,.chance.rank1{stroke:var(--text)}
.dot{fill:var(--accent);stroke:var(--accent);stroke-width:1.5}
.curve.rank2{stroke:var(--good);stroke-dasharray:1 3}
.whisker.rank2,.chance.rank2{stroke:var(--good)}
.dot.rank2{fill:var(--good);stroke:var(--good)}
.dot.rank1{fill:var(--text);stroke:var(--text)}
.dot.hollow,.dot.failed.hollow{fill:var(--bg)}
.steps{stroke:var(--side,var(--accent));stroke-width:1.6}
.point{fill:var(--side,var(--accent));stroke:var(--side,var(--accent));stroke-width:1.6}
.point.dominated{fill-opacity:.3;stroke-opacity:.6}
.point.hollow,.point.plain.hollow{fill:var(--bg);fill-opacity:1}
.point.client-bound{stroke-dasharray:2 1.5}
.point.plain{stroke:var(--muted)}
.point.plain:not(.hollow){fill:var(--muted)}
.whisker.point{stroke-width:5}
.cdf{stroke-width:1.7}
${HUE_RULES}
line.limit,path.limit{stroke:var(--text);stroke-width:1.3}
line.limit.rest{stroke-dasharray:2 3;stroke-width:1}
path.heat{stroke:none;shape-rendering:crispEdges}
path.heat0{fill:var(--heat0)}
path.heat1{fill:var(--heat1)}
path.heat2{fill:var(--heat2)}
path.heat3{fill:var(--heat3)}
path.heat4{fill:var(--heat4)}
path.heat5{fill:var(--heat5)}
.chance.point{stroke-width:1.1;stroke-opacity:.8}
.ours{stroke:var(--muted);stroke-width:4;stroke-opacity:.3}
.piece{stroke:var(--bg);stroke-width:1;vector-effect:non-scaling-stroke}
.piece.client{fill:var(--text)}
.piece.connect{fill:var(--muted)}
.piece.network{fill:var(--soft)}
.piece.queue{fill:var(--wait)}
.piece.prefill{fill:var(--accent)}
.piece.rest{fill:var(--line);stroke:var(--muted)}
.piece.below{fill-opacity:.45;stroke:var(--bad);stroke-width:1.5}
`;

/** What the content security policy allows: base64 of the SHA-256 of {@linkcode CHART_STYLE}. */
export const CHART_STYLE_SHA256 = "C8gaTiAZHy+MNCmbX8o5julfrYzPHyOtceOmZtrghyc=";
