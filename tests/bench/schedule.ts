/**
 * How late a departure is, by way of waiting: a timer, turns of the event loop, and the ticker that
 * load threads use. Poisson arrivals through the product's own runner, to a transport that answers
 * at once. Prints Markdown.
 *
 *     deno task bench:schedule [--seconds 3] [--rounds 3]
 *
 * @module
 */
import process from "node:process";
import { parseArgs } from "node:util";
import { type Clock, nextTurn, systemClock } from "../../backends/clock.ts";
import { startTicker } from "../../backends/ticker.ts";
import type { Exchange } from "../../backends/transport.ts";
import { arrivalTimes } from "../../workloads/load_arrival.ts";
import type { OpenLoad } from "../../workloads/load.ts";
import { runLoad } from "../../workloads/load_runner.ts";

const RATES = [1000, 2000, 5000] as const;

/** Lateness in ms, of one round. */
interface Lateness {
  readonly p50: number;
  readonly p90: number;
  readonly p99: number;
  readonly max: number;
  readonly cores: number;
}

const timerClock: Clock = {
  now: systemClock.now,
  async sleepUntil(atMs) {
    for (let leftMs = atMs - systemClock.now(); leftMs > 0; leftMs = atMs - systemClock.now()) {
      await new Promise((resolve) => setTimeout(resolve, leftMs));
    }
  },
};

async function measure(clock: Clock, ratePerSec: number, seconds: number): Promise<Lateness> {
  const load: OpenLoad = {
    ...{ kind: "open", arrival: "poisson", ratePerSec, shape: 1, maxInFlight: 0, overflow: "wait" },
  };
  const originMs = clock.now() + 20;
  const never = new AbortController().signal;
  const late: number[] = [];
  const cpu = process.cpuUsage();
  await runLoad({
    load,
    stop: { requests: ratePerSec * seconds },
    worker: 0,
    workers: 1,
    poolSize: 1,
    timeoutMs: 0,
    graceMs: 0,
  }, {
    clock,
    nextTurn,
    originMs,
    transport: {
      send: () => Promise.resolve({ sentMs: clock.now(), end: { kind: "complete" } } as Exchange),
      close: () => Promise.resolve(),
    },
    requestOf: () => ({ method: "GET", url: "", headers: {} }),
    arrivals: arrivalTimes(load, 1, 0),
    takeNext: () => 0,
    onExchange: ({ intendedMs }, { sentMs }) => late.push(sentMs - originMs - intendedMs),
    onDropped: () => {},
    stopSignal: never,
    abortSignal: never,
  });
  const { user, system } = process.cpuUsage(cpu);
  const sorted = Float64Array.from(late).sort();
  const at = (share: number) => sorted[Math.floor(share * (sorted.length - 1))]!;
  return {
    p50: at(0.5),
    p90: at(0.9),
    p99: at(0.99),
    max: at(1),
    cores: (user + system) / 1e3 / (clock.now() - originMs),
  };
}

function median(values: readonly number[]): string {
  return values.toSorted((a, b) => a - b)[values.length >> 1]!.toFixed(3);
}

const { values } = parseArgs({
  options: {
    seconds: { type: "string", default: "3" },
    rounds: { type: "string", default: "3" },
  },
});
const ticker = await startTicker();
const ways: readonly (readonly [string, Clock])[] = [
  ["timer", timerClock],
  ["turns of the event loop", systemClock],
  ["ticker", ticker],
];
const lines = [
  "| arrivals/s | way | p50 ms | p90 | p99 | max | cores |",
  "| --- | --- | --- | --- | --- | --- | --- |",
];
for (const rate of RATES) {
  const rounds: Lateness[][] = ways.map(() => []);
  for (let round = 0; round < Number(values.rounds); round++) {
    for (const [i, [, clock]] of ways.entries()) {
      rounds[i]!.push(await measure(clock, rate, Number(values.seconds)));
    }
  }
  for (const [i, [name]] of ways.entries()) {
    const cells = (["p50", "p90", "p99", "max", "cores"] as const)
      .map((field) => median(rounds[i]!.map((one) => one[field])));
    lines.push(`| ${[rate, name, ...cells].join(" | ")} |`);
  }
}
ticker.close();
await Deno.stdout.write(new TextEncoder().encode(lines.join("\n") + "\n"));
