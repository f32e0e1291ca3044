import { assert, assertEquals } from "@std/assert";
import type { Exchange, Transport } from "../backends/transport.ts";
import { arrivalTimes } from "../workloads/load_arrival.ts";
import type { Load } from "../workloads/load.ts";
import { runLoad } from "../workloads/load_runner.ts";
import { isWitness, witnessId, witnessShare, witnessStreams } from "../workloads/load_witness.ts";
import type { Departure } from "../workloads/order.ts";
import { FakeClock } from "./support/fake_clock.ts";
import { fakeTransport } from "./support/fake_transport.ts";

const WIRE = { method: "POST", url: "witness", headers: { a: "b" } } as const;
const CLOSED: Load = { kind: "closed", users: 8, rampUpMs: 0, sequence: "disjoint" };

interface Played {
  /** `u` a request of the load, `w` one of the witness, in the order in which they left. */
  readonly order: string;
  readonly users: readonly Departure[];
  readonly witnesses: readonly { readonly departure: Departure; readonly exchange: Exchange }[];
  readonly ids: readonly string[];
  readonly endedMs: number;
}

/** Each answer takes 100 ms, those of the witness 30. */
async function play(
  load: Load,
  { requests = 16, count = 2, fails = false }: {
    readonly requests?: number;
    readonly count?: number;
    readonly fails?: boolean;
  } = {},
): Promise<Played> {
  const clock = new FakeClock();
  let order = "";
  const ids: string[] = [];
  const watched = (mark: string, transport: Transport): Transport => ({
    ...transport,
    async send(request, options) {
      order += mark;
      ids.push(request.headers["x-request-id"] ?? "");
      const exchange = await transport.send(request, options);
      if (fails && mark === "w") exchange.end = { kind: "connect_error", message: "refused" };
      return exchange;
    },
  });
  const users: Departure[] = [];
  let taken = 0;
  const witnesses: { departure: Departure; exchange: Exchange }[] = [];
  const never = new AbortController().signal;
  const running = runLoad({
    load,
    stop: { requests },
    ...{ worker: 0, workers: 1, poolSize: 1000, timeoutMs: 0, graceMs: 0 },
  }, {
    clock,
    transport: watched("u", fakeTransport(clock, () => 100)),
    nextTurn: () => Promise.resolve(),
    originMs: 0,
    requestOf: (item) => ({ method: "POST", url: `${item}`, headers: {} }),
    ...(load.kind === "open" ? { arrivals: arrivalTimes(load, 0, 0) } : {}),
    takeNext: () => taken++,
    onExchange: (departure) => void users.push(departure),
    onDropped() {},
    stopSignal: never,
    abortSignal: never,
    beside: (turns) =>
      witnessStreams({
        share: witnessShare({ count, wire: WIRE, idPrefix: "7" }, 0, 1),
        transport: watched("w", fakeTransport(clock, () => 30)),
        clock,
        originMs: 0,
        onExchange: (departure, exchange) => void witnesses.push({ departure, exchange }),
      }, turns),
  });
  await clock.run(running);
  return { order, users, witnesses, ids: ids.filter(Boolean), endedMs: clock.now() };
}

Deno.test("witness streams start within a burst of users, one at its end", async () => {
  const { order } = await play(CLOSED);
  assertEquals(order.slice(0, 10), "uuuuwuuuuw");
  const all: Load = {
    ...{ kind: "open", arrival: "constant", ratePerSec: Infinity, shape: 1 },
    ...{ maxInFlight: 0, overflow: "wait" },
  };
  assertEquals((await play(all, { requests: 8 })).order.slice(0, 10), "uuuuwuuuuw");
});

Deno.test("witness streams start at once where users do not", async () => {
  const ramp = await play({ ...CLOSED, rampUpMs: 800 });
  assertEquals(ramp.order.slice(0, 3).replaceAll("u", ""), "ww");
});

Deno.test("witness streams send one request after the other and end with the load", async () => {
  const { users, witnesses, ids, endedMs } = await play(CLOSED);
  // Two rounds of the users.
  assertEquals([users.length, endedMs], [16, 200]);
  assert(users.every((departure) => !isWitness(departure)));
  assert(witnesses.every(({ departure }) => isWitness(departure)));
  // Six ended after 30 ms each, the seventh was cancelled.
  const ends = witnesses.filter(({ departure }) => departure.user === -1)
    .map(({ exchange }) => exchange.end.kind);
  assertEquals(ends, [...Array(6).fill("complete"), "cancelled"]);
  assertEquals(new Set(ids).size, ids.length);
  assertEquals([...ids].sort(), witnesses.map(({ departure }) => witnessId("7", departure)).sort());
});

Deno.test("witness streams leave an engine alone that does not answer", async () => {
  const { users, witnesses } = await play(CLOSED, { requests: 800, fails: true });
  assertEquals(users.length, 800);
  // Three times a second apart.
  assertEquals(witnesses.length, 6);
});

Deno.test("witness streams are dealt over the threads", () => {
  const shares = [0, 1].map((worker) =>
    witnessShare({ count: 3, wire: WIRE, idPrefix: "" }, worker, 2).streams
  );
  assertEquals(shares.map((streams) => streams.map(({ number }) => number)), [[0, 2], [1]]);
  assertEquals(shares[0]!.at(-1)!.afterShare, 1);
});
