import { assertAlmostEquals, assertEquals } from "@std/assert";
import { compareWitness, type WitnessTimes } from "../metrics/check_witness.ts";
import type { RequestRecord } from "../backends/record.ts";
import { createRecord } from "./support/create_record.ts";

/** The engine's clock reads this at the start of the load. */
const ENGINE_START_MS = 5000;

/** Sent at 0, arrived at 0.2; a token every 10 ms from 99.5 on: each read 0.5 ms after its write. */
function engine(fields: Partial<WitnessTimes> = {}): WitnessTimes {
  const writeMs = [99.5, 109.5, 119.5, 129.5, 139.5].map((ms) => ENGINE_START_MS + ms);
  return {
    arrivalMs: ENGINE_START_MS + 0.2,
    writeMs,
    writtenMs: writeMs.map((ms) => ms + 0.1),
    writeTokens: [1, 2, 3, 4, 5],
    ...fields,
  };
}

function compared(
  record: RequestRecord,
  { times = engine(), exactArrivals = true }: {
    readonly times?: WitnessTimes;
    readonly exactArrivals?: boolean;
  } = {},
) {
  const comparison = compareWitness({ exactArrivals });
  comparison.add(record, times, -ENGINE_START_MS);
  return comparison.result({ streams: 2 });
}

const width = (...us: readonly number[]) => ({ tickWidthUs: Uint32Array.from(us) });

Deno.test("witness: lateness is from the engine's write to the stamp, from sent to the arrival", () => {
  const { readLate, departLate, ticks, requests } = compared(createRecord());
  assertAlmostEquals(readLate.p50Ms!, 0.5, 0.001);
  assertAlmostEquals(readLate.maxMs!, 0.5, 0.001);
  assertAlmostEquals(departLate.maxMs!, 0.2, 0.001);
  // Too few for a p99.
  assertEquals([readLate.p99Ms, departLate.p99Ms], [undefined, undefined]);
  assertEquals([ticks, requests], [5, 1]);
});

Deno.test("witness: a tick is inside when the truth may lie in what its stamp leaves open", () => {
  const inside = (record: RequestRecord, times?: Partial<WitnessTimes>) =>
    compared(record, { times: engine(times) }).ticksInside;
  // Written from 0.5 to 0.4 ms before the stamp.
  assertEquals(inside(createRecord(width(600, 500, 450, 400, 300))), 4);
  // The engine waited for a core between its stamp and the write.
  const late = engine().writeMs.map((ms) => ms + 0.25);
  assertEquals(inside(createRecord(width(600, 500, 450, 400, 300)), { writtenMs: late }), 5);
  // Nobody knows how long the writes took.
  const { writtenMs: _, ...unknown } = engine();
  const record = createRecord(width(101, 101, 101, 101, 101));
  assertEquals(compared(record, { times: unknown }).ticksInside, 5);
  assertEquals(inside(record), 0);
  // Before the write.
  const early = createRecord({ ticks: [[99.4, 1], [109.46, 2]], ...width(101, 101) });
  assertEquals(inside(early), 1);
});

Deno.test("witness: a read of several writes is judged by the first of them", () => {
  const { ticks, readLate, ticksInside } = compared(
    createRecord({ ticks: [[100, 1], [130, 4], [140, 5]], ...width(600, 600, 600) }),
  );
  assertEquals([ticks, ticksInside], [3, 2]);
  assertAlmostEquals(readLate.maxMs!, 20.5, 0.001);
});

Deno.test("witness: a departure is inside when it arrived before it had left at the latest", () => {
  const inside = (departedMs: number, arrivedMs: number) =>
    compared(createRecord({ departedMs }), {
      times: engine({ arrivalMs: ENGINE_START_MS + arrivedMs }),
    }).departuresInside;
  assertEquals([inside(0.3, 0.2), inside(0.16, 0.2), inside(0.1, 0.2)], [1, 1, 0]);
  assertEquals([inside(0.3, -0.04), inside(0.3, -0.1)], [1, 0]);
});

Deno.test("witness: what leaves everything open is not counted as inside", () => {
  const open = compared(createRecord());
  assertEquals([open.ticksInside, open.departuresInside], [undefined, undefined]);
  // The engine noticed the request late, which is not the client's fault.
  const noticed = compared(createRecord({ departedMs: 0.1 }), { exactArrivals: false });
  assertEquals(noticed.departuresInside, undefined);
});

Deno.test("witness: each window has the largest lateness that fell into it", () => {
  const record = createRecord({ ticks: [[100, 1], [110, 2], [320, 3], [330, 5]] });
  const { windowMs, readLateMaxMs, departLateMaxMs } = compared(record);
  assertEquals(windowMs, 100);
  // The third was written at 119.5 and read at 320: all windows in between were late.
  assertEquals(readLateMaxMs, [0.5, 200.5, 200.5, 200.5]);
  assertEquals(departLateMaxMs, [0.2, null, null, null]);
});

Deno.test("witness: windows of a long load are wider, not more", () => {
  const comparison = compareWitness({ exactArrivals: true });
  const add = (atMs: number, lateMs: number) =>
    comparison.add(
      createRecord({ sentMs: atMs, ticks: [[atMs + 10, 1]] }),
      { arrivalMs: atMs + 1, writeMs: [atMs + 10 - lateMs], writeTokens: [1] },
      0,
    );
  add(110, 3);
  add(350, 5);
  add(400_000, 7);
  const { windowMs, readLateMaxMs } = comparison.result({ streams: 1 });
  assertEquals(windowMs, 200);
  assertEquals(readLateMaxMs.slice(0, 3), [3, 5, null]);
  assertEquals([readLateMaxMs.length, readLateMaxMs.at(-1)], [2001, 7]);
});

Deno.test("witness: percentiles need enough of its ticks", () => {
  const comparison = compareWitness({ exactArrivals: true });
  for (let i = 0; i < 20; i++) comparison.add(createRecord(), engine(), -ENGINE_START_MS);
  const { readLate, departLate, requests } = comparison.result({ streams: 2, cpuMs: 12 });
  assertAlmostEquals(readLate.p99Ms!, 0.5, 0.001);
  assertEquals(departLate.p99Ms, undefined);
  assertEquals(requests, 20);
});

Deno.test("witness: without a request there is nothing to say", () => {
  assertEquals(compareWitness({ exactArrivals: true }).result({ streams: 2 }), {
    streams: 2,
    requests: 0,
    ticks: 0,
    readLate: {},
    departLate: {},
    windowMs: 100,
    readLateMaxMs: [],
    departLateMaxMs: [],
  });
});

Deno.test("witness: an engine that was held up counts from its plan, as the whole process may have been", () => {
  // Planned every 10 ms; the last two were written 200 ms late, and read at once.
  const planned = engine().writeMs;
  const heldUp = [0, 1, 4.9, 200, 200];
  const writeMs = planned.map((ms, i) => ms + heldUp[i]!);
  const times = engine({ plannedMs: planned, writeMs, writtenMs: writeMs.map((ms) => ms + 0.1) });
  const ticks = [[100, 1], [111, 2], [125, 3], [330, 4], [340, 5]] as const;
  const seen = compared(createRecord({ ticks, ...width(600, 600, 700, 600, 600) }), { times });
  assertAlmostEquals(seen.readLate.maxMs!, 200.5, 0.001);
  // At 129.5, where nothing was written, as at 330.
  assertEquals(seen.readLateMaxMs, [0.5, 200.5, 200.5, 200.5]);
  assertEquals(seen.ticksInside, 5);
});
