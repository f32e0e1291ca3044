/**
 * The addresses of the servers under test.
 *
 * @module
 */
import { defined } from "../backends/defined.ts";
import { withoutPassword } from "./secret_names.ts";
import { UserError } from "./user_error.ts";

/** Where one of several servers listens. */
export interface ServerUrl {
  /** With its scheme, without a slash at the end. */
  readonly url: string;
  /** What follows the `?` of the address; may be a secret. */
  readonly query?: string;
}

/** What travels over the network to a server, or does not. */
type Carrier = "http" | "grpc" | "inprocess";

/** So many have a row of their own in a report. */
const MOST_SERVERS = 1000;

/**
 * The servers of a run, in the order in which requests take turns at them.
 *
 * @throws {UserError} for an address that is none, or that is there twice.
 */
export function planServers(
  given: readonly string[],
  carrier: Carrier,
): readonly ServerUrl[] {
  if (given.length > 1 && carrier === "inprocess") {
    throw new UserError("Cannot use --url with a model in this program: it has one, leave it out");
  }
  if (given.length > MOST_SERVERS) {
    throw new UserError(`Cannot use ${given.length} servers: ${MOST_SERVERS} is the most`);
  }
  const servers = given.map((one) => checkUrl(one, carrier));
  const places = servers.map(({ url, query = "" }) => `${url}?${query}`);
  const twice = places.findIndex((place, i) => places.indexOf(place) !== i);
  if (twice >= 0) {
    throw new UserError(
      `Cannot use the server ${withoutPassword(servers[twice]!.url)} twice: give each --url once`,
    );
  }
  return servers;
}

/** All servers of a plan, the first one first. */
export function serversOf(
  { urls, url, query }: ServerUrl & { readonly urls?: readonly ServerUrl[] },
): readonly ServerUrl[] {
  return urls ?? [{ url, ...defined({ query }) }];
}

/** The server's address, and the query that follows it in every call. */
function checkUrl(
  given: string,
  carrier: "http" | "grpc" | "inprocess",
): ServerUrl {
  // A folder, or a model's name on the hub.
  if (carrier === "inprocess") return { url: given.replace(/(?<=.)\/+$/, "") };
  const scheme = carrier === "grpc" ? "grpc" : "http";
  const full = /^[a-z][a-z0-9+.-]*:\/\//i.test(given) ? given : `${scheme}://${given}`;
  const [place = "", query] = full.split(/[?#]([^]*)/);
  // URL knows no default rules for grpc:, so the host is checked as http's.
  const url = URL.parse(place.replace(/^grpc(s?):/i, "http$1:"));
  const schemes = carrier === "grpc" ? /^(grpcs?|https?):/i : /^https?:/i;
  if (!schemes.test(full) || !url?.hostname) {
    throw new UserError(
      `Cannot use "${given}" as the server's URL: give one like ${scheme}://127.0.0.1:8000`,
    );
  }
  if (query !== undefined && (carrier === "grpc" || full.includes("#"))) {
    // The query may hold a secret.
    throw new UserError(
      `Cannot use "${place}${full[place.length]}…" as the server's URL: it ends before any ` +
        `${carrier === "grpc" ? "? or #" : "#"}; a key goes into --api-key or --header`,
    );
  }
  // A secret of it is not in the record that the run is repeated from.
  if (query?.includes("***")) {
    throw new UserError(
      `Cannot use "${full}" as the server's URL: a part of its query was not stored, give the whole address`,
    );
  }
  const plain = carrier === "grpc" ? place.replace(/^http(s?):/i, "grpc$1:") : place;
  return { url: plain.replace(/\/+$/, ""), ...defined({ query: query || undefined }) };
}
