import { assert, assertAlmostEquals, assertEquals, assertMatch } from "@std/assert";
import type { ServerTimings } from "../backends/record.ts";
import type { TimeSplit } from "../metrics/load_server.ts";
import type { Witness } from "../metrics/run_client.ts";
import { timeSplitFold } from "../metrics/summary_time_split.ts";
import type { TimeSplitOptions } from "../metrics/summary_time_split_means.ts";
import { createRecord, type RecordFields } from "./support/create_record.ts";
import { createFigure, createServer, createTimes } from "./support/create_server.ts";

interface Given extends Partial<TimeSplitOptions> {
  /** Records whose TTFT is 100 ms, unless they say otherwise. */
  readonly records: readonly RecordFields[];
}

function split({ records, ...options }: Given): TimeSplit | undefined {
  const fold = timeSplitFold();
  for (const fields of records) fold.add(createRecord(fields));
  return fold.result({
    ...{ server: undefined, witness: undefined, percentiles: [50, 99] },
    sent: records.length,
    ...options,
  });
}

const told = (serverTimings: ServerTimings, count = 4): RecordFields[] =>
  Array.from({ length: count }, () => ({ serverTimings }));

const meansOf = (found: TimeSplit | undefined) =>
  Object.fromEntries(found!.parts.map(({ name, meanMs }) => [name, meanMs]));

/** The parts are the whole, whatever they are. */
function assertAddsUp(found: TimeSplit | undefined): void {
  const sum = found!.parts.reduce((total, { meanMs }) => total + meanMs, 0);
  assertAlmostEquals(sum, found!.ttftMs, 1e-6);
}

/** 120 requests of the server, whose times have these means. */
function server(times: Readonly<Record<string, number>>) {
  return createServer({
    figures: Object.entries(times).map(([role, ms]) => createTimes(role, role, ms)),
  });
}

const ours = (fields: RecordFields = {}) => Array.from({ length: 120 }, () => fields);

const WITNESS: Witness = {
  ...{ streams: 2, requests: 10, ticks: 100, windowMs: 1000 },
  readLate: { p50Ms: 0.3 },
  departLate: { p50Ms: 0.2 },
  ...{ readLateMaxMs: [], departLateMaxMs: [] },
};

Deno.test("timeSplit: nothing where the server tells nothing", () => {
  assertEquals(split({ records: [{}, {}] }), undefined);
  assertEquals(split({ records: told({ decodeMs: 5 }) }), undefined);
  assertEquals(split({ records: [], server: server({ ttft: 90 }) }), undefined);
});

Deno.test("timeSplit: the answers' own times, and what remains between them", () => {
  const found = split({
    records: told({ ttftMs: 90, queueMs: 50, prefillMs: 38 }, 200),
    witness: WITNESS,
  });
  assertEquals([found!.basis, found!.requests, found!.ttftMs], ["requests", 200, 100]);
  assertEquals(found!.parts.map(({ name }) => name), [
    ...["client", "network", "queue", "prefill", "rest"],
  ]);
  assertAddsUp(found);
  const means = meansOf(found);
  assertAlmostEquals(means.client!, 0.5);
  assertAlmostEquals(means.network!, 9.5);
  assertAlmostEquals(means.rest!, 2);
  const network = found!.parts[1]!.percentiles;
  assertAlmostEquals(network[0]!.valueMs!, 9.5, 0.02);
  assertEquals(found!.remarks, []);
});

Deno.test("timeSplit: too few requests have no percentile", () => {
  const [queue] = split({ records: told({ queueMs: 50 }, 20) })!.parts;
  assertEquals(queue!.name, "queue");
  assertEquals(queue!.percentiles[1], { p: 99, valueMs: undefined });
});

Deno.test("timeSplit: without the server's own TTFT the rest holds the network, said so", () => {
  const found = split({ records: told({ queueMs: 50, prefillMs: 38 }) });
  assertEquals(meansOf(found), { queue: 50, prefill: 38, rest: 12 });
  assertMatch(found!.remarks.join(), /does not tell its own TTFT: the rest holds network/);
  assertEquals(found!.remarks.length, 1);
  const llama = split({ records: told({ prefillMs: 38, decodeMs: 400 }) });
  assertEquals(meansOf(llama), { prefill: 38, rest: 62 });
  assertMatch(llama!.remarks.join(), /the rest holds queue, network/);
});

Deno.test("timeSplit: end-to-end and decode time give the server's TTFT", () => {
  const found = split({ records: told({ e2eMs: 490, decodeMs: 400, queueMs: 50 }) });
  assertEquals(meansOf(found), { network: 10, queue: 50, rest: 40 });
  assertMatch(found!.remarks.join(), /does not tell how long prefill took/);
  // The answer took 40 ms from its first token to its last.
  const sglang = split({ records: told({ e2eMs: 130, queueMs: 50 }) });
  assertEquals(meansOf(sglang), { network: 10, queue: 50, rest: 40 });
  assertMatch(sglang!.remarks.join(), /tells its end-to-end time/);
  assertAddsUp(sglang);
});

Deno.test("timeSplit: the stamps' own bounds are half of the client's part, and its bracket", () => {
  const found = split({
    records: told({ ttftMs: 90, queueMs: 50, prefillMs: 38 }).map((fields) => ({
      ...{ ...fields, departedMs: 3, connectMs: 2, connection: "new" as const },
      tickWidthUs: Uint32Array.of(3000, 0, 0, 0, 0),
    })),
    witness: WITNESS,
  });
  assertEquals(
    found!.parts.slice(0, 3).map(({ name, meanMs, bracket }) => [name, meanMs, bracket]),
    [
      ["client", 2, { low: 0, high: 4 }],
      ["connect", 2, undefined],
      ["network", 6, undefined],
    ],
  );
  assertAddsUp(found);
});

