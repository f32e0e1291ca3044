/**
 * Where the time to the first token went on two sides: told, and never judged, since the parts are means
 * without an interval.
 *
 * @module
 */
import type { Repeats } from "./compare_measured.ts";
import type { TimeSplit } from "./load_server.ts";
import { splitText } from "./summary_server_text.ts";

/** One sentence without a period; absent where a side does not know, or its repeats know different parts. */
export function timeSplitRemark(
  [a, b]: readonly [Repeats, Repeats],
  { label, sides }: { readonly label: string; readonly sides: readonly [a: string, b: string] },
): string | undefined {
  const [first, other] = [meanOf(a), meanOf(b)];
  if (first === undefined || other === undefined) return undefined;
  return `${label}, where the mean TTFT goes: ${sides[0]} ${splitText(first)}; ${sides[1]} ${
    splitText(other)
  }; told only, there is no verdict on parts`;
}

/** Mean over the repeats. */
function meanOf(repeats: Repeats): TimeSplit | undefined {
  const splits = repeats.flatMap(({ load: { timeSplit } }) => timeSplit ?? []);
  const [first] = splits;
  if (first === undefined || splits.length < repeats.length) return undefined;
  const shape = ({ basis, parts }: TimeSplit) => [basis, ...parts.map(({ name }) => name)].join();
  if (splits.some((split) => shape(split) !== shape(first))) return undefined;
  const mean = (of: (split: TimeSplit) => number) =>
    splits.reduce((sum, split) => sum + of(split), 0) / splits.length;
  return {
    ...first,
    ttftMs: mean(({ ttftMs }) => ttftMs),
    parts: first.parts.map((part, i) => ({
      ...part,
      meanMs: mean(({ parts }) => parts[i]!.meanMs),
    })),
  };
}
