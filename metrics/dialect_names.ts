/**
 * Names and times that stand in the files of other tools.
 *
 * @module
 */
import type { DialectLoad } from "./dialect.ts";
import type { RunHeader } from "./run.ts";

/** Start of a load in ms since the epoch. */
export function startMsOf({ header, end }: Pick<DialectLoad, "header" | "end">): number {
  const ms = end.startedAtMs ?? Date.parse(header.startedAt);
  return Number.isFinite(ms) ? ms : 0;
}

/** `20260102-030405`, UTC. */
export function dateTimeStamp(ms: number): string {
  const [day = "", time = ""] = new Date(ms).toISOString().slice(0, 19).split("T");
  return `${day.replaceAll("-", "")}-${time.replaceAll(":", "")}`;
}

/** A model's name without its owner. */
export function modelName({ model }: Pick<RunHeader, "model">): string {
  return model.split("/").at(-1) || "model";
}

/** A text of others as a part of a file's name. */
export function fileWord(text: string): string {
  const word = text.replace(/[^\w.+-]+/g, "_").replace(/^[.-]+/, "").slice(0, 100);
  return word === "" ? "run" : word;
}

/** `0102`, UTC. */
export function monthDay(ms: number): string {
  return dateTimeStamp(ms).slice(4, 8);
}

/** `2026-01-02T03:04:05.678000`, UTC, as Python writes it. */
export function isoSeconds(ms: number): string {
  return `${new Date(ms).toISOString().slice(0, 23)}000`;
}
