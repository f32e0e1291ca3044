/**
 * What the live page looks like beyond what all pages do.
 *
 * @module
 */

/** Behind the style sheets of charts and pages. */
export const LIVE_STYLE: string = `
.top{display:flex;flex-wrap:wrap;gap:8px 24px;justify-content:space-between;align-items:flex-start}
.top>div:first-child{flex:1 1 260px;min-width:0}
.stop{display:flex;flex-wrap:wrap;gap:8px;align-items:center}
.stop button{padding:6px 14px;border:1px solid var(--line);border-radius:6px;text-decoration:none;color:var(--text);background:var(--raised);font-weight:600}
.stop button.danger{border-color:var(--bad);color:var(--bad)}
.stop button:disabled{color:var(--muted);cursor:default}
.stop span{font-size:13px;color:var(--muted)}
.bars{display:grid;grid-template-columns:repeat(auto-fit,minmax(min(100%,300px),1fr));gap:12px 32px;margin-top:24px}
.bars p{display:flex;flex-wrap:wrap;justify-content:space-between;gap:0 12px;font-size:13px;color:var(--muted)}
.bars p b{color:var(--text);font-weight:600}
progress{appearance:none;display:block;width:100%;height:8px;margin-top:4px;border:0;border-radius:4px;background:var(--shade);accent-color:var(--accent);overflow:hidden}
progress::-webkit-progress-bar{background:var(--shade)}
progress::-webkit-progress-value{background:var(--accent)}
progress::-moz-progress-bar{background:var(--accent)}
#lost{margin-top:16px;padding:10px 14px;border:1px solid var(--warn);border-radius:6px;color:var(--warn);background:var(--warnbg);font-size:14px}
.live .cards{margin-top:24px;grid-template-columns:repeat(auto-fit,minmax(145px,1fr))}
.live>:empty{display:none}
.charts+.scroll{margin-top:24px}
.live .verdict{margin-top:24px}
.failures{margin-top:12px;font-size:13px;list-style:none;overflow-wrap:anywhere}
.failures b{color:var(--bad)}
[hidden]{display:none!important}
@media print{.stop{display:none}}
`;
