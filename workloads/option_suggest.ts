/**
 * "Did you mean": the known name nearest to a mistyped one.
 *
 * @module
 */

/**
 * The nearest of `names`, or `undefined` when none is near: at most a third of its letters wrong.
 * Case, `-` and `_` do not count; of equally near names the first wins.
 *
 * @example
 * ```ts
 * import { nearestName } from "@tokometer/tokometer/workloads";
 *
 * nearestName("conccurency", ["rate", "concurrency"]); // "concurrency"
 * nearestName("gpu", ["rate", "concurrency"]); // undefined
 * ```
 */
export function nearestName(name: string, names: Iterable<string>): string | undefined {
  const wanted = plain(name);
  let best: string | undefined;
  let bestDistance = Infinity;
  for (const candidate of names) {
    const known = plain(candidate);
    // `--max` for `--max-requests` is many letters away and yet the likeliest of all.
    const begun = wanted.length >= 3 && known.startsWith(wanted);
    const distance = begun ? 0.5 : editDistance(wanted, known);
    const allowed = begun ? 1 : Math.max(1, Math.floor(Math.max(wanted.length, known.length) / 3));
    if (distance <= allowed && distance < bestDistance) {
      best = candidate;
      bestDistance = distance;
    }
  }
  return best;
}

/** Letters to insert, remove, replace or swap with their neighbor to turn `a` into `b`. */
export function editDistance(a: string, b: string): number {
  const width = b.length + 1;
  const cost = new Uint32Array((a.length + 1) * width);
  const at = (i: number, j: number) => cost[i * width + j]!;
  for (let i = 0; i <= a.length; i++) cost[i * width] = i;
  for (let j = 0; j <= b.length; j++) cost[j] = j;
  for (let i = 1; i <= a.length; i++) {
    for (let j = 1; j <= b.length; j++) {
      const replaced = at(i - 1, j - 1) + (a[i - 1] === b[j - 1] ? 0 : 1);
      let least = Math.min(replaced, at(i - 1, j) + 1, at(i, j - 1) + 1);
      if (i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1]) {
        least = Math.min(least, at(i - 2, j - 2) + 1);
      }
      cost[i * width + j] = least;
    }
  }
  return at(a.length, b.length);
}

function plain(name: string): string {
  return name.toLowerCase().replace(/^-+/, "").replaceAll("_", "-");
}
