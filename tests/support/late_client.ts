/**
 * Requests of which the truth is known, as a client sees them whose stamps are late.
 *
 * @module
 */
import { createRandom, type Random } from "../../backends/random.ts";
import type { RequestRecord } from "../../backends/record.ts";
import type { Witness } from "../../metrics/run_client.ts";
import { createRecord, type RecordFields } from "./create_record.ts";

/** A request as it was, and as a client with late stamps saw it. */
export interface Seen {
  readonly truth: RequestRecord;
  readonly seen: RequestRecord;
}

/** How a client sees. */
export interface World {
  /** How late a read is, drawn anew for each; the bound that its transport states is larger. */
  readonly late: (random: Random) => number;
  /** Records carry their own bounds. */
  readonly own: boolean;
}

const us = (ms: number) => Math.round(ms * 1000) / 1000;

/** Requests of an open loop; the true one left and had its tokens before the client's stamps say so. */
export function world(seed: string, count: number, { late, own }: World): readonly Seen[] {
  const random = createRandom(3, seed);
  return Array.from({ length: count }, (_, index): Seen => {
    const intendedMs = index * 7;
    const sentMs = us(intendedMs + 3 * random.next() ** 2);
    const departedMs = us(sentMs + late(random));
    const leftMs = us(sentMs + (departedMs - sentMs) * random.next());
    const ticks: { trueMs: number; atMs: number; widthUs: number }[] = [];
    let trueMs = leftMs + 20 + 60 * random.next() ** 3;
    for (let i = 0; i < 2 + 30 * random.next(); i++) {
      const before = ticks.at(-1);
      // A tick cannot be read before the one in front of it.
      const atMs = us(Math.max(trueMs + late(random), before?.atMs ?? 0));
      const widthUs = Math.ceil((atMs - trueMs) * 1000 * (1 + random.next())) + 1;
      ticks.push({ trueMs: us(trueMs), atMs, widthUs });
      trueMs += 2 + 15 * random.next() ** 4;
    }
    const common = { index, user: index % 3, intendedMs };
    const tokens = (
      at: (tick: typeof ticks[number]) => number,
    ): NonNullable<RecordFields["ticks"]> => ticks.map((tick, i) => [at(tick), i + 1]);
    const record = createRecord({ ...common, sentMs, ticks: tokens(({ atMs }) => atMs) });
    return {
      truth: createRecord({ ...common, sentMs: leftMs, ticks: tokens(({ trueMs }) => trueMs) }),
      seen: !own ? record : {
        ...record,
        departedMs,
        tickWidthUs: Uint32Array.from(ticks, ({ widthUs }) => widthUs),
      },
    };
  });
}

/** Worlds with a bound of 2 ms a stamp, with long stalls, and with hardly any lateness. */
export const LATENESS: Readonly<Record<string, World["late"]>> = {
  even: (random) => 2 * random.next(),
  stalls: (random) => random.next() < 0.03 ? 80 * random.next() : 0.1 * random.next(),
  exact: () => 0,
};

/** A witness that was late by this in each window of 100 ms. */
export function witness(
  readLateMaxMs: Witness["readLateMaxMs"],
  departLateMaxMs: Witness["departLateMaxMs"] = readLateMaxMs,
): Witness {
  const spread = (list: readonly (number | null)[]) => {
    const seen = list.filter((ms) => ms !== null);
    return seen.length === 0 ? {} : { maxMs: Math.max(...seen) };
  };
  return {
    ...{ streams: 2, requests: 10, ticks: 1000, windowMs: 100, readLateMaxMs, departLateMaxMs },
    readLate: spread(readLateMaxMs),
    departLate: spread(departLateMaxMs),
  };
}
