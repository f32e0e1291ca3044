/**
 * The witness streams of several clients of one load as those of one client.
 *
 * @module
 */
import { defined } from "../backends/defined.ts";
import type { LoadEnd } from "../metrics/run.ts";
import type { LatenessSpread, Witness } from "../metrics/run_client.ts";

/** All witnesses as one; none where a client had none, whose records may need it. */
export function mergeWitnesses(
  ends: readonly { readonly end: LoadEnd; readonly laterMs: number }[],
): Pick<LoadEnd, "witness" | "witnessAbsent"> {
  const known = ends.flatMap(({ end: { witness }, laterMs }) =>
    witness === undefined ? [] : [{ witness, laterMs }]
  );
  if (known.length < ends.length) {
    const reason = ends.find(({ end }) => end.witnessAbsent !== undefined)?.end.witnessAbsent;
    if (known.length > 0) return { witnessAbsent: "some of the clients had none" };
    return defined({ witnessAbsent: reason });
  }
  const all = known.map(({ witness }) => witness);
  const total = (field: "ticksInside" | "departuresInside" | "cpuMs") => {
    const values = all.flatMap((witness) => witness[field] ?? []);
    return values.length < all.length ? undefined : sum(values);
  };
  const windowMs = Math.max(...all.map((witness) => witness.windowMs));
  return {
    witness: {
      streams: sum(all.map(({ streams }) => streams)),
      requests: sum(all.map(({ requests }) => requests)),
      ticks: sum(all.map(({ ticks }) => ticks)),
      ...defined({
        ticksInside: total("ticksInside"),
        departuresInside: total("departuresInside"),
      }),
      readLate: largestSpread(all.map(({ readLate }) => readLate)),
      departLate: largestSpread(all.map(({ departLate }) => departLate)),
      windowMs,
      readLateMaxMs: mergeWindows(known, "readLateMaxMs", windowMs),
      departLateMaxMs: mergeWindows(known, "departLateMaxMs", windowMs),
      ...defined({ cpuMs: total("cpuMs") }),
    },
  };
}

function largestSpread(spreads: readonly LatenessSpread[]): LatenessSpread {
  const largest = (field: keyof LatenessSpread) => {
    const values = spreads.flatMap((spread) => spread[field] ?? []);
    return values.length === 0 ? undefined : Math.max(...values);
  };
  return defined({
    p50Ms: largest("p50Ms"),
    p90Ms: largest("p90Ms"),
    p99Ms: largest("p99Ms"),
    maxMs: largest("maxMs"),
  });
}

/** The largest lateness of any client in each window; a shifted window counts in all it touches. */
function mergeWindows(
  known: readonly { readonly witness: Witness; readonly laterMs: number }[],
  field: "readLateMaxMs" | "departLateMaxMs",
  windowMs: number,
): (number | null)[] {
  const merged: (number | null)[] = [];
  for (const { witness, laterMs } of known) {
    for (const [i, ms] of witness[field].entries()) {
      const fromMs = laterMs + i * witness.windowMs;
      const last = Math.ceil((fromMs + witness.windowMs) / windowMs) - 1;
      while (merged.length <= last) merged.push(null);
      if (ms === null) continue;
      for (let at = Math.floor(fromMs / windowMs); at <= last; at++) {
        merged[at] = Math.max(merged[at] ?? 0, ms);
      }
    }
  }
  return merged;
}

function sum(values: readonly number[]): number {
  return values.reduce((total, one) => total + one, 0);
}