Deno.test("timeSplit: metrics of the very same requests tell network and rest apart", () => {
  const records = told({ queueMs: 50, prefillMs: 38 }, 120);
  const found = split({ records, server: server({ ttft: 90 }), witness: WITNESS });
  assertEquals([found!.basis, found!.parts.map(({ name }) => name)], [
    "requests",
    ["client", "network", "queue", "prefill", "rest"],
  ]);
  const { network, rest } = meansOf(found);
  assertAlmostEquals(network!, 9.5);
  assertAlmostEquals(rest!, 2);
  assertAddsUp(found);
  assertMatch(found!.remarks.join(), /come from the mean of the server's own TTFT/);
  // Of other requests they do not.
  const other = split({ records: records.slice(1), server: server({ ttft: 90 }) });
  assertEquals(other!.parts.map(({ name }) => name), ["queue", "prefill", "rest"]);
});

Deno.test("timeSplit: below zero is told and not clipped", () => {
  const slow = split({ records: told({ ttftMs: 130, queueMs: 50, prefillMs: 38 }) });
  assertEquals(meansOf(slow).network, -30);
  assertMatch(slow!.remarks.join(), /server's own TTFT is 30\.0 ms longer/);
  assertAddsUp(slow);
  const double = split({ records: told({ ttftMs: 90, queueMs: 50, prefillMs: 48 }) });
  assertEquals(meansOf(double).rest, -8);
  assertMatch(double!.remarks.join(), /Queue and prefill together are 8\.00? ms longer/);
  const few = split({
    records: [...told({ ttftMs: 90 }, 5), ...told({ ttftMs: 101 }, 1)],
  });
  assertMatch(few!.remarks.join(), /network is below zero in 1 of 6 requests/);
});

Deno.test("timeSplit: too large a remainder is told", () => {
  const network = split({ records: told({ ttftMs: 40, queueMs: 20, prefillMs: 20 }) });
  assertMatch(
    network!.remarks.join(),
    /60\.0 % of the TTFT is neither the client's nor the server's/,
  );
  const rest = split({ records: told({ ttftMs: 99, queueMs: 20, prefillMs: 20 }) });
  assertMatch(rest!.remarks.join(), /59\.0 % of the TTFT passes in the server/);
});

Deno.test("timeSplit: by means of the same window", () => {
  const found = split({
    records: ours(),
    server: server({ ttft: 90, queue_time: 50, prefill_time: 38 }),
  });
  assertEquals([found!.basis, found!.requests], ["means", 120]);
  assertEquals(meansOf(found), { network: 10, queue: 50, prefill: 38, rest: 2 });
  assert(found!.parts.every(({ percentiles }) => percentiles.length === 0));
  assertEquals(found!.remarks, []);
});

Deno.test("timeSplit: sums of times over the server's requests", () => {
  const counter = (role: string, difference: number) =>
    createFigure({ role, title: role, kind: "counter", difference });
  const found = split({
    records: ours(),
    server: createServer({
      figures: [counter("requests_done", 120), counter("queue_time_sum", 6000)],
    }),
  });
  assertEquals(meansOf(found), { queue: 50, rest: 50 });
});

Deno.test("timeSplit: means of other requests than ours are no split", () => {
  const times = { ttft: 90, queue_time: 50, prefill_time: 38 };
  // Somebody else's requests are in the server's 120, or those of another replica are not.
  assertEquals(split({ records: ours().slice(0, 60), server: server(times) }), undefined);
  assertEquals(split({ records: [...ours(), ...ours()], server: server(times) }), undefined);
  // Those that were cancelled explain it.
  const cancelled = split({ records: ours().slice(0, 100), server: server(times), sent: 120 });
  assertMatch(
    cancelled!.remarks.join(),
    /means are of 120 requests, the client's of 100 streams/,
  );
});

Deno.test("timeSplit: the server's TTFT is also of requests that were cancelled after it", () => {
  const outcome = { kind: "cancelled", message: "" } as const;
  const cut = Array.from({ length: 20 }, () => ({ outcome, ticks: [[40, 1], [50, 2]] as const }));
  const found = split({
    records: [...ours().slice(20), ...cut],
    server: createServer({
      figures: [createTimes("ttft", "TTFT", 80), {
        ...createTimes("queue_time", "Queue", 30),
        count: 100,
      }],
    }),
  });
  // 100 of 100 ms and 20 of 40 ms.
  assertEquals([found!.requests, found!.ttftMs, meansOf(found).network], [120, 90, 10]);
  assertMatch(found!.remarks.join(), /Queue and prefill are means of the 100 that/);
  // What an answer tells counts where it is complete.
  const alone = split({ records: cut.map((one) => ({ ...one, serverTimings: { ttftMs: 30 } })) });
  assertEquals(alone, undefined);
});

Deno.test("timeSplit: answers of a few do not replace the metrics of all", () => {
  const records = [...told({ queueMs: 50, prefillMs: 30 }, 10), ...ours().slice(10)];
  assertEquals(split({ records, server: server({ ttft: 90 }) })!.basis, "means");
  const alone = split({ records });
  assertEquals([alone!.basis, alone!.requests], ["requests", 10]);
  assertMatch(alone!.remarks.join(), /Only 10 of 120 answers carry/);
});

Deno.test("timeSplit: answers that were not streamed have no TTFT to split", () => {
  const whole = told({ ttftMs: 90 }).map((fields) => ({ ...fields, wholeBody: true as const }));
  assertEquals(split({ records: whole }), undefined);
});
