/**
 * Engines that stream under one path and answer whole under another.
 *
 * @module
 */
import { callUrl, serverRoot } from "./json_request.ts";
import type { Target } from "./protocol.ts";

/** The two paths of one call. */
export interface TwinPaths {
  readonly stream: string;
  readonly whole: string;
}

/**
 * Address of the path that is wanted. The base URL may end with either of the two: it names the
 * engine, and the request says whether it streams.
 */
export function twinUrl(target: Target, paths: TwinPaths, stream: boolean): string {
  const baseUrl = serverRoot(serverRoot(target.baseUrl, paths.stream), paths.whole);
  return callUrl({ ...target, baseUrl }, stream ? paths.stream : paths.whole);
}
