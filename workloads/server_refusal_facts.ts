/**
 * What is known of a server's refusal.
 *
 * @module
 */
import { isObject } from "../backends/json_event.ts";
import type { Outcome } from "../backends/record.ts";
import type { PortSpeaks } from "./server_port.ts";

/** What was sent, as far as refusals speak of it. Never a value. */
export interface SentFacts {
  /** Fields of the body by their paths, `parameters.top_k`. */
  readonly fields: readonly string[];
  /** Those that force the length of the answer. */
  readonly forced: readonly string[];
  /** Those that the user added. */
  readonly own: readonly string[];
  /** Headers that may hold a key, by what gave them: `authorization (--api-key)`. */
  readonly credentials: readonly string[];
}

/** Nothing that could be refused. */
export const NOTHING_SENT: SentFacts = { fields: [], forced: [], own: [], credentials: [] };

/** A refusal and its circumstances. */
export interface RefusalFacts {
  readonly kind: Outcome["kind"];
  /** HTTP status, or that of gRPC; 0 = none. */
  readonly status: number;
  readonly carrier: "http" | "grpc" | "inprocess";
  /** The words of the server or of the transport, in one line. */
  readonly said: string;
  /** The body they were in; absent = there was none. */
  readonly body?: string;
  /** As in an exchange. */
  readonly headers?: Readonly<Record<string, string>>;
  /** Address of the server as it was given. */
  readonly url: string;
  /** Address of the call, and its path where no `--endpoint` is given. */
  readonly callUrl: string;
  readonly path: string;
  readonly sent: SentFacts;
  readonly model: string;
  /** Names that the server lists; absent = it was not asked, or did not say. */
  readonly served?: readonly string[];
  /** What was found to be spoken there; absent = nothing, or nobody looked. */
  readonly speaks?: PortSpeaks;
  /** It was a question about the server, no generation. */
  readonly question?: boolean;
  /** `--ca-cert` is given. */
  readonly caCert?: boolean;
  /** Name of the dataset, whose options make prompts shorter. */
  readonly dataset?: string;
}

/** The fields of a JSON body by their paths: objects in objects, not what is in lists. */
export function fieldPaths(body: unknown, before = ""): string[] {
  if (!isObject(body)) return [];
  return Object.entries(body).flatMap(([name, value]) => [
    before + name,
    ...fieldPaths(value, `${before}${name}.`),
  ]);
}
