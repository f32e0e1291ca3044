/**
 * End of the page: how to repeat the run, and what the numbers mean.
 *
 * @module
 */
import { formatCount, formatMs, formatShare, NOT_AVAILABLE, plural } from "./format.ts";
import { markup, type HtmlValue, type Markup } from "./html_markup.ts";
import { htmlTable } from "./html_table.ts";
import type { MetricSummary } from "./load_summary.ts";
import type { Environment, LoadPlan, RunHeader } from "./run.ts";
import type { Summary } from "./summary.ts";

/** Command line, dataset, versions, machine. */
export function setupSection({ header }: Summary): Markup {
  const options = Object.entries(header.options);
  return markup`
    <section><h2>Configuration and environment</h2>
    <pre tabindex="0"><code>${commandText(header.commandLine)}</code></pre>
    <div class="facts">${facts("Target", targetFacts(header))}${facts(
      "Dataset",
      datasetFacts(header),
    )}${facts("Client", clientFacts(header))}</div>
    <h3>Loads as planned</h3>
    ${htmlTable({
      caption: "Loads as planned",
      hideCaption: true,
      columns: [{ heading: "Load", align: "left" }, { heading: "plan", align: "left" }],
      rows: header.loads.map((plan) => [plan.label, planText(plan)]),
    })}${options.length > 0 &&
      markup`<details><summary>${plural(options.length, "option value")} of this run</summary>${
        facts(
          "Options",
          options.map(([name, value]) => [name, markup`<code>${optionText(value)}</code>`]),
        )
      }</details>`}</section>
  `;
}

/** Every metric with its formula, and the rules behind the other numbers. */
export function definitionSection({ loads }: Summary): Markup {
  const metrics = new Map<string, MetricSummary>();
  for (const load of loads) for (const metric of load.metrics) metrics.set(metric.name, metric);
  return markup`
    <section><h2>Definitions</h2>
    ${htmlTable({
      caption: "Metrics and their formulas",
      hideCaption: true,
      columns: [
        { heading: "Metric", align: "left" },
        { heading: "name in files", align: "left" },
        { heading: "unit", align: "left" },
        { heading: "one value a", align: "left" },
        { heading: "better", align: "left" },
        { heading: "formula", align: "left" },
      ],
      rows: [...metrics.values()].map(({ name, title, unit, per, better, formula }) => [
        title,
        markup`<code>${name}</code>`,
        unit === "1" ? "ratio" : unit,
        per,
        better,
        markup`<code>${formula}</code>`,
      ]),
    })}<dl class="rules">
    <dt>Sent</dt><dd>The instant just before a request is handed to the transport: connecting counts.</dd>
    <dt>Intended</dt><dd>The instant at which the schedule wanted it to leave; in a closed loop, when its user was free.</dd>
    <dt>Tick</dt><dd>An instant at which tokens arrived. All events of one read are one tick.</dd>
    <dt>Whole run</dt><dd>From the start of the load to the end of its last request, ramp-up and drain included.</dd>
    <dt>Steady window</dt><dd>From the end of the ramp-up to the first moment when nothing was left to send.</dd>
    <dt>Percentiles</dt><dd>Linear interpolation between the sorted values; pN needs 100 ÷ (100 − N) values, fewer print ${NOT_AVAILABLE}.</dd>
    <dt>Latencies</dt><dd>Of completed requests only; warm-up requests are left out of everything.</dd>
    <dt>Success</dt><dd>completed ÷ (completed + failed); cancelled and dropped requests are counted apart.</dd>
    <dt>Goodput</dt><dd>Requests that kept every limit ÷ time; the share kept is of all requests offered.</dd>
    </dl></section>
  `;
}

function targetFacts(header: RunHeader): readonly (readonly HtmlValue[])[] {
  const { url, protocol, model, transport, workers, stream, length, seed } = header;
  return [
    ["URL", url],
    ["Protocol", protocol],
    ["Model", model === "" ? NOT_AVAILABLE : model],
    ["Transport", workers === 0 ? transport : `${transport} in ${plural(workers, "worker")}`],
    ["Streaming", stream ? "yes" : "no"],
    ["Answer lengths", length],
    ["Seed", String(seed)],
  ];
}

function datasetFacts({ dataset, tokenizer }: RunHeader): readonly (readonly HtmlValue[])[] {
  const skipped = Object.entries(dataset.skipped).filter(([, count]) => count > 0);
  return [
    ["Kind", dataset.kind],
    ["Source", dataset.source],
    [
      "SHA-256",
      dataset.sha256 === undefined ? NOT_AVAILABLE : markup`<code>${dataset.sha256}</code>`,
    ],
    ["Prompts", formatCount(dataset.prompts)],
    [
      "Repeated prompts",
      dataset.prompts === 0
        ? NOT_AVAILABLE
        : `${formatCount(dataset.duplicates)} (${
          formatShare(dataset.duplicates / dataset.prompts)
        })`,
    ],
    [
      "Skipped",
      skipped.map(([reason, count]) => `${reason} ${formatCount(count)}`).join(", ") || "none",
    ],
    ["Tokens counted by", `${tokenizer.source} ${tokenizer.name}`],
  ];
}

function clientFacts(
  { environment, version }: RunHeader,
): readonly (readonly HtmlValue[])[] {
  const { os, osRelease, arch, cpu, cores, memoryMiB, hostname, deno, v8 }: Environment =
    environment;
  return [
    ["Tokometer", version],
    ["Deno, V8", `${deno}, ${v8}`],
    ["System", [os, osRelease, arch].filter((part) => part !== undefined).join(" ")],
    ["CPU", cpu ?? NOT_AVAILABLE],
    ["Cores", formatCount(cores)],
    ["Memory, MiB", formatCount(memoryMiB)],
    ["Host", hostname ?? NOT_AVAILABLE],
  ];
}

function planText(plan: LoadPlan): string {
  const { kind, users, rampUpMs, arrival, ratePerSec, maxInFlight, overflow } = plan;
  const { stopRequests, stopDurationMs } = plan;
  const stops = [
    ...(stopRequests === undefined ? [] : [plural(stopRequests, "request")]),
    ...(stopDurationMs === undefined ? [] : [formatMs(stopDurationMs)]),
  ];
  return [
    kind === "closed" ? "closed loop" : "open loop",
    ...(users === undefined ? [] : [plural(users, "user")]),
    ...(rampUpMs === undefined || rampUpMs === 0 ? [] : [`ramp-up ${formatMs(rampUpMs)}`]),
    ...(ratePerSec === undefined ? [] : [`${ratePerSec} req/s ${arrival ?? ""}`.trim()]),
    ...(maxInFlight === undefined || maxInFlight === 0
      ? []
      : [`at most ${formatCount(maxInFlight)} in flight, then ${overflow ?? "wait"}`]),
    ...(stops.length === 0 ? [] : [`until ${stops.join(" or ")}`]),
  ].join(", ");
}

function facts(caption: string, rows: readonly (readonly HtmlValue[])[]): Markup {
  return htmlTable({
    caption,
    columns: [{ heading: "", align: "left" }, { heading: "", align: "right" }],
    rows,
  });
}

/** As one would type it: words with other than harmless letters are quoted. */
function commandText(words: readonly string[]): string {
  return ["tokometer", ...words].map((word) =>
    /^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", `'\\''`)}'`
  ).join(" ");
}

function optionText(value: unknown): string {
  return typeof value === "string" ? value : JSON.stringify(value) ?? String(value);
}
