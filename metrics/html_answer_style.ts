/**
 * What the answer and the distributions of all loads look like.
 *
 * @module
 */
import { MOST_CURVES, MOST_METRICS } from "./html_cdf.ts";

const numbers = (count: number) => Array.from({ length: count }, (_, i) => i);

/** A choice hides the metrics that were not chosen; without it all are shown. */
const METRIC_RULES = numbers(MOST_METRICS).map((i) =>
  `.cdfs:has(.metric-${i}:checked) figure:not(.metric${i}){display:none}`
).join("\n");

const LOAD_RULES = numbers(MOST_CURVES).map((i) =>
  `.cdfs:has(.pick${i}:not(:checked)) .chart .of${i}{display:none}`
).join("\n");

/** Rules beside those of all pages. */
export const ANSWER_STYLE: string = `
.answer{margin-top:20px}
.large{display:flex;flex-wrap:wrap;gap:4px 40px;margin-bottom:14px}
.large .card{padding:6px 0;box-shadow:none;min-width:112px}
.large strong{font-size:33px;line-height:1.2;font-weight:650;letter-spacing:-.02em}
.large strong small{display:block;font-size:12px;line-height:1.4}
.large a{color:inherit;text-decoration-color:var(--line)}
.lead{font-size:18px;line-height:1.45;max-width:80ch;overflow-wrap:anywhere}
.stands{margin-top:6px;max-width:90ch}
.stands b{display:inline-block;width:1.1em}
.stands b.warn{color:var(--warn)}
.picks{display:flex;flex-direction:column;gap:4px;margin-bottom:14px;font-size:13px}
.picks fieldset{display:flex;flex-wrap:wrap;align-items:center;gap:2px 18px;margin:0;padding:0;border:0;min-width:0}
.picks legend{float:left;color:var(--muted);margin-right:16px;padding:0}
.picks label{display:inline-flex;align-items:center;gap:5px;padding:5px 0;cursor:pointer}
.picks input{accent-color:var(--accent);margin:0}
@media screen{
.cdfs:has(input[type=radio]:not(.metric-all):checked) .charts{grid-template-columns:1fr}
${METRIC_RULES}
${LOAD_RULES}
}
@media print{.picks input,.picks fieldset:first-child{display:none}.cdfs .charts{grid-template-columns:1fr 1fr}.large strong{font-size:24px}}
@media (max-width:560px){.large{gap:10px 24px}.large .card{width:calc(50% - 12px);min-width:0}.large strong{font-size:25px}.lead{font-size:16px}}
`;

/** What the content security policy allows: base64 of the SHA-256 of {@linkcode ANSWER_STYLE}. */
export const ANSWER_STYLE_SHA256 = "PHC/0gAimvh/js6/F71YpAp1MELSwMd6qKwSUu/0phg=";
