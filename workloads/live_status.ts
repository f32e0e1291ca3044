/**
 * The answer to `GET /status`: a run that goes on, for programs.
 *
 * @module
 */
import type { RunHeader } from "../metrics/run.ts";
import { visibleJson } from "../metrics/visible_text.ts";
import type { LiveState } from "./live_state.ts";
import { VERSION } from "./version.ts";

/** Form of the answer; a change that breaks readers changes the number. */
export const LIVE_SCHEMA = "tokometer.live/1";

/** What Ctrl-C, or the stop button, has led to: sending goes on, ends, or everything is cancelled. */
export type LiveStop = "no" | "draining" | "at once";

/** How a run came to its end. */
export interface LiveOver {
  /** Exit code of the program; absent = there is none, as in a library. */
  readonly exitCode?: number | undefined;
  /** Folder with the results; absent = nothing was kept. */
  readonly folder?: string | undefined;
  /** Path of the report page; absent = there is none. */
  readonly report?: string | undefined;
  /** Why there are no results; absent = there are. */
  readonly error?: string | undefined;
}

/** All that can be told of a run now. */
export interface LiveSeen {
  readonly state: LiveState;
  /** Absent before the first load. */
  readonly header: RunHeader | undefined;
  readonly stopping: LiveStop;
  /** Absent = it goes on. */
  readonly over?: LiveOver | undefined;
}

/** One JSON text; what is unknown is `null`. */
export function liveStatus({ state, header, stopping, over }: LiveSeen): string {
  return visibleJson(nullForAbsent({
    schema: LIVE_SCHEMA,
    version: VERSION,
    run: header && {
      name: header.name,
      model: header.model,
      url: header.url,
      protocol: header.protocol,
      transport: header.transport,
      startedAt: header.startedAt,
      loads: header.loads.map(({ label }) => label),
    },
    stopping,
    over: over && {
      exitCode: over.exitCode,
      folder: over.folder,
      report: over.report,
      error: over.error,
    },
    ...state,
  }));
}

/** JSON has no `undefined`: a field that is not there looks like a mistake of the reader. */
function nullForAbsent(value: unknown): unknown {
  if (value === undefined) return null;
  if (typeof value !== "object" || value === null) return value;
  if (Array.isArray(value)) return value.map(nullForAbsent);
  return Object.fromEntries(Object.entries(value).map(([key, one]) => [key, nullForAbsent(one)]));
}
