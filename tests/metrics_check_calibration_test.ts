import { assertEquals } from "@std/assert";
import type { CalibrationCell } from "../metrics/run.ts";
import type { ClientErrorEstimate } from "../metrics/load_client.ts";
import { summarize, type Summary } from "../metrics/summary.ts";
import { createCell } from "./support/create_calibration.ts";
import { createRecord } from "./support/create_record.ts";
import { createRun, type RunFields } from "./support/create_run.ts";

/** 10 streams, each 100 requests of 10 tokens in 100 ms: 10 in flight, 1,000 tokens/s. */
function summaryOf(cells: readonly CalibrationCell[], fields: RunFields = {}): Summary {
  const records = Array.from({ length: 1000 }, (_, index) => {
    const sentMs = Math.floor(index / 10) * 100;
    return createRecord({
      index,
      sentMs,
      endMs: sentMs + 100,
      ticks: Array.from({ length: 10 }, (_, i) => [sentMs + 10 * (i + 1), i + 1] as const),
    });
  });
  return summarize(createRun(records, {
    ...fields,
    ends: [{ client: { loopLagP50Ms: 1, loopLagP99Ms: 2, loopLagMaxMs: 3 } }],
    header: { calibration: { savedAt: "2026-03-04T00:00:00.000Z", cells }, ...fields.header },
  }));
}

function estimateOf(cells: readonly CalibrationCell[], fields?: RunFields): ClientErrorEstimate {
  return summaryOf(cells, fields).loads[0]!.client!.error!;
}

/** streams and tokens/s of each cell on offer, and which one speaks for the run. */
const CHOICES: readonly [
  offered: readonly (readonly [number, number])[],
  chosen: [number, number] | undefined,
  basis: ClientErrorEstimate["basis"],
][] = [
  [[], undefined, "timers"],
  [[[10, 1000]], [10, 1000], "calibration"],
  [[[10, 1000], [12, 1200], [64, 3200]], [10, 1000], "calibration"],
  // A little lighter is still the same load, much lighter is not.
  [[[8, 900]], [8, 900], "calibration"],
  [[[7, 1000]], undefined, "timers"],
  [[[10, 700]], undefined, "timers"],
  // Enough streams, but too few tokens; and the other way round.
  [[[100, 500], [5, 5000]], undefined, "timers"],
  [[[5, 500], [64, 3200], [256, 12_800]], [64, 3200], "heavier"],
  [[[19, 1900]], [19, 1900], "calibration"],
];

Deno.test("estimateClientError takes the lightest load that is heavy enough", async (t) => {
  for (const [offered, chosen, basis] of CHOICES) {
    await t.step(JSON.stringify(offered), () => {
      const cells = offered.map(([streams, tokensPerSec]) => createCell({ streams, tokensPerSec }));
      const estimate = estimateOf(cells);
      const { cell } = estimate;
      assertEquals(cell && [cell.streams, cell.tokensPerSec], chosen);
      assertEquals(estimate.basis, basis);
      assertEquals(estimate.ttft.p99Ms, basis === "timers" ? 2 : 1);
    });
  }
});

Deno.test("estimateClientError uses no cell whose engine was late or that matched nothing", () => {
  const load = { streams: 10, tokensPerSec: 1000 };
  const { engine, error } = createCell();
  const none = { count: 0, p50Ms: undefined, p99Ms: undefined, maxMs: undefined };
  const late = createCell({ ...load, engine: { ...engine, limited: true } });
  const empty = createCell({ ...load, error: { ...error, ttft: none } });
  assertEquals(estimateOf([late, empty]).basis, "timers");
});

Deno.test("estimateClientError without a calibration says how to make one", () => {
  assertEquals(
    estimateOf([]).like,
    "--concurrency 1 --itl 10 --transport fetch --workers 0",
  );
  assertEquals(
    estimateOf([], { header: { url: "grpc://127.0.0.1:1", transport: "grpc-socket" } }).like,
    "--concurrency 1 --itl 10 --transport grpc-socket --workers 0",
  );
  assertEquals(estimateOf([], { header: { url: "models/tiny" } }).like, undefined);
});

Deno.test("estimateClientError names a calibration with lighter loads only", () => {
  const summary = summaryOf([createCell({ streams: 5, tokensPerSec: 500 })]);
  const { basis, savedAt } = summary.loads[0]!.client!.error!;
  assertEquals([basis, savedAt?.slice(0, 10)], ["timers", "2026-03-04"]);
});
