/**
 * Prompts of several classes in one load, each class from a dataset of its own.
 *
 * @module
 */
import type { RunShare } from "../metrics/run.ts";

/** A class of a mix: its share, and where its prompts come from. */
export interface MixClass extends RunShare {
  /** Name in the registry of datasets. */
  readonly dataset: string;
  /** File, where the dataset reads one. */
  readonly path?: string;
  /** The dataset's own options. */
  readonly extra: Readonly<Record<string, unknown>>;
}
