import { assertEquals } from "@std/assert";
import { type SimServer, startSimServer } from "../backends/sim_server.ts";
import type { Run } from "../metrics/run.ts";
import type { LoadSummary } from "../metrics/load_summary.ts";
import { summarize } from "../metrics/summary.ts";
import { type BenchOptions, measureBench } from "../workloads/run_bench.ts";
import type { MeasureHooks } from "../workloads/run_hooks.ts";

/** Measures engines that tell their metrics: all of them, or the first against another. */
async function bench(
  servers: number,
  optionsFor: (urls: readonly string[]) => BenchOptions,
  hooksFor: (urls: readonly string[]) => Partial<MeasureHooks> = () => ({}),
): Promise<{
  readonly run: Run;
  readonly loads: readonly LoadSummary[];
  readonly places: readonly string[];
}> {
  const engines: SimServer[] = [];
  try {
    for (let i = 0; i < servers; i++) engines.push(await startSimServer({ ttft: "5", itl: "1" }));
    const urls = engines.map(({ url }) => url);
    const options = optionsFor(urls);
    const measured = options.against === undefined ? urls : urls[0]!;
    const run = await measureBench(measured, {
      ...{ concurrency: [2], requests: 8, outputTokens: 4, witness: false, noCalibration: true },
      ...options,
    }, hooksFor(urls));
    return { run, loads: summarize(run).loads, places: urls.map((url) => `${url}/metrics`) };
  } finally {
    for (const engine of engines) await engine.stop();
  }
}

const difference = (load: LoadSummary, role: string) =>
  load.server?.figures.find((figure) => figure.role === role)?.difference;

Deno.test("measureBench reads the metrics of every replica, and they count what was sent", async () => {
  const newest: (number | undefined)[] = [];
  const { run, loads: [load], places } = await bench(2, () => ({}), () => ({
    onScrape: ({ waiting }) => newest.push(waiting),
  }));
  assertEquals(run.header.serverMetrics, places);
  assertEquals(
    load!.server!.endpoints.map(({ url, engine }) => [url, engine]),
    places.map((place) => [place, "vllm"]),
  );
  assertEquals(difference(load!, "requests_done"), 8);
  assertEquals(difference(load!, "output_tokens"), 32);
  for (const { what, server, client, others } of load!.serverCounts) {
    assertEquals([what, server, others], [what, client, false]);
  }
  assertEquals(load!.serverCounts.length, 3);
  // Before the load they are idle.
  assertEquals(newest[0], 0);
});

Deno.test("measureBench reads each side's own metrics, and nothing when it is off", async () => {
  const { run, loads, places } = await bench(2, ([, other]) => ({ against: other!, repeat: 1 }));
  assertEquals(run.header.serverMetrics, places);
  assertEquals(
    run.ends.map(({ scrapes }) => scrapes!.map(({ url }) => url)).toSorted(),
    places.map((place) => [place]).toSorted(),
  );
  assertEquals(loads.map((load) => difference(load, "requests_done")), [8, 8]);
  const off = await bench(1, () => ({ serverMetrics: "off" }));
  assertEquals([off.run.header.serverMetrics, off.run.ends[0]!.scrapes], [undefined, undefined]);
  assertEquals([off.loads[0]!.server, off.loads[0]!.serverCounts], [undefined, []]);
});

Deno.test("measureBench sees that somebody else uses the server", async () => {
  let over = false;
  const ask = async (url: string) => {
    while (!over) {
      const response = await fetch(`${url}/v1/chat/completions`, {
        method: "POST",
        body: JSON.stringify({
          ...{ model: "simulated", max_tokens: 1 },
          messages: [{ role: "user", content: "Hello there" }],
        }),
      });
      await response.arrayBuffer();
    }
  };
  let others: Promise<unknown> | undefined;
  const { loads: [load] } = await bench(1, () => ({ requests: 40 }), ([url]) => ({
    onHeader() {
      others = Promise.all([ask(url!), ask(url!), ask(url!)]);
      return Promise.resolve();
    },
    async onLoadEnd() {
      over = true;
      // The server stops after the run.
      await others;
    },
  }));
  const [requests] = load!.serverCounts;
  assertEquals([requests!.what, requests!.client, requests!.others], ["requests", 40, true]);
});
