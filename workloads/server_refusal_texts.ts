/**
 * What is known of a refusal, as the texts that `server_refusal.ts` puts into its sentences. Pure.
 *
 * @module
 */
import { oneLine } from "../backends/error_message.ts";
import { serverRoot } from "../backends/json_request.ts";
import { formatMs } from "../metrics/format.ts";
import { retryAfterMs } from "./server_patience.ts";
import type { RefusalFacts } from "./server_refusal_facts.ts";
import { refusedParameter, withoutParameter } from "./server_refusal_parameter.ts";

/** A refusal's marks, by which rules are found, and texts for them. */
export interface FactTexts {
  readonly on: ReadonlySet<string>;
  readonly values: Readonly<Record<string, string | undefined>>;
}

/** Statuses of gRPC as those of HTTP that mean the same. */
const GRPC_AS_HTTP: Readonly<Record<number, number>> = {
  ...{ 3: 400, 4: 504, 5: 404, 7: 403, 8: 429, 9: 400, 11: 400, 12: 404, 14: 503, 16: 401 },
};

export function factTexts(facts: RefusalFacts): FactTexts {
  const { kind, said, headers = {}, sent, url } = facts;
  const status = httpStatus(facts);
  const on = new Set<string>([kind]);
  if (status > 0 && (status < 200 || status > 299)) {
    on.delete(kind);
    on.add(String(status)).add(`${Math.floor(status / 100)}xx`);
  } else if (headers["content-encoding"] !== undefined) on.add("compressed");
  const mixed = mixUp(facts);
  if (mixed !== undefined) on.add(mixed);
  const parameter = refusedParameter(facts);
  const retryMs = retryAfterMs(headers);
  const forced = sent.forced.find((path) => said.includes(path.split(".").at(-1)!));
  return {
    on,
    values: {
      secureUrl: url.replace(/^(http|grpc):/i, "$1s:"),
      plainUrl: url.replace(/^(http|grpc)s:/i, "$1:"),
      greeting: facts.speaks?.kind === "other" ? JSON.stringify(facts.speaks.greeting) : undefined,
      ...redirectTexts(facts),
      coding: headers["content-encoding"],
      credential: sent.credentials.length === 0
        ? "no key was sent"
        : `${sent.credentials.join(" and ")} did not satisfy it`,
      retryAfter: retryMs === undefined ? undefined : formatMs(Math.max(1000, retryMs)),
      proxy: proxyName(headers.server ?? ""),
      parameter,
      withoutParameter: parameter && withoutParameter(parameter, sent),
      forcedField: forced,
      shorter: shorter(facts),
      model: facts.model === "" ? "that was asked for" : facts.model,
      served: served(facts.served),
      call: pathOf(facts.callUrl),
    },
  };
}

function httpStatus({ carrier, status, kind }: RefusalFacts): number {
  if (kind !== "http_error" || carrier === "http") return status;
  return GRPC_AS_HTTP[status] ?? 500;
}

/** Which protocol was asked and which is spoken, where the two differ. */
function mixUp({ carrier, said, speaks, url }: RefusalFacts): string | undefined {
  const secure = /^(https|grpcs):/i.test(url);
  if (secure) {
    const plain = /InvalidContentType|wrong version number|packet length too long/i.test(said);
    return plain || (speaks !== undefined && speaks.kind !== "tls") ? "https→http" : undefined;
  }
  if (speaks?.kind === "tls" || HTTPS_WANTED.test(said)) return "http→https";
  if (carrier === "grpc") {
    return speaks?.kind === "http1" || /does not speak HTTP\/2/.test(said)
      ? "grpc→http"
      : undefined;
  }
  if (speaks?.kind === "http2" || /HTTP\/2 on this port/.test(said)) return "http→grpc";
  return speaks?.kind === "other" ? "http→other" : undefined;
}

/** How servers say it: nginx, Go and Caddy, Apache, Tomcat, Jetty. */
const HTTPS_WANTED =
  /plain HTTP request was sent to HTTPS port|HTTP request to an HTTPS server|speaking plain HTTP to an SSL|requires TLS|TLS is required|HTTPS (is )?required/i;

function redirectTexts(
  { headers, callUrl, path, url }: RefusalFacts,
): Record<"location" | "redirect", string | undefined> {
  const to = headers?.location === undefined ? null : URL.parse(headers.location, callUrl);
  if (to === null) return { location: undefined, redirect: undefined };
  const shown = `${to.origin}${to.pathname}`;
  const location = shown + (to.search === "" ? "" : "?…");
  const root = serverRoot(shown, path);
  // Only the call's own path has moved: `…/completions/`.
  const same = root === serverRoot(url, path);
  return { location, redirect: same ? `--endpoint ${to.pathname}` : root };
}

/** Proxies that name themselves. */
function proxyName(server: string): string {
  const [name] =
    /nginx|openresty|envoy|cloudflare|caddy|haproxy|awselb|varnish|traefik|apache|litespeed|akamai\w*/i
      .exec(server) ?? [];
  return name === undefined ? "" : ` (${name})`;
}

function served(models: readonly string[] | undefined): string {
  if (models === undefined || models.length === 0) return "give a name that it serves by --model";
  const shown = models.slice(0, 5).map((name) => oneLine(name, 80)).join(", ");
  const more = models.length > 5 ? ` and ${models.length - 5} others` : "";
  return `it serves ${shown}${more}: give one by --model`;
}

/** Options that make prompts fit, with the limit where the server says it. */
function shorter({ said, dataset }: RefusalFacts): string {
  if (dataset === "synthetic") return "ask for less: --input-tokens, --output-tokens";
  const limit = LIMITS.map((limit) => limit.exec(said)?.[1]).find((text) => text !== undefined);
  return `--max-total-tokens ${limit?.replaceAll(",", "") ?? "N"} leaves out longer ones, ` +
    "--output-tokens N asks for shorter answers";
}

const LIMITS: readonly RegExp[] = [
  /(?:maximum|max) (?:context|model|sequence|allowed)\s?(?:length|len|size|window)?[^\d]{0,30}?(\d[\d,]*)/i,
  /context (?:length|size|window)[^\d]{0,20}(\d[\d,]*)/i,
  /(?:<=|less than|at most|up to|limit of) (\d[\d,]*)/i,
];

function pathOf(url: string): string {
  return URL.parse(url.replace(/^grpc/i, "http"))?.pathname ?? url;
}
