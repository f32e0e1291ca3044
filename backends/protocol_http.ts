/**
 * What most protocols over HTTP have in common.
 *
 * @module
 */
import { readErrorBody } from "./error_message.ts";
import { callUrl, serverRoot } from "./json_request.ts";
import type { Protocol, Target } from "./protocol.ts";

/** Fields of a protocol whose streams are server-sent events and whose lengths are exact. */
export const HTTP_DEFAULTS: Pick<
  Protocol,
  "carrier" | "forcesLength" | "lengthTolerance" | "framing" | "readError"
> = {
  carrier: "http",
  forcesLength: true,
  lengthTolerance: 0,
  framing: (stream) => stream ? "sse" : "json",
  readError: readErrorBody,
};

/** The paths of an engine that streams under one and answers whole under the other. */
export interface TwoPaths {
  readonly stream: string;
  readonly whole: string;
}

/**
 * Address of the call. The base URL may end with either path: it names the engine, and the request
 * says whether it streams.
 */
export function twoPathsUrl(target: Target, paths: TwoPaths, stream: boolean): string {
  const baseUrl = serverRoot(serverRoot(target.baseUrl, paths.stream), paths.whole);
  return callUrl({ ...target, baseUrl }, stream ? paths.stream : paths.whole);
}
