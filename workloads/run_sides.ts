/**
 * The sides of a run: the one that every run has, and the other one where two are compared by turns. Both
 * are checked and ready before anything is measured.
 *
 * @module
 */
import { defined } from "../backends/defined.ts";
import { findProtocol } from "../backends/protocols.ts";
import type { RunSide } from "../metrics/run.ts";
import { SIDE_NAMES } from "../metrics/load_repeats.ts";
import type { BenchPlan } from "./bench_plan.ts";
import { type BeginHooks, beginRun, type Begun } from "./run_begin.ts";
import type { MeasureHooks } from "./run_hooks.ts";
import { withoutSecrets } from "./secret.ts";
import { withoutPassword } from "./secret_names.ts";

/**
 * Checks the servers of a plan, one side after the other, and makes everything ready.
 *
 * @param seen resolves when what has to see the first request was opened.
 * @throws {UserError} as `beginRun`; then nothing stays open.
 */
export async function beginSides(
  asked: BenchPlan,
  hooks: BeginHooks & Pick<MeasureHooks, "onTurn">,
  seen: Promise<unknown>,
): Promise<readonly [Begun, ...Begun[]]> {
  const told = new Set<string>();
  const note = hooks.note && ((line: string) => {
    // Both sides have the same prompts, so most remarks come twice.
    if (!told.has(line)) hooks.note!(line);
    told.add(line);
  });
  await hooks.onTurn?.({ side: 0 });
  const first = await beginRun(asked, { ...hooks, ...defined({ note }) }, seen);
  if (asked.other === undefined) return [first];
  try {
    const { onDataset: _, ...others } = hooks;
    await hooks.onTurn?.({ side: 1 });
    const plan = alike(asked.other.plan, first.plan);
    return [first, await beginRun(plan, { ...others, ...defined({ note }) }, seen)];
  } catch (error) {
    await first.close();
    throw error;
  }
}

/** The transport of the first side, where the second may have it: two of them are not compared. */
function alike(plan: BenchPlan, first: BenchPlan): BenchPlan {
  const carrier = findProtocol(plan.protocol).carrier;
  if (plan.transport !== "auto" || carrier !== findProtocol(first.protocol).carrier) return plan;
  return { ...plan, transport: first.transport };
}

/** For the header; absent where there is one side. */
export function describeSides(
  asked: BenchPlan,
  sides: readonly Begun[],
): readonly RunSide[] | undefined {
  if (asked.other === undefined) return undefined;
  const [one, other] = sides.map(({ prepared: { model } }) => model);
  const differs = [
    ...(asked.other.differs === undefined ? [] : [asked.other.differs]),
    ...(one === other || asked.other.differs?.includes("--model ") === true
      ? []
      : [`model ${other}`]),
  ].join(", ");
  return sides.map(({ plan }, i) => ({
    name: SIDE_NAMES[i]!,
    url: withoutSecrets(withoutPassword(plan.url)),
    ...defined({ differs: i === 0 || differs === "" ? undefined : withoutSecrets(differs) }),
  }));
}
